package api_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/api/apitest"
)

func adminSQL(t *testing.T, c *apitest.Client, path, query string) apitest.Answer {
	t.Helper()
	body, err := json.Marshal(map[string]string{"query": query})
	require.NoError(t, err)
	return c.Do(t, "POST", "/api/admin/sql"+path, string(body))
}

// sqlOn is a server where nobody waits for the limit of queries.
func sqlOn(t *testing.T, env map[string]string) *apitest.Server {
	t.Helper()
	all := map[string]string{"RATE_LIMIT_SQL_USER": "100000/1m"}
	for k, v := range env {
		all[k] = v
	}
	return apitest.Start(t, apitest.Options{Env: all})
}

func TestAdminsQueryThePublicBrain(t *testing.T) {
	t.Parallel()
	s := sqlOn(t, nil)
	admin, id := s.NewAdmin(t)
	other := s.NewUser()
	other.Get(t, "/api/session").Want(t, 200)

	for query, want := range map[string]string{
		"SELECT count(*) >= 2 FROM tenants":                                       "[[true]]",
		"SELECT count(*) >= 2 FROM public.tenants;":                               "[[true]]",
		"WITH a(u) AS (SELECT user_id FROM admins) SELECT u FROM a":               `[["` + id.String() + `"]]`,
		"SELECT count(*) FROM analytics.usage('2026-01-01', '2026-01-31', 'UTC')": "[[0]]",
		"TABLE analytics.freshness LIMIT 0":                                       "[]",
		`SELECT "analytics".usage IS NULL FROM (SELECT 1) AS "analytics"(usage)`:  "[[false]]",
	} {
		var r struct{ Rows json.RawMessage }
		adminSQL(t, admin, "", query).Want(t, 200).Decode(t, &r)
		require.JSONEq(t, want, string(r.Rows), query)
	}
	// Each is on record, in its own words and before it was run.
	entries := s.Database.Superuser(t)
	var n int
	require.NoError(t, entries.QueryRow(t.Context(), "SELECT count(*) FROM public.audit_log WHERE actor_id = $1 AND action = 'sql.run' AND detail LIKE '%freshness LIMIT 0'", id).Scan(&n))
	require.Equal(t, 1, n)

	schema := "u_" + strings.ReplaceAll(id.String(), "-", "")
	for query, state := range map[string]string{
		"SELECT 1; SELECT 2": "",
		"DELETE FROM admins": "",
		"WITH d AS (DELETE FROM admins RETURNING 1) SELECT * FROM d": "",
		"INSERT INTO admins VALUES (gen_random_uuid())":              "",
		"SELECT * INTO x FROM admins":                                "",
		"EXPLAIN SELECT 1":                                           "",
		"EXPLAIN ANALYZE DELETE FROM admins":                         "",
		"COPY admins TO STDOUT":                                      "",
		"COPY (SELECT 1) TO PROGRAM 'true'":                          "",
		"SELECT pg_sleep(1)":                                         "",
		"SELECT pg_catalog.pg_sleep(1)":                              "",
		"SELECT set_config('statement_timeout', '0', false)":         "",
		"SELECT pg_read_file('/etc/passwd')":                         "",
		"SELECT public.note_admin('x', NULL, NULL, '', '')":          "",
		"SELECT public.fold_usage(1)":                                "",
		"SELECT analytics.span(NULL, NULL, NULL, 1)":                 "",
		"SELECT * FROM pg_stat_activity":                             "",
		"SELECT * FROM information_schema.tables":                    "",
		"SELECT 'tenants'::regclass":                                 "",
		"SELECT * FROM tenants FOR UPDATE":                           "",
		"SELECT * FROM " + schema + ".messages":                      "",
		"SELECT * FROM brain_template.messages":                      "",
		"SELECT lock FROM tenants":                                   "42501",
		"SELECT * FROM user_api_keys":                                "42501",
		"SELECT custom_instructions FROM user_settings":              "42501",
		"SELECT detail FROM audit_log":                               "42501",
		"SELECT query FROM saved_queries":                            "42501",
		"SELECT * FROM messages":                                     "42P01",
		"SELEC 1":                                                    "",
		"":                                                           "-",
		strings.Repeat(" ", 100_001):                                 "-",
	} {
		for _, path := range []string{"", "/plan"} {
			if state == "-" {
				adminSQL(t, admin, path, query).Refused(t, 422, "invalid")
				continue
			}
			var p struct {
				SQL struct {
					SQLState string
					Position int
				}
			}
			answer := adminSQL(t, admin, path, query)
			answer.Refused(t, 422, "sql_error")
			answer.Decode(t, &p)
			if state != "" && (path == "" || state != "42501") { // a plan reads nothing
				require.Equal(t, state, p.SQL.SQLState, "%s %s", path, query)
			}
		}
	}
	var left int
	require.NoError(t, entries.QueryRow(t.Context(), "SELECT count(*) FROM public.admins").Scan(&left))
	require.Equal(t, 1, left)

	// Errors stand where they are in the admin's own text, behind whatever it is sent.
	for _, path := range []string{"", "/plan"} {
		var p struct{ SQL struct{ Position int } }
		adminSQL(t, admin, path, "SELECT nothing FROM tenants").Want(t, 422).Decode(t, &p)
		require.Equal(t, 8, p.SQL.Position, path)
	}

	var plan struct{ Plan string }
	adminSQL(t, admin, "/plan", "SELECT * FROM tenants ORDER BY created_at").Refused(t, 422, "sql_error")
	adminSQL(t, admin, "/plan", "SELECT user_id FROM tenants ORDER BY created_at").Want(t, 200).Decode(t, &plan)
	require.Contains(t, plan.Plan, "Sort Key: created_at")

	for _, c := range []*apitest.Client{other} {
		adminSQL(t, c, "", "SELECT 1").Refused(t, 404, "not_found")
		adminSQL(t, c, "/plan", "SELECT 1").Refused(t, 404, "not_found")
		c.Get(t, "/api/admin/sql/schema").Refused(t, 404, "not_found")
	}
	adminSQL(t, s.Anonymous(), "", "SELECT 1").Refused(t, 401, "unauthenticated")
}

func TestAdminQueriesAreBounded(t *testing.T) {
	t.Parallel()
	s := sqlOn(t, map[string]string{"SQL_TIMEOUT": "500ms", "SQL_MAX_ROWS": "10", "SQL_MAX_BYTES": "2048"})
	admin, _ := s.NewAdmin(t)
	var r struct {
		Rows      []any
		Truncated bool
	}
	adminSQL(t, admin, "", "SELECT generate_series(1, 1000000000)").Want(t, 200).Decode(t, &r)
	require.True(t, r.Truncated)
	require.Len(t, r.Rows, 10)
	adminSQL(t, admin, "", "SELECT repeat('x', 1000) FROM generate_series(1, 9)").Want(t, 200).Decode(t, &r)
	require.True(t, r.Truncated)
	var p struct{ SQL struct{ SQLState string } }
	adminSQL(t, admin, "", "SELECT count(*) FROM generate_series(1, 1000000000) a").Want(t, 422).Decode(t, &p)
	require.Equal(t, "57014", p.SQL.SQLState)
}

func TestAdminSQLSchema(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	admin, _ := s.NewAdmin(t)
	var d struct {
		Tables []struct {
			Name, Comment string
			Columns       []struct{ Name, Comment string }
		}
		Functions []string
	}
	admin.Get(t, "/api/admin/sql/schema").Want(t, 200).Decode(t, &d)
	columns := map[string]string{}
	for _, table := range d.Tables {
		for _, c := range table.Columns {
			columns[table.Name+"."+c.Name] = c.Comment
		}
	}
	require.Contains(t, columns, "tenants.user_id")
	require.Equal(t, "As in public.tenants.", columns["analytics.top_users.user_id"])
	require.NotContains(t, columns, "tenants.lock")
	require.NotContains(t, columns, "user_api_keys.ciphertext")
	require.Contains(t, d.Functions, "analytics.usage")
	require.Contains(t, d.Functions, "date_trunc")
	require.NotContains(t, d.Functions, "pg_sleep")
	require.NotContains(t, d.Functions, "analytics.span")
}

func TestSavedQueries(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	first, _ := s.NewAdmin(t)
	second, _ := s.NewAdmin(t)
	type saved struct{ ID, Name, Query string }
	list := func(c *apitest.Client) []saved {
		var l struct{ Queries []saved }
		c.Get(t, "/api/admin/queries").Want(t, 200).Decode(t, &l)
		return l.Queries
	}
	require.Equal(t, []saved{}, list(first))
	var b, a saved
	first.Do(t, "POST", "/api/admin/queries", `{"name":" b ","query":"SELECT 2"}`).Want(t, 201).Decode(t, &b)
	first.Do(t, "POST", "/api/admin/queries", `{"name":"A","query":"SELECT 1"}`).Want(t, 201).Decode(t, &a)
	require.Equal(t, []saved{a, b}, list(second), "admins share them")
	require.Equal(t, "b", b.Name)
	second.Do(t, "POST", "/api/admin/queries", `{"name":"A","query":"SELECT 3"}`).Refused(t, 409, "conflict")
	second.Do(t, "PUT", "/api/admin/queries/"+b.ID, `{"name":"A","query":"SELECT 3"}`).Refused(t, 409, "conflict")
	second.Do(t, "PUT", "/api/admin/queries/"+b.ID, `{"name":"c","query":"SELECT 3"}`).Want(t, 200).Decode(t, &b)
	require.Equal(t, []saved{a, {b.ID, "c", "SELECT 3"}}, list(first))
	second.Do(t, "DELETE", "/api/admin/queries/"+b.ID, "").Want(t, 204)
	second.Do(t, "DELETE", "/api/admin/queries/"+b.ID, "").Refused(t, 404, "not_found")
	second.Do(t, "PUT", "/api/admin/queries/"+uuid.NewString(), `{"name":"c","query":"SELECT 3"}`).Refused(t, 404, "not_found")
	for _, bad := range []string{`{"name":"","query":"x"}`, `{"name":" ","query":"x"}`, `{"name":"x","query":""}`, `{"name":"x\u0000","query":"x"}`, `{"name":"x","query":"\u0000"}`} {
		first.Do(t, "POST", "/api/admin/queries", bad).Refused(t, 422, "invalid")
	}
	user := s.NewUser()
	user.Get(t, "/api/admin/queries").Refused(t, 404, "not_found")
	user.Do(t, "DELETE", "/api/admin/queries/"+a.ID, "").Refused(t, 404, "not_found")
	require.Len(t, list(first), 1)
}

func TestAdminReports(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	admin, id := s.NewAdmin(t)
	super := s.Database.Superuser(t)
	_, err := super.Exec(t.Context(), `INSERT INTO public.usage_events (user_id, quarter, model, key_source, outcome, messages, input_tokens, output_tokens, cost_microusd, first_token_ms)
		VALUES ($1, floor(extract(epoch FROM timestamptz '2026-03-01 20:00Z') / 900), 'demo:x', 'platform', 'complete', 1, 10, 5, 7, 120)`, id)
	require.NoError(t, err)
	_, err = super.Exec(t.Context(), "SELECT public.fold_usage(10)")
	require.NoError(t, err)

	type report struct {
		Since, Until, Zone string
		Rows               []map[string]any
		FoldedAt           string
	}
	get := func(name string) (r report) {
		admin.Get(t, "/api/admin/analytics/"+name+"?since=2026-03-01&until=2026-03-02&zone=Asia/Kathmandu").Want(t, 200).Decode(t, &r)
		require.NotNil(t, r.Rows, name)
		return r
	}
	r := get("usage")
	require.Equal(t, []map[string]any{{
		"day": "2026-03-02", "provider": "demo", "model": "demo:x", "keySource": "platform", "messages": 1., "inputTokens": 10., "cachedInputTokens": 0.,
		"outputTokens": 5., "reasoningTokens": 0., "costMicrousd": 7.,
	}}, r.Rows, "20:00 UTC is the next day there")
	require.Equal(t, "2026-03-01 2026-03-02 Asia/Kathmandu", r.Since+" "+r.Until+" "+r.Zone)
	require.NotEmpty(t, r.FoldedAt)
	require.Equal(t, []map[string]any{{"place": 1., "userId": id.String(), "messages": 1., "tokens": 15., "costMicrousd": 7., "ownKeyMicrousd": 0.}}, get("top-users").Rows)
	require.EqualValues(t, 1, get("active-users").Rows[1]["daily"])
	require.EqualValues(t, 0, get("outcomes").Rows[0]["errorRate"])
	for _, name := range []string{"retention", "first-token", "quota-hits", "accounts"} {
		get(name)
	}
	admin.Get(t, "/api/admin/analytics/usage").Want(t, 200).Decode(t, &r)
	require.Equal(t, "UTC", r.Zone)

	for _, bad := range []string{
		"since=2026-03-02&until=2026-03-01", "since=2020-01-01&until=2026-01-01", "since=yesterday", "since=1969-01-01&until=1969-01-02", "zone=Mars/Olympus", "zone=Local",
		"since=2026-02-30", "zone=../../etc/passwd",
	} {
		admin.Get(t, "/api/admin/analytics/usage?"+bad).Refused(t, 422, "invalid")
	}
	admin.Get(t, "/api/admin/analytics/everything").Refused(t, 422, "invalid")
	s.NewUser().Get(t, "/api/admin/analytics/usage").Refused(t, 404, "not_found")

	var o struct {
		Users, RunsUnderWay, Instances, BrainsFailed int
		FoldedAt                                     string
	}
	admin.Get(t, "/api/admin/overview").Want(t, 200).Decode(t, &o)
	require.Equal(t, 1, o.Instances)
	require.NotZero(t, o.Users)
	require.Zero(t, o.BrainsFailed)
}

func TestNoAnalyst(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Env: map[string]string{"DATABASE_ANALYST_URL": ""}})
	admin, _ := s.NewAdmin(t)
	for _, path := range []string{"overview", "analytics/usage", "sql/schema"} {
		require.Contains(t, admin.Get(t, "/api/admin/"+path).Refused(t, 404, "not_found").Detail, "DATABASE_ANALYST_URL", path)
	}
	adminSQL(t, admin, "", "SELECT 1").Refused(t, 404, "not_found")
}
