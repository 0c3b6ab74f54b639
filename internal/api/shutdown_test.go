package api_test

import (
	"net/http"
	"strings"
	"testing"

	"twobrains/internal/api/apitest"
)

func TestShutdown(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Env: map[string]string{"DRAIN_TIMEOUT": "1s"}})
	u := s.NewUser()
	lines, leave := begin(t, u, "c", "m1")
	defer leave()
	if err := s.Stop(); err != nil {
		t.Fatalf("stop: %v", err)
	}
	if err := s.Stop(); err != nil {
		t.Fatalf("stop again: %v", err)
	}
	for lines.Scan() { // the stream has been cut or has ended: either way it does not hang
	}
	if _, err := http.Get(s.URL + "/healthz"); err == nil {
		t.Error("the server still listens")
	}
	var status string
	row := s.Database.Superuser(t).QueryRow(t.Context(), "SELECT status FROM u_"+schemaOf(t, s)+".messages WHERE role = 'assistant'")
	if err := row.Scan(&status); err != nil || status != "interrupted" {
		t.Errorf("the reply under way was stored as %q: %v", status, err)
	}
}

// A reply that ends within the time for draining reaches its reader whole.
func TestShutdownWaitsForReplies(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Env: map[string]string{"DEMO_DELAY": "20ms"}})
	resp := s.NewUser().Open(t, "POST", "/api/ai", send("c", "m1", "hello"))
	defer resp.Body.Close()
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop() }()
	body := new(strings.Builder)
	buffer := make([]byte, 4096)
	for {
		n, err := resp.Body.Read(buffer)
		body.Write(buffer[:n])
		if err != nil {
			break
		}
	}
	if !strings.HasSuffix(body.String(), "data: [DONE]\n\n") {
		t.Errorf("the stream ended with %q", body.String()[max(0, body.Len()-200):])
	}
	if err := <-stopped; err != nil {
		t.Errorf("stop: %v", err)
	}
}

// schemaOf is the hex id of the only user there is.
func schemaOf(t *testing.T, s *apitest.Server) string {
	t.Helper()
	var name string
	if err := s.Database.Superuser(t).QueryRow(t.Context(), "SELECT replace(user_id::text, '-', '') FROM public.tenants").Scan(&name); err != nil {
		t.Fatal(err)
	}
	return name
}
