package doctor

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// testedKratos is the version that this was built and tested with.
const testedKratos = "v1.3.1"

// expiresSoon is when a certificate should have been renewed.
const expiresSoon = 14 * 24 * time.Hour

var client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// answer is what a request brought.
type answer struct {
	status  int
	header  http.Header
	cookies []*http.Cookie
	tls     *tls.ConnectionState
	body    []byte
}

func get(ctx context.Context, address string) (a answer, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return a, err
	}
	resp, err := client.Do(request)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return a, err
	}
	defer resp.Body.Close()
	a = answer{status: resp.StatusCode, header: resp.Header, cookies: resp.Cookies(), tls: resp.TLS}
	a.body, err = io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return a, err
}

func (e *examination) kratos(ctx context.Context) {
	for _, side := range []struct{ key, base, path string }{
		{"KRATOS_PUBLIC_URL", e.KratosPublicURL, "/health/ready"}, {"KRATOS_ADMIN_URL", e.KratosAdminURL, "/admin/health/ready"},
	} {
		if side.base == "" {
			continue
		}
		resp, err := get(ctx, side.base+side.path)
		switch {
		case err != nil:
			e.report(Failure, "kratos-reach", side.key+": "+kind(err), "is Kratos up? Nobody can sign in without it")
		case resp.status != http.StatusOK:
			e.report(Failure, "kratos-reach", fmt.Sprintf("%s answers %d: it is not ready", side.key, resp.status), "look at Kratos's log; most often its database is away or not migrated")
		default:
			e.good("kratos-reach", side.key+" is ready")
		}
	}
	if e.KratosPublicURL != "" {
		if resp, err := get(ctx, e.KratosPublicURL+"/admin/identities"); err == nil && resp.status == http.StatusOK {
			e.report(Failure, "kratos-exposure", "KRATOS_PUBLIC_URL answers the admin API: whoever reaches it is everybody", "point it at Kratos's public port (4433), and keep the admin port to the server's network")
		}
	}
	if e.KratosAdminURL == "" {
		return
	}
	if resp, err := get(ctx, e.KratosAdminURL+"/admin/version"); err == nil && resp.status == http.StatusOK {
		var is struct{ Version string }
		if json.Unmarshal(resp.body, &is) == nil && is.Version != "" && is.Version != testedKratos {
			e.report(Note, "kratos-version", "Kratos "+is.Version, "tested with "+testedKratos+"; docs/operations.md says how to upgrade")
		} else {
			e.good("kratos-version", "Kratos "+is.Version)
		}
	}
}

func (e *examination) site(ctx context.Context) {
	if e.PublicURL == "" {
		return
	}
	if !strings.HasPrefix(e.PublicURL, "https://") {
		e.report(e.strict(), "site-https", "PUBLIC_URL is not https: sessions travel in the clear", "put a proxy with a certificate before the server, and say https:// in PUBLIC_URL")
	}
	resp, err := get(ctx, e.PublicURL+"/readyz")
	if err != nil {
		e.report(Failure, "site-reach", "the site cannot be reached: "+kind(err), "is the server up, and does PUBLIC_URL lead to it from this machine?")
		return
	}
	var state struct{ Status string }
	switch _ = json.Unmarshal(resp.body, &state); {
	case state.Status == "":
		e.report(Failure, "site-reach", fmt.Sprintf("PUBLIC_URL leads to something else (it answers %d to /readyz)", resp.status), "let the proxy pass all paths to the server")
		return
	case resp.status != http.StatusOK || state.Status != "ready":
		e.report(Failure, "site-reach", "the server says that it is "+state.Status, "ask PUBLIC_URL/readyz what is down")
	default:
		e.good("site-reach", "the server is ready")
	}
	e.certificate(resp)
	if date, err := http.ParseTime(resp.header.Get("Date")); err == nil {
		e.clock("site-clock", "the site's clock", date.Add(500*time.Millisecond)) // it says whole seconds
	}
	e.exposure(ctx)
	e.cookies(ctx)
}

func (e *examination) certificate(resp answer) {
	if resp.tls == nil || len(resp.tls.PeerCertificates) == 0 {
		return
	}
	left := resp.tls.PeerCertificates[0].NotAfter.Sub(e.Clock())
	if left < expiresSoon {
		e.report(Warning, "site-certificate", fmt.Sprintf("the certificate ends in %d days", int(left.Hours()/24)), "renew it; whatever does so by itself seems not to")
	} else {
		e.good("site-certificate", fmt.Sprintf("the certificate is good for %d days", int(left.Hours()/24)))
	}
	if resp.header.Get("Strict-Transport-Security") == "" {
		e.report(Warning, "site-hsts", "there is no Strict-Transport-Security", "let the proxy pass on the server's headers")
	}
}

// exposure looks for what must not be reachable from outside.
func (e *examination) exposure(ctx context.Context) {
	exposed := false
	for path, sign := range map[string]string{
		"/metrics": "# TYPE ", "/debug/pprof/": "goroutine", "/.ory/admin/identities": `"schema_id"`, "/.ory/identities": `"schema_id"`,
	} {
		if resp, err := get(ctx, e.PublicURL+path); err == nil && resp.status == http.StatusOK && strings.Contains(string(resp.body), sign) {
			exposed = true
			e.report(Failure, "site-exposure", path+" answers everybody", "let the proxy pass requests to the public port only, never to INTERNAL_LISTEN or Kratos")
		}
	}
	if !exposed {
		e.good("site-exposure", "neither metrics nor the admin API of Kratos can be reached from outside")
	}
}

// cookies looks at those with which a sign-in begins.
func (e *examination) cookies(ctx context.Context) {
	resp, err := get(ctx, e.PublicURL+"/.ory/self-service/login/browser")
	if err != nil || len(resp.cookies) == 0 {
		e.report(Warning, "site-cookies", "a sign-in cannot begin", "ask PUBLIC_URL/.ory/self-service/login/browser what it says")
		return
	}
	for _, cookie := range resp.cookies {
		var lacks []string
		if !cookie.HttpOnly {
			lacks = append(lacks, "HttpOnly")
		}
		if !cookie.Secure && strings.HasPrefix(e.PublicURL, "https://") {
			lacks = append(lacks, "Secure")
		}
		if cookie.SameSite != http.SameSiteLaxMode && cookie.SameSite != http.SameSiteStrictMode {
			lacks = append(lacks, "SameSite")
		}
		if len(lacks) > 0 {
			e.report(Failure, "site-cookies", "the cookie "+cookie.Name+" lacks "+strings.Join(lacks, ", "), "is Kratos started with --dev, or serve.public.base_url not https?")
			return
		}
	}
	e.good("site-cookies", "cookies have the flags that they need")
}
