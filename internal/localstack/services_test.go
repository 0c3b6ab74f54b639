package localstack

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

const checkoutRoot = "../.."

// testOptions is a stack of one's own, below the system's temporary directory: PostgreSQL, which does not run as root, must
// be able to get there.
func testOptions(t *testing.T, mode Mode) Options {
	t.Helper()
	dir, err := os.MkdirTemp("", "localstack-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o711))
	t.Cleanup(func() { require.NoError(t, Remove(dir)) })
	return Options{
		Mode: mode, Checkout: checkoutRoot, Dir: dir, ServerURL: "http://127.0.0.1:8999", HookKey: "the-hook-key", MailKey: "the-mail-key",
		Getenv: func(string) string { return "" }, Say: t.Logf,
	}
}

func query(t *testing.T, url, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	var result string
	require.NoError(t, conn.QueryRow(t.Context(), sql).Scan(&result))
	return result
}

func TestPostgresKeepsItsDataAndRefusesAnothersVersion(t *testing.T) {
	t.Parallel()
	opts, failed := testOptions(t, Test), make(chan error, 4)
	pg, err := startPostgres(t.Context(), opts, failed)
	require.NoError(t, err)
	require.NoError(t, pg.script(t.Context(), checkoutRoot, bootstrapScript))
	require.NoError(t, pg.script(t.Context(), checkoutRoot, bootstrapScript), "the script may run again")
	require.Equal(t, "twobrains_owner", query(t, pg.OwnerURL(), "SELECT current_user::text"))
	require.Equal(t, "false", query(t, pg.OwnerURL(), "SELECT rolsuper::text FROM pg_roles WHERE rolname = current_user"))
	conn, err := pgx.Connect(t.Context(), pg.OwnerURL())
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "CREATE TABLE kept AS SELECT 'still here' AS word")
	require.NoError(t, err)
	require.NoError(t, conn.Close(t.Context()))
	for _, url := range []string{
		strings.Replace(pg.OwnerURL(), "/twobrains?", "/kratos?", 1),
		strings.Replace(pg.KratosURL(), "/kratos?", "/twobrains?", 1),
		strings.Replace(pg.KratosURL(), "/kratos?", "/postgres?", 1),
	} {
		_, err := pgx.Connect(t.Context(), url)
		require.ErrorContains(t, err, "permission denied for database")
	}
	pg.stop()

	// A trace of a server that was killed, whose pid now belongs to somebody else: to this test.
	data := filepath.Join(opts.Dir, "postgres", "data")
	require.NoError(t, os.WriteFile(filepath.Join(data, "postmaster.pid"),
		fmt.Appendf(nil, "%d\n%s\n1\n1\n\n127.0.0.1\n\nready\n", os.Getpid(), data), 0o600))
	pg, err = startPostgres(t.Context(), opts, failed)
	require.NoError(t, err)
	require.Equal(t, "still here", query(t, pg.OwnerURL(), "SELECT word FROM kept"))
	pg.stop()

	require.NoError(t, os.WriteFile(filepath.Join(data, "PG_VERSION"), []byte("9\n"), 0o600))
	_, err = startPostgres(t.Context(), opts, failed)
	require.ErrorContains(t, err, "was made by PostgreSQL 9")
	require.FileExists(t, filepath.Join(data, "PG_VERSION"))
	require.Empty(t, failed)
}

func TestRedisAsksForItsPassword(t *testing.T) {
	t.Parallel()
	r, err := startRedis(t.Context(), testOptions(t, Test), make(chan error, 4))
	require.NoError(t, err)
	defer r.stop()
	require.False(t, r.InProcess)
	options, err := redis.ParseURL(r.URL)
	require.NoError(t, err)
	options.Password = ""
	stranger := redis.NewClient(options)
	defer stranger.Close()
	require.ErrorContains(t, stranger.Ping(t.Context()).Err(), "NOAUTH")
}

func TestInProcessRedisAnswers(t *testing.T) {
	t.Parallel()
	r, err := startMiniredis(testOptions(t, Development), "word")
	require.NoError(t, err)
	defer r.stop()
	require.True(t, r.InProcess)
	options, err := redis.ParseURL(r.URL)
	require.NoError(t, err)
	client := redis.NewClient(options)
	defer client.Close()
	require.NoError(t, client.Ping(t.Context()).Err())
}

func TestScriptIsUnderstoodAsByPsql(t *testing.T) {
	t.Parallel()
	steps := parseScript("-- a comment; with a semicolon\nSELECT 'a'\n  WHERE true\n\\gexec\n\nREVOKE x FROM y;\n\\connect other\nSELECT 1;\n")
	require.Equal(t, []scriptStep{
		{sql: "SELECT 'a'\nWHERE true", gexec: true},
		{sql: "REVOKE x FROM y;"},
		{connect: "other"},
		{sql: "SELECT 1;"},
	}, steps)
}
