package attack

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

// searchCall is the search function as an attacker calls it: for a word that Bob's rows have and Alice's have, too. What comes back are
// places, which name conversations and no content; a place of Bob's is told by its conversation, so the cases look for that.
const searchCall = "SELECT count(*) FILTER (WHERE conversation_id LIKE '%%" + canary + "') FROM public.search_messages(%s, %s, 'infinity', '~', 9, 100)"

// searches are calls that must find nothing of Bob's. before is run in the same transaction.
var searches = []struct{ tries, before, query string }{
	{"a word of the victim's", "", "'shared'"},
	{"every word there may be", "", "'a:* | b:* | s:* | t:*'"},
	{"whatever is not there", "", "'!nothing'"},
	{"a query of nothing", "", "''"},
	{"no query", "", "NULL"},
	{"with the victim's path", "SET LOCAL search_path = {B}, pg_temp", "'shared'"},
	{"with the hash as key", "SET LOCAL twobrains.key = '{Bhash}'", "'shared'"},
	{"with the victim's schema as key", "SET LOCAL twobrains.key = '{B}'", "'shared'"},
	{"with the victim's id as key", "SET LOCAL twobrains.key = '{Bid}'", "'shared'"},
	{"with an empty key", "SET LOCAL twobrains.key = ''", "'shared'"},
	{"with a key beginning as the own", "SELECT set_config('twobrains.key', current_setting('twobrains.key') || ' ', true)", "'shared'"},
	{"with a key that is SQL", "SET LOCAL twobrains.key = ''' OR true --'", "'shared'"},
	{"with a key that is no text", `SELECT set_config('twobrains.key', E'\x01', true)`, "'shared'"},
	{"without row security", "SET LOCAL row_security = off", "'shared'"},
	{"as the owner", "SET LOCAL ROLE twobrains_owner", "'shared'"},
	{"with a lenient reading of strings", "SET LOCAL standard_conforming_strings = off; SET LOCAL backslash_quote = on", "'shared'"},
	{"with other plans", "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL gin_fuzzy_search_limit = 1", "'shared'"},
	{"with names of columns for its parameters", "SET LOCAL plpgsql.variable_conflict = use_column", "'shared'"},
	{"a query that is SQL", "", `$q$'shared'' OR true; SELECT * FROM {B}.messages --'$q$::tsquery`},
	{"a query that is a format", "", `$q$'%I' | '%s' | '%1$I' | shared$q$::tsquery`},
	{"a query with the operators of phrases in a word", "", `$q$'a<->b' <-> 'shared' | 'x<2>y' <2> 'shared'$q$::tsquery`},
	{"a query that rewrites itself", "", "ts_rewrite('x'::tsquery, 'x'::tsquery, 'shared'::tsquery)"},
	{"a query made under the victim's path", "", "to_tsquery('simple', set_config('search_path', '{B}', true) || '|shared')"},
	{"a query that takes another key while it runs", "", "(set_config('twobrains.key', '{Bhash}', true) || ' | shared')::tsquery"},
	{"a configuration that is not there", "", "to_tsquery('{B}.english', 'shared')"},
	{"a configuration of the victim's schema", "", "to_tsquery('{B}.conversations'::regclass::oid::regconfig, 'shared')"},
	{"a table in its place, of the session", "CREATE TEMP TABLE tenants (schema_name text, lock bytea)", "'shared'"},
	{"an operator in its place, of the session", "CREATE OPERATOR pg_temp.@@ (LEFTARG = tsvector, RIGHTARG = tsquery, FUNCTION = ts_match_vq)", "'shared'"},
	{"a function in its place", "CREATE FUNCTION pg_temp.sha256(bytea) RETURNS bytea LANGUAGE sql AS 'SELECT lock FROM public.tenants'", "'shared'"},
	{"a setting in its place", "CREATE FUNCTION brain_template.current_setting(text, boolean) RETURNS text LANGUAGE sql AS 'SELECT ''x'''", "'shared'"},
	{"with another path of its own", "ALTER FUNCTION public.search_messages(tsquery, boolean, timestamptz, text, bigint, integer) SET search_path = {B}", "'shared'"},
	{"without its rights, as an invoker", "ALTER FUNCTION public.search_messages(tsquery, boolean, timestamptz, text, bigint, integer) SECURITY INVOKER", "'shared'"},
	{"another function in its place", "CREATE OR REPLACE FUNCTION public.search_messages(query tsquery, titles boolean, before_at timestamptz, before_conversation text, before_seq bigint, max_rows integer) RETURNS TABLE (conversation_id text, seq bigint, created_at timestamptz) LANGUAGE sql SECURITY DEFINER AS 'SELECT conversation_id, seq, created_at FROM {B}.messages'", "'shared'"},
	{"another function beside it", "CREATE FUNCTION public.search_messages(text) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'", "'shared'"},
	{"a name in the registry", "UPDATE public.tenants SET schema_name = '{B}'", "'shared'"},
	{"an entry in the registry", "INSERT INTO public.tenants (user_id, schema_name, lock, key_id) SELECT '{Bid}', '{B}', sha256(convert_to(current_setting('twobrains.key'), 'UTF8')), 'k'", "'shared'"},
}

// Each is tried in a transaction that is bound to Alice, for messages and for titles; the preparation may be refused, since it is
// the attacker who chooses whether to go on.
func TestSearchFindsNothingOfAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.state(t)
	for _, a := range searches {
		for _, titles := range []string{"false", "true", "NULL"} {
			conn := w.bound(t)
			if a.before != "" {
				_, _ = strikeWithin(t, conn, "SAVEPOINT tried; "+w.replace.Replace(a.before))
				if conn.TxStatus() == 'E' {
					_, err := strikeWithin(t, conn, "ROLLBACK TO tried")
					require.NoError(t, err, a.tries)
				}
			}
			values, err := strikeWithin(t, conn, fmt.Sprintf(searchCall, w.replace.Replace(a.query), titles))
			if err == nil {
				require.Equal(t, []string{"0"}, values, a.tries)
			} else {
				require.NotContains(t, err.Error()+detail(err), canary, a.tries)
			}
			_, _ = strikeWithin(t, conn, "COMMIT")
			require.Equal(t, before, w.state(t), a.tries)
		}
	}
	w.own(t)
}

// Nobody but who holds a key gets an answer, and only the server's login may ask at all.
func TestSearchNeedsAKeyAndARole(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	call := w.replace.Replace(fmt.Sprintf(searchCall, "'shared'", "false"))
	var pgErr *pgconn.PgError
	for _, key := range []string{"", "x", "{Bhash}"} {
		conn := w.App(t)
		_, err := conn.Exec(t.Context(), "SELECT set_config('twobrains.key', $1, false)", w.replace.Replace(key))
		require.NoError(t, err)
		_, err = conn.Exec(t.Context(), call)
		require.ErrorAs(t, err, &pgErr)
		require.Equal(t, "TB001", pgErr.Code)
	}
	_, err := w.App(t).Exec(t.Context(), call)
	require.ErrorAs(t, err, &pgErr)
	require.Equal(t, "TB001", pgErr.Code, "no key was ever set")
	for _, role := range []string{"twobrains_analyst", "pg_read_all_data"} {
		var may bool
		require.NoError(t, w.super.QueryRow(t.Context(),
			"SELECT has_function_privilege($1, 'public.search_messages(tsquery, boolean, timestamptz, text, bigint, integer)', 'EXECUTE')", role).Scan(&may))
		require.False(t, may, role)
	}

	// The attacker's own brain is found, so that the cases above met a working function.
	values, err := strike(t.Context(), w.bound(t), "SELECT conversation_id FROM public.search_messages('shared', false, 'infinity', '~', 9, 100)")
	require.NoError(t, err)
	require.Equal(t, []string{"conversation-alices-own", "conversation-alices-own"}, values)
}

// The function passes the seal and returns places only: reading the index's table itself, and what words it has, is sealed.
func TestSearchTableIsSealed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, a := range []attack{
		{"read it", "SELECT tsv FROM {B}.message_search", empty},
		{"read its words", "SELECT word FROM ts_stat('SELECT tsv FROM {B}.message_search')", empty},
		{"search it past the function", "SELECT * FROM {B}.message_search WHERE tsv @@ 'shared'::tsquery", empty},
		{"empty it", "DELETE FROM {B}.message_search", unchanged},
		{"fill it", "INSERT INTO {B}.message_search (created_at, conversation_id, seq, tsv) VALUES (now(), 'c', 1, 'a')", denied},
		{"read the function's plans", "SELECT * FROM pg_prepared_statements WHERE statement LIKE '%{B}%'", empty},
		{"read its text with the name of a brain", "SELECT prosrc FROM pg_proc WHERE prosrc LIKE '%{B}%'", empty},
	} {
		w.run(t, a)
	}
	w.own(t)
}

// strikeWithin is strike without the commit.
func strikeWithin(t *testing.T, conn *pgconn.PgConn, sql string) (values []string, err error) {
	t.Helper()
	results, err := conn.Exec(t.Context(), sql).ReadAll()
	for _, r := range results {
		if !strings.HasPrefix(r.CommandTag.String(), "SELECT") {
			continue
		}
		for _, row := range r.Rows {
			for _, value := range row {
				values = append(values, string(value))
			}
		}
	}
	return values, err
}
