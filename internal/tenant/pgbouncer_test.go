package tenant_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"twobrains/internal/auth/authtest"
	"twobrains/internal/localstack" //nolint:depguard // these tests put a program of the local stack between kernel and server
	"twobrains/internal/secret"
	"twobrains/internal/tenant"
	"twobrains/internal/testdb"
	"twobrains/tern"
)

// bouncer is a PgBouncer that runs by the configuration of docs/pgbouncer.md.
type bouncer struct{ *localstack.PgBouncer }

// startBouncer skips the test where there is no PgBouncer; on CI that is a failure.
func startBouncer(t *testing.T, settings ...string) bouncer {
	t.Helper()
	super, err := url.Parse(os.Getenv(testdb.EnvPostgres))
	require.NoError(t, err)
	password, _ := super.User.Password()
	b, err := localstack.StartPgBouncer(t.Context(), localstack.PgBouncerOptions{
		Dir: t.TempDir(), Config: documentedConfig(t), Postgres: super.Host, Settings: settings,
		Users: map[string]string{
			"twobrains_app": appSecret(t), "twobrains_owner": "owner-in-tests", super.User.Username(): password,
		},
	})
	if errors.Is(err, localstack.ErrNoPgBouncer) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s, the end of its log:\n%s", b.Version, b.Log())
		}
		b.Stop()
	})
	return bouncer{b}
}

// documentedConfig is the file that the operator is told to write.
func documentedConfig(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/pgbouncer.md")
	require.NoError(t, err)
	found := regexp.MustCompile("(?s)```ini\n(; /etc/pgbouncer/pgbouncer.ini\n.*?)```").FindSubmatch(page)
	require.NotNil(t, found, "docs/pgbouncer.md has no pgbouncer.ini")
	return string(found[1])
}

// appSecret reads the SCRAM secret of the app's role, as the operator is told to.
func appSecret(t *testing.T) string {
	t.Helper()
	testdb.New(t) // makes the roles
	conn, err := pgx.Connect(t.Context(), os.Getenv(testdb.EnvPostgres))
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	var secret string
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT rolpassword FROM pg_authid WHERE rolname = 'twobrains_app'").Scan(&secret))
	return secret
}

// through is a URL of the server, by way of the pooler.
func (b bouncer) through(t *testing.T, server, query string) string {
	t.Helper()
	u, err := url.Parse(server)
	require.NoError(t, err)
	u.Host, u.RawQuery = b.Addr, "sslmode=disable&"+query
	return u.String()
}

// pooled has the kernel's lanes go through the pooler.
func (b bouncer) pooled(t *testing.T) testdb.Option {
	return func(o *tenant.Options) {
		o.URL = secret.New(b.through(t, o.URL.Reveal(), "default_query_exec_mode=exec"))
	}
}

// TestInterleavingsThroughPgBouncer is TestInterleavings with a pooler that lends the six lanes two backends.
func TestInterleavingsThroughPgBouncer(t *testing.T) {
	t.Parallel()
	b := startBouncer(t, "default_pool_size = 2")
	w := newInterleaving(t, b.pooled(t))
	w.run(20_000)
	t.Logf("%s was started again %d times", b.Version, b.Restarts())
	// A backend whose client left in the middle of a statement ends with the statement; the pooler does not wait for it.
	require.Eventually(t, func() bool { return len(w.backends()) <= 2 }, 10*time.Second, 50*time.Millisecond)

	held := b.hold(t, w.Database, 2)
	for _, conn := range held {
		var key, path string
		var visible int
		// A mistake of the test's may have left it off, and then sealed tables refuse instead of being empty.
		_, err := conn.Exec(t.Context(), "SET LOCAL row_security = on")
		require.NoError(t, err)
		require.NoError(t, conn.QueryRow(t.Context(), `SELECT coalesce(current_setting('twobrains.key', true), ''), current_setting('search_path'),
			(SELECT count(*) FROM conversations)`).Scan(&key, &path, &visible))
		require.Contains(t, []string{"", leftKey}, key, "a key is left on a backend")
		require.Equal(t, "brain_template, pg_temp", path)
		require.Zero(t, visible)
		for _, a := range w.actors {
			for _, table := range []string{a.schema + ".conversations", "public.user_settings"} {
				require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM "+table).Scan(&visible))
				require.Zero(t, visible, table)
			}
		}
	}
}

// backends are the pids of the app's server connections.
func (w *interleaving) backends() (pids []int32) {
	rows, err := w.super.conn.Query(w.t.Context(), "SELECT pid FROM pg_stat_activity WHERE usename = 'twobrains_app' AND datname = $1", w.Name)
	require.NoError(w.t, err)
	pids, err = pgx.CollectRows(rows, pgx.RowTo[int32])
	require.NoError(w.t, err)
	return pids
}

// hold opens a transaction on each of the pool's backends, so that the test sees them all.
func (b bouncer) hold(t *testing.T, d *testdb.Database, size int) (held []*pgx.Conn) {
	t.Helper()
	pids := map[int32]bool{}
	for range size {
		conn, err := pgx.Connect(t.Context(), b.through(t, d.URL.Reveal(), "default_query_exec_mode=exec"))
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close(context.Background()) })
		_, err = conn.Exec(t.Context(), "BEGIN")
		require.NoError(t, err)
		var pid int32
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT pg_backend_pid()").Scan(&pid))
		pids[pid] = true
		held = append(held, conn)
	}
	require.Len(t, pids, size, "each on a backend of its own")
	return held
}

// TestPooledBackendsHaveTheSettingsOfLanes compares what a unit of work finds by either way.
func TestPooledBackendsHaveTheSettingsOfLanes(t *testing.T) {
	t.Parallel()
	b := startBouncer(t, "default_pool_size = 1")
	d := testdb.New(t)
	settings := func(db *tenant.DB) (text string) {
		require.NoError(t, db.Public(t.Context(), func(tx *tenant.Tx) error {
			return tx.QueryRow(t.Context(), `SELECT string_agg(name || '=' || reset_val, ' ' ORDER BY name) FROM pg_settings WHERE name IN
				('search_path', 'plan_cache_mode', 'jit', 'statement_timeout', 'idle_in_transaction_session_timeout', 'lock_timeout')`).Scan(&text)
		}))
		return text
	}
	direct := settings(d.DB)
	require.Equal(t, "idle_in_transaction_session_timeout=30000 jit=off lock_timeout=10000 plan_cache_mode=force_generic_plan "+
		"search_path=brain_template, pg_temp statement_timeout=30000", direct)
	require.Equal(t, direct, settings(d.Kernel(t, b.pooled(t))))
}

// TestPoolerKeepsNothingOfAUnitOfWork lends one backend to two users in turn, however their units of work end.
func TestPoolerKeepsNothingOfAUnitOfWork(t *testing.T) {
	t.Parallel()
	b := startBouncer(t, "default_pool_size = 1")
	d := testdb.New(t)
	d.DB = d.Kernel(t, b.pooled(t))
	ids := authtest.NewIdentities(t)
	var brains []*tenant.Brain
	for range 2 {
		brain, err := d.DB.Open(t.Context(), ids.User(t, uuid.New()))
		require.NoError(t, err)
		brains = append(brains, brain)
	}
	pids := map[int32]bool{}
	for i := range 10 {
		ctx, cancel := context.WithCancel(t.Context())
		err := brains[i%2].Tx(ctx, func(tx *tenant.Tx) error {
			var pid int32
			if err := tx.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&pid); err != nil {
				return err
			}
			pids[pid] = true
			switch i {
			case 6:
				cancel() // while a transaction is open: the pooler ends the backend
			case 7:
				return errDeliberate
			}
			return nil
		})
		cancel()
		if i != 6 && i != 7 {
			require.NoError(t, err, i)
		}
		conn := b.hold(t, d, 1)[0]
		var key *string
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT current_setting('twobrains.key', true)").Scan(&key))
		require.True(t, key == nil || *key == "", "after unit %d", i)
		_, err = conn.Exec(t.Context(), "COMMIT")
		require.NoError(t, err)
		require.NoError(t, conn.Close(t.Context()))
	}
	require.Less(t, len(pids), 5, "the backend was shared")
}

// TestPoolerWithoutTheModeIsRefused: who forgets the mode does not get a server that half works.
func TestPoolerWithoutTheModeIsRefused(t *testing.T) {
	t.Parallel()
	b := startBouncer(t)
	d := testdb.New(t)
	db := d.Kernel(t, func(o *tenant.Options) { o.URL = secret.New(b.through(t, o.URL.Reveal(), "")) })
	require.ErrorContains(t, db.Ping(t.Context()), "unsupported startup parameter")
	for _, mode := range []string{"simple_protocol", "cache_describe", "describe_exec"} {
		_, err := tenant.New(tenant.Options{
			URL: secret.New(d.URL.Reveal() + "&default_query_exec_mode=" + mode), OwnerURL: d.OwnerURL, Keys: d.Keys,
			PublicMigrations: tern.Public(), TenantMigrations: tern.Tenant(),
		})
		require.ErrorContains(t, err, fmt.Sprintf("must be cache_statement or exec, not %s", mode))
	}
}

// TestOwnerGoesPastThePooler: the owner's search path is a startup parameter, which PgBouncer refuses.
func TestOwnerGoesPastThePooler(t *testing.T) {
	t.Parallel()
	b := startBouncer(t)
	d := testdb.New(t)
	db := d.Kernel(t, func(o *tenant.Options) { o.OwnerURL = secret.New(b.through(t, o.OwnerURL.Reveal(), "")) })
	require.ErrorContains(t, db.Migrate(t.Context(), false, nil), "unsupported startup parameter: search_path")
	_, err := db.Open(t.Context(), authtest.NewIdentities(t).User(t, uuid.New()))
	require.Error(t, err)
	require.NotContains(t, err.Error(), "owner-in-tests")
}
