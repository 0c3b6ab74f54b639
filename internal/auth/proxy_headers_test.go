package auth_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProxyRequestHygiene(t *testing.T) {
	t.Parallel()
	u := startUpstream(t, nil)
	r := startReplica(t, replicaOptions{kratos: u.URL, origin: "https://chat.example.test"})
	csrf := "csrf_token_" + strings.Repeat("a", 64)
	send := func(method, path, body string, header ...string) int {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, r.url+"/.ory"+path, strings.NewReader(body))
		require.NoError(t, err)
		for i := 0; i < len(header); i += 2 {
			req.Header.Add(header[i], header[i+1])
		}
		status, _, _ := do(t, req)
		return status
	}

	require.Equal(t, http.StatusOK, send("GET", "/sessions", "",
		"Accept", "application/json", "Accept-Language", "de", "User-Agent", "test/1", "X-CSRF-Token", "abc",
		"Cookie", "theme=dark; ory_kratos_session=s1; "+csrf+"=c1; ory_kratos_continuity=k1; csrf_token_=no; csrf_token_a.b=no",
		"X-Forwarded-For", "10.9.9.9", "X-Real-Ip", "10.9.9.9", "True-Client-Ip", "10.9.9.9", "Cf-Connecting-Ip", "10.9.9.9",
		"Forwarded", "for=10.9.9.9", "X-Forwarded-Host", "evil.test", "X-Forwarded-Proto", "gopher", "X-Forwarded-Prefix", "/x",
		"X-Http-Method-Override", "DELETE", "Proxy-Authorization", "x", "Te", "trailers", "Upgrade", "h2c",
		"X-Kratos-Authenticated-Identity-Id", "x", "X-Request-Id", "x", "Referer", "https://chat.example.test/secret"))
	got, _ := u.last(t)
	want := http.Header{
		"Accept": {"application/json"}, "Accept-Language": {"de"}, "User-Agent": {"test/1"}, "X-Csrf-Token": {"abc"},
		"Cookie":          {"ory_kratos_session=s1; " + csrf + "=c1; ory_kratos_continuity=k1"},
		"X-Forwarded-For": {"127.0.0.1"}, "X-Forwarded-Host": {"chat.example.test"}, "X-Forwarded-Proto": {"https"},
		"Accept-Encoding": {"gzip"},
	}
	require.Equal(t, want, got.Header)

	require.Equal(t, http.StatusOK, send("GET", "/sessions", "", "Authorization", "Bearer t1", "Cookie", csrf+"=c1"))
	got, _ = u.last(t)
	require.Equal(t, []string{"t1"}, got.Header["X-Session-Token"], "one way to say it, whatever the client chose")
	require.Empty(t, got.Header["Authorization"])
	require.Empty(t, got.Header["Cookie"])

	require.Equal(t, http.StatusOK, send("GET", "/self-service/login/browser", "", "Cookie", `ory_kratos_session="broken"; `+csrf+"=c1"))
	got, _ = u.last(t)
	require.Equal(t, csrf+"=c1", got.Header.Get("Cookie"), "a broken session must not keep anybody from signing in")

	before := u.count()
	for name, header := range map[string][]string{
		"cookie and token":           {"Cookie", "ory_kratos_session=a", "X-Session-Token", "b"},
		"cookie and bearer":          {"Cookie", "ory_kratos_session=a", "Authorization", "Bearer b"},
		"two cookies":                {"Cookie", "ory_kratos_session=a; ory_kratos_session=b"},
		"two cookies in two headers": {"Cookie", "ory_kratos_session=a", "Cookie", "ory_kratos_session=b"},
	} {
		require.Equal(t, http.StatusBadRequest, send("GET", "/sessions", "", header...), name)
	}
	// Deletions and forms of other sites.
	for name, header := range map[string][]string{
		"no origin":    {},
		"other origin": {"Origin", "https://evil.test"},
		"cross-site":   {"Origin", "https://chat.example.test", "Sec-Fetch-Site", "cross-site"},
	} {
		header = append(header, "Cookie", "ory_kratos_session=a", "Content-Type", "application/json")
		require.Equal(t, http.StatusForbidden, send("DELETE", "/sessions", "", header...), name)
		require.Equal(t, http.StatusForbidden, send("POST", "/self-service/login", "{}", header...), name)
	}
	// Bodies.
	for name, c := range map[string]struct {
		body   string
		header []string
		want   int
	}{
		"too large":     {strings.Repeat(" ", 64<<10+1), []string{"Content-Type", "application/json"}, http.StatusRequestEntityTooLarge},
		"multipart":     {"--x--\r\n", []string{"Content-Type", "multipart/form-data; boundary=x"}, http.StatusUnsupportedMediaType},
		"no type":       {"x", []string{"Content-Type", ""}, http.StatusUnsupportedMediaType},
		"compressed":    {"x", []string{"Content-Type", "application/json", "Content-Encoding", "gzip"}, http.StatusUnsupportedMediaType},
		"no JSON":       {"{", []string{"Content-Type", "application/json"}, http.StatusBadRequest},
		"two documents": {"{}{}", []string{"Content-Type", "application/json"}, http.StatusBadRequest},
		"no form":       {"a=%zz", []string{"Content-Type", "application/x-www-form-urlencoded"}, http.StatusBadRequest},
	} {
		require.Equal(t, c.want, send("POST", "/self-service/login", c.body, c.header...), name)
	}
	require.Equal(t, before, u.count(), "none of these got through")

	require.Equal(t, http.StatusOK, send("POST", "/self-service/login", `{"a":1}`, "Content-Type", "application/json; charset=utf-8"))
	got, body := u.last(t)
	require.Equal(t, "application/json", got.Header.Get("Content-Type"))
	require.Equal(t, `{"a":1}`, body)
	require.Equal(t, http.StatusOK, send("POST", "/self-service/login", "a=1", "Content-Type", "application/x-www-form-urlencoded",
		"Cookie", csrf+"=c1", "Origin", "https://chat.example.test"))
	got, body = u.last(t)
	require.Equal(t, "application/x-www-form-urlencoded", got.Header.Get("Content-Type"))
	require.Equal(t, "https://chat.example.test", got.Header.Get("Origin"))
	require.Equal(t, "a=1", body)
}

func TestProxySmuggling(t *testing.T) {
	t.Parallel()
	for name, request := range map[string]string{
		"two lengths": "POST /.ory/self-service/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" +
			"Content-Length: 2\r\nContent-Length: 60\r\nConnection: close\r\n\r\n{}GET /.ory/sessions HTTP/1.1\r\nHost: x\r\n\r\n",
		"length and chunks": "POST /.ory/self-service/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" +
			"Content-Length: 5\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\nGET /.ory/sessions HTTP/1.1\r\nHost: x\r\n\r\n",
		"folded header": "GET /.ory/sessions HTTP/1.1\r\nHost: x\r\nX-Session-Token: a\r\n b\r\nConnection: close\r\n\r\n",
		"space in name": "GET /.ory/sessions HTTP/1.1\r\nHost: x\r\nX-Session-Token : a\r\nConnection: close\r\n\r\n",
		"NUL in value":  "GET /.ory/sessions HTTP/1.1\r\nHost: x\r\nX-Session-Token: a\x00b\r\nConnection: close\r\n\r\n",
		"bare LF":       "GET /.ory/sessions HTTP/1.1\nHost: x\nX-Forwarded-For: 6.6.6.6\nConnection: close\n\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := startUpstream(t, nil)
			r := startReplica(t, replicaOptions{kratos: u.URL})
			_, _ = raw(t, r, request)
			require.LessOrEqual(t, u.count(), 1, "one request is one request")
			if u.count() > 0 {
				got, _ := u.last(t)
				require.Empty(t, got.Header.Get("X-Session-Token"))
				require.Equal(t, "127.0.0.1", got.Header.Get("X-Forwarded-For"))
			}
		})
	}
}
