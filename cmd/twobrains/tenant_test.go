package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"twobrains/internal/auth/authtest"
	"twobrains/internal/testdb"
)

func TestRefusedTenantCommandLines(t *testing.T) {
	t.Parallel()
	env := []string{
		"DATABASE_URL=postgres://twobrains_app:x@127.0.0.1:1/x", "DATABASE_OWNER_URL=postgres://twobrains_owner:x@127.0.0.1:1/x",
		"MASTER_KEYS=k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
	}
	for _, args := range []string{
		"tenant nonsense", "tenant list all", "tenant list --state nonsense", "tenant show", "tenant show alice", "tenant show u_0 more", "tenant migrate",
		"tenant migrate --all 00000000-0000-0000-0000-000000000001", "tenant migrate --all --parallel 0", "tenant migrate --all --canary -1",
		"tenant doctor --all", "tenant repair", "tenant repair --dry-run", "migrate harden now",
	} {
		out, errOut, code := twobrains(t, env, strings.Fields(args)...)
		if code != 2 || out != "" || strings.Count(errOut, "\n") != 1 {
			t.Errorf("%s: code %d, out %q, err %q", args, code, out, errOut)
		}
	}
}

// testKey is a key of testdb.Keys, as MASTER_KEYS has it.
func testKey(id string) string {
	sum := sha256.Sum256([]byte("a test key named " + id))
	return id + ":" + base64.StdEncoding.EncodeToString(sum[:])
}

// What an operator does to a fleet: one private brain of five is broken, another one lost.
func TestTenantVerbs(t *testing.T) {
	t.Parallel()
	d := testdb.New(t)
	ids := authtest.NewIdentities(t)
	conn := d.Superuser(t)
	exec := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	var users []uuid.UUID
	for range 5 {
		id := uuid.New()
		if _, err := d.DB.Open(t.Context(), ids.User(t, id)); err != nil {
			t.Fatal(err)
		}
		users = append(users, id)
	}
	schema := func(id uuid.UUID) string { return "u_" + strings.ReplaceAll(id.String(), "-", "") }
	env := []string{"LOG_LEVEL=warn", "DATABASE_URL=" + d.URL.Reveal(), "DATABASE_OWNER_URL=" + d.OwnerURL.Reveal(), "MASTER_KEYS=" + testKey("next") + "," + testKey("test")}
	verb := func(code int, args ...string) string {
		t.Helper()
		out, errOut, got := twobrains(t, env, append([]string{"tenant"}, args...)...)
		if got != code || (code == 0) != (errOut == "") {
			t.Fatalf("%v: code %d, out %s, err %s", args, got, out, errOut)
		}
		return out + errOut
	}

	// The first key of the ring is new, so all are sealed with an older one.
	if lines := strings.Count(verb(0, "list", "--state", "old-key"), "\n"); lines != 5 {
		t.Errorf("list: %d lines", lines)
	}
	want(t, "show", verb(0, "show", schema(users[0])), users[0].String(), "old-key", "conversations")
	want(t, "migrate one", verb(0, "migrate", users[0].String()), "1 migrated")
	last := func(text string) (v map[string]map[string]any) {
		t.Helper()
		lines := strings.Split(strings.TrimSpace(text), "\n")
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &v); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		return v
	}
	if s := last(verb(0, "migrate", "--all", "--canary", "1", "--json")); s["summary"]["done"] != 4.0 {
		t.Errorf("migrate: %v", s)
	}
	want(t, "migrate again", verb(0, "migrate", "--all"), "0 migrated")
	want(t, "doctor", verb(0, "doctor"), "as they should be")
	if out := verb(0, "doctor", "--json"); out != "" {
		t.Errorf("doctor: %s", out)
	}

	exec("DROP INDEX " + schema(users[1]) + ".messages_in_order; DROP SCHEMA " + schema(users[2]) + " CASCADE")
	want(t, "doctor", verb(1, "doctor"), "missing-index messages.messages_in_order", "repair mends it", "missing-schema", "to do: restore", "2 findings, of which twobrains tenant repair mends 1")
	want(t, "dry run", verb(0, "repair", "--dry-run", users[1].String()), "would be mended", "1 would be mended, 0 left")
	want(t, "repair", verb(1, "repair", "--all"), "    mended", "1 mended, 1 left")
	var finding map[string]any
	if err := json.Unmarshal([]byte(strings.SplitAfter(verb(1, "doctor", "--json"), "\n")[0]), &finding); err != nil || finding["kind"] != "missing-schema" || finding["mends"] != false {
		t.Errorf("doctor: %v %v", err, finding)
	}
	want(t, "show", verb(0, "show", users[2].String()), "there is no such schema")
	want(t, "show", verb(1, "show", uuid.NewString()), "no such private brain")

	exec("UPDATE public.tenants SET version = 0 WHERE user_id = '" + users[2].String() + "'; UPDATE public.tenants SET key_id = 'lost', lock = sha256('x') WHERE user_id = '" + users[3].String() + "'")
	want(t, "migrate", verb(1, "migrate", "--all", "--canary", "0"), "1 migrated", "1 failed", "sealed with an unknown key")
	want(t, "list", verb(0, "list", "--state", "failed"), users[3].String(), "failed 1 times")

	sql, errOut, code := twobrains(t, env, "migrate", "harden")
	if code != 0 {
		t.Fatalf("harden: %s", errOut)
	}
	if err := pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error { _, err := tx.Exec(t.Context(), sql); return err }); err != nil {
		t.Errorf("harden: %v", err)
	}
	want(t, "doctor when hardened", verb(1, "doctor"), "unknown-lock", "MASTER_KEYS")
}
