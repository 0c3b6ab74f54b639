package api_test

import (
	"encoding/json"
	"strings"
	"testing"

	"twobrains/internal/api/apitest"
)

// The log holds no content: neither what users write nor what they authenticate with.
func TestLogHoldsNoContent(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Env: map[string]string{"DEV_MAIL_KEY": "canary-mail-key"}})
	u := s.NewUser()
	u.Do(t, "POST", "/api/ai", send("canary-conversation", "canary-message", "canary-text")).Want(t, 200)
	u.Do(t, "POST", "/api/ai", `{"canary-broken": "`).Want(t, 400)
	u.Do(t, "POST", "/api/ai", send("c", "m", strings.Repeat("canary-long ", 4000))).Want(t, 422)
	u.Do(t, "POST", "/api/conversations", `{"title":"canary-title","canary-member":1}`).Want(t, 422)
	u.Do(t, "PATCH", "/api/settings", `{"customInstructions":"canary-instructions","preferences":{"canary-key":"canary-value"}}`).Want(t, 200)
	u.Get(t, "/api/conversations/canary-unknown?").Want(t, 404)
	u.Get(t, "/api/conversations?cursor=canary-cursor").Want(t, 400)
	u.Get(t, "/canary-path?canary-query=1").Want(t, 200)
	u.Do(t, "GET", "/api/session", "", "Authorization", "Bearer canary-token").Want(t, 401)
	u.Do(t, "GET", "/api/session", "", "Authorization", "", "Cookie", "ory_kratos_session=canary-cookie").Want(t, 401)
	u.Do(t, "POST", "/dev/mail", `{"recipient":"canary@example.test","body":"canary 123456"}`, "X-Mail-Key", "canary-mail-key").Want(t, 204)
	u.Get(t, "/dev/mail?to=canary@example.test&key=canary-mail-key").Want(t, 200)
	u.Do(t, "POST", "/.ory/self-service/login?flow=canary-flow", `{"identifier":"canary@example.test"}`)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	log := s.Log.String()
	lines := strings.Split(strings.TrimSpace(log), "\n")
	if len(lines) < 12 {
		t.Fatalf("only %d lines", len(lines))
	}
	for _, line := range lines {
		if strings.Contains(line, "canary") || strings.Contains(line, u.Token) {
			t.Errorf("the log holds content: %s", line)
		}
		var entry struct{ Msg, RequestID, Method, Route string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Errorf("no JSON: %s", line)
		}
		if entry.Msg == "request" && (entry.RequestID == "" || entry.Method == "" || entry.Route == "") {
			t.Errorf("incomplete: %s", line)
		}
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	u := s.NewUser()
	u.Do(t, "POST", "/api/ai", send("c", "m1", "hello")).Want(t, 200)
	u.Get(t, "/api/conversations/unknown").Want(t, 404)
	u.Get(t, "/some/page").Want(t, 200)
	operator := &apitest.Client{Base: s.InternalURL}
	body := operator.Get(t, "/metrics").Want(t, 200).Body
	for _, want := range []string{
		`twobrains_http_requests_total{method="POST",route="/api/ai",status="200"} 1`,
		`twobrains_http_requests_total{method="GET",route="/api/conversations/:id",status="404"} 1`,
		`twobrains_http_requests_total{method="GET",route="web",status="200"} 1`,
		`twobrains_auth_verifications_total{event="accepted"} 1`,
		"twobrains_http_streams 0", "twobrains_tenant_units_total", "twobrains_completion_runs_started_total 1", "go_goroutines",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
	if strings.Contains(body, "unknown") && strings.Contains(body, "/some/page") {
		t.Error("metrics hold paths")
	}
	operator.Get(t, "/debug/pprof/cmdline").Want(t, 200)
}
