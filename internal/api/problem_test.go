package api_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"twobrains/internal/api/apitest"
)

func TestWhatIsNotThere(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Env: map[string]string{"MAX_BODY_BYTES": "2048"}})
	u := s.NewUser()
	big := strings.Repeat("a", 4096)
	try(t, s, u,
		scenario{name: "unknown API path", path: "/api/nothing", status: 404, code: "not_found"},
		scenario{name: "trailing slash", path: "/api/session/", status: 404, code: "not_found"},
		scenario{name: "other case", path: "/API/session", status: 200, has: []string{"<!doctype html>"}},
		scenario{name: "wrong method", method: "PUT", path: "/api/settings", body: "{}", status: 405, code: "method_not_allowed"},
		scenario{name: "wrong method with parameter", method: "POST", path: "/api/conversations/x", body: "{}", status: 405, code: "method_not_allowed"},
		scenario{name: "method for the app", method: "DELETE", path: "/", status: 405, code: "method_not_allowed"},
		scenario{name: "post nowhere", method: "POST", path: "/api/nothing", body: "{}", status: 404, code: "not_found"},
		scenario{name: "metrics are not here", path: "/metrics", status: 404, code: "not_found"},
		scenario{name: "no pprof here", path: "/debug/pprof/", status: 200, has: []string{"without its web app"}},
		scenario{name: "no mail page unless configured", path: "/dev/mail", status: 404, code: "not_found"},
		scenario{name: "hook without key", method: "POST", path: "/hooks/kratos/settings", body: "{}", status: 401, code: "unauthenticated"},
		scenario{name: "unknown path of Kratos", path: "/.ory/admin/identities", status: 404, code: "not_found"},
		scenario{name: "health of Kratos", path: "/.ory/health/ready", status: 404, code: "not_found"},
		scenario{name: "body too large", method: "POST", path: "/api/conversations", body: big, status: 413, code: "too_large"},
		scenario{name: "body too large for a reply", method: "POST", path: "/api/ai", body: big, status: 413, code: "too_large"},
		scenario{name: "headers too large", path: "/api/session", headers: []string{"X-Much", strings.Repeat("a", 20_000)}, status: 413, code: "too_large"},
	)
	if allow := u.Do(t, "PUT", "/api/settings", "{}").Header.Get("Allow"); allow != "GET, HEAD, PATCH" {
		t.Errorf("got Allow %q", allow)
	}
	if answer := u.Do(t, "HEAD", "/api/session", ""); answer.Status != 200 || answer.Body != "" {
		t.Errorf("HEAD: got %d %q", answer.Status, answer.Body)
	}
}

// A client that sends all of a large body before it reads gets the answer, too.
func TestTooLargeIsToldAfterAll(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Env: map[string]string{"MAX_BODY_BYTES": "65536"}})
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	const size = 8 << 20
	fmt.Fprintf(conn, "POST /api/ai HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", size)
	if _, err := io.CopyN(conn, zeros{}, size); err != nil {
		t.Fatalf("send body: %v", err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("read answer: %v", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 413 {
		t.Fatalf("got %d", resp.StatusCode)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestRawRequests(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	for name, c := range map[string]struct {
		request string
		status  int
		code    string
	}{
		"unknown method":     {"BREW /api/session HTTP/1.1\r\nHost: x\r\n\r\n", 405, "method_not_allowed"},
		"no HTTP":            {"hello\r\n\r\n", 400, "bad_request"},
		"bad content length": {"POST /api/ai HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", 400, "bad_request"},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
			if _, err := io.WriteString(conn, c.request); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			apitest.Answer{Status: resp.StatusCode, Header: resp.Header, Body: string(body)}.Refused(t, c.status, c.code)
			if server := resp.Header.Get("Server"); server != "" {
				t.Errorf("got Server %q", server)
			}
		})
	}
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	u := s.NewUser()
	if got := u.Do(t, "GET", "/api/session", "", "X-Request-Id", "abc-1.2_3").Header.Get("X-Request-Id"); got != "abc-1.2_3" {
		t.Errorf("a sane id became %q", got)
	}
	for _, strange := range []string{"a b", strings.Repeat("a", 65), `"`, "<x>"} {
		if got := u.Do(t, "GET", "/api/session", "", "X-Request-Id", strange).Header.Get("X-Request-Id"); got == strange || got == "" {
			t.Errorf("%q became %q", strange, got)
		}
	}
}

func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	for _, path := range []string{"/", "/api/session", "/docs", "/healthz", "/nothing.js"} {
		h := s.Anonymous().Get(t, path).Header
		csp := h.Get("Content-Security-Policy")
		if !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe-eval") || strings.Contains(csp, "http") {
			t.Errorf("%s: CSP %q", path, csp)
		}
		if script := strings.Contains(csp, "script-src"); script || path != "/docs" && strings.Contains(csp, "unsafe") {
			t.Errorf("%s: CSP %q", path, csp)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") == "" {
			t.Errorf("%s: headers %v", path, h)
		}
		if h.Get("Strict-Transport-Security") != "" {
			t.Errorf("%s: HSTS over http", path)
		}
	}
	secure := apitest.Start(t, apitest.Options{Env: map[string]string{"PUBLIC_URL": "https://chat.example.test"}})
	if h := secure.Anonymous().Get(t, "/").Header; h.Get("Strict-Transport-Security") == "" {
		t.Error("no HSTS over https")
	}
}
