package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"twobrains/internal/auth/authtest"
	"twobrains/internal/testdb"
)

// What an operator does with whole private brains, with the binary itself.
func TestExportRestoreAndClone(t *testing.T) {
	t.Parallel()
	d := testdb.New(t)
	ids := authtest.NewIdentities(t)
	conn := d.Superuser(t)
	user, fresh, copied := uuid.New(), uuid.New(), uuid.New()
	if _, err := d.DB.Open(t.Context(), ids.User(t, user)); err != nil {
		t.Fatal(err)
	}
	schema := func(id uuid.UUID) string { return "u_" + strings.ReplaceAll(id.String(), "-", "") }
	exec := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	exec("INSERT INTO " + schema(user) + ".conversations (id, title, last_seq) VALUES ('c1', 'Kept', 1)")
	exec("INSERT INTO " + schema(user) + `.messages (id, conversation_id, seq, role, parts, status, size) VALUES ('m1', 'c1', 1, 'user', '[{"type":"text","text":"x"}]', 'complete', 1)`)
	env := []string{"LOG_LEVEL=warn", "DATABASE_URL=" + d.URL.Reveal(), "DATABASE_OWNER_URL=" + d.OwnerURL.Reveal(), "MASTER_KEYS=" + testKey("test")}
	verb := func(code int, args ...string) string {
		t.Helper()
		out, errOut, got := twobrains(t, env, append([]string{"tenant"}, args...)...)
		if got != code || (code == 0) != (errOut == "") {
			t.Fatalf("%v: code %d, out %s, err %s", args, got, out, errOut)
		}
		return out + errOut
	}
	file := filepath.Join(t.TempDir(), "export.zip")
	want(t, "export", verb(0, "export", user.String(), "--out", file, "--by", "tester"), "1 conversations, 1 messages, 0 attachments")
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("file: %v %v", info, err)
	}
	want(t, "export again", verb(1, "export", schema(user), "--out", file), "exists")
	want(t, "export of nobody", verb(1, "export", uuid.NewString(), "--out", file+"2"), "no such private brain")
	if left, err := os.ReadDir(filepath.Dir(file)); err != nil || len(left) != 1 {
		t.Errorf("left: %v %v", left, err)
	}

	exec("DELETE FROM " + schema(user) + ".messages")
	want(t, "restore", verb(1, "restore", user.String(), "--from", file), "not empty", "--replace")
	want(t, "restore", verb(0, "restore", user.String(), "--from", file, "--replace", "--by", "tester"), user.String()+": 1 conversations, 1 messages")
	want(t, "restore into", verb(0, "restore", user.String(), "--from", file, "--into", fresh.String()), fresh.String()+": 1 conversations")
	want(t, "restore of another", verb(1, "restore", fresh.String(), "--from", file), "of another user")
	want(t, "restore", verb(1, "restore", user.String(), "--from", file+"2"), "no such file")
	if err := os.WriteFile(file+"3", []byte(`[{"uuid":"x","chat_messages":[]}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	want(t, "restore of a foreign file", verb(1, "restore", user.String(), "--from", file+"3"), "none of this program's own")
	half, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file+"4", half[:len(half)/2], 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	want(t, "restore of half a file", verb(1, "restore", user.String(), "--from", file+"4"), "incomplete")

	want(t, "clone", verb(0, "clone", user.String(), "--into", copied.String(), "--consent", "by mail, 2 January"), "is a copy of")
	want(t, "clone again", verb(1, "clone", user.String(), "--into", copied.String(), "--consent", "by mail, 2 January"), "not empty")
	want(t, "doctor", verb(0, "doctor"), "as they should be")
	for _, id := range []uuid.UUID{user, fresh, copied} {
		var text string
		if err := conn.QueryRow(t.Context(), "SELECT string_agg(c.title || m.id, '') FROM "+schema(id)+".conversations c JOIN "+schema(id)+".messages m ON m.conversation_id = c.id").Scan(&text); err != nil || text != "Keptm1" {
			t.Errorf("%s: %q %v", id, text, err)
		}
	}
	var audit string
	if err := conn.QueryRow(t.Context(), "SELECT string_agg(action || ' ' || detail, '; ' ORDER BY id) FROM public.audit_log").Scan(&audit); err != nil ||
		audit != "export ; export ; restore ; restore ; clone by mail, 2 January" { // attempts, too
		t.Errorf("audit: %q %v", audit, err)
	}
}

func TestRefusedTransferCommandLines(t *testing.T) {
	t.Parallel()
	env := []string{
		"DATABASE_URL=postgres://twobrains_app:x@127.0.0.1:1/x", "DATABASE_OWNER_URL=postgres://twobrains_owner:x@127.0.0.1:1/x",
		"MASTER_KEYS=k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
	}
	const id = "00000000-0000-0000-0000-000000000001"
	for _, args := range []string{
		"tenant export", "tenant export alice", "tenant export " + id + " more", "tenant restore", "tenant restore " + id, "tenant restore " + id + " --from x --into bob",
		"tenant clone " + id, "tenant clone " + id + " --into " + id + " --consent given-by-mail", "tenant clone " + id + " --into 00000000-0000-0000-0000-000000000002",
		"tenant clone " + id + " --into 00000000-0000-0000-0000-000000000002 --consent yes",
	} {
		out, errOut, code := twobrains(t, env, strings.Fields(args)...)
		if code != 2 || out != "" || strings.Count(errOut, "\n") != 1 {
			t.Errorf("%s: code %d, out %q, err %q", args, code, out, errOut)
		}
	}
}
