package main

import (
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"twobrains/internal/auth/authtest"
	"twobrains/internal/testdb"
)

func TestRefusedAdminCommandLines(t *testing.T) {
	t.Parallel()
	for _, args := range []string{
		"admin grant", "admin revoke", "admin grant nobody", "admin revoke 123", "admin grant a@example.test b@example.test",
		"admin grant 00000000-0000-0000-0000-000000000000", "admin list everybody", "admin promote a@example.test",
	} {
		env := []string{"DATABASE_URL=postgres://a@127.0.0.1:1/x", "DATABASE_OWNER_URL=postgres://b@127.0.0.1:1/x", "MASTER_KEYS=" + testKey("test")}
		out, errOut, code := twobrains(t, env, strings.Fields(args)...)
		if code != 2 || out != "" || strings.Count(errOut, "\n") != 1 {
			t.Errorf("%s: code %d, out %q, err %q", args, code, out, errOut)
		}
	}
}

func TestAdmin(t *testing.T) {
	t.Parallel()
	d, kratos := testdb.New(t), authtest.Kratos(t)
	env := []string{
		"LOG_LEVEL=warn", "DATABASE_URL=" + d.URL.Reveal(), "DATABASE_OWNER_URL=" + d.OwnerURL.Reveal(), "MASTER_KEYS=" + testKey("test"), "KRATOS_ADMIN_URL=" + kratos.Admin,
	}
	verb := func(code int, args ...string) string {
		t.Helper()
		out, errOut, got := twobrains(t, env, append([]string{"admin"}, args...)...)
		if got != code || (code == 0) != (errOut == "") {
			t.Fatalf("%v: code %d, out %s, err %s", args, got, out, errOut)
		}
		return out + errOut
	}
	count := func(sql string, arguments ...any) (n int) {
		t.Helper()
		if err := d.Owner(t).QueryRow(t.Context(), sql, arguments...).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	first, second := authtest.NewEmail(), authtest.NewEmail()
	one, two := kratos.Create(t, first, true, ""), kratos.Create(t, second, true, "")
	want(t, "nobody yet", verb(0, "list"), "there is no admin")
	want(t, "unknown address", verb(1, "grant", authtest.NewEmail()), "knows no account with the address")
	want(t, "unknown id", verb(1, "grant", uuid.NewString()), "knows no account")
	if n := count("SELECT count(*) FROM public.admins"); n != 0 {
		t.Fatalf("%d admins", n)
	}
	want(t, "grant", verb(0, "grant", strings.ToUpper(first), "--by", "the operator"), one.String(), "administers the platform now")
	want(t, "again", verb(0, "grant", one.String()), "was an admin already")
	want(t, "list", verb(0, "list"), one.String(), first, "active", "since 20")
	want(t, "list as JSON", verb(0, "list", "--json"), `"id":"`+one.String()+`"`, `"email":"`+first+`"`, `"state":"active"`)
	if n := count("SELECT count(*) FROM public.audit_log WHERE action = 'admins.insert' AND actor = 'the operator' AND actor_id IS NULL AND subject = $1", one); n != 1 {
		t.Fatalf("%d entries", n)
	}
	want(t, "the last one", verb(1, "revoke", first), "the last admin stays")
	want(t, "not one", verb(1, "revoke", two.String()), "is not an admin")
	want(t, "second", verb(0, "grant", second), two.String())
	want(t, "revoke", verb(0, "revoke", first, "--by", "the operator"), "is no admin any more")
	if n := count("SELECT count(*) FROM public.audit_log WHERE action = 'admins.delete' AND actor = 'the operator' AND subject = $1", one); n != 1 {
		t.Fatalf("%d entries", n)
	}
	verb(0, "grant", first)

	// Two at once do not leave none.
	codes := make([]int, 2)
	var group sync.WaitGroup
	for i, id := range []uuid.UUID{one, two} {
		group.Go(func() { _, _, codes[i] = twobrains(t, env, "admin", "revoke", id.String()) })
	}
	group.Wait()
	if codes[0]+codes[1] != 1 || count("SELECT count(*) FROM public.admins") != 1 {
		t.Fatalf("codes %v", codes)
	}

	// Whom Kratos does not know any more.
	kratos.Delete(t, one)
	kratos.Delete(t, two)
	want(t, "gone", verb(0, "list"), "gone")
}
