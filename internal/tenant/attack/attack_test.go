// Package attack tries to reach another user's data with the powers of the server's own login.
//
// The attacker holds a connection of twobrains_app that is bound to Alice, as an injection in the server's code would. The
// victim is Bob, who has rows in every table of both brains, each with a canary in it. A case passes when no canary of
// Bob's comes back, whatever the server answers, and when every row of Bob's is what it was. docs/threat-model.md says what
// follows from the cases and names the channels that remain.
package attack

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"twobrains/internal/auth/authtest"
	"twobrains/internal/tenant"
	"twobrains/internal/testdb"
)

// canary is in every text of Bob's that must not be seen.
const canary = "bobs-canary"

// outcome is what a case asserts beyond the two things that all cases assert.
type outcome int

const (
	// denied: the server refuses with an error.
	denied outcome = iota
	// empty: the statement runs and gives no row, or rows without any value.
	empty
	// unchanged: the statement runs; that Bob's rows are the same is the point.
	unchanged
	// harmless: what the server answers differs between its versions; only what all cases assert counts.
	harmless
	// observable: a known channel that remains. Something comes back, which is no content. docs/threat-model.md lists it.
	observable
)

type attack struct {
	// tries says what the attacker hopes for.
	tries string
	// sql is the attack. {A} and {B} stand for the two schemas, {Bid} for Bob's id, {Bhash} for the hash in Bob's seal,
	// {C} for the id of a conversation of Bob's.
	sql  string
	want outcome
}

type world struct {
	*testdb.Database
	alice, bob *tenant.Brain
	key        string
	replace    *strings.Replacer
	super      *pgx.Conn
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Database: testdb.New(t, func(o *tenant.Options) { o.Lanes = 1 })}
	ids := authtest.NewIdentities(t)
	open := func() *tenant.Brain {
		brain, err := w.DB.Open(t.Context(), ids.User(t, uuid.New()))
		require.NoError(t, err)
		return brain
	}
	w.alice, w.bob, w.super = open(), open(), w.Superuser(t)
	a, b := schema(w.alice), schema(w.bob)
	w.key = w.keyOf(w.alice)
	var lock []byte
	require.NoError(t, w.super.QueryRow(t.Context(), "SELECT lock FROM public.tenants WHERE user_id = $1", w.bob.UserID()).Scan(&lock))
	w.replace = strings.NewReplacer("{A}", a, "{B}", b, "{Bid}", w.bob.UserID().String(), "{Bhash}", hex.EncodeToString(lock), "{C}", "conversation-"+canary)
	w.fill(t, w.alice, "alices-own")
	w.fill(t, w.bob, canary)
	_, err := w.super.Exec(t.Context(), "INSERT INTO public.admins (user_id) VALUES ($1)", w.bob.UserID())
	require.NoError(t, err)
	return w
}

// fill gives a user rows in every table of both brains.
func (w *world) fill(t *testing.T, brain *tenant.Brain, mark string) {
	t.Helper()
	for _, sql := range []string{
		`INSERT INTO {S}.conversations (id, title) VALUES ('conversation-{M}', 'title {M}')`,
		`INSERT INTO {S}.messages (id, conversation_id, seq, role, parts, status, size) VALUES ('message-{M}', 'conversation-{M}', 1, 'user', '[{"type":"text","text":"text {M}"}]', 'complete', 9)`,
		`INSERT INTO {S}.messages (id, conversation_id, seq, role, parts, status, size, on_path, version, versions) VALUES ('hidden-{M}', 'conversation-{M}', 2, 'user', '[{"type":"text","text":"hidden {M}"}]', 'complete', 9, false, 2, 2)`,
		`INSERT INTO {S}.runs (id, conversation_id, user_message_id, message_id, model, effort, key_source, instance_id, status) VALUES (gen_random_uuid(), 'conversation-{M}', 'message-{M}', 'reply-{M}', 'model {M}', '', 'platform', gen_random_uuid(), 'complete')`,
		`INSERT INTO {S}.attachments (id, conversation_id, media_type, name, size, created_at, data) VALUES (gen_random_uuid(), 'conversation-{M}', 'text/plain', 'name {M}', octet_length('data {M}'), now(), 'data {M}')`,
		`INSERT INTO {S}.message_search (created_at, conversation_id, seq, tsv) SELECT created_at, conversation_id, seq, to_tsvector('simple', 'shared {M}') FROM {S}.messages`,
		`INSERT INTO {S}.memories (id, content, created_at, updated_at) VALUES (gen_random_uuid(), 'note {M}', now(), now())`,
		`INSERT INTO public.user_settings (user_id, custom_instructions) VALUES ('{ID}', 'instructions {M}')`,
		`INSERT INTO public.user_api_keys (user_id, provider, id, ciphertext, key_id, last_four) VALUES ('{ID}', 'provider {M}', gen_random_uuid(), 'ciphertext {M}', 'k', 'abcd')`,
		`INSERT INTO public.user_mcp_servers (user_id, id, slot, name, url, transport, header_names, headers_ciphertext, key_id) VALUES ('{ID}', gen_random_uuid(), 1, 'server {M}', 'https://{M}.test', 'sse', '{x-key}', 'headers {M}', 'k')`,
		`INSERT INTO public.user_mcp_builtins (user_id, server, enabled) VALUES ('{ID}', 'builtin {M}', true)`,
		`INSERT INTO public.run_tickets (run_id, instance_id, lock, ciphertext, key_id) SELECT id, '{ID}', sha256(convert_to('{K}' || id::text, 'UTF8')), 'sealed', 'k' FROM gen_random_uuid() id`,
		`INSERT INTO public.account_jobs (id, user_id, kind, arguments, result) VALUES ('{ID}', '{ID}', 'export', '{"of": "{M}"}', '{"for": "{M}"}')`,
		`INSERT INTO public.job_tickets (job_id, kind, ciphertext, key_id) VALUES ('{ID}', 'export', 'sealed', 'k')`,
		`INSERT INTO public.account_files (id, user_id, purpose, created_at, expires_at) VALUES ('{ID}', '{ID}', 'export', now(), now() + interval '1 day')`,
		`INSERT INTO public.account_file_chunks (file_id, n, user_id, ciphertext, key_id, expires_at) VALUES ('{ID}', 0, '{ID}', 'piece {M}', 'k', now() + interval '1 day')`,
		`INSERT INTO public.shares (id, user_id, conversation_id, slot, title, snapshot, messages, expires_at) VALUES (left(md5('{M}'), 22), '{ID}', 'conversation-{M}', 1, 'shared {M}', '[{"text": "shared {M}"}]', 1, now() + interval '1 day')`,
		`INSERT INTO public.audit_log (actor, action, subject, detail) VALUES ('operator', 'clone', '{ID}', 'consent {M}')`,
		`INSERT INTO public.plans (id, name, messages_per_day) VALUES ('plan', 'Plan', 45) ON CONFLICT DO NOTHING`,
		`INSERT INTO public.user_plans (user_id, plan_id, messages_per_day) VALUES ('{ID}', 'plan', 44)`,
		`INSERT INTO public.model_settings (model, input_microusd) VALUES ('model', 46) ON CONFLICT DO NOTHING`,
		`INSERT INTO public.announcements (id, level, text) VALUES ('{ID}', 'info', 'for everybody')`,
		`INSERT INTO public.saved_queries (id, name, query) VALUES ('{ID}', 'query {M}', 'SELECT ''{M}''')`,
		`INSERT INTO public.quota_counters (user_id, day, day_used, month, month_used) VALUES ('{ID}', '2026-01-02', 41, '2026-01-01', 42)`,
		`INSERT INTO public.usage_daily (user_id, day, model, key_source, messages) VALUES ('{ID}', '2026-01-02', 'model {M}', 'platform', 43)`,
	} {
		_, err := w.super.Exec(t.Context(), strings.NewReplacer("{S}", schema(brain), "{M}", mark, "{ID}", brain.UserID().String(), "{K}", w.keyOf(brain)).Replace(sql))
		require.NoError(t, err, sql)
	}
	_, err := w.super.Exec(t.Context(), "ANALYZE")
	require.NoError(t, err)
}

// keyOf is what opens a user's seal.
func (w *world) keyOf(brain *tenant.Brain) string {
	return hex.EncodeToString(w.Keys.Primary().Derive("key", schema(brain)))
}

func schema(brain *tenant.Brain) string {
	return "u_" + strings.ReplaceAll(brain.UserID().String(), "-", "")
}

// state is everything that Bob has, the definitions that protect it included.
func (w *world) state(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	tables := []string{"{B}.schema_version", "{B}.conversations", "{B}.messages", "{B}.runs", "{B}.attachments", "{B}.message_search", "{B}.memories"}
	for _, table := range []string{"tenants", "user_settings", "user_api_keys", "user_mcp_servers", "user_mcp_builtins", "quota_counters", "usage_daily",
		"account_jobs", "account_files", "account_file_chunks", "shares", "user_plans", "admins"} {
		tables = append(tables, "public."+table+" WHERE user_id = '{Bid}'")
	}
	tables = append(tables, "public.run_tickets WHERE instance_id = '{Bid}'", // see fill: it stands for the user
		"public.job_tickets WHERE job_id = '{Bid}'", "public.audit_log", "public.plans", "public.model_settings", "public.announcements", "public.saved_queries")
	queries := []string{
		"SELECT relname || relrowsecurity || coalesce(relacl::text, '') || relowner FROM pg_class WHERE relnamespace IN ('{B}'::regnamespace, 'public'::regnamespace) ORDER BY 1",
		"SELECT tablename || policyname || roles::text || coalesce(qual, '') FROM pg_policies WHERE schemaname IN ('{B}', 'public') ORDER BY 1",
		"SELECT nspname || nspacl::text FROM pg_namespace WHERE nspname IN ('{B}', 'public', 'brain_template') ORDER BY 1",
		"SELECT rolname || rolsuper || rolbypassrls || rolcreaterole || rolcreatedb FROM pg_roles WHERE rolname LIKE 'twobrains%' ORDER BY 1",
	}
	for _, table := range tables {
		from, _, _ := strings.Cut(table, " ")
		queries = append(queries, "SELECT x::text FROM "+strings.Replace(table, from, from+" x", 1)+" ORDER BY 1")
	}
	for _, q := range queries {
		rows, err := w.super.Query(t.Context(), w.replace.Replace(q))
		require.NoError(t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err, q)
		out.WriteString(strings.Join(lines, "\n") + "\n")
	}
	return out.String()
}

// bound opens a connection as the attacker has it: in a transaction bound to Alice.
func (w *world) bound(t *testing.T) *pgconn.PgConn {
	t.Helper()
	conn := w.App(t)
	for _, sql := range []string{
		"SET search_path = brain_template, pg_temp", "SET statement_timeout = '5s'", "BEGIN",
		fmt.Sprintf("SELECT set_config('search_path', '%s, pg_temp', true), set_config('twobrains.key', '%s', true)", schema(w.alice), w.key),
	} {
		_, err := conn.PgConn().Exec(t.Context(), sql).ReadAll()
		require.NoError(t, err)
	}
	return conn.PgConn()
}

// strike runs an attack, commits, and looks at what came back.
func strike(ctx context.Context, conn *pgconn.PgConn, sql string) (values []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	collect := func(results []*pgconn.Result) {
		for _, r := range results {
			for _, row := range r.Rows {
				for _, value := range row {
					if len(value) > 0 {
						values = append(values, string(value))
					}
				}
			}
		}
	}
	if strings.HasPrefix(sql, "COPY") && strings.HasSuffix(sql, "TO STDOUT") {
		var out strings.Builder
		_, err = conn.CopyTo(ctx, &out, sql)
		if out.Len() > 0 {
			values = append(values, out.String())
		}
	} else {
		var results []*pgconn.Result
		results, err = conn.Exec(ctx, sql).ReadAll()
		collect(results)
	}
	if err != nil {
		values = append(values, err.Error(), detail(err))
	}
	results, commitErr := conn.Exec(ctx, "COMMIT").ReadAll()
	collect(results)
	if commitErr != nil && err == nil {
		err = commitErr
	}
	return values, err
}

func detail(err error) string {
	if pgErr, ok := err.(*pgconn.PgError); ok { //nolint:errorlint // what the server sent, field by field
		return fmt.Sprintf("%s %s %s %s", pgErr.Detail, pgErr.Hint, pgErr.Where, pgErr.InternalQuery)
	}
	return ""
}

func (w *world) run(t *testing.T, a attack) {
	t.Helper()
	before := w.state(t)
	sql := w.replace.Replace(a.sql)
	values, err := strike(t.Context(), w.bound(t), sql)
	// What the attacker wrote into the attack tells nothing when it comes back.
	returned := strings.ReplaceAll(strings.Join(values, "\n"), "conversation-"+canary, "")
	if strings.Contains(returned, canary) {
		t.Errorf("%s: content of another user came back\n%s\n%s", a.tries, sql, returned)
	}
	if after := w.state(t); after != before {
		t.Errorf("%s: another user's state changed\n%s", a.tries, sql)
	}
	switch {
	case a.want == harmless:
	case a.want == denied && err == nil:
		t.Errorf("%s: was not denied\n%s\n%v", a.tries, sql, values)
	case a.want != denied && err != nil:
		t.Errorf("%s: was denied, the case says otherwise\n%s\n%v", a.tries, sql, err)
	case a.want == empty && len(values) > 0:
		t.Errorf("%s: something came back\n%s\n%v", a.tries, sql, values)
	case a.want == observable && len(values) == 0:
		t.Errorf("%s: the channel is closed, so the case and the documentation are out of date\n%s", a.tries, sql)
	}
}

func TestStatements(t *testing.T) {
	t.Parallel()
	for name, cases := range statements {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for _, a := range cases {
				w.run(t, a)
			}
			w.own(t)
		})
	}
}

// TestExpressions puts each expression where an injected string would stand: in the list of a SELECT, in a WHERE, in the
// value of an UPDATE, in an ORDER BY.
func TestExpressions(t *testing.T) {
	t.Parallel()
	for _, place := range []string{
		"SELECT title, (%s)::text FROM conversations",
		"SELECT title FROM conversations WHERE id = '' OR (%s)::text <> ''",
		"UPDATE conversations SET title = left((%s)::text, 200) RETURNING title",
		"SELECT title FROM conversations ORDER BY (%s)::text",
	} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for _, a := range expressions {
				before := w.state(t)
				sql := w.replace.Replace(fmt.Sprintf(place, a.sql))
				values, err := strike(t.Context(), w.bound(t), sql)
				returned := strings.ReplaceAll(strings.Join(values, "\n"), "conversation-"+canary, "")
				require.NotContains(t, returned, canary, "%s\n%s", a.tries, sql)
				require.Equal(t, before, w.state(t), "%s\n%s", a.tries, sql)
				if a.want == denied {
					require.Error(t, err, "%s\n%s", a.tries, sql)
				}
			}
			w.own(t)
		})
	}
}

// own checks that the attacker's world still stands, so that the cases met a working database.
func (w *world) own(t *testing.T) {
	t.Helper()
	values, err := strike(t.Context(), w.bound(t), "SELECT id FROM messages ORDER BY seq")
	require.NoError(t, err)
	require.Equal(t, []string{"message-alices-own", "hidden-alices-own"}, values)
}

// What an attacker leaves on a connection does not reach the user who has it next.
func TestLeftoversDoNotReachTheNextUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	for _, leftover := range []string{
		"SET search_path = {A}",
		"SET twobrains.key = 'x'",
		"SELECT set_config('twobrains.key', '" + w.key + "', false), set_config('search_path', '{A}', false)",
		"SET row_security = off",
		"SET statement_timeout = 1",
		"SET default_transaction_read_only = on",
		"DECLARE c CURSOR WITH HOLD FOR SELECT * FROM conversations",
		"LISTEN x",
	} {
		require.NoError(t, w.alice.Tx(ctx, func(tx *tenant.Tx) error {
			_, err := tx.Exec(ctx, w.replace.Replace(leftover))
			return err
		}), leftover)
		var titles []string
		err := w.bob.Tx(ctx, func(tx *tenant.Tx) error {
			rows, err := tx.Query(ctx, "SELECT title FROM conversations")
			if err != nil {
				return err
			}
			titles, err = pgx.CollectRows(rows, pgx.RowTo[string])
			return err
		})
		require.NoError(t, err, leftover)
		require.Equal(t, []string{"title " + canary}, titles, leftover)
	}
}
