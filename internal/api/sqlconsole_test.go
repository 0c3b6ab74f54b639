package api_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"twobrains/internal/api/apitest"
)

func TestSQL(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	u := s.NewUser()
	query := func(sql string) string {
		text, err := json.Marshal(map[string]string{"query": sql})
		require.NoError(t, err)
		return string(text)
	}
	const path = "/api/sql"
	for _, sc := range []scenario{
		{method: "POST", path: path, body: query("SELECT 1 AS one, 'é' AS text, NULL AS nothing, now() IS NULL AS b;"), status: 200,
			has: []string{`"columns":[{"name":"one","type":"integer"},{"name":"text","type":"text"},{"name":"nothing","type":"text"},{"name":"b","type":"boolean"}]`, `"rows":[[1,"é",null,false]]`, `"truncated":false`, `"durationMs":`}},
		{method: "POST", path: path, body: query("SELECT id FROM conversations"), status: 200, has: []string{`"rows":[]`}},
		{method: "POST", path: path, body: query("SELECT generate_series(1, 10001)"), status: 200, has: []string{`"truncated":true`, "[10000]]"}},
		{method: "POST", path: path, body: query("SELECT titel FROM conversations"), status: 422, code: "sql_error",
			has: []string{`"sqlstate":"42703"`, `"position":8`, `Column \"titel\" does not exist.`}, lacks: []string{"DECLARE"}},
		{method: "POST", path: path, body: query("SELECT 1; DROP TABLE messages"), status: 422, code: "sql_error", has: []string{`"position":9`}},
		{method: "POST", path: path, body: query("SELECT * FROM public.user_settings"), status: 422, code: "sql_error", has: []string{`"sqlstate":"42501"`, `"position":15`}},
		{method: "POST", path: path, body: query("SELECT pg_sleep(10)"), status: 422, code: "sql_error"},
		{method: "POST", path: path, body: query("SELECT 'canary'::int"), status: 422, code: "sql_error"},
		{method: "POST", path: path, body: query("SELECT 1\x00"), status: 422, code: "sql_error"},
		{method: "POST", path: path, body: "{\"query\":\"SELECT '\xff'\"}", status: 400, code: "bad_request"},
		{method: "POST", path: path, body: query(""), status: 422, code: "invalid", fields: []string{"query"}},
		{method: "POST", path: path, body: `{}`, status: 422, code: "invalid", fields: []string{"body"}},
		{method: "POST", path: path, body: `{"query":1}`, status: 422, code: "invalid", fields: []string{"query"}},
		{method: "POST", path: path, body: `{"query":"SELECT 1","x":1}`, status: 422, code: "invalid", fields: []string{"x"}},
		{method: "POST", path: path, body: query("SELECT 1" + strings.Repeat(" ", 100_000)), status: 422, code: "invalid", fields: []string{"query"}},
		{method: "POST", path: path, body: query("SELECT 1" + strings.Repeat(" ", 10<<20)), status: 413, code: "too_large"},
		{path: path + "/schema", status: 200, has: []string{`"name":"conversations"`, `{"name":"title","type":"character varying(200)","nullable":false,"comment":"`, `"date_trunc"`}, lacks: []string{"user_settings", "brain_template", "pg_sleep"}},
	} {
		sc.run(t, u)
	}
	scenario{method: "POST", path: path, body: query("SELECT 1"), status: 401, code: "unauthenticated"}.run(t, s.Anonymous())
	scenario{path: path + "/schema", status: 401, code: "unauthenticated"}.run(t, s.Anonymous())
}

func TestSQLIsLimited(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Env: map[string]string{"RATE_LIMIT_SQL_USER": "1/1h"}})
	u := s.NewUser()
	sc := scenario{method: "POST", path: "/api/sql", body: `{"query":"SELECT 1"}`, status: 200}
	sc.run(t, u)
	sc.status, sc.code = 429, "rate_limited"
	sc.run(t, u)
	sc.status, sc.code = 200, ""
	sc.run(t, s.NewUser())
}

func TestNoSQL(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Env: map[string]string{"DATABASE_CONSOLE_URL": ""}})
	u := s.NewUser()
	scenario{method: "POST", path: "/api/sql", body: `{"query":"SELECT 1"}`, status: 404, code: "not_found"}.run(t, u)
	scenario{path: "/api/sql/schema", status: 404, code: "not_found"}.run(t, u)
}
