package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"twobrains/internal/config"
	"twobrains/internal/problem"
)

// bare is a server without dependencies and with routes of the test's own.
func bare(t *testing.T, routes map[string]fiber.Handler) (*Server, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	s := &Server{now: time.Now, log: NewLogger(slog.NewJSONHandler(&log, nil)), metrics: newMetrics(nil, nil)}
	var err error
	if s.site, err = newSite(nil); err != nil {
		t.Fatal(err)
	}
	s.setUp()
	for path, handler := range routes {
		s.app.Get(path, handler)
	}
	s.finish()
	return s, &log
}

func get(t *testing.T, s *Server, path string) (int, Problem) {
	t.Helper()
	resp, err := s.app.Test(httptest.NewRequest("GET", path, nil), 10_000)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var p Problem
	if err := json.NewDecoder(resp.Body).Decode(&p); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, p
}

func TestPanicsAndErrors(t *testing.T) {
	t.Parallel()
	s, log := bare(t, map[string]fiber.Handler{
		"/api/panic":    func(*fiber.Ctx) error { panic("canary in a panic") },
		"/api/nil":      func(*fiber.Ctx) error { return errors.New([]string{}[len("x"):][0]) },
		"/api/error":    func(*fiber.Ctx) error { return errors.New("cause for the log") },
		"/api/deadline": func(*fiber.Ctx) error { return fmt.Errorf("read x: %w", context.DeadlineExceeded) },
		"/api/public": func(c *fiber.Ctx) error {
			c.Response().SetBodyString("half an answer")
			return problem.New(problem.CodeConflict, "Not now.").After(1500 * time.Millisecond).Because(errors.New("cause for nobody"))
		},
	})
	for _, c := range []struct {
		path, code string
		status     int
		logged     string
	}{
		{"/api/panic", "internal", 500, `"panic":"string"`},
		{"/api/nil", "internal", 500, "out of range"},
		{"/api/error", "internal", 500, "cause for the log"},
		{"/api/deadline", "unavailable", 503, "read x"},
		{"/api/public", "conflict", 409, `"code":"conflict"`},
	} {
		status, p := get(t, s, c.path)
		if status != c.status || p.Code != c.code || p.RequestID == "" || strings.Contains(p.Detail, "cause") {
			t.Errorf("%s: got %d %+v", c.path, status, p)
		}
		if c.code == "conflict" && p.RetryAfter != 2 {
			t.Errorf("%s: retry after %d", c.path, p.RetryAfter)
		}
		if !strings.Contains(log.String(), c.logged) || !strings.Contains(log.String(), p.RequestID) {
			t.Errorf("%s: the log lacks %q: %s", c.path, c.logged, log)
		}
	}
	if strings.Contains(log.String(), "canary") || strings.Contains(log.String(), "cause for nobody") {
		t.Errorf("the log holds too much: %s", log)
	}
}

func TestClientAddress(t *testing.T) {
	t.Parallel()
	var trusted config.Networks
	if err := trusted.UnmarshalText([]byte("10.0.0.0/8,fd00::/8")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ peer, forwarded, want string }{
		{"10.0.0.1", "", "10.0.0.1"},
		{"10.0.0.1", "198.51.100.7", "198.51.100.7"},
		{"10.0.0.1", "1.1.1.1, 198.51.100.7", "198.51.100.7"},
		{"10.0.0.1", "1.1.1.1, 198.51.100.7, 10.9.9.9,fd00::1", "198.51.100.7"},
		{"10.0.0.1", "10.9.9.9", "10.9.9.9"},
		{"10.0.0.1", "nonsense, 10.9.9.9", "10.9.9.9"},
		{"10.0.0.1", "198.51.100.7, nonsense", "10.0.0.1"},
		{"198.51.100.9", "198.51.100.7", "198.51.100.9"},
		{"10.0.0.1", "2001:db8::5", "2001:db8::5"},
		{"10.0.0.1", "::ffff:198.51.100.7", "198.51.100.7"},
	} {
		var ctx fasthttp.RequestCtx
		ctx.SetRemoteAddr(&net.TCPAddr{IP: net.ParseIP(c.peer)})
		if c.forwarded != "" {
			ctx.Request.Header.Set("X-Forwarded-For", c.forwarded)
		}
		setClient(&ctx, trusted)
		if got := ctx.RemoteIP().String(); got != c.want {
			t.Errorf("%s via %s: got %s, want %s", c.forwarded, c.peer, got, c.want)
		}
	}
}
