package analytics_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the roll-ups say is what counting every single run says, in every zone: whatever order they came in, and however few were folded at
// once.
func TestRollUpsSayWhatRunsSay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.crowd(40, 3000)
	r := rand.New(rand.NewPCG(3, 4))
	for b.count("SELECT count(*) FROM public.usage_events") > 0 {
		b.exec("SELECT public.fold_usage($1)", 1+r.IntN(700))
	}
	ranges := [][2]string{{"2026-03-05", "2026-04-20"}, {"2026-03-29", "2026-03-29"}, {"2026-02-20", "2026-03-02"}, {"2026-04-04", "2026-04-06"}, {"2026-04-20", "2026-05-10"}}
	for _, zone := range zones {
		for _, span := range ranges {
			args := []any{span[0], span[1], zone}
			for name, pair := range naive {
				require.Equal(t, b.rows(single+pair[0], args...), b.rows(pair[1], args...), "%s in %s, %s to %s", name, zone, span[0], span[1])
			}
		}
	}
}

// single names the runs, and the messages that were refused, by local day.
const single = `WITH runs AS (SELECT *, (at AT TIME ZONE $3::text)::date AS day FROM raw WHERE outcome NOT LIKE 'quota%'),
	refused AS (SELECT *, (at AT TIME ZONE $3::text)::date AS day FROM raw WHERE outcome LIKE 'quota%') `

// naive holds for each function what it stands for, over the table of single runs.
var naive = map[string][2]string{
	"active users": {
		`SELECT d::date, (SELECT count(DISTINCT user_id) FROM runs WHERE day = d), (SELECT count(DISTINCT user_id) FROM runs WHERE day > d::date - 7 AND day <= d),
			(SELECT count(DISTINCT user_id) FROM runs WHERE day > d::date - 30 AND day <= d)
		FROM generate_series($1::date, $2::date, '1 day') d`,
		`SELECT * FROM analytics.active_users($1::date, $2::date, $3::text)`,
	},
	"usage": {
		`SELECT day, split_part(model, ':', 1), model, key_source, sum(messages), sum(messages) * 7, 0 AS c, 0 AS o, 0 AS r, sum(cost)
		FROM runs WHERE day BETWEEN $1::date AND $2::date GROUP BY 1, 2, 3, 4 ORDER BY 1, 3, 4`,
		`SELECT * FROM analytics.usage($1::date, $2::date, $3::text)`,
	},
	"top users": {
		`SELECT row_number() OVER (ORDER BY sum(cost) FILTER (WHERE key_source = 'platform') DESC NULLS LAST, user_id), user_id, sum(messages), sum(messages) * 7,
			coalesce(sum(cost) FILTER (WHERE key_source = 'platform'), 0) AS p, coalesce(sum(cost) FILTER (WHERE key_source = 'own'), 0) AS o
		FROM runs WHERE day BETWEEN $1::date AND $2::date GROUP BY user_id HAVING sum(cost) FILTER (WHERE key_source = 'platform') > 0 ORDER BY 1 LIMIT 10`,
		`SELECT * FROM analytics.top_users($1::date, $2::date, $3::text, 10) WHERE cost_microusd > 0`,
	},
	"outcomes": {
		`SELECT day, split_part(model, ':', 1), model, count(*), count(*) FILTER (WHERE outcome = 'complete') AS a, count(*) FILTER (WHERE outcome = 'aborted') AS b,
			count(*) FILTER (WHERE outcome = 'interrupted') AS c, count(*) FILTER (WHERE outcome = 'failed') AS d,
			round(1.0 * count(*) FILTER (WHERE outcome = 'failed') / count(*), 4) AS e, round(1.0 * count(*) FILTER (WHERE outcome = 'interrupted') / count(*), 4) AS f
		FROM runs WHERE day BETWEEN $1::date AND $2::date GROUP BY 1, 2, 3 ORDER BY 1, 3`,
		`SELECT * FROM analytics.outcomes($1::date, $2::date, $3::text)`,
	},
	"quota hits": {
		`SELECT d::date, k, (SELECT count(*) FROM refused WHERE day = d AND outcome = 'quota_' || k), (SELECT count(DISTINCT user_id) FROM refused WHERE day = d AND outcome = 'quota_' || k) AS u
		FROM generate_series($1::date, $2::date, '1 day') d, (VALUES ('day'), ('month'), ('cost'), ('tokens')) v (k) ORDER BY 1, 2`,
		`SELECT * FROM analytics.quota_hits($1::date, $2::date, $3::text)`,
	},
	"accounts": {
		`SELECT d::date, (SELECT count(*) FROM public.tenants WHERE (created_at AT TIME ZONE $3::text)::date = d), 0 AS a, 0 AS b FROM generate_series($1::date, $2::date, '1 day') d`,
		`SELECT * FROM analytics.accounts($1::date, $2::date, $3::text)`,
	},
	"retention": {
		`, cohorts AS (
			SELECT user_id, date_trunc('week', created_at AT TIME ZONE $3::text)::date AS week FROM public.tenants
			WHERE (created_at AT TIME ZONE $3::text)::date BETWEEN date_trunc('week', $1::date) AND $2::date
		)
		SELECT c.week, count(*), 0 AS deleted, n, (SELECT count(DISTINCT r.user_id) FROM runs r JOIN cohorts s USING (user_id)
				WHERE s.week = c.week AND date_trunc('week', r.day)::date = c.week + 7 * n AND r.day <= $2::date) AS active,
			round(1.0 * (SELECT count(DISTINCT r.user_id) FROM runs r JOIN cohorts s USING (user_id)
				WHERE s.week = c.week AND date_trunc('week', r.day)::date = c.week + 7 * n AND r.day <= $2::date) / count(*), 4) AS share
		FROM cohorts c, LATERAL generate_series(0, (date_trunc('week', $2::date)::date - c.week) / 7) n GROUP BY c.week, n ORDER BY 1, 4`,
		`SELECT * FROM analytics.retention($1::date, $2::date, $3::text)`,
	},
}
