package main

import (
	"os"
	"strings"
	"testing"

	"github.com/google/uuid"

	"twobrains/internal/auth/authtest"
	"twobrains/internal/testdb"
)

func TestRefusedDeletionCommandLines(t *testing.T) {
	t.Parallel()
	for _, args := range []string{
		"tenant delete", "tenant delete nobody --yes", "tenant delete --all --yes", "tenant verify-deleted", "tenant verify-deleted x",
		"tenant delete 11111111-1111-4111-8111-111111111111 and another --yes",
	} {
		env := []string{"DATABASE_URL=postgres://a@127.0.0.1:1/x", "DATABASE_OWNER_URL=postgres://b@127.0.0.1:1/x", "MASTER_KEYS=" + testKey("test")}
		out, errOut, code := twobrains(t, env, strings.Fields(args)...)
		if code != 2 || out != "" || strings.Count(errOut, "\n") != 1 {
			t.Errorf("%s: code %d, out %q, err %q", args, code, out, errOut)
		}
	}
}

func TestTenantDelete(t *testing.T) {
	t.Parallel()
	d := testdb.New(t)
	kratos, ids := authtest.Kratos(t), authtest.NewIdentities(t)
	email := authtest.NewEmail()
	kratos.Login(t, email) // which sends a mail
	id := kratos.Identity(t, email)
	if _, err := d.DB.Open(t.Context(), ids.User(t, id)); err != nil {
		t.Fatal(err)
	}
	env := []string{
		"LOG_LEVEL=warn", "DATABASE_URL=" + d.URL.Reveal(), "DATABASE_OWNER_URL=" + d.OwnerURL.Reveal(), "MASTER_KEYS=" + testKey("test"),
		"KRATOS_ADMIN_URL=" + kratos.Admin, "KRATOS_DATABASE_URL=" + os.Getenv(authtest.MailsVariable),
	}
	verb := func(code int, args ...string) string {
		t.Helper()
		out, errOut, got := twobrains(t, env, append([]string{"tenant"}, args...)...)
		if got != code || (code == 0) != (errOut == "") {
			t.Fatalf("%v: code %d, out %s, err %s", args, got, out, errOut)
		}
		return out + errOut
	}
	want(t, "not asked for properly", verb(2, "delete", id.String()), "--yes")
	want(t, "nobody", verb(1, "delete", uuid.NewString(), "--yes"), "neither the registry nor Kratos knows")
	want(t, "before", verb(1, "verify-deleted", id.String(), "--mail", email), "left: 1 in schema", "left: 1 in rows of tenants",
		"left: 1 in Kratos's identities", "left: 1 in Kratos's mails to "+email, "something is left of "+id.String())
	want(t, "never was", verb(1, "verify-deleted", uuid.NewString()), "nobody had this id")

	want(t, "delete", verb(0, "delete", id.String(), "--yes"), "closed: nobody can use the account", "deleted")
	want(t, "after", verb(0, "verify-deleted", id.String(), "--mail", email), "nothing is left", "mails purged")
	want(t, "after, as JSON", verb(0, "verify-deleted", id.String(), "--json"), `{"place":"schema","found":0}`)
	want(t, "again", verb(0, "delete", id.String(), "--yes", "--json"), `"step":"done"`, `"mails":"purged"`)
	want(t, "left behind", verb(1, "show", id.String()), "no such private brain")

	// Somebody who has only signed up.
	newcomer := kratos.Create(t, authtest.NewEmail(), true, "")
	schema := "u_" + strings.ReplaceAll(newcomer.String(), "-", "")
	want(t, "newcomer", verb(0, "delete", schema, "--yes"), "deleted")
	want(t, "newcomer", verb(0, "verify-deleted", schema), "nothing is left")
}
