// Package apitest starts the whole server for tests: the program that main runs, on a fresh database of the real Postgres,
// with the real Redis, on ports of its own. Who signs in is either up to a stand-in for Kratos that knows everybody by a
// token (authtest.Identities), or to the real one.
package apitest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"io/fs"
	"net"
	"os"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"twobrains/internal/api"
	"twobrains/internal/auth/authtest"
	"twobrains/internal/config"
	"twobrains/internal/llm"
	"twobrains/internal/testdb"
)

// Server is a running server.
type Server struct {
	// URL of the public listener and of the internal one.
	URL, InternalURL string
	App              *api.App
	Database         *testdb.Database
	// Log is everything it logged so far.
	Log *Buffer
	// Identities is the stand-in for Kratos; nil with RealKratos.
	Identities *authtest.Identities

	stop func() error
}

// Options of a server. The zero value is one with the demo model, without pauses, and without limits per address.
type Options struct {
	// Env overrides configuration; an empty value takes a key away.
	Env map[string]string
	// RealKratos uses the Kratos of the test run.
	RealKratos bool
	// Database to use; nil makes a fresh one.
	Database *testdb.Database
	// Unprepared has the app's statements travel as behind PgBouncer (default_query_exec_mode=exec).
	Unprepared bool
	// Providers of models, by name.
	Providers map[string]llm.Provider
	Web       fs.FS
	Clock     func() time.Time
}

// Start runs a server until the test ends.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	s := &Server{Log: &Buffer{}, Database: o.Database}
	if s.Database == nil {
		s.Database = testdb.New(t)
	}
	public, internal := listener(t), listener(t)
	s.URL, s.InternalURL = "http://"+public.Addr().String(), "http://"+internal.Addr().String()
	var kratos string
	if o.RealKratos {
		kratos = authtest.Kratos(t).Public
	} else {
		s.Identities = authtest.NewIdentities(t)
		kratos = s.Identities.URL
	}
	env := environ(s, kratos, o.Env)
	if o.Unprepared {
		env = append(env, "DATABASE_URL="+s.Database.URL.Reveal()+"&default_query_exec_mode=exec")
	}
	cfg, err := config.Load(env, config.ForServe)
	if err != nil {
		t.Fatalf("configure server: %v", err)
	}
	s.App, err = api.NewApp(t.Context(), cfg, api.AppOptions{
		Version: "test", Web: o.Web, LogTo: s.Log, Clock: o.Clock, Providers: o.Providers, Public: public, Internal: internal,
	})
	if err != nil {
		t.Fatalf("make server: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.App.Run(ctx) }()
	s.stop = sync.OnceValue(func() error {
		cancel()
		err := <-ended
		s.App.Close()
		return err
	})
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Errorf("stop server: %v", err)
		}
		if found := planted.FindString(s.Log.String()); found != "" {
			t.Errorf("a secret is in the log: %q", found)
		}
		if t.Failed() {
			t.Logf("log of the server:\n%s", s.Log.String())
		}
	})
	return s
}

// planted matches the secrets of all tests: keys of providers, session tokens, and whatever else they call a canary. No server
// may log any of them, whatever the test is about.
var planted = regexp.MustCompile(`(?i)canary|\bsk-[a-z0-9]|AIza|ory_[a-z]{2}_[a-z0-9]`)

// Stop ends the server as SIGTERM does, and returns what its Run returned. It may be called more than once.
func (s *Server) Stop() error { return s.stop() }

// As returns a client that is signed in as the identity (with Identities).
func (s *Server) As(id uuid.UUID) *Client { return &Client{Base: s.URL, Token: s.Identities.Token(id)} }

// NewUser returns a client of somebody new (with Identities).
func (s *Server) NewUser() *Client { return s.As(uuid.New()) }

// NewAdmin returns a client of somebody new who administers the platform (with Identities).
func (s *Server) NewAdmin(t testing.TB) (*Client, uuid.UUID) {
	t.Helper()
	id := uuid.New()
	s.Grant(t, id)
	c := s.As(id)
	c.Get(t, "/api/session").Want(t, 200)
	return c, id
}

// Grant makes an admin of an identity.
func (s *Server) Grant(t testing.TB, id uuid.UUID) {
	t.Helper()
	if _, err := s.Database.Owner(t).Exec(t.Context(), "INSERT INTO public.admins (user_id) VALUES ($1)", id); err != nil {
		t.Fatalf("grant: %v", err)
	}
}

// Anonymous returns a client that is not signed in.
func (s *Server) Anonymous() *Client { return &Client{Base: s.URL} }

func environ(s *Server, kratos string, overrides map[string]string) []string {
	values := map[string]string{
		"SERVER_ENV":           "development",
		"PUBLIC_URL":           s.URL,
		"DATABASE_URL":         s.Database.URL.Reveal(),
		"DATABASE_OWNER_URL":   s.Database.OwnerURL.Reveal(),
		"DATABASE_CONSOLE_URL": s.Database.ConsoleURL.Reveal(),
		"DATABASE_ANALYST_URL": s.Database.AnalystURL.Reveal(),
		"RATE_LIMIT_SQL_USER":  "off",
		"MASTER_KEYS":          "test:" + randomKey(),
		"TENANT_LANES":         "2",
		"REDIS_URL":            os.Getenv("TWOBRAINS_TEST_REDIS"),
		"KRATOS_PUBLIC_URL":    kratos,
		"KRATOS_ADMIN_URL":     kratos,
		"KRATOS_HOOK_KEY":      "hook-key-of-the-tests",
		"DEMO_MODEL":           "on",
		"DEMO_DELAY":           "0s",
		"RATE_LIMIT_IP":        "off", // all tests share an address
		"RATE_LIMIT_AI_IP":     "off",
		"LOG_LEVEL":            "DEBUG",
	}
	for key, value := range overrides {
		values[key] = value
	}
	var list []string
	for key, value := range values {
		list = append(list, key+"="+value)
	}
	return list
}

func listener(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln
}

func randomKey() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	return base64.StdEncoding.EncodeToString(key)
}

// Buffer collects what is written to it, by whomever.
type Buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// String returns everything so far.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
