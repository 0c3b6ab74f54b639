package analytics_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"twobrains/internal/analytics"
	"twobrains/internal/testdb"
)

const analyst, analystPassword = "twobrains_analyst", "analyst-in-tests"

// TestMain lets the analyst log in, as an operator would.
func TestMain(m *testing.M) {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, os.Getenv(testdb.EnvPostgres))
	if err != nil {
		fmt.Fprintln(os.Stderr, "connect:", err)
		os.Exit(1)
	}
	for _, sql := range []string{
		"SELECT pg_advisory_lock(7205759403792795)",
		"DO $$ BEGIN CREATE ROLE " + analyst + "; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
		"ALTER ROLE " + analyst + " LOGIN PASSWORD '" + analystPassword + "'",
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			fmt.Fprintln(os.Stderr, sql, err)
			os.Exit(1)
		}
	}
	_ = conn.Close(ctx)
	goleak.VerifyTestMain(m)
}

// bundle is a database with the superuser and the analyst looking at it.
type bundle struct {
	*testdb.Database
	t       *testing.T
	super   *pgx.Conn
	analyst *pgx.Conn
	folder  *analytics.Folder
}

func setup(t *testing.T) *bundle {
	t.Helper()
	d := testdb.New(t)
	login, err := url.Parse(d.SuperuserURL)
	require.NoError(t, err)
	login.User = url.UserPassword(analyst, analystPassword)
	conn, err := pgx.Connect(t.Context(), login.String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return &bundle{Database: d, t: t, super: d.Superuser(t), analyst: conn, folder: analytics.NewFolder(analytics.Options{DB: d.DB})}
}

func (b *bundle) exec(sql string, arguments ...any) {
	b.t.Helper()
	_, err := b.super.Exec(b.t.Context(), sql, arguments...)
	require.NoError(b.t, err)
}

func (b *bundle) count(sql string, arguments ...any) (n int64) {
	b.t.Helper()
	require.NoError(b.t, b.super.QueryRow(b.t.Context(), sql, arguments...).Scan(&n))
	return n
}

// rows are what the analyst gets, each as its columns joined by spaces.
func (b *bundle) rows(sql string, arguments ...any) []string {
	b.t.Helper()
	rows, err := b.analyst.Query(b.t.Context(), "SELECT concat_ws(' ', VARIADIC ARRAY(SELECT coalesce(value, '-') FROM json_each_text(to_json(q)))) FROM ("+sql+") q", arguments...)
	require.NoError(b.t, err)
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(b.t, err)
	return list
}

func (b *bundle) fold() {
	b.t.Helper()
	_, err := b.folder.Fold(b.t.Context())
	require.NoError(b.t, err)
	require.Zero(b.t, b.count("SELECT count(*) FROM public.usage_events"))
}

// signUp registers a user at a moment.
func (b *bundle) signUp(name, at string) uuid.UUID {
	b.t.Helper()
	id := uuid.NewMD5(uuid.Nil, []byte(name))
	b.exec(`INSERT INTO public.tenants (user_id, schema_name, lock, key_id, version, created_at)
		VALUES ($1, 'u_' || replace($1::uuid::text, '-', ''), sha256(convert_to($1::uuid::text, 'UTF8')), 'test', 1, $2::timestamptz)`, id, at)
	return id
}

// event is a run, or a refusal. What is left out is a message of the demo model on a platform key that completed.
type event struct {
	user                uuid.UUID
	at                  string
	model, key, outcome string
	messages            int64
	input, output, cost int64
	firstToken          int64
}

// add notes events as settling does: in the journal, and by UTC day.
func (b *bundle) add(events ...event) {
	b.t.Helper()
	for _, e := range events {
		if e.model == "" {
			e.model = "demo:demo"
		}
		if e.key == "" {
			e.key = "platform"
		}
		if e.outcome == "" {
			e.outcome, e.messages = "complete", 1
		}
		b.exec(`INSERT INTO public.usage_events (user_id, quarter, model, key_source, outcome, messages, input_tokens, output_tokens, cost_microusd, first_token_ms)
			VALUES ($1, floor(extract(epoch FROM $2::timestamptz) / 900), $3, $4, $5, $6, $7, $8, $9, nullif($10, 0))`,
			e.user, e.at, e.model, e.key, e.outcome, e.messages, e.input, e.output, e.cost, e.firstToken)
		if strings.HasPrefix(e.outcome, "quota") {
			continue
		}
		b.exec(`INSERT INTO public.usage_daily AS u (user_id, day, model, key_source, messages, input_tokens, output_tokens, cost_microusd)
			VALUES ($1, ($2::timestamptz AT TIME ZONE 'UTC')::date, $3, $4, $5, $6, $7, $8) ON CONFLICT (user_id, day, model, key_source) DO UPDATE SET
			messages = u.messages + excluded.messages, input_tokens = u.input_tokens + excluded.input_tokens,
			output_tokens = u.output_tokens + excluded.output_tokens, cost_microusd = u.cost_microusd + excluded.cost_microusd`,
			e.user, e.at, e.model, e.key, e.messages, e.input, e.output, e.cost)
	}
}

// zones begin their days at different quarters, and some of their days have not 24 hours.
var zones = []string{
	"UTC", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia", "Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "Africa/Cairo", "Pacific/Chatham",
}

// crowd makes users who come at random, around the ends of daylight saving time, and keeps what they did in a table of the test.
func (b *bundle) crowd(users, runs int) {
	b.t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	b.exec(`CREATE TABLE raw (i serial, user_id uuid, at timestamptz, model text, key_source text, outcome text, messages bigint, cost bigint)`)
	begin := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	ids := make([]uuid.UUID, users)
	for i := range ids {
		ids[i] = b.signUp(fmt.Sprint("one of a crowd ", i), begin.Add(time.Duration(r.IntN(40*24*60))*time.Minute).Format(time.RFC3339))
	}
	copied := make([][]any, runs)
	for i := range copied {
		at := begin.Add(time.Duration(r.IntN(62*24*60)) * time.Minute)
		if i%3 == 0 { // at the ends of days, where zones differ
			at = at.Truncate(24 * time.Hour).Add(time.Duration(r.IntN(16)-8) * 15 * time.Minute)
		}
		outcome := []string{"complete", "complete", "complete", "aborted", "interrupted", "failed", "quota_day", "quota_month", "quota_cost", "quota_tokens"}[r.IntN(10)]
		messages, cost := int64(1), r.Int64N(100_000)
		if strings.HasPrefix(outcome, "quota") {
			messages, cost = 0, 0
		}
		copied[i] = []any{ids[r.IntN(users)], at, []string{"demo:a", "other:b"}[r.IntN(2)], []string{"platform", "own"}[r.IntN(2)], outcome, messages, cost}
	}
	_, err := b.super.CopyFrom(b.t.Context(), pgx.Identifier{"raw"}, []string{"user_id", "at", "model", "key_source", "outcome", "messages", "cost"}, pgx.CopyFromRows(copied))
	require.NoError(b.t, err)
	b.exec(`INSERT INTO public.usage_events (user_id, quarter, model, key_source, outcome, messages, input_tokens, cost_microusd)
		SELECT user_id, floor(extract(epoch FROM at) / 900), model, key_source, outcome, messages, messages * 7, cost FROM raw ORDER BY md5(i::text)`)
	b.exec(`INSERT INTO public.usage_daily (user_id, day, model, key_source, messages, input_tokens, cost_microusd)
		SELECT user_id, (at AT TIME ZONE 'UTC')::date, model, key_source, sum(messages), sum(messages * 7), sum(cost) FROM raw
		WHERE outcome NOT LIKE 'quota%' GROUP BY 1, 2, 3, 4`)
	b.exec("GRANT SELECT ON raw TO " + analyst)
}
