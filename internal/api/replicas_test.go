package api_test

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"twobrains/internal/api/apitest"
)

// replicas starts two servers on one database and one Redis, for the same people.
func replicas(t *testing.T, env map[string]string) (one, two *apitest.Server) {
	t.Helper()
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	values := map[string]string{"MASTER_KEYS": "test:" + base64.StdEncoding.EncodeToString(key)}
	for name, value := range env {
		values[name] = value
	}
	one = apitest.Start(t, apitest.Options{Env: values})
	values["KRATOS_PUBLIC_URL"], values["KRATOS_ADMIN_URL"] = one.Identities.URL, one.Identities.URL
	two = apitest.Start(t, apitest.Options{Env: values, Database: one.Database})
	return one, two
}

// at is the same person at another replica.
func at(s *apitest.Server, u *apitest.Client) *apitest.Client {
	return &apitest.Client{Base: s.URL, Token: u.Token}
}

func TestResumeAndStopAtAnotherReplica(t *testing.T) {
	t.Parallel()
	one, two := replicas(t, nil)
	u := one.As(uuid.New())
	lines, leave := begin(t, u, "c", "m1")
	defer leave()
	resumed := at(two, u).Open(t, "GET", "/api/ai/c/stream", "")
	defer resumed.Body.Close()
	if resumed.StatusCode != http.StatusOK {
		t.Fatalf("resume: status %d", resumed.StatusCode)
	}
	there := bufio.NewScanner(resumed.Body)
	for there.Scan() && !strings.Contains(there.Text(), `"text-delta"`) {
	}
	at(two, u).Do(t, "POST", "/api/ai", send("c", "m2", "hello")).Refused(t, 409, "run_active")
	if body := at(two, u).Do(t, "POST", "/api/ai/c/stop", "").Want(t, 200).Body; !strings.Contains(body, "true") {
		t.Errorf("stop: %s", body)
	}
	for name, lines := range map[string]*bufio.Scanner{"here": lines, "there": there} {
		var last string
		for lines.Scan() {
			if lines.Text() != "" {
				last += lines.Text()
			}
		}
		if !strings.HasSuffix(last, `data: {"type":"abort"}data: [DONE]`) {
			t.Errorf("%s the stream ended with %q", name, last[max(0, len(last)-200):])
		}
	}
	at(two, u).Get(t, "/api/ai/c/stream").Want(t, 204)
	at(one, u).Get(t, "/api/ai/c/stream").Want(t, 204)
}

// A server stops while another one lives: its streams are told to go there, at once, and what it makes is stored.
func TestShutdownSendsStreamsElsewhere(t *testing.T) {
	t.Parallel()
	one, two := replicas(t, map[string]string{"DEMO_DELAY": "100ms", "DRAIN_TIMEOUT": "30s"})
	u := one.As(uuid.New())
	lines, leave := begin(t, u, "c", "m1")
	defer leave()
	stopped := make(chan error, 1)
	go func() { stopped <- one.Stop() }()
	var rest string
	for lines.Scan() {
		rest += lines.Text() + "\n"
	}
	if !strings.Contains(rest, `{"type":"data-resume","data":{},"transient":true}`) || strings.Contains(rest, "[DONE]") {
		t.Errorf("the stream ended with %q", rest[max(0, len(rest)-200):])
	}
	resp, err := http.Get(one.URL + "/readyz")
	if err != nil {
		t.Fatalf("readyz while it stops: %v", err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("readyz while it stops: status %d", resp.StatusCode)
	}
	refused := u.Do(t, "POST", "/api/ai", send("c2", "m2", "hello")).Refused(t, 503, "unavailable")
	if refused.RetryAfter == 0 {
		t.Error("it does not say when to try again")
	}
	resumed := at(two, u).Open(t, "GET", "/api/ai/c/stream", "")
	defer resumed.Body.Close()
	if resumed.StatusCode != http.StatusOK {
		t.Fatalf("resume: status %d", resumed.StatusCode)
	}
	at(two, u).Do(t, "POST", "/api/ai/c/stop", "").Want(t, 200)
	whole, err := io.ReadAll(resumed.Body)
	if err != nil || !strings.HasSuffix(string(whole), "data: [DONE]\n\n") {
		t.Errorf("the resumed stream ended with %q: %v", whole[max(0, len(whole)-200):], err)
	}
	select {
	case err := <-stopped:
		if err != nil {
			t.Errorf("stop: %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Error("it does not stop")
	}
}
