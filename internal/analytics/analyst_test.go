package analytics_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/auth/authtest"
	"twobrains/internal/tenant"
)

// secrets are the columns of the public brain that no analyst reads, and readable the tables whose other columns they do. A table that is in
// neither has to be decided on.
var secrets = map[string][]string{
	"account_file_chunks": {"ciphertext"},
	"account_files":       {},
	"account_jobs":        {"arguments", "checkpoint", "result"},
	"admins":              {},
	"announcements":       {},
	"audit_log":           {"change", "detail"},
	"deletions":           {"addresses_ciphertext", "digest"},
	"departed_signups":    {},
	"instances":           {},
	"job_tickets":         {"ciphertext"},
	"latency_quarters":    {},
	"limits":              {},
	"model_settings":      {},
	"models":              {},
	"plans":               {},
	"quota_counters":      {},
	"run_tickets":         {"ciphertext", "lock"},
	"saved_queries":       {"query"},
	"schema_version":      {},
	"shares":              {"id", "snapshot", "title"},
	"tenants":             {"failure", "lock"},
	"usage_daily":         {},
	"usage_events":        {},
	"usage_fold":          {},
	"usage_quarters":      {},
	"user_api_keys":       {"ciphertext", "last_four"},
	"user_days":           {},
	"user_mcp_builtins":   {},
	"user_mcp_servers":    {"header_names", "headers_ciphertext", "name", "url"},
	"user_plans":          {},
	"user_quarters":       {},
	"user_settings":       {"custom_instructions", "preferences"},
}

// columns are those that a test has decided on, all of them: a new one is readable unless converge.sql hides it, so it is to be looked at.
var columns = map[string]int{
	"account_file_chunks": 6, "account_files": 7, "account_jobs": 18, "admins": 2, "announcements": 7, "audit_log": 11, "deletions": 11, "departed_signups": 2, "instances": 5,
	"job_tickets": 8, "latency_quarters": 5, "limits": 9, "model_settings": 7, "models": 18, "plans": 11, "quota_counters": 9, "run_tickets": 9, "saved_queries": 5, "schema_version": 1, "shares": 9, "tenants": 10,
	"usage_daily": 10, "usage_events": 13, "usage_fold": 2, "usage_quarters": 11, "user_api_keys": 8, "user_days": 10, "user_mcp_builtins": 4,
	"user_mcp_servers": 13, "user_plans": 9, "user_quarters": 10, "user_settings": 11,
}

func TestWhatAnalystsRead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	rows, err := b.super.Query(t.Context(), `SELECT c.relname, a.attname, has_column_privilege($1, c.oid, a.attnum, 'SELECT') FROM pg_class c
		JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') ORDER BY 1, 2`, analyst)
	require.NoError(t, err)
	hidden, found := map[string][]string{}, map[string]int{}
	for rows.Next() {
		var table, column string
		var readable bool
		require.NoError(t, rows.Scan(&table, &column, &readable))
		found[table]++
		if hidden[table] == nil {
			hidden[table] = []string{}
		}
		if !readable {
			hidden[table] = append(hidden[table], column)
		}
	}
	require.NoError(t, rows.Err())
	require.Equal(t, secrets, hidden)
	require.Equal(t, columns, found)
	for table := range secrets {
		for _, column := range secrets[table] {
			_, err := b.analyst.Exec(t.Context(), "SELECT "+column+" FROM public."+table)
			require.True(t, tenant.HasState(err, "42501"), "%s.%s: %v", table, column, err)
		}
	}
}

func TestAnalystsReadOfEverybodyAndChangeNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ids := authtest.NewIdentities(t)
	user := ids.User(t, uuid.New())
	brain, err := b.DB.Open(t.Context(), user)
	require.NoError(t, err)
	other, err := b.DB.Open(t.Context(), ids.User(t, uuid.New()))
	require.NoError(t, err)
	b.add(event{user: brain.UserID(), at: "2026-05-01T12:00:00Z", cost: 3}, event{user: other.UserID(), at: "2026-05-01T12:00:00Z", cost: 4})
	b.fold()
	require.Equal(t, []string{"2 7"}, b.rows("SELECT count(*), sum(cost_microusd) FROM public.usage_daily"))
	require.Equal(t, []string{"2"}, b.rows("SELECT count(*) FROM public.tenants"))
	require.Equal(t, []string{"4", "3"}, b.rows("SELECT cost_microusd FROM analytics.top_users('2026-05-01', '2026-05-01', 'UTC')"))

	schema := "u_" + strings.ReplaceAll(brain.UserID().String(), "-", "")
	for _, sql := range []string{
		"SELECT * FROM " + schema + ".messages", "SELECT * FROM " + schema + ".schema_version", "SELECT * FROM brain_template.messages",
		"SELECT public.fold_usage(1)", "SELECT public.search_messages('x', true, now(), '', 0, 1)", "SET ROLE twobrains_app", "SET ROLE twobrains_owner",
		"CREATE SCHEMA x", "CREATE TEMP TABLE x ()", "CREATE TABLE analytics.x ()", "CREATE VIEW public.x AS SELECT 1",
	} {
		_, err := b.analyst.Exec(t.Context(), sql)
		require.True(t, tenant.HasState(err, "42501") || tenant.HasState(err, "25006"), "%s: %v", sql, err)
	}
	// Nor where the session may write, which is the session's own to say.
	_, err = b.analyst.Exec(t.Context(), "SET default_transaction_read_only = off")
	require.NoError(t, err)
	for table := range secrets {
		if table == "limits" { // a view of several tables, which takes nothing from anybody
			continue
		}
		for _, sql := range []string{"DELETE FROM public." + table, "TRUNCATE public." + table, "INSERT INTO public." + table + " DEFAULT VALUES"} {
			_, err := b.analyst.Exec(t.Context(), sql)
			require.True(t, tenant.HasState(err, "42501"), "%s: %v", sql, err)
		}
	}
	for _, sql := range []string{"SELECT public.fold_usage(1)", "CREATE SCHEMA x", "CREATE TEMP TABLE x ()", "UPDATE public.user_days SET tokens = 0"} {
		_, err := b.analyst.Exec(t.Context(), sql)
		require.True(t, tenant.HasState(err, "42501"), "%s: %v", sql, err)
	}
}

// The app reaches none of the questions, and of the roll-ups only the bound user's own rows, which it cannot change.
func TestAppsHaveNoPartInAnalytics(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ids := authtest.NewIdentities(t)
	brain, err := b.DB.Open(t.Context(), ids.User(t, uuid.New()))
	require.NoError(t, err)
	other := b.signUp("other", "2026-01-01T12:00:00Z")
	b.add(event{user: brain.UserID(), at: "2026-05-01T12:00:00Z"}, event{user: other, at: "2026-05-01T12:00:00Z"})
	b.fold()
	app := b.App(t)
	for table, want := range map[string]int{"user_days": 1, "user_quarters": 1, "usage_quarters": 0, "latency_quarters": 0, "departed_signups": 0, "usage_fold": 0} {
		var bound, unbound int
		require.NoError(t, brain.Tx(t.Context(), func(tx *tenant.Tx) error {
			return tx.QueryRow(t.Context(), "SELECT count(*) FROM public."+table).Scan(&bound)
		}))
		require.Equal(t, want, bound, table)
		require.NoError(t, app.QueryRow(t.Context(), "SELECT count(*) FROM public."+table).Scan(&unbound))
		require.Zero(t, unbound, table)
		_, err := app.Exec(t.Context(), "DELETE FROM public."+table)
		require.True(t, tenant.HasState(err, "42501"), "%s: %v", table, err)
	}
	for _, sql := range []string{
		"SELECT * FROM public.usage_events", "DELETE FROM public.usage_events", "SELECT * FROM analytics.usage", "SELECT * FROM analytics.usage()",
		"INSERT INTO public.usage_events (user_id, quarter, model, key_source, outcome) VALUES ('" + other.String() + "', 1, 'm', 'own', 'complete')",
	} {
		err := brain.Tx(t.Context(), func(tx *tenant.Tx) error {
			_, err := tx.Exec(t.Context(), sql)
			return err
		})
		require.True(t, tenant.HasState(err, "42501"), "%s: %v", sql, err)
	}
}
