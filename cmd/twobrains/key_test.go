package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"twobrains/internal/auth"
	"twobrains/internal/auth/authtest"
	"twobrains/internal/byok"
	"twobrains/internal/secret"
	"twobrains/internal/testdb"
)

func TestRefusedKeyCommandLines(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"key nonsense", "key status now", "key rotate all", "key rotate --batch 0", "key status --yaml"} {
		out, errOut, code := twobrains(t, nil, strings.Fields(args)...)
		if code != 2 || out != "" || strings.Count(errOut, "\n") != 1 {
			t.Errorf("%s: code %d, out %q, err %q", args, code, out, errOut)
		}
	}
}

// A rotation that is killed, done again to its end, and found to be complete.
func TestKeyVerbs(t *testing.T) {
	t.Parallel()
	d := testdb.New(t)
	ids := authtest.NewIdentities(t)
	keys := byok.New(byok.Options{DB: d.DB, Ring: d.Keys, Providers: byok.Providers(byok.BaseURLs{})})
	const size = 30
	users := make([]auth.User, size)
	for i := range users {
		users[i] = ids.User(t, uuid.New())
		for _, provider := range []string{"openai", "anthropic", "google", "exa"} {
			if _, err := keys.Put(t.Context(), users[i], provider, secret.New("sk-canary-0123456789-tail")); err != nil {
				t.Fatal(err)
			}
		}
	}
	conn := d.Superuser(t)
	left := func() (n int) {
		t.Helper()
		if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM public.user_api_keys WHERE key_id <> 'next'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	env := []string{"LOG_LEVEL=warn", "DATABASE_URL=" + d.URL.Reveal(), "DATABASE_OWNER_URL=" + d.OwnerURL.Reveal(), "MASTER_KEYS=" + testKey("next") + "," + testKey("test")}
	verb := func(code int, args ...string) string {
		t.Helper()
		out, errOut, got := twobrains(t, env, append([]string{"key"}, args...)...)
		if got != code || (code == 0) != (errOut == "") || strings.Contains(out+errOut, "canary") {
			t.Fatalf("%v: code %d, out %s, err %s", args, got, out, errOut)
		}
		return out + errOut
	}
	want(t, "status", verb(0, "status"), "next: 0 own keys, 0 MCP headers, 0 private brains (primary)", "test: 120 own keys, 0 MCP headers, 30 private brains")
	want(t, "dry run", verb(0, "rotate", "--dry-run"), "120 would be sealed anew", "120 left")

	// The last row is held by somebody, so that the rotation is still under way when it is killed.
	tx, err := d.Superuser(t).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "SELECT FROM public.user_api_keys ORDER BY user_id DESC, provider DESC LIMIT 1 FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	cmd := command(t, env, "key", "rotate", "--batch", "7")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); left() == 4*size && time.Now().Before(deadline); {
		<-time.After(5 * time.Millisecond)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := left(); n == 0 || n == 4*size {
		t.Fatalf("%d left after the kill", n)
	}
	lines := strings.Split(strings.TrimSpace(verb(0, "rotate", "--json")), "\n")
	var last struct{ Summary rotateSummary }
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || last.Summary.Done == 0 || last.Summary.Left != 0 || len(lines) != last.Summary.Done+1 {
		t.Fatalf("%v: %+v", err, last)
	}
	want(t, "again", verb(0, "rotate"), "0 sealed anew", "0 left")
	want(t, "brains", verb(0, "status"), "next: 120 own keys", "test: 0 own keys, 0 MCP headers, 30 private brains")
	if _, errOut, code := twobrains(t, env, "tenant", "migrate", "--all"); code != 0 {
		t.Fatal(errOut)
	}
	want(t, "droppable", verb(0, "status"), "test: 0 own keys, 0 MCP headers, 0 private brains (may be dropped from MASTER_KEYS)")

	if _, err := conn.Exec(t.Context(), "UPDATE public.user_api_keys SET key_id = 'gone' WHERE user_id = $1 AND provider = 'exa'", users[0].ID()); err != nil {
		t.Fatal(err)
	}
	want(t, "lost", verb(1, "rotate"), users[0].ID().String(), "master key gone", "not in the ring", "1 cannot be opened", "1 are not sealed under the primary master key")
	want(t, "lost", verb(0, "status"), "gone: 1 own keys, 0 MCP headers, 0 private brains (not in MASTER_KEYS: none of it can be opened)")
	want(t, "JSON", verb(0, "status", "--json"), `"key_id":"gone","known":false,"primary":false,"own_keys":1`)
}
