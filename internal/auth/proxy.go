package auth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"twobrains/internal/problem"
	"twobrains/internal/ratelimit"
)

const (
	// maxProxyBody bounds what is passed on to Kratos: forms of a few fields.
	maxProxyBody = 64 << 10
	// maxProxyQuery bounds the query string; OIDC providers send codes of 1-2 KB.
	maxProxyQuery = 8 << 10
	// DefaultProxyTimeout is long enough for Kratos to hash a password, call a hook and ask an OIDC provider.
	DefaultProxyTimeout = 20 * time.Second
)

// ProxyOptions of the way to Kratos's public API.
type ProxyOptions struct {
	// PublicURL is Kratos's public API as this process reaches it.
	PublicURL string
	// PublicOrigin is ours as browsers see it, "https://chat.example.org". Kratos's base_url must be it and /.ory/.
	PublicOrigin string
	// Verifier tells whose session a request ends.
	Verifier *Verifier
	// Invalidations are told of sessions that end.
	Invalidations *Invalidations
	// Limiter counts attempts to sign in. It must not forgive: if it errs, attempts are refused.
	Limiter ratelimit.Limiter
	// Limits of attempts; zero means DefaultLoginLimits.
	Limits LoginLimits
	// Transport carries the requests; nil means an own one.
	Transport http.RoundTripper
	// Timeout of one request; 0 means DefaultProxyTimeout.
	Timeout time.Duration
}

// Proxy passes an allow-list of requests under PathPrefix on to Kratos, so that cookies are first-party and
// what Kratos trusts or leaks stays on the inside.
type Proxy struct {
	options  ProxyOptions
	client   *http.Client
	upstream *url.URL
	origin   *url.URL
	limits   *loginLimiter
}

// NewProxy makes a Proxy.
func NewProxy(o ProxyOptions) (*Proxy, error) {
	if err := errors.Join(checkBaseURL(o.PublicURL), checkBaseURL(o.PublicOrigin)); err != nil {
		return nil, fmt.Errorf("read proxy options: %w", err)
	}
	if o.Verifier == nil || o.Invalidations == nil || o.Limiter == nil {
		return nil, errors.New("read proxy options: Verifier, Invalidations and Limiter are needed")
	}
	if o.Transport == nil {
		o.Transport = newTransport()
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultProxyTimeout
	}
	upstream, _ := url.Parse(strings.TrimRight(o.PublicURL, "/"))
	origin, _ := url.Parse(o.PublicOrigin)
	if origin.Path != "" {
		return nil, errors.New("read proxy options: PublicOrigin must not have a path")
	}
	limits, err := newLoginLimiter(o.Limiter, o.Limits)
	if err != nil {
		return nil, err
	}
	return &Proxy{
		options:  o,
		client:   newClient(o.Transport, o.Timeout),
		upstream: upstream,
		origin:   origin,
		limits:   limits,
	}, nil
}

// Close frees idle connections.
func (p *Proxy) Close() { p.client.CloseIdleConnections() }

// Register mounts the proxy under PathPrefix.
func (p *Proxy) Register(r fiber.Router) { r.All(PathPrefix+"/*", p.Handle) }

// Handle serves one request. Its errors are problem.Errors for the application's error handler; what Kratos says with a
// 2xx, 3xx or 4xx is passed on.
func (p *Proxy) Handle(c *fiber.Ctx) error {
	header := Header(c)
	method := strings.Clone(c.Method())
	// As sent: a path that needs decoding or cleaning is none of ours.
	path, ok := strings.CutPrefix(string(c.Context().URI().PathOriginal()), PathPrefix)
	if !ok {
		return notFound()
	}
	methods := findRoute(path)
	if methods == nil {
		return notFound()
	}
	act, ok := methods[method]
	if !ok {
		c.Set(fiber.HeaderAllow, strings.Join(slices.Sorted(maps.Keys(methods)), ", "))
		return problem.New(problem.CodeMethodNotAllowed, "There is no such method here.")
	}
	query := string(c.Context().URI().QueryString())
	if len(query) > maxProxyQuery || act == whoami && query != "" {
		return problem.New(problem.CodeBadRequest, "The query string is not acceptable.")
	}
	body, contentType, err := proxyBody(c, method, header)
	if err != nil {
		return err
	}
	cred, err := p.credential(header)
	if err != nil {
		return err
	}
	if method != http.MethodGet && header(fiber.HeaderCookie) != "" {
		if err := checkSameOrigin(header, p.options.PublicOrigin); err != nil {
			return err
		}
	}
	if act == submit || act == change {
		if err := p.limits.check(c, cred, contentType, body, query); err != nil {
			return err
		}
	}

	ctx, stop := context.WithTimeout(context.Background(), p.options.Timeout)
	defer stop()
	request, err := p.request(ctx, c, method, path, query, contentType, body, header, cred)
	if err != nil {
		return err
	}
	end := p.ending(act, cred, body)
	// Even if the answer is lost on the way, Kratos may have done it.
	defer end()
	return p.forward(c, request)
}

// credential takes the session's credential, if any: signing in needs none, and one that is malformed must not keep
// anybody from doing so. Two of them are an error, as everywhere.
func (p *Proxy) credential(header func(string) string) (Credential, error) {
	cred, err := CredentialFrom(header, p.options.Verifier.CookieName())
	if problem.HasCode(err, problem.CodeBadRequest) {
		return Credential{}, err
	}
	return cred, nil
}

func proxyBody(c *fiber.Ctx, method string, header func(string) string) (body []byte, contentType string, err error) {
	if method == http.MethodGet {
		return nil, "", nil
	}
	tooLarge := problem.New(problem.CodeTooLarge, "The body is too large.")
	if c.Request().Header.ContentLength() > maxProxyBody {
		return nil, "", tooLarge
	}
	if header(fiber.HeaderContentEncoding) != "" {
		return nil, "", problem.New(problem.CodeUnsupportedMediaType, "Send the body without Content-Encoding.")
	}
	// A copy: the transport may still read it when the request is recycled.
	body = bytes.Clone(c.Request().Body())
	switch {
	case len(body) > maxProxyBody:
		return nil, "", tooLarge
	case len(body) == 0:
		return nil, "", nil
	case isMediaType(header(fiber.HeaderContentType), fiber.MIMEApplicationJSON):
		return body, fiber.MIMEApplicationJSON, nil
	case isMediaType(header(fiber.HeaderContentType), fiber.MIMEApplicationForm):
		return body, fiber.MIMEApplicationForm, nil
	}
	return nil, "", problem.New(problem.CodeUnsupportedMediaType, "Send the body as application/json or application/x-www-form-urlencoded.")
}

func (p *Proxy) forward(c *fiber.Ctx, request *http.Request) error {
	resp, err := p.client.Do(request)
	if err != nil {
		return unavailable(fmt.Errorf("forward to kratos: %w", err))
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return unavailable(fmt.Errorf("read answer of kratos: %w", err))
	}
	if resp.StatusCode >= http.StatusInternalServerError || resp.StatusCode < http.StatusOK {
		return unavailable(fmt.Errorf("forward to kratos: status %d", resp.StatusCode))
	}
	if resp.StatusCode == http.StatusUnauthorized {
		if err := p.options.Verifier.Ready(request.Context()); err != nil { // see whoami
			return unavailable(fmt.Errorf("doubt kratos: %w", err))
		}
	}
	return p.respond(c, resp, body)
}

func notFound() error {
	return problem.New(problem.CodeNotFound, "There is nothing here.")
}
