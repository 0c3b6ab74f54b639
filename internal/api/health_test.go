package api_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"twobrains/internal/api"
	"twobrains/internal/api/apitest"
	"twobrains/internal/config"
	"twobrains/internal/testdb"
)

// eventually repeats what may take a moment until it holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("in 20 s it did not come about: %s", what)
		}
		wait, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
		<-wait.Done()
		stop()
	}
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		status string
		code   int
		env    func(t *testing.T, database *testdb.Database) (key, value string, link *apitest.Link)
	}{
		{"postgres", "unavailable", 503, func(t *testing.T, database *testdb.Database) (string, string, *apitest.Link) {
			link, through := linked(t, database.URL.Reveal())
			return "DATABASE_URL", through, link
		}},
		{"redis", "degraded", 200, func(t *testing.T, _ *testdb.Database) (string, string, *apitest.Link) {
			link, through := linked(t, os.Getenv("TWOBRAINS_TEST_REDIS"))
			return "REDIS_URL", through, link
		}},
		{"kratos", "unavailable", 503, func(t *testing.T, _ *testdb.Database) (string, string, *apitest.Link) {
			link, through := linked(t, os.Getenv("TWOBRAINS_TEST_KRATOS_PUBLIC"))
			return "KRATOS_PUBLIC_URL", through, link
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			database := testdb.New(t)
			key, value, link := c.env(t, database)
			s := apitest.Start(t, apitest.Options{RealKratos: true, Database: database, Env: map[string]string{key: value}})
			u := s.Anonymous()
			scenario{path: "/readyz", status: 200, has: []string{`"status":"ready"`, `"postgres":"up"`, `"redis":"up"`, `"kratos":"up"`}}.run(t, u)
			link.Cut()
			eventually(t, c.name+" is found to be down", func() bool {
				answer := u.Get(t, "/readyz")
				return answer.Status == c.code && strings.Contains(answer.Body, fmt.Sprintf("%q:%q", c.name, "down")) &&
					strings.Contains(answer.Body, fmt.Sprintf("%q:%q", "status", c.status)) && strings.Count(answer.Body, `"down"`) == 1
			})
			scenario{path: "/healthz", status: 200, has: []string{`"alive"`}}.run(t, u)
			link.Mend()
			eventually(t, c.name+" is back", func() bool { return strings.Contains(u.Get(t, "/readyz").Body, `"status":"ready"`) })
			if log := s.Log.String(); !strings.Contains(log, "dependency is down") || !strings.Contains(log, "dependency is back") {
				t.Error("the log does not say that it was down and is back")
			}
		})
	}
}

// linked returns a link to the host of a URL, and the URL through it.
func linked(t *testing.T, raw string) (*apitest.Link, string) {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	link := apitest.NewLink(t, u.Host)
	u.Host = link.Addr
	return link, u.String()
}

// With Postgres away requests say so, and nothing about where it is.
func TestWithoutPostgres(t *testing.T) {
	t.Parallel()
	database := testdb.New(t)
	link, through := linked(t, database.URL.Reveal())
	s := apitest.Start(t, apitest.Options{Database: database, Env: map[string]string{"DATABASE_URL": through}})
	u := s.NewUser()
	u.Get(t, "/api/conversations").Want(t, 200)
	link.Cut()
	for _, sc := range []scenario{
		{path: "/api/conversations"},
		{path: "/api/settings"},
		{method: "POST", path: "/api/ai", body: send("c", "m1", "hello")},
	} {
		sc.status, sc.code, sc.lacks = 503, "unavailable", []string{link.Addr, "twobrains_app", "postgres"}
		sc.run(t, u)
	}
	link.Mend()
	eventually(t, "requests are served again", func() bool { return u.Get(t, "/api/conversations").Status == 200 })
}

func TestServerRefusesToStart(t *testing.T) {
	t.Parallel()
	database := testdb.New(t)
	start := func(databaseURL string) error {
		c, err := config.Load([]string{
			"SERVER_ENV=development", "DATABASE_URL=" + databaseURL, "DATABASE_OWNER_URL=" + database.OwnerURL.Reveal(),
			"MASTER_KEYS=a:" + strings.Repeat("A", 44), "REDIS_URL=" + os.Getenv("TWOBRAINS_TEST_REDIS"),
			"KRATOS_PUBLIC_URL=http://127.0.0.1:1", "KRATOS_ADMIN_URL=http://127.0.0.1:1", "KRATOS_HOOK_KEY=0123456789abcdef",
		}, config.ForServe)
		if err != nil {
			t.Fatal(err)
		}
		app, err := api.NewApp(t.Context(), c, api.AppOptions{LogTo: &apitest.Buffer{}})
		if err == nil {
			app.Close()
		}
		return err
	}
	if err := start(database.SuperuserURL); err == nil || !strings.Contains(err.Error(), "superuser") {
		t.Errorf("as superuser: %v", err)
	}
	if _, err := database.Superuser(t).Exec(t.Context(), "UPDATE public.schema_version SET version = 1"); err != nil {
		t.Fatal(err)
	}
	if err := start(database.URL.Reveal()); err == nil || !strings.Contains(err.Error(), "run `twobrains migrate up`") {
		t.Errorf("not migrated: %v", err)
	}
}
