package main

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"twobrains/internal/analytics"
	"twobrains/internal/tenant"
)

//go:embed analytics.sql
var analyticsFill string

const (
	analyticsUsers  = 100_000
	analyticsBudget = 300 * time.Millisecond
	analyticsRounds = 40
	// baselineRounds are few: some of its answers take many seconds.
	baselineRounds = 2
	analyticsFresh = 20_000
)

// analyticsQuestions are the views, and the same asked of one row for each run, with indexes by time and by user.
var analyticsQuestions = []struct{ view, baseline string }{
	{"active_users", `WITH days AS (SELECT DISTINCT user_id, (at AT TIME ZONE current_setting('TimeZone'))::date AS d FROM bench_baseline.runs WHERE outcome <> 'quota_day')
SELECT g, count(*) FILTER (WHERE daily), count(*) FILTER (WHERE weekly), count(*)
FROM (SELECT g::date AS g, user_id, bool_or(d = g::date) AS daily, bool_or(d > g::date - 7) AS weekly
  FROM generate_series((now() - interval '29 days')::date, now()::date, '1 day') g JOIN days ON d BETWEEN g::date - 29 AND g::date GROUP BY 1, 2) m
GROUP BY 1 ORDER BY 1`},
	{"retention", `SELECT date_trunc('week', t.created_at) AS cohort, date_trunc('week', r.at) AS week, count(DISTINCT r.user_id)
FROM public.tenants t JOIN bench_baseline.runs r ON r.user_id = t.user_id
WHERE t.created_at >= date_trunc('week', now() - interval '55 days') AND outcome <> 'quota_day' GROUP BY 1, 2 ORDER BY 1, 2`},
	{"usage", `SELECT at::date, split_part(model, ':', 1), model, key_source, count(*), sum(input_tokens), sum(output_tokens), sum(cost_microusd)
FROM bench_baseline.runs WHERE at >= (now() - interval '29 days')::date AND outcome <> 'quota_day' GROUP BY 1, 2, 3, 4 ORDER BY 1, 3, 4`},
	{"top_users", `SELECT user_id, count(*), sum(input_tokens + output_tokens), sum(cost_microusd) FROM bench_baseline.runs
WHERE at >= (now() - interval '29 days')::date AND key_source = 'platform' GROUP BY 1 ORDER BY 4 DESC LIMIT 20`},
	{"outcomes", `SELECT at::date, model, count(*), count(*) FILTER (WHERE outcome = 'failed'), count(*) FILTER (WHERE outcome = 'interrupted')
FROM bench_baseline.runs WHERE at >= (now() - interval '29 days')::date AND outcome <> 'quota_day' GROUP BY 1, 2 ORDER BY 1, 2`},
	{"first_token", `SELECT at::date, model, key_source, percentile_cont('{0.5,0.9,0.95,0.99}'::float8[]) WITHIN GROUP (ORDER BY first_token_ms)
FROM bench_baseline.runs WHERE at >= (now() - interval '29 days')::date GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`},
	{"quota_hits", `SELECT at::date, count(*), count(DISTINCT user_id) FROM bench_baseline.runs
WHERE at >= (now() - interval '29 days')::date AND outcome = 'quota_day' GROUP BY 1 ORDER BY 1`},
	{"accounts", `SELECT created_at::date, count(*) FROM public.tenants WHERE created_at >= (now() - interval '29 days')::date GROUP BY 1 ORDER BY 1`},
}

// runAnalytics times each view of the schema analytics without arguments, in a zone whose days begin at a quarter past.
func runAnalytics(ctx context.Context, b *bench) error {
	s, err := b.fast(ctx)
	if err != nil {
		return err
	}
	users := analyticsUsers
	if b.quick {
		users /= 10
	}
	d, err := b.newDatabase(ctx, s, "bench_analytics")
	if err != nil {
		return err
	}
	super, err := pgx.Connect(ctx, s.Postgres.SuperuserURL(d.name))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = super.Close(ctx) }()
	if _, err := super.Exec(ctx, strings.ReplaceAll(analyticsFill, "$USERS", strconv.Itoa(users)), pgx.QueryExecModeSimpleProtocol); err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	if _, err := super.Exec(ctx, "VACUUM ANALYZE"); err != nil {
		return fmt.Errorf("analyse: %w", err)
	}
	if err := b.analyticsSize(ctx, super, users); err != nil {
		return err
	}
	for _, setting := range []string{
		"GRANT USAGE ON SCHEMA bench_baseline TO twobrains_analyst", "GRANT SELECT ON bench_baseline.runs TO twobrains_analyst",
		"SET SESSION AUTHORIZATION twobrains_analyst", "SET timezone = 'Asia/Kathmandu'", "SET jit = off", "SET work_mem = '256MB'",
	} {
		if _, err := super.Exec(ctx, setting); err != nil {
			return fmt.Errorf("become the analyst: %w", err)
		}
	}
	for _, q := range analyticsQuestions {
		if err := b.askAnalytics(ctx, super, users, q.view, q.baseline); err != nil {
			return err
		}
	}
	if err := b.foldAnalytics(ctx, d, super); err != nil {
		return err
	}
	return b.dropDatabase(ctx, d)
}

func (b *bench) askAnalytics(ctx context.Context, conn *pgx.Conn, users int, view, baseline string) error {
	ask := func(sql string, rounds int) ([]time.Duration, error) {
		took := make([]time.Duration, 0, rounds)
		for i := range rounds + 1 { // the first warms it
			begin := time.Now()
			rows, err := conn.Query(ctx, sql)
			if err != nil {
				return nil, fmt.Errorf("ask for %s: %w", view, err)
			}
			rows.Close()
			if err := rows.Err(); err != nil {
				return nil, fmt.Errorf("ask for %s: %w", view, err)
			}
			if i > 0 {
				took = append(took, time.Since(begin))
			}
		}
		return took, nil
	}
	ours, err := ask("SELECT * FROM analytics."+view, analyticsRounds)
	if err != nil {
		return err
	}
	base, err := ask(baseline, baselineRounds)
	if err != nil {
		return err
	}
	p50, p95, base50 := quantile(ours, .5), quantile(ours, .95), quantile(base, .5)
	b.report.add(line{
		Figure:   fmt.Sprintf("analytics.%s at %d users and 30 days, p50 / p95", view, users),
		Baseline: milli(base50) + " ms", Ours: fmt.Sprintf("%s / %s ms", milli(p50), milli(p95)), Ratio: fmt.Sprintf("%.3f", float64(p50)/float64(base50)),
		Must: "p95 <= 300 ms", Pass: p95 <= analyticsBudget,
		Details: map[string]float64{"p50Micros": float64(p50.Microseconds()), "p95Micros": float64(p95.Microseconds()), "baselineP50Micros": float64(base50.Microseconds())},
	})
	return nil
}

// analyticsSize says how many rows and bytes the roll-ups are, beside one row for each run.
func (b *bench) analyticsSize(ctx context.Context, super *pgx.Conn, users int) error {
	var runs, raw, days, quarters, bytes int64
	err := super.QueryRow(ctx, `SELECT (SELECT count(*) FROM bench_baseline.runs), pg_total_relation_size('bench_baseline.runs'),
  (SELECT count(*) FROM public.user_days), (SELECT count(*) FROM public.user_quarters),
  pg_total_relation_size('public.user_days') + pg_total_relation_size('public.user_quarters') + pg_total_relation_size('public.usage_quarters')
    + pg_total_relation_size('public.latency_quarters')`).Scan(&runs, &raw, &days, &quarters, &bytes)
	if err != nil {
		return fmt.Errorf("measure tables: %w", err)
	}
	b.report.add(line{
		Figure:   fmt.Sprintf("roll-ups of %d runs of %d users in 30 days", runs, users),
		Baseline: fmt.Sprintf("%d MB", raw>>20), Ours: fmt.Sprintf("%d MB; %d user days, %d user quarters", bytes>>20, days, quarters),
		Ratio:   fmt.Sprintf("%.2f", float64(bytes)/float64(raw)),
		Details: map[string]float64{"runs": float64(runs), "userDays": float64(days), "userQuarters": float64(quarters), "bytes": float64(bytes), "baselineBytes": float64(raw)},
	})
	return nil
}

// foldAnalytics measures how fast the journal is folded.
func (b *bench) foldAnalytics(ctx context.Context, d *database, super *pgx.Conn) error {
	if _, err := super.Exec(ctx, "RESET SESSION AUTHORIZATION"); err != nil {
		return fmt.Errorf("be the superuser again: %w", err)
	}
	_, err := super.Exec(ctx, `INSERT INTO public.usage_events (user_id, quarter, model, key_source, outcome, messages, cost_microusd, first_token_ms)
SELECT user_id, floor(extract(epoch FROM now()) / 900), model, key_source, 'complete', 1, cost_microusd, first_token_ms
FROM bench_baseline.runs WHERE outcome = 'complete' ORDER BY at DESC LIMIT $1`, analyticsFresh)
	if err != nil {
		return fmt.Errorf("fill journal: %w", err)
	}
	k, err := d.kernel(tenant.Options{Lanes: 1, UnitTimeout: time.Minute})
	if err != nil {
		return err
	}
	defer k.close()
	begin := time.Now()
	rows, err := analytics.NewFolder(analytics.Options{DB: k.db}).Fold(ctx)
	if err != nil {
		return fmt.Errorf("fold: %w", err)
	}
	rate := float64(rows) / time.Since(begin).Seconds()
	b.report.add(line{
		Figure: fmt.Sprintf("folding %d rows of the journal", rows), Baseline: "–", Ours: fmt.Sprintf("%.0f/s", rate), Details: map[string]float64{"perSecond": rate},
	})
	return nil
}
