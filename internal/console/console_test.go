package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"twobrains/internal/auth"
	"twobrains/internal/auth/authtest"
	"twobrains/internal/problem"
	"twobrains/internal/secret"
	"twobrains/internal/tenant"
	"twobrains/internal/testdb"
)

type testBundle struct {
	*testdb.Database
	*Console
	ids  *authtest.Identities
	user auth.User
}

func setup(t *testing.T, o Options, options ...testdb.Option) *testBundle {
	t.Helper()
	b := &testBundle{Database: testdb.New(t, options...), ids: authtest.NewIdentities(t)}
	o.DB = b.DB
	b.Console = New(o)
	b.user = b.ids.User(t, uuid.New())
	b.fill(t, b.user, "mine")
	return b
}

// fill gives a user two conversations with three messages.
func (b *testBundle) fill(t *testing.T, user auth.User, mark string) {
	t.Helper()
	require.NoError(t, b.DB.Tx(t.Context(), user, func(tx *tenant.Tx) error {
		for _, sql := range []string{
			"INSERT INTO conversations (id, title, created_at) VALUES ('a', '%[1]s one', '2026-01-02 03:04:05.6+00'), ('b', '%[1]s two', '2026-01-03 00:00:00+00')",
			`INSERT INTO messages (id, conversation_id, seq, role, parts, status, size) VALUES
				('m1', 'a', 1, 'user', '[{"type":"text","text":"%[1]s"}]', 'complete', 4), ('m2', 'a', 2, 'assistant', '[]', 'complete', 9007), ('m3', 'b', 1, 'user', '[]', 'complete', 1)`,
			"INSERT INTO attachments (id, media_type, name, size, created_at, data) VALUES ('00000000-0000-4000-8000-000000000001', 'text/plain', '%[1]s', 1200000, now(), decode(repeat('61', 1200000), 'hex'))",
		} {
			if _, err := tx.Exec(t.Context(), fmt.Sprintf(sql, mark)); err != nil {
				return err
			}
		}
		return nil
	}))
}

// refused runs a query that has to fail, and returns why.
func (b *testBundle) refused(t *testing.T, sql string) *problem.Error {
	t.Helper()
	_, err := b.Query(t.Context(), b.user, sql)
	var p *problem.Error
	require.ErrorAs(t, err, &p, "%.200q", sql)
	require.Equal(t, problem.CodeSQL, p.Code, "%.200q: %v", sql, err)
	require.NotNil(t, p.SQL)
	require.NotEmpty(t, p.Detail)
	return p
}

func (b *testBundle) connections(t *testing.T, super *pgx.Conn) (n int) {
	t.Helper()
	require.NoError(t, super.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND usename = 'twobrains_console'", b.Name).Scan(&n))
	return n
}

func TestQuery(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{})
	got, err := b.Query(t.Context(), b.user, `SELECT c.title AS "Title", count(m.id) AS n, max(m.size) > 5 AS big, c.created_at, null AS nothing, jsonb_build_object('a', 1) AS j,
		1.5::numeric(10,2) AS p, avg(m.size)::float8 AS average FROM conversations c JOIN messages m ON m.conversation_id = c.id GROUP BY c.id ORDER BY c.id;  -- end`)
	require.NoError(t, err)
	require.Equal(t, []Column{
		{"Title", "character varying(200)"}, {"n", "bigint"}, {"big", "boolean"}, {"created_at", "timestamp with time zone"}, {"nothing", "text"}, {"j", "jsonb"},
		{"p", "numeric(10,2)"}, {"average", "double precision"},
	}, got.Columns)
	require.Equal(t, `[["mine one",2,true,"2026-01-02T03:04:05.6Z",null,{"a":1},1.50,4505.5],["mine two",1,false,"2026-01-03T00:00:00Z",null,{"a":1},1.50,1]]`, string(got.Rows))
	require.Equal(t, 2, got.Count)
	require.False(t, got.Truncated)

	for sql, want := range map[string]string{
		"TABLE schema_version":               "",
		"VALUES (1), (2)":                    "[[1],[2]]",
		"SELECT 1 WHERE false":               "[]",
		"SELECT":                             "[[]]",
		"SELECT name, data FROM attachments": `[["mine",{"bytes":1200000}]]`,
		"WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT n FROM r": "[[1],[2],[3]]",
		"SELECT p->>'text' FROM messages, jsonb_array_elements(parts) AS p":                           `[["mine"]]`,
		"SELECT 9007199254740993, 'é', $$;$$":                                                         `[["9007199254740993","é",";"]]`,
	} {
		got, err := b.Query(t.Context(), b.user, sql)
		require.NoError(t, err, sql)
		require.True(t, json.Valid(got.Rows))
		if want != "" {
			require.Equal(t, want, string(got.Rows), sql)
		}
	}
	require.Zero(t, b.connections(t, b.Superuser(t)), "a connection outlives its query")

	// Somebody else sees their own.
	other := b.ids.User(t, uuid.New())
	got, err = b.Query(t.Context(), other, "SELECT count(*) FROM messages")
	require.NoError(t, err)
	require.Equal(t, "[[0]]", string(got.Rows))
}

func TestErrors(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{})
	for _, test := range []struct {
		sql, state string
		position   int
	}{
		{"SELECT titel FROM conversations", "42703", 8},
		{"SELECT 'é', titel FROM conversations", "42703", 13},
		{"SELECT * FROM nothing", "42P01", 15},
		{"SELECT 1 +", "42601", 11},
		{"SELECT FROM WHERE", "42601", 13},
		{"SELECT 1 / 0", "22012", 0},
		{"SELECT repeat('x', 40000000)::int", "54000", 0},
		{"SELECT repeat('x', 400000)::int", "22P02", 0},
		{"SELECT 1 / (seq - 1) FROM messages", "22012", 0},
		{"SELECT 'x'::int", "22P02", 8},
		{"SELECT * FROM messages FOR UPDATE", "42501", 24},
		{"SELECT lower(1, 2)", "42883", 8},
		{"SELECT jsonb_array_elements('{}')", "22023", 0},
		{"SELECT seq, count(*) FROM messages", "42803", 8},
		{"SELECT " + strings.Repeat("(", 40_000) + "1" + strings.Repeat(")", 40_000), "", 0},
		{"SELECT " + strings.Repeat("-", 1) + strings.Repeat(" - ", 30_000) + "1", "", 0},
		{"SELECT " + strings.Repeat("1, ", 2_000) + "1", "54011", 0},
	} {
		p := b.refused(t, test.sql)
		if test.state != "" {
			require.Equal(t, test.state, p.SQL.State, test.sql)
			require.Equal(t, test.position, p.SQL.Position, test.sql)
		}
		require.NotContains(t, p.Detail, "DECLARE")
		require.Less(t, len(p.Detail), 2_000)
	}
}

// Without the guard, Postgres alone has to refuse what is no query; with it, the same.
func TestNoQueries(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Timeout: 2 * time.Second})
	super := b.Superuser(t)
	state := func() (s string) {
		require.NoError(t, super.QueryRow(t.Context(), fmt.Sprintf("SELECT (SELECT string_agg(x::text, '' ORDER BY id) FROM u_%[1]s.messages x) || (SELECT string_agg(x::text, '' ORDER BY id) FROM u_%[1]s.conversations x)",
			strings.ReplaceAll(b.user.ID().String(), "-", ""))).Scan(&s))
		return s
	}
	before := state()
	for _, unguarded := range []bool{false, true} {
		b.unguarded = unguarded
		for _, sql := range []string{
			"", ";", "SELECT 1; SELECT 2", "SELECT 1; DELETE FROM messages", "SELECT 1; COMMIT; DELETE FROM messages", "SELECT 1\x00; DELETE FROM messages", "SELECT '\xff'",
			"INSERT INTO messages SELECT * FROM messages", "UPDATE messages SET role = 'user'", "DELETE FROM messages", "TRUNCATE messages", "MERGE INTO messages USING messages x ON true WHEN MATCHED THEN DELETE",
			"WITH x AS (DELETE FROM messages RETURNING *) SELECT * FROM x", "WITH x AS (INSERT INTO conversations (id) VALUES ('x') RETURNING *) TABLE x", "WITH x AS (SELECT 1) UPDATE messages SET role = 'user'",
			"SELECT * INTO x FROM messages", "SELECT 1 INTO TEMP x", "CREATE TABLE x AS SELECT 1", "CREATE TEMP TABLE x ()", "DROP TABLE messages", "ALTER TABLE messages DISABLE ROW LEVEL SECURITY",
			"SELECT * FROM messages FOR UPDATE", "SELECT * FROM messages FOR SHARE", "LOCK TABLE messages",
			"EXPLAIN SELECT 1", "EXPLAIN ANALYZE SELECT 1", "COPY messages TO STDOUT", "COPY messages FROM STDIN", "COPY (SELECT 1) TO PROGRAM 'true'", "COPY (SELECT 1) TO '/tmp/x'",
			"DO $$ BEGIN DELETE FROM messages; END $$", "CALL x()", "SHOW twobrains.key", "SET twobrains.key = 'x'", "RESET ALL", "DISCARD ALL", "LISTEN x", "NOTIFY x", "PREPARE x AS SELECT 1", "EXECUTE x",
			"DECLARE x CURSOR FOR SELECT 1", "FETCH ALL FROM result", "CLOSE ALL", "MOVE result", "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT x", "VACUUM", "ANALYZE messages", "REINDEX TABLE messages",
			"SET ROLE twobrains_owner", "GRANT SELECT ON messages TO PUBLIC", "SECURITY LABEL ON TABLE messages IS 'x'", "IMPORT FOREIGN SCHEMA x FROM SERVER x INTO x", "LOAD 'x'", "CHECKPOINT",
			"SELECT $1", "SELECT 1 WHERE $1 = 2", "'; DELETE FROM messages; --", "SELECT 1 -- \n; DELETE FROM messages", "SELECT 1 /* ; */ ; DELETE FROM messages",
			"SELECT $x$ ; $x$; DELETE FROM messages", "SELECT 1) ; DELETE FROM messages", "SELECT lo_import('/etc/passwd')", "SELECT pg_read_file('/etc/passwd')", "SELECT pg_sleep(60)", "SELECT pg_sleep(60) FROM generate_series(1, 10)",
			"SELECT * FROM public.tenants", "SELECT * FROM public.user_settings", "SELECT public.require(true, 'x')", "SELECT set_config('role', 'twobrains_owner', true)", "SELECT nextval('x')",
			"SELECT lo_unlink(1)", "SELECT dblink('x', 'SELECT 1')", "SELECT count(*) FROM generate_series(1, 1000000000000)", "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r",
			"SELECT a.seq FROM messages a, messages b, generate_series(1, 100000) c, generate_series(1, 100000) d ORDER BY 1",
			"SELECT '" + strings.Repeat("x", 10<<20) + "'::int",
		} {
			start := time.Now()
			_, err := b.Query(t.Context(), b.user, sql)
			require.True(t, problem.HasCode(err, problem.CodeSQL), "unguarded %t: %.200q: %v", unguarded, sql, err)
			require.Less(t, time.Since(start), 10*time.Second, "%.200q", sql)
			require.Less(t, len(problem.From(err).Detail), 10_000)
		}
	}
	require.Equal(t, before, state())
	require.Eventually(t, func() bool { return b.connections(t, super) == 0 }, 10*time.Second, 20*time.Millisecond, "a query goes on")
}

//nolint:paralleltest // what the process allocates meanwhile is measured
func TestBounds(t *testing.T) {
	b := setup(t, Options{MaxRows: 1000, MaxBytes: 1 << 20, MaxRowBytes: 2 << 20})
	b.unguarded = true
	for _, test := range []struct {
		sql       string
		rows      int
		truncated bool
	}{
		{"SELECT generate_series(1, 1000)", 1000, false},
		{"SELECT generate_series(1, 1001)", 1000, true},
		{"SELECT n FROM generate_series(1, 1000000000000) AS n", 0, true}, // a set-returning function in FROM is stored first: it ends by time
		{"SELECT generate_series(1, 1000000000000)", 1000, true},
		{"WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n FROM r", 1000, true},
		{"SELECT repeat('x', 100000) FROM generate_series(1, 20)", 10, true},
		{"SELECT repeat('x', 1048570)", 1, false},
		{"SELECT repeat('x', 1048577)", 0, true},
		{"SELECT repeat('x', 3000000)", 0, true},
		{"SELECT repeat('x', 1000000000)", 0, true},
		{"SELECT 1 UNION ALL SELECT length(repeat('x', 10))", 2, false},
		{"SELECT repeat('x', 1000) UNION ALL SELECT repeat('y', 50000000)", 1, true},
		{"SELECT decode(repeat('00', 1500000), 'hex')", 1, false},
		{"SELECT NULL, NULL, NULL, NULL FROM generate_series(1, 1000)", 1000, false},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got, err := b.Query(t.Context(), b.user, test.sql)
		runtime.ReadMemStats(&after)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20), test.sql)
		if test.rows == 0 && err != nil {
			require.True(t, problem.HasCode(err, problem.CodeSQL), "%s: %v", test.sql, err)
			require.Equal(t, "57014", problem.From(err).SQL.State, test.sql)
			continue
		}
		require.NoError(t, err, test.sql)
		require.Equal(t, test.rows, got.Count, test.sql)
		require.Equal(t, test.truncated, got.Truncated, test.sql)
		require.LessOrEqual(t, len(got.Rows), 1<<20, test.sql)
		require.True(t, json.Valid(got.Rows), test.sql)
	}
	super := b.Superuser(t)
	require.Eventually(t, func() bool { return b.connections(t, super) == 0 }, 10*time.Second, 20*time.Millisecond)
}

func TestTurns(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Queries: 2, Timeout: 20 * time.Second, Patience: 50 * time.Millisecond})
	b.unguarded = true
	super := b.Superuser(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var group sync.WaitGroup
	users := []auth.User{b.user, b.ids.User(t, uuid.New()), b.ids.User(t, uuid.New())}
	for _, user := range users[:2] {
		group.Go(func() {
			_, err := b.Query(ctx, user, "SELECT pg_sleep(20)")
			if !errors.Is(ctx.Err(), context.Canceled) || err == nil {
				t.Errorf("ended: %v", err)
			}
		})
	}
	sleeping := func() (n int) {
		require.NoError(t, super.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND usename = 'twobrains_console' AND wait_event = 'PgSleep'", b.Name).Scan(&n))
		return n
	}
	require.Eventually(t, func() bool { return sleeping() == 2 }, 15*time.Second, 20*time.Millisecond)
	_, err := b.Query(t.Context(), users[0], "SELECT 1")
	require.True(t, problem.HasCode(err, problem.CodeConflict), "%v", err)
	_, err = b.Query(t.Context(), users[2], "SELECT 1")
	require.True(t, problem.HasCode(err, problem.CodeBusy), "%v", err)
	// Whoever leaves takes the query along.
	cancel()
	group.Wait()
	require.Eventually(t, func() bool { return b.connections(t, super) == 0 }, 15*time.Second, 20*time.Millisecond)
	for _, user := range users {
		_, err = b.Query(t.Context(), user, "SELECT 1")
		require.NoError(t, err)
	}
}

func TestSchema(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{})
	schema, err := b.Schema(t.Context())
	require.NoError(t, err)
	require.Contains(t, schema.Functions, "date_trunc")
	require.NotContains(t, schema.Functions, "pg_sleep")
	described := map[string]bool{}
	for _, table := range schema.Tables {
		described[table.Name] = true
		require.NotEmpty(t, table.Comment, "comments.go says nothing of table %s", table.Name)
		for _, column := range table.Columns {
			described[table.Name+"."+column.Name] = true
			require.NotEmpty(t, column.Type)
			require.NotEmpty(t, column.Comment, "comments.go says nothing of %s.%s", table.Name, column.Name)
		}
		_, err := b.Query(t.Context(), b.user, "SELECT * FROM "+table.Name)
		require.NoError(t, err)
	}
	for name := range comments {
		require.True(t, described[name], "comments.go tells of %s, which is not there", name)
	}
}

// What the guard takes for granted of Postgres, on the server of the tests.
func TestServer(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{})
	super := b.Superuser(t)
	list := func(sql string, args ...any) []string {
		rows, err := super.Query(t.Context(), sql, args...)
		require.NoError(t, err)
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		return names
	}
	require.Empty(t, list("SELECT relname FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relname !~ '^pg_'"),
		"a relation on every search path that does not look like one of Postgres's")
	safe, volatile, _ := strings.Cut(functionsText, "# volatile")
	names := func(text string) (all []string) {
		for name := range readFunctions(text) {
			all = append(all, name)
		}
		return all
	}
	require.Empty(t, list("SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND proname = ANY ($1) AND provolatile = 'v'", names(safe)))
	require.Empty(t, list(`SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND proname = ANY ($1)
		AND (prokind = 'p' OR prosecdef OR proargtypes::oid[] && ARRAY['internal'::regtype::oid, 'cstring'::regtype::oid, 'regclass'::regtype::oid, 'regproc'::regtype::oid, 'refcursor'::regtype::oid])`, append(names(safe), names(volatile)...)))
	require.Empty(t, list("SELECT name FROM unnest($1::text[]) AS name WHERE name ~ '^pg_'", append(names(safe), names(volatile)...)))

	// Attribute notation reaches functions; so the guard looks at it.
	_, err := b.Query(t.Context(), b.user, "SELECT (' x'::text).length")
	require.NoError(t, err)
	require.Equal(t, stateForbidden, b.refused(t, "SELECT ('twobrains.key'::text).current_setting").SQL.State)
	b.unguarded = true
	got, err := b.Query(t.Context(), b.user, "SELECT ('twobrains.key'::text).current_setting")
	require.NoError(t, err)
	require.Len(t, string(got.Rows), 64+len(`[[""]]`), "one's own key is all that is to be had without the guard")

	// No column of a private brain bears the name of a function that the guard keeps away, and which takes one argument.
	v, err := b.vocabulary(t.Context())
	require.NoError(t, err)
	var columns []string
	for name := range v.columns {
		if !functions[name] {
			columns = append(columns, name)
		}
	}
	require.Empty(t, list("SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND proname = ANY ($1) AND pronargs - pronargdefaults = 1 AND proname <> 'name'", columns))
}

func TestNoConsole(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{})
	off := New(Options{DB: b.Kernel(t, func(o *tenant.Options) { o.ConsoleURL = secret.Secret{} })})
	_, err := off.Query(t.Context(), b.user, "SELECT 1")
	require.True(t, problem.HasCode(err, problem.CodeNotFound), "%v", err)
	_, err = off.Schema(t.Context())
	require.True(t, problem.HasCode(err, problem.CodeNotFound), "%v", err)

	away := New(Options{DB: b.Kernel(t, func(o *tenant.Options) { o.ConsoleURL = secret.New("postgres://twobrains_console:x@127.0.0.1:1/x") })})
	_, err = away.Query(t.Context(), b.user, "SELECT 1")
	require.True(t, problem.HasCode(err, problem.CodeUnavailable), "%v", err)
	require.NotContains(t, problem.From(err).Detail, "127.0.0.1")
}
