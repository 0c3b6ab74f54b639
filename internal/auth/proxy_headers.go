package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"twobrains/internal/problem"
)

// forwardedHeaders are passed on to Kratos as they came. Not among them: every header by which somebody could tell Kratos
// who they are (X-Forwarded-For, True-Client-IP, …), hop-by-hop headers, and those set below.
//
// Origin is: Kratos refuses flows of native clients that have one.
var forwardedHeaders = []string{"Accept", "Accept-Language", "Origin", "User-Agent", "X-Csrf-Token"}

const maxForwardedHeader = 2048

// request makes what is sent to Kratos.
func (p *Proxy) request(ctx context.Context, c *fiber.Ctx, method, path, query, contentType string, body []byte, header func(string) string,
	cred Credential,
) (*http.Request, error) {
	u := *p.upstream
	u.Path, u.RawQuery = u.Path+path, query
	r, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, problem.New(problem.CodeBadRequest, "The request cannot be read.").Because(err)
	}
	for _, name := range forwardedHeaders {
		if v := header(name); v != "" && len(v) <= maxForwardedHeader && !strings.ContainsFunc(v, isControl) {
			r.Header.Set(name, v)
		}
	}
	if r.Header.Get("User-Agent") == "" {
		r.Header.Set("User-Agent", "")
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	switch cookies := p.kratosCookies(header(fiber.HeaderCookie), cred); {
	case cred.kind == tokenCredential:
		r.Header.Set("X-Session-Token", cred.value)
	case cookies != "":
		r.Header.Set("Cookie", cookies)
	}
	r.Header.Set("X-Forwarded-For", strings.Clone(c.IP()))
	r.Header.Set("X-Forwarded-Host", p.origin.Host)
	r.Header.Set("X-Forwarded-Proto", p.origin.Scheme)
	return r, nil
}

// kratosCookies keeps Kratos's own cookies: the session's if it is the credential, and those of flows.
func (p *Proxy) kratosCookies(header string, cred Credential) string {
	if len(header) > maxCookieHeaderLength || strings.ContainsFunc(header, isControl) {
		return ""
	}
	var kept []string
	if cred.IsCookie() {
		kept = append(kept, p.options.Verifier.CookieName()+"="+cred.value)
	}
	for part := range strings.SplitSeq(header, ";") {
		name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if ok && isFlowCookie(name) && isCookieValue(value) {
			kept = append(kept, name+"="+value)
		}
	}
	return strings.Join(kept, "; ")
}

// isFlowCookie knows the cookies that Kratos's flows need between two requests.
func isFlowCookie(name string) bool {
	suffix, ok := strings.CutPrefix(name, "csrf_token_")
	return ok && isPlainName(suffix) || name == "ory_kratos_continuity"
}

// respond passes an answer of Kratos on, of its headers only what a browser needs.
func (p *Proxy) respond(c *fiber.Ctx, resp *http.Response, body []byte) error {
	location := resp.Header.Get("Location")
	if location != "" && !p.isPublic(location) {
		return unavailable(errors.New("forward to kratos: redirect to an internal address; check serve.public.base_url"))
	}
	contentType := resp.Header.Get("Content-Type")
	switch {
	case len(body) == 0:
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		body = nil // a link for people without browsers
	case isMediaType(contentType, fiber.MIMEApplicationJSON):
		c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
		if resp.StatusCode >= 400 {
			if isDisabled(resp.StatusCode, body) {
				return problem.New(problem.CodeForbidden, "This account is suspended. Ask whoever runs this service.")
			}
			clean, inside := scrub(body)
			if inside {
				return unavailable(fmt.Errorf("forward to kratos: internal error with status %d", resp.StatusCode))
			}
			body = clean
		}
	case isMediaType(contentType, "text/javascript"), isMediaType(contentType, "application/javascript"):
		c.Set(fiber.HeaderContentType, "text/javascript; charset=utf-8")
	case resp.StatusCode == http.StatusNotFound:
		return notFound()
	default:
		return unavailable(fmt.Errorf("forward to kratos: answer is neither JSON nor script, status %d", resp.StatusCode))
	}

	c.Status(resp.StatusCode)
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderVary, "Cookie, Authorization, X-Session-Token")
	if location != "" {
		c.Set(fiber.HeaderLocation, location)
	}
	for _, line := range resp.Header.Values("Set-Cookie") {
		name, _, _ := strings.Cut(line, "=")
		if name = strings.TrimSpace(name); name == p.options.Verifier.CookieName() || isFlowCookie(name) {
			c.Response().Header.Add(fiber.HeaderSetCookie, line)
		}
	}
	return c.Send(body)
}

// isPublic reports whether a browser may be sent there: anywhere but to Kratos itself. (Whereto exactly is for Kratos's
// allowed_return_urls and for its OIDC providers to say.)
func (p *Proxy) isPublic(location string) bool {
	u, err := url.Parse(location)
	if err != nil || strings.Contains(location, `\`) { // browsers take it for a slash
		return false
	}
	if u.Scheme == "" && u.Host == "" {
		return strings.HasPrefix(location, "/")
	}
	return (u.Scheme == "http" || u.Scheme == "https") && u.Host != p.upstream.Host
}

// isDisabled knows Kratos's answer to who wants to sign in to an account that is suspended. It names the account by its id, to somebody
// who has proved nothing.
func isDisabled(status int, body []byte) bool {
	var answer struct {
		Error struct{ Message string }
	}
	return status == http.StatusUnauthorized && json.Unmarshal(body, &answer) == nil && answer.Error.Message == "identity is disabled"
}

// scrub takes the member out of Kratos's errors that may quote its inside. An error that is Kratos's own is all about its
// inside, whatever its status: that a hook could not be called comes as a 400 with the hook's address. State of flows is
// no error and stays as it is.
func scrub(body []byte) (clean []byte, inside bool) {
	var answer map[string]json.RawMessage
	if json.Unmarshal(body, &answer) != nil || answer["error"] == nil {
		return body, false
	}
	var status struct{ Code int }
	if json.Unmarshal(answer["error"], &status) == nil && status.Code >= http.StatusInternalServerError {
		return nil, true
	}
	var inner map[string]json.RawMessage
	if json.Unmarshal(answer["error"], &inner) != nil || inner["debug"] == nil {
		return body, false
	}
	delete(inner, "debug")
	answer["error"], _ = json.Marshal(inner)
	clean, _ = json.Marshal(answer)
	return clean, false
}
