package attack

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"twobrains/internal/tenant"
)

// The same attacks by users who write SQL of their own: by the kernel's door, which takes any text and which nothing guards here,
// and by somebody who holds the console's login itself.

// throughDoor runs a text as Alice's query and returns all that comes back.
func (w *world) throughDoor(t *testing.T, sql string) (values []string, err error) {
	t.Helper()
	take := func(row [][]byte) bool {
		for _, value := range row {
			if len(value) > 0 {
				values = append(values, string(value))
			}
		}
		return true
	}
	_, err = w.alice.Console(t.Context(), tenant.ConsoleQuery{SQL: sql, MaxRows: 1000, MaxRowBytes: 1 << 20, Timeout: 5 * time.Second},
		tenant.ConsoleRows{Columns: func(columns []tenant.ConsoleColumn) {
			for _, c := range columns {
				values = append(values, c.Type)
			}
		}, Row: take})
	if err != nil {
		values = append(values, err.Error())
		var refused *tenant.ConsoleError
		if errors.As(err, &refused) {
			values = append(values, refused.Hint)
		}
	}
	return values, err
}

// check asserts what holds for every attack.
func (w *world) check(t *testing.T, a attack, sql, before string, values []string) {
	t.Helper()
	returned := strings.ReplaceAll(strings.Join(values, "\n"), "conversation-"+canary, "")
	if strings.Contains(returned, canary) {
		t.Errorf("%s: content of another user came back\n%s\n%s", a.tries, sql, returned)
	}
	if after := w.state(t); after != before {
		t.Errorf("%s: another user's state changed\n%s", a.tries, sql)
	}
}

func TestConsoleStatements(t *testing.T) {
	t.Parallel()
	for name, cases := range statements {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for _, a := range cases {
				sql := w.replace.Replace(a.sql)
				before := w.state(t)
				values, err := w.throughDoor(t, sql)
				w.check(t, a, sql, before, values)
				first, _, _ := strings.Cut(sql, " ")
				if first != "SELECT" && first != "TABLE" && err == nil {
					t.Errorf("%s: what is no query was run\n%s", a.tries, sql)
				}
				// The login alone, without what the door does: in whatever statements, and not even read-only.
				values, _ = strike(t.Context(), w.boundConsole(t), sql)
				w.check(t, a, sql, before, values)
			}
			w.own(t)
			values, err := w.throughDoor(t, "SELECT id FROM messages ORDER BY seq")
			require.NoError(t, err)
			require.Equal(t, []string{"character varying(64)", "message-alices-own", "hidden-alices-own"}, values)
		})
	}
}

func TestConsoleExpressions(t *testing.T) {
	t.Parallel()
	for _, place := range []string{
		"SELECT title, (%s)::text FROM conversations",
		"SELECT title FROM conversations WHERE id = '' OR (%s)::text <> ''",
		"WITH x AS MATERIALIZED (SELECT (%s)::text AS y) SELECT c.title, x.y FROM x, conversations c",
	} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for _, a := range expressions {
				sql := w.replace.Replace(fmt.Sprintf(place, a.sql))
				before := w.state(t)
				values, err := w.throughDoor(t, sql)
				w.check(t, a, sql, before, values)
				if a.want == denied {
					require.Error(t, err, "%s\n%s", a.tries, sql)
				}
			}
			w.own(t)
		})
	}
}

// boundConsole opens a connection of the console's login bound to Alice, in a transaction that may write as far as the login may.
func (w *world) boundConsole(t *testing.T) *pgconn.PgConn {
	t.Helper()
	conn := w.Console(t)
	for _, sql := range []string{
		"SET statement_timeout = '5s'", "SET default_transaction_read_only = off", "BEGIN READ WRITE",
		fmt.Sprintf("SELECT set_config('search_path', '%s, pg_temp', true), set_config('twobrains.key', '%s', true)", schema(w.alice), w.key),
	} {
		_, err := conn.PgConn().Exec(t.Context(), sql).ReadAll()
		require.NoError(t, err)
	}
	return conn.PgConn()
}

// What the door itself offers: where its text ends, what it binds, which connection it leaves behind.
func TestConsoleDoor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.state(t)
	for _, sql := range []string{
		"SELECT 1; SELECT * FROM {B}.messages", "SELECT 1; COMMIT; BEGIN; SELECT set_config('search_path', '{B}', false)", "SELECT 1\x00SELECT * FROM {B}.messages",
		"SELECT 1 WITH HOLD", "(SELECT * FROM {B}.messages)", "TABLE {B}.messages", "SELECT (SELECT m FROM {B}.messages m LIMIT 1)", "SELECT * FROM ONLY {B}.messages",
		"SELECT (NULL::{B}.messages).*", "SELECT * FROM json_populate_recordset(NULL::{B}.messages, '[{}]')", "SELECT '{B}.messages'::regclass::oid",
		"WITH x AS MATERIALIZED (SELECT set_config('twobrains.key', '{Bhash}', true)) SELECT m.* FROM x, {B}.messages m",
		"WITH x AS MATERIALIZED (SELECT set_config('search_path', '{B}', true)) SELECT m.* FROM x, messages m WHERE m.id NOT LIKE '%alices-own'",
		"SELECT set_config('row_security', 'off', true) || (SELECT count(*) FROM {B}.messages)::text",
		"SELECT set_config('transaction_read_only', 'off', true), set_config('role', 'twobrains_app', true)",
		"SELECT query_to_xml('INSERT INTO {A}.conversations (id) VALUES (''x'') RETURNING 1', true, false, '')", "SELECT query_to_xml('SET transaction_read_only = off; TABLE {B}.messages', true, false, '')",
		"SELECT * FROM ts_stat('SELECT to_tsvector(parts) FROM {B}.messages')", "SELECT * FROM public.search_messages('x', false, 'infinity', '', 0, 100)", "SELECT public.require(true, 'TB001')",
		"SELECT * FROM public.tenants", "SELECT * FROM public.models", "SELECT * FROM brain_template.messages", "SELECT * FROM pg_prepared_statements WHERE statement LIKE '%{B}%'",
		"SELECT query FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query LIKE '%canary%'", "SELECT lo_from_bytea(0, 'x')", "SELECT pg_notify('x', 'y')", "SELECT * FROM pg_cursors",
		"SELECT pg_logical_emit_message(true, 'x', 'y')", "SELECT pg_create_restore_point('x')", "SELECT pg_switch_wal()", "SELECT pg_reload_conf()", "SELECT pg_stat_reset()",
	} {
		sql = w.replace.Replace(sql)
		values, _ := w.throughDoor(t, sql)
		w.check(t, attack{tries: "by the door"}, sql, before, values)
	}
	// Nothing of the public brain is open to the login, and no brain that it is not bound to.
	var tables, functions int
	require.NoError(t, w.super.QueryRow(t.Context(), `SELECT count(*) FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
		AND has_table_privilege('twobrains_console', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')`).Scan(&tables))
	require.NoError(t, w.super.QueryRow(t.Context(), `SELECT count(*) FROM pg_proc p WHERE pronamespace = 'public'::regnamespace
		AND has_schema_privilege('twobrains_console', 'public', 'USAGE, CREATE') AND has_function_privilege('twobrains_console', p.oid, 'EXECUTE')`).Scan(&functions))
	require.Zero(t, tables)
	require.Zero(t, functions)
	var writes, roles int
	require.NoError(t, w.super.QueryRow(t.Context(), `SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE (n.nspname LIKE 'u\_%' OR n.nspname = 'brain_template') AND c.relkind = 'r' AND (has_table_privilege('twobrains_console', c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
		OR NOT has_table_privilege('twobrains_console', c.oid, 'SELECT') OR has_schema_privilege('twobrains_console', n.oid, 'CREATE'))`).Scan(&writes))
	require.Zero(t, writes, "tables of private brains that the console cannot read, or can write")
	require.NoError(t, w.super.QueryRow(t.Context(), "SELECT count(*) FROM pg_auth_members WHERE member = 'twobrains_console'::regrole").Scan(&roles))
	require.Zero(t, roles)

	unbound := w.Console(t)
	var n int
	for _, table := range []string{"messages", schema(w.bob) + ".messages", schema(w.alice) + ".conversations"} {
		require.NoError(t, unbound.QueryRow(t.Context(), "SELECT count(*) FROM "+table).Scan(&n))
		require.Zero(t, n, table)
	}
}

// A key that does not fit is an error, not an empty result, and a brain that was sealed anew meanwhile is opened again.
func TestConsoleProof(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.throughDoor(t, "SELECT 1")
	require.NoError(t, err)
	_, err = w.super.Exec(t.Context(), "REVOKE SELECT ON "+schema(w.alice)+".schema_version FROM twobrains_console")
	require.NoError(t, err)
	_, err = w.throughDoor(t, "SELECT 1")
	require.Error(t, err)
	require.NotContains(t, err.Error(), canary)
	_, err = w.super.Exec(t.Context(), "GRANT SELECT ON "+schema(w.alice)+".schema_version TO twobrains_console; ALTER POLICY seal ON "+schema(w.alice)+".schema_version USING (false)")
	require.NoError(t, err)
	values, err := w.throughDoor(t, "SELECT title FROM conversations")
	require.Error(t, err)
	require.NotContains(t, strings.Join(values, " "), "alices-own")
}

// On a hardened server the console answers as before, and shows less without a guard.
func TestConsoleHardened(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.super.PgConn().Exec(t.Context(), w.DB.HardenSQL()).ReadAll()
	require.NoError(t, err)
	values, err := w.throughDoor(t, "SELECT id, seq, created_at > '2026-01-01' FROM messages ORDER BY seq LIMIT 1")
	require.NoError(t, err)
	require.Equal(t, []string{"character varying(64)", "bigint", "boolean", "message-alices-own", "1", "t"}, values)
	d, err := w.DB.Describe(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, d.Tables)
	for _, a := range statements["residual channels"] {
		if closed[a.tries] && strings.HasPrefix(a.sql, "SELECT") {
			_, err := w.throughDoor(t, w.replace.Replace(a.sql))
			require.Error(t, err, a.tries)
		}
	}
	values, err = w.throughDoor(t, "SELECT current_setting('temp_file_limit')")
	require.NoError(t, err)
	require.Contains(t, values, "1GB")
}
