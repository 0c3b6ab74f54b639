package console

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"twobrains/internal/tenant"
)

// testVocabulary is a little of what a database tells.
var testVocabulary = vocabulary{
	columns: wordSet("id title parts created_at version"),
	functions: wordSet(`count length lower current_setting set_config pg_sleep query_to_xml version dblink lo_import nextval txid_current
		regclassin now pg_advisory_lock to_regclass inet_server_addr has_table_privilege ts_stat ts_rewrite currval lastval`),
}

func TestGuardTakes(t *testing.T) {
	t.Parallel()
	c := &Console{}
	for _, sql := range []string{
		"SELECT 1",
		"select title from conversations",
		"TABLE messages;",
		"VALUES (1, 'a'), (2, 'b') ; ;",
		"(SELECT 1) UNION ALL (SELECT 2)",
		"((SELECT 1))",
		"-- a comment; DROP TABLE x\nSELECT /* ; /* nested */ DELETE */ 1 -- end ;",
		"SELECT 'a;b' || $$ ; DROP '$$ || $x$ $$ ; $x$",
		"SELECT 'it''s', \"a\"\"b\", E'it\\'s; \\n' FROM (SELECT 1 AS \"a\"\"b\") x",
		"SELECT c.title, count(*) FROM conversations c JOIN messages m ON m.conversation_id = c.id GROUP BY c.title HAVING count(*) > 1",
		"WITH t AS (SELECT 1 AS n), u (a, b) AS MATERIALIZED (SELECT 1, 2), v(a) AS NOT MATERIALIZED ((SELECT 1)) SELECT * FROM t, u, v",
		"WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 10) SELECT * FROM r",
		"SELECT p->>'text' FROM messages, jsonb_array_elements(parts) AS p WHERE p->>'type' = 'text'",
		"SELECT x.a, x.b FROM jsonb_to_recordset('[]') AS x(a int, b text)",
		"SELECT * FROM (VALUES (1, 2)) AS v (a, b)",
		"SELECT CAST('1' AS numeric(10, 2)), '1'::varchar(3)::text, now()::date, date '2026-01-01', interval '1 day'",
		"SELECT extract(epoch FROM now()), substring('abc' FROM 2 FOR 1), trim(both ' ' FROM ' a '), position('b' IN 'abc')",
		"SELECT sum(size) FILTER (WHERE role = 'user') OVER (PARTITION BY role ORDER BY seq ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM messages",
		"SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY size) FROM messages",
		"SELECT CASE WHEN (1 = 1) THEN (2) ELSE (3) END, COALESCE(NULL, 1), NULLIF(1, 2), GREATEST(1, 2), ARRAY(SELECT 1), ROW(1, 2)",
		"SELECT 1 WHERE EXISTS (SELECT 1) AND 1 IN (1, 2) AND 1 = ANY (ARRAY[1]) AND NOT (1 = 2)",
		"SELECT * FROM messages TABLESAMPLE_ LIMIT (1) OFFSET (0)",
		"SELECT 1.5e10, .5, 1_000, 1e-3",
		"SELECT * FROM (SELECT 'x'::text AS title) c WHERE (c.title).length = 1 OR c.lower = 'x'",
		"SELECT m.version, m.* FROM messages m FOR NOTHING",
		"SELECT generate_series(1, 10) AS \"PG_x\", 'pg_sleep', 'public.x'",
		"SELECT public FROM (SELECT 1 AS public) x",
		"SELECT lower.x FROM (SELECT 1 AS x) AS lower",
	} {
		require.NoError(t, c.check(sql, testVocabulary), sql)
	}
}

// guardRefuses are queries and where in them the complaint has to be.
var guardRefuses = []struct {
	sql string
	at  int
}{
	{"", 1}, {"  -- nothing", 1}, {";", 1}, {"(", 1}, {"()", 2},
	{"SELECT 1; SELECT 2", 9}, {"SELECT 1; DROP TABLE messages", 9}, {"SELECT (1; SELECT 2)", 10},
	{"SELECT 1)", 9}, {"SELECT 1) FROM x; DELETE FROM messages --", 9},
	{"INSERT INTO messages VALUES (1)", 1}, {"UPDATE messages SET id = 'x'", 1}, {"DELETE FROM messages", 1}, {"TRUNCATE messages", 1},
	{"MERGE INTO messages USING x ON true WHEN MATCHED THEN DELETE", 1},
	{"EXPLAIN SELECT 1", 1}, {"EXPLAIN ANALYZE SELECT 1", 1}, {"COPY messages TO STDOUT", 1}, {"COPY (SELECT 1) TO PROGRAM 'x'", 1},
	{"DO $$ BEGIN END $$", 1}, {"CALL x()", 1}, {"SHOW twobrains.key", 1}, {"SET search_path = x", 1}, {"RESET ALL", 1}, {"DISCARD ALL", 1},
	{"LISTEN x", 1}, {"NOTIFY x", 1}, {"UNLISTEN x", 1}, {"LOCK TABLE messages", 1}, {"PREPARE p AS SELECT 1", 1}, {"EXECUTE p", 1},
	{"DEALLOCATE ALL", 1}, {"DECLARE c CURSOR FOR SELECT 1", 1}, {"FETCH ALL FROM c", 1}, {"CLOSE ALL", 1}, {"BEGIN", 1}, {"COMMIT", 1},
	{"ROLLBACK", 1}, {"VACUUM", 1}, {"ANALYZE", 1}, {"CREATE TABLE x ()", 1}, {"GRANT ALL ON messages TO PUBLIC", 1}, {"LOAD 'x'", 1},
	{"WITH x AS (DELETE FROM messages RETURNING *) SELECT * FROM x", 12}, {"WITH x AS (SELECT 1) DELETE FROM messages", 22},
	{"WITH x AS (INSERT INTO messages VALUES (1) RETURNING 1) TABLE x", 12}, {"WITH x AS (SELECT 1) UPDATE messages SET id = 'x'", 22},
	{"SELECT 1 INTO x", 10}, {"SELECT * INTO TEMP x FROM messages", 10},
	{"SELECT * FROM messages FOR UPDATE", 24}, {"SELECT * FROM messages FOR NO KEY UPDATE", 24}, {"SELECT * FROM messages FOR SHARE", 24}, {"SELECT 1 FOR KEY SHARE", 10},

	{"SELECT * FROM pg_class", 15}, {"SELECT * FROM pg_catalog.pg_class", 15}, {`SELECT * FROM "pg_stat_activity"`, 15}, {"SELECT * FROM PG_Roles", 15},
	{"SELECT * FROM information_schema.tables", 15}, {"SELECT * FROM Information_Schema . tables", 15}, {"SELECT * FROM public.tenants", 15}, {`SELECT * FROM "public"/**/.tenants`, 15},
	{"SELECT * FROM brain_template.messages", 15}, {"SELECT * FROM u_0123456789abcdef0123456789abcdef.messages", 15},
	{"SELECT NULL::u_0123456789abcdef0123456789abcdef.messages", 14}, {"WITH pg_x AS (SELECT 1) SELECT * FROM pg_x", 6},
	{"TABLE pg_settings", 7},

	{"SELECT pg_sleep(10)", 8}, {"SELECT PG_SLEEP (10)", 8}, {`SELECT "pg_sleep"(10)`, 8}, {"SELECT pg_catalog.pg_sleep(1)", 8}, {"SELECT (1).pg_sleep", 12},
	{"SELECT g.pg_sleep FROM generate_series(1, 2) g", 10}, {"SELECT pg_/**/sleep(1)", 8},
	{"SELECT set_config('x', 'y', true)", 8}, {"SELECT set_config/* */('x', 'y', true)", 8}, {`SELECT "set_config" ('x', 'y', true)`, 8},
	{"SELECT current_setting('twobrains.key')", 8}, {"SELECT ('twobrains.key'::text).current_setting", 32}, {"SELECT s.current_setting FROM (SELECT 'twobrains.key') s", 10},
	{`SELECT ('twobrains.key'::text)."current_setting"`, 32}, {"SELECT s.current_setting, 1 AS current_setting FROM unnest(ARRAY['twobrains.key']) s", 10},
	{"SELECT query_to_xml('SELECT 1', true, false, '')", 8}, {"SELECT * FROM query_to_xml('SELECT 1', true, false, '')", 15},
	{"SELECT * FROM ts_stat('SELECT 1')", 15}, {"SELECT ts_rewrite('a', 'SELECT 1')", 8}, {"SELECT dblink('x', 'y')", 8}, {"SELECT lo_import('/etc/passwd')", 8}, {"SELECT nextval('x')", 8},
	{"SELECT txid_current()", 8}, {"SELECT pg_advisory_lock(1)", 8}, {"SELECT pg_terminate_backend(1)", 8}, {"SELECT pg_read_file('x')", 8},
	{"SELECT to_regclass('x')", 8}, {"SELECT regclassin('x')", 8}, {"SELECT 'x'::regclass", 13}, {"SELECT regclass 'x'", 8}, {"SELECT CAST('x' AS \"regclass\")", 20}, {"SELECT 'x'::regrole::text", 13},
	{"SELECT * FROM json_to_record('{}') AS x(a regclass)", 43},
	{"SELECT version()", 8}, {"SELECT inet_server_addr()", 8}, {"SELECT has_table_privilege('x', 'SELECT')", 8}, {"SELECT no_such_function(1)", 8},
	{"SELECT 1 OPERATOR(pg_catalog.+) 2", 10}, {"SELECT * FROM messages TABLESAMPLE system (10)", 36}, {"SELECT * FROM xmltable('x' PASSING 'x' COLUMNS a int)", 15},
	{"SELECT f(a, b) AS (SELECT 1)", 8}, {"SELECT 1, set_config(a, b, c) AS (x int) FROM t", 11}, {"SELECT * FROM a, set_config(a, b) AS (SELECT_ int)", 18},
	{"WITH x AS (SELECT 1), set_config(a) AS (SELECT 1) SELECT set_config('a', 'b', true)", 58},

	{"SELECT $1", 8}, {"SELECT $x", 8}, {"SELECT 'x", 8}, {"SELECT $$x", 8}, {"SELECT \"x", 8}, {"SELECT /* x", 8}, {"SELECT E'x\\'", 8}, {`SELECT ""`, 8},
	{"SELECT U&'\\0061'", 8}, {"SELECT U&\"pg\\005fsleep\"(1)", 8}, {"SELECT b'1'", 8}, {"SELECT x'1''1'", 8}, {"SELECT n'x'", 8},
	{"SELECT 'a'\n'b'", 12}, {"SELECT E'a' -- x\n'b\\'; SELECT pg_sleep(1) --'", 18}, {"SELECT $$a$$ 'b'", 14},
	{"SELECT 1x", 8}, {"SELECT 1.pg_sleep", 8}, {"SELECT 1..2", 8}, {"SELECT 0x1F", 8},
	{"SELECT 'é', pg_sleep(1)", 13}, {"SELECT \x01", 8}, {"SELECT \\", 8}, {"SELECT a\x00b", 9},
	{"SELECT \xff", 1}, {"SELECT " + strings.Repeat("a", 64), 8}, {"SELECT \"" + strings.Repeat("a", 64) + `"`, 8}, {"SELECT 1" + strings.Repeat(" ", MaxSQL), 1},
}

func TestGuardRefuses(t *testing.T) {
	t.Parallel()
	c := &Console{}
	for _, test := range guardRefuses {
		err := c.check(test.sql, testVocabulary)
		var refused *tenant.ConsoleError
		if !errors.As(err, &refused) {
			t.Errorf("was taken: %.100q", test.sql)
			continue
		}
		if refused.Position != test.at {
			t.Errorf("complaint at %d instead of %d: %.100q: %v", refused.Position, test.at, test.sql, err)
		}
		require.NotEmpty(t, refused.Message)
	}
}

func FuzzGuard(f *testing.F) {
	for _, test := range guardRefuses {
		f.Add(test.sql)
	}
	c := &Console{}
	f.Fuzz(func(t *testing.T, sql string) {
		err := c.check(sql, testVocabulary)
		if err == nil && strings.Contains(strings.ToLower(sql), "pg_sleep(") && !strings.ContainsAny(sql, `'$"-/`) {
			t.Errorf("took %q", sql)
		}
	})
}

func TestEncoding(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		oid         uint32
		value, want string
	}{
		{16, "t", "true"}, {16, "f", "false"},
		{23, "-12", "-12"}, {20, "9007199254740992", "9007199254740992"}, {20, "9007199254740993", `"9007199254740993"`}, {20, "-9223372036854775808", `"-9223372036854775808"`},
		{1700, "12.50", "12.50"}, {1700, "123456789012345.6", `"123456789012345.6"`}, {1700, "NaN", `"NaN"`}, {1700, "-Infinity", `"-Infinity"`},
		{701, "1e+20", "1e+20"}, {701, "0.1", "0.1"}, {701, "NaN", `"NaN"`}, {700, "Infinity", `"Infinity"`},
		{3802, `{"a": [1, "<é>"]}`, `{"a":[1,"<é>"]}`}, {114, ` [1]`, `[1]`}, {114, strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001), `"` + strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001) + `"`},
		{1184, "2026-01-02 03:04:05.6+00", `"2026-01-02T03:04:05.6Z"`}, {1114, "2026-01-02 03:04:05", `"2026-01-02T03:04:05"`}, {1184, "infinity", `"infinity"`}, {1184, "0044-03-15 00:00:00+00 BC", `"0044-03-15 00:00:00+00 BC"`},
		{17, "\x00\x01\x02", `{"bytes":3}`}, {25, "a\"b\n\u2028", `"a\"b\n\u2028"`}, {25, "", `""`}, {1009, `{a,"b c"}`, `"{a,\"b c\"}"`},
	} {
		e := newEncoder(1 << 20)
		e.setColumns([]uint32{test.oid})
		require.True(t, e.add([][]byte{[]byte(test.value)}))
		require.Equal(t, "[["+test.want+"]]", string(e.finish()), "%d %.40q", test.oid, test.value)
	}

	e := newEncoder(30)
	e.setColumns([]uint32{25, 25})
	require.True(t, e.add([][]byte{[]byte("abc"), nil}))
	require.True(t, e.add([][]byte{[]byte("abc"), nil}))
	require.False(t, e.add([][]byte{[]byte("abc"), nil}))
	require.Equal(t, `[["abc",null],["abc",null]]`, string(e.finish()))
	require.LessOrEqual(t, e.out.Len(), 30)
	require.Equal(t, 2, e.rows)
}
