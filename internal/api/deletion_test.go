package api_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"twobrains/internal/api/apitest"
	"twobrains/internal/auth/authtest"
	"twobrains/internal/testdb"
)

type receipt struct {
	ReceiptID, State, Step string
	FinishedAt             *time.Time
	Steps                  []struct{ Step string }
	Mails, ErrorCode       *string
}

// deletionReplicas starts servers on one database and the real Kratos.
func deletionReplicas(t *testing.T, n int, env map[string]string) (*testdb.Database, []*apitest.Server) {
	t.Helper()
	d, kratos := testdb.New(t), authtest.Kratos(t)
	all := map[string]string{
		"KRATOS_ADMIN_URL": kratos.Admin, "MASTER_KEYS": "test:dGhpcy1pcy1hLW1hc3Rlci1rZXktb2YtdGhlLXRlc3Q=", "INSTANCE_TIMEOUT": "3s", "RATE_LIMIT_AI_USER": "off",
	}
	for key, value := range env {
		all[key] = value
	}
	servers := make([]*apitest.Server, n)
	for i := range servers {
		servers[i] = apitest.Start(t, apitest.Options{RealKratos: true, Database: d, Env: all})
	}
	return d, servers
}

func signIn(t *testing.T) (email, token string) {
	t.Helper()
	email = authtest.NewEmail()
	return email, authtest.Kratos(t).Login(t, email)
}

func confirm(email string) string { return fmt.Sprintf(`{"confirm":%q}`, email) }

func untilDone(t *testing.T, s *apitest.Server, id string) (r receipt) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; <-time.After(50 * time.Millisecond) {
		s.Anonymous().Get(t, "/api/deletions/"+id).Want(t, 200).Decode(t, &r)
		if r.State == "done" {
			return r
		}
		if time.Now().After(deadline) {
			t.Fatalf("not done: %+v", r)
		}
	}
}

func TestDeleteAccount(t *testing.T) {
	t.Parallel()
	_, servers := deletionReplicas(t, 2, nil)
	email, token := signIn(t)
	here, there := &apitest.Client{Base: servers[0].URL, Token: token}, &apitest.Client{Base: servers[1].URL, Token: token}
	for _, u := range []*apitest.Client{here, there} {
		create(t, u, `{}`)
		u.Do(t, "PATCH", "/api/settings", `{"customInstructions":"be kind"}`).Want(t, 200)
	}
	for body, code := range map[string]string{
		``: "invalid", `{}`: "invalid", `{"confirm":"yes"}`: "invalid", `{"confirm":""}`: "invalid", `[]`: "invalid", `{"confirm":1}`: "invalid", `{`: "bad_request",
	} {
		answer := here.Do(t, "POST", "/api/account/delete", body)
		if answer.Status != 422 && answer.Status != 400 {
			t.Errorf("%q: %d, want %s", body, answer.Status, code)
		}
	}
	servers[0].Anonymous().Do(t, "POST", "/api/account/delete", confirm(email)).Refused(t, 401, "unauthenticated")

	var r receipt
	here.Do(t, "POST", "/api/account/delete", confirm(strings.ToUpper(email))).Want(t, 202).Decode(t, &r)
	// At once, also where the session is remembered.
	for _, u := range []*apitest.Client{there, here} {
		for _, path := range []string{"/api/conversations", "/api/settings", "/api/usage"} {
			if answer := u.Get(t, path); answer.Status != 410 && answer.Status != 401 {
				t.Fatalf("%s after the deletion: %d %s", path, answer.Status, answer.Body)
			}
		}
		if answer := u.Do(t, "POST", "/api/conversations", `{}`); answer.Status != 410 && answer.Status != 401 {
			t.Fatalf("making something after the deletion: %d", answer.Status)
		}
	}
	r = untilDone(t, servers[1], r.ReceiptID)
	if len(r.Steps) != 6 || r.FinishedAt == nil || r.Mails == nil || *r.Mails != "kept" {
		t.Errorf("receipt: %+v", r)
	}
	there.Get(t, "/api/session").Refused(t, 401, "unauthenticated")
	for _, id := range []string{uuid.NewString(), "x", "%00"} {
		servers[0].Anonymous().Get(t, "/api/deletions/"+id).Refused(t, 404, "not_found")
	}

	// Who comes back is new here.
	back := &apitest.Client{Base: servers[0].URL, Token: authtest.Kratos(t).Login(t, email)}
	if p := list(t, back, ""); len(p.Items) != 0 {
		t.Errorf("a new account has %+v", p)
	}
	if answer := back.Get(t, "/api/settings").Want(t, 200); strings.Contains(answer.Body, "be kind") {
		t.Error("a new account has the settings of the old one")
	}
}

func TestDeleteAccountWithOldSession(t *testing.T) {
	t.Parallel()
	email, token := signIn(t)
	s := apitest.Start(t, apitest.Options{
		RealKratos: true, Env: map[string]string{"KRATOS_ADMIN_URL": authtest.Kratos(t).Admin},
		Clock: func() time.Time { return time.Now().Add(11 * time.Minute) },
	})
	u := &apitest.Client{Base: s.URL, Token: token}
	u.Do(t, "POST", "/api/account/delete", confirm(email)).Refused(t, 403, "reauthentication_required")
	u.Get(t, "/api/conversations").Want(t, 200)
}

// A reply is under way elsewhere: it ends, and what it used is counted, without a name.
func TestDeleteAccountWhileReplying(t *testing.T) {
	t.Parallel()
	d, servers := deletionReplicas(t, 2, map[string]string{"DEMO_DELAY": "100ms"})
	email, token := signIn(t)
	here, there := &apitest.Client{Base: servers[0].URL, Token: token}, &apitest.Client{Base: servers[1].URL, Token: token}
	here.Get(t, "/api/conversations").Want(t, 200)
	body := fmt.Sprintf(`{"id":"c1","message":{"id":"m1","role":"user","parts":[{"type":"text","text":%q}]}}`, strings.Repeat("tell me more ", 50))
	resp := here.Open(t, "POST", "/api/ai", body)
	defer resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Fatalf("status %d", resp.StatusCode)
	}
	if _, err := io.ReadAtLeast(resp.Body, make([]byte, 600), 500); err != nil {
		t.Fatal(err)
	}
	var r receipt
	there.Do(t, "POST", "/api/account/delete", confirm(email)).Want(t, 202).Decode(t, &r)
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, resp.Body)
		ended <- err
	}()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the reply does not end well: %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the reply goes on")
	}
	untilDone(t, servers[1], r.ReceiptID)
	conn := d.Superuser(t)
	var nobodys, others int
	if err := conn.QueryRow(t.Context(), `SELECT count(*) FILTER (WHERE user_id = $1 AND output_tokens > 0), count(*) FILTER (WHERE user_id <> $1) FROM public.usage_daily`,
		uuid.Nil).Scan(&nobodys, &others); err != nil || nobodys != 1 || others != 0 {
		t.Errorf("%v: usage of nobody %d, of others %d", err, nobodys, others)
	}
	if servers[0].App.Completions.Active() != 0 {
		t.Error("a reply is under way")
	}
}
