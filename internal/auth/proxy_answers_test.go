package auth_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"twobrains/internal/auth"
	"twobrains/internal/problem"
)

func TestProxyAnswers(t *testing.T) {
	t.Parallel()
	csrf := "csrf_token_" + strings.Repeat("a", 64)
	for name, c := range map[string]struct {
		status  int
		header  http.Header
		body    string
		want    int
		code    problem.Code
		exactly string
	}{
		"json":              {status: 200, body: `{"a":1}`, want: 200, exactly: `{"a":1}`},
		"state of a flow":   {status: 400, body: `{"ui":{"debug":1}}`, want: 400, exactly: `{"ui":{"debug":1}}`},
		"redirect by json":  {status: 422, body: `{"redirect_browser_to":"https://x"}`, want: 422, exactly: `{"redirect_browser_to":"https://x"}`},
		"error with debug":  {status: 404, body: `{"error":{"code":404,"debug":"host=10.0.0.1"}}`, want: 404, exactly: `{"error":{"code":404}}`},
		"failed hook":       {status: 400, body: `{"error":{"code":500,"message":"POST http://10.0.0.1/hooks"}}`, want: 503, code: problem.CodeUnavailable},
		"no content":        {status: 204, want: 204},
		"redirect":          {status: 303, header: http.Header{"Location": {"/auth/login?flow=x"}, "Content-Type": {"text/html"}}, body: "<a>", want: 303},
		"redirect afar":     {status: 303, header: http.Header{"Location": {"https://accounts.google.com/o?x=y"}}, want: 303},
		"redirect inside":   {status: 303, header: http.Header{"Location": {"UPSTREAM/self-service/login"}}, want: 503, code: problem.CodeUnavailable},
		"redirect by host":  {status: 303, header: http.Header{"Location": {"//evil.test"}}, want: 503, code: problem.CodeUnavailable},
		"redirect in guise": {status: 303, header: http.Header{"Location": {`/\evil.test`}}, want: 503, code: problem.CodeUnavailable},
		"redirect to code":  {status: 303, header: http.Header{"Location": {"javascript:alert(1)"}}, want: 503, code: problem.CodeUnavailable},
		"html":              {status: 200, header: http.Header{"Content-Type": {"text/html"}}, body: "<script>", want: 503, code: problem.CodeUnavailable},
		"html not found":    {status: 404, header: http.Header{"Content-Type": {"text/plain"}}, body: "10.0.0.1", want: 404, code: problem.CodeNotFound},
		"script":            {status: 200, header: http.Header{"Content-Type": {"text/javascript; charset=utf-8"}}, body: "x()", want: 200, exactly: "x()"},
		"internal error":    {status: 500, body: `{"error":{"debug":"user=kratos host=10.0.0.1"}}`, want: 503, code: problem.CodeUnavailable},
		"bad gateway":       {status: 502, body: "10.0.0.1", want: 503, code: problem.CodeUnavailable},
		"endless":           {status: 200, body: strings.Repeat(" ", 2<<20), want: 503, code: problem.CodeUnavailable},
		"signed out":        {status: 401, body: `{"error":{"code":401}}`, want: 401, exactly: `{"error":{"code":401}}`},
		"suspended":         {status: 401, body: `{"error":{"code":401,"reason":"This account was disabled.","details":{"identity_id":"x"},"message":"identity is disabled"}}`, want: 403, code: problem.CodeForbidden},
		"database down 401": {status: 401, header: http.Header{"Not-Ready": {"1"}}, body: `{"error":{"code":401}}`, want: 503, code: problem.CodeUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var u *upstream
			u = startUpstream(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/health/ready" {
					if c.header.Get("Not-Ready") != "" {
						w.WriteHeader(http.StatusServiceUnavailable)
					}
					return
				}
				w.Header().Set("Content-Type", "application/json; charset=utf-8")
				for k, v := range c.header {
					w.Header()[k] = []string{strings.ReplaceAll(v[0], "UPSTREAM", u.URL)}
				}
				w.Header()["Set-Cookie"] = []string{
					"ory_kratos_session=s; Path=/; HttpOnly", csrf + "=c; Path=/", "ory_kratos_continuity=k; Path=/", "tracking=t",
				}
				w.Header().Set("Server", "kratos/10.0.0.1")
				w.Header().Set("X-Kratos-Authenticated-Identity-Id", "someone")
				w.Header().Set("Access-Control-Allow-Origin", "*")
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			r := startReplica(t, replicaOptions{kratos: u.URL})
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+"/.ory/self-service/logout?token=x", nil)
			require.NoError(t, err)
			status, body, header := do(t, req)
			require.Equal(t, c.want, status, body)
			require.NotContains(t, body+fmt.Sprint(header), "10.0.0.1")
			for _, name := range []string{"Server", "X-Kratos-Authenticated-Identity-Id", "Access-Control-Allow-Origin"} {
				require.Empty(t, header.Values(name))
			}
			if c.code != "" {
				require.Equal(t, "application/problem+json", header.Get("Content-Type"))
				require.Contains(t, body, `"`+string(c.code)+`"`)
				require.Empty(t, header.Values("Set-Cookie"))
				return
			}
			require.Equal(t, c.exactly, body)
			require.Equal(t, "no-store", header.Get("Cache-Control"))
			require.Equal(t, c.header.Get("Location"), header.Get("Location"))
			require.Equal(t, []string{"ory_kratos_session=s; Path=/; HttpOnly", csrf + "=c; Path=/", "ory_kratos_continuity=k; Path=/"},
				header.Values("Set-Cookie"))
		})
	}
}

func TestProxyWithoutKratos(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	hanging := startUpstream(t, func(http.ResponseWriter, *http.Request) { <-hang })
	t.Cleanup(func() { close(hang) })
	for name, url := range map[string]string{"gone": "http://127.0.0.1:1", "hanging": hanging.URL} {
		r := startReplica(t, replicaOptions{kratos: url, proxy: auth.ProxyOptions{Timeout: 200 * time.Millisecond}})
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+"/.ory/self-service/login/api", nil)
		require.NoError(t, err)
		status, body, _ := do(t, req)
		require.Equal(t, http.StatusServiceUnavailable, status, name)
		require.NotContains(t, body, "127.0.0.1", name)
	}
}
