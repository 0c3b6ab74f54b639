package doctor_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"twobrains/internal/api/apitest"
	"twobrains/internal/auth/authtest"
	"twobrains/internal/doctor"
	"twobrains/internal/faulttest"
	"twobrains/internal/secret"
)

// of returns the level of a check's worst finding; empty if it found nothing.
func of(findings []doctor.Finding, check string) doctor.Level {
	for _, f := range findings {
		if f.Check == check {
			return f.Level
		}
	}
	return ""
}

func deployment(t *testing.T) (*apitest.Server, doctor.Options) {
	t.Helper()
	s := apitest.Start(t, apitest.Options{RealKratos: true})
	kratos := authtest.Kratos(t)
	return s, doctor.Options{
		PublicURL: s.URL, DB: s.App.DB, AppURL: s.Database.URL, OwnerURL: s.Database.OwnerURL, ConsoleURL: s.Database.ConsoleURL,
		MasterKeys: s.App.Config.Storage.MasterKeys, Connections: 10, RedisURL: secret.New(os.Getenv("TWOBRAINS_TEST_REDIS")),
		KratosPublicURL: kratos.Public, KratosAdminURL: kratos.Admin,
	}
}

func TestGoodDeployment(t *testing.T) {
	t.Parallel()
	_, o := deployment(t)
	findings := doctor.Examine(t.Context(), o)
	for _, f := range findings {
		require.NotEqual(t, doctor.Failure, f.Level, f)
		require.Equal(t, f.Level == doctor.Good, f.Advice == "", f)
	}
	for _, check := range []string{
		"config-master-key", "config-password", "postgres-migrations", "postgres-ready", "postgres-version", "postgres-login", "postgres-clock",
		"redis-reach", "kratos-reach", "kratos-version", "site-reach", "site-clock", "site-exposure", "site-cookies",
	} {
		require.Equal(t, doctor.Good, of(findings, check), "%s: %v", check, findings)
	}
}

func TestProductionIsStrict(t *testing.T) {
	t.Parallel()
	_, o := deployment(t)
	o.Production, o.MasterKeys = true, secret.New("dev:ZGV2ZWxvcG1lbnQgb25seTogMzIgYnl0ZXMgbG9uZy4=")
	findings := doctor.Examine(t.Context(), o)
	require.Equal(t, doctor.Failure, of(findings, "site-https"))
	require.Equal(t, doctor.Failure, of(findings, "config-master-key"))
}

func TestBadPostgres(t *testing.T) {
	t.Parallel()
	s, o := deployment(t)
	// Logins are the whole server's, so this one is made for the test.
	role := "doctor_" + s.Database.Name
	super, err := pgx.Connect(t.Context(), s.Database.SuperuserURL)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, _ = super.Exec(context.WithoutCancel(t.Context()), "DROP OWNED BY "+role+"; DROP ROLE "+role)
		_ = super.Close(context.WithoutCancel(t.Context()))
	})
	_, err = super.Exec(t.Context(), fmt.Sprintf("CREATE ROLE %s LOGIN BYPASSRLS PASSWORD 'development-x'; GRANT CONNECT ON DATABASE %s TO %s", role, s.Database.Name, role))
	require.NoError(t, err)
	u, err := url.Parse(s.Database.URL.Reveal())
	require.NoError(t, err)
	u.User = url.UserPassword(role, "development-x")
	bad := o
	bad.AppURL, bad.Production = secret.New(u.String()), true
	findings := doctor.Examine(t.Context(), bad)
	require.Equal(t, doctor.Failure, of(findings, "postgres-login"))
	require.Equal(t, doctor.Failure, of(findings, "config-password"))

	_, err = super.Exec(t.Context(), fmt.Sprintf("ALTER ROLE %s NOBYPASSRLS CREATEDB; ALTER DATABASE %s SET log_min_duration_statement = 100", role, s.Database.Name))
	require.NoError(t, err)
	bad.Connections = 1000
	findings = doctor.Examine(t.Context(), bad)
	require.Equal(t, doctor.Warning, of(findings, "postgres-login"))
	require.Equal(t, doctor.Warning, of(findings, "postgres-log"))
	require.Equal(t, doctor.Warning, of(findings, "postgres-connections"))

	u.User = url.UserPassword(role, "canary-wrong")
	bad.AppURL = secret.New(u.String())
	findings = doctor.Examine(t.Context(), bad)
	require.Equal(t, doctor.Failure, of(findings, "postgres-app"))
	require.NotContains(t, fmt.Sprint(findings), "canary")

	bad.AppURL, bad.Clock = o.AppURL, func() time.Time { return time.Now().Add(time.Minute) }
	findings = doctor.Examine(t.Context(), bad)
	require.Equal(t, doctor.Warning, of(findings, "postgres-clock"))
	require.Equal(t, doctor.Warning, of(findings, "site-clock"))
}

func TestNobodyAtHome(t *testing.T) {
	t.Parallel()
	_, o := deployment(t)
	o.RedisURL, o.KratosPublicURL, o.KratosAdminURL = secret.New("redis://:canary@127.0.0.1:9/0"), "http://127.0.0.1:9", "http://127.0.0.1:9"
	o.PublicURL, o.OwnerURL = "http://127.0.0.1:9", secret.New("postgres://owner:canary@127.0.0.1:9/x")
	findings := doctor.Examine(t.Context(), o)
	for _, check := range []string{"redis-reach", "kratos-reach", "site-reach", "postgres-login"} {
		require.Equal(t, doctor.Failure, of(findings, check), check)
	}
	require.NotContains(t, fmt.Sprint(findings), "canary")
}

// What the world can reach of a site behind a proxy that passes too much.
func TestExposure(t *testing.T) {
	t.Parallel()
	_, o := deployment(t)
	mux := http.NewServeMux()
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]string{"status": "ready"})
	})
	mux.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "# TYPE go_goroutines gauge") })
	mux.HandleFunc("/.ory/self-service/login/browser", func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "csrf", Value: "x", HttpOnly: true})
	})
	site := httptest.NewServer(mux)
	t.Cleanup(site.Close)
	o.PublicURL, o.KratosPublicURL = site.URL, o.KratosAdminURL
	findings := doctor.Examine(t.Context(), o)
	require.Equal(t, doctor.Failure, of(findings, "site-exposure"))
	require.Equal(t, doctor.Failure, of(findings, "site-cookies"))
	require.Equal(t, doctor.Failure, of(findings, "kratos-exposure"))
}

// A Redis that forgets, as caches do.
func TestRedisPolicy(t *testing.T) {
	t.Parallel()
	r := faulttest.NewRedis(t)
	client := r.Client()
	t.Cleanup(func() { _ = client.Close() })
	require.NoError(t, client.ConfigSet(t.Context(), "maxmemory", "100mb").Err())
	require.NoError(t, client.ConfigSet(t.Context(), "maxmemory-policy", "allkeys-lru").Err())
	o := doctor.Options{RedisURL: secret.New(r.URL(nil))}
	require.Equal(t, doctor.Warning, of(doctor.Examine(t.Context(), o), "redis-policy"))
	require.NoError(t, client.ConfigSet(t.Context(), "maxmemory-policy", "noeviction").Err())
	require.Equal(t, doctor.Good, of(doctor.Examine(t.Context(), o), "redis-policy"))
}
