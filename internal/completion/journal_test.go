package completion_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"twobrains/internal/analytics"
	"twobrains/internal/completion"
	"twobrains/internal/llm"
	"twobrains/internal/problem"
)

// Every run leaves one row in the journal, however it ended, and so does a message that was refused for a quota.
func TestRunsLeaveAJournal(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 5, 1, 12, 14, 59, 0, time.UTC)
	b := setup(t, func(o *completion.Options) { o.Quota.Day = 2; o.Clock = func() time.Time { return start } })
	b.send("c1", "m1", "Hi.")
	b.provider.script = func(_ context.Context, _ llm.Request, yield func(llm.Event, error) bool) {
		yield(nil, llm.NewError(llm.Overloaded, errors.New("overloaded")))
	}
	b.send("c1", "m2", "fails, and costs no quota")
	b.provider.script = func(_ context.Context, _ llm.Request, yield func(llm.Event, error) bool) {
		if yield(llm.TextDelta{Block: "0", Text: "half"}, nil) {
			yield(nil, llm.NewError(llm.Interrupted, errors.New("broken")))
		}
	}
	b.send("c2", "m3", "breaks off")
	_, err := b.Start(t.Context(), b.user, userText("c2", "m4", "too many"))
	require.True(t, problem.HasCode(err, problem.CodeQuotaDay), "%v", err)

	type entry struct {
		Outcome                        string
		Runs, Messages, Quarters, Cost int64
		Told                           bool
	}
	rows, _ := b.Superuser(t).Query(t.Context(), `SELECT outcome, runs, messages, $1::bigint - quarter, cost_microusd, first_token_ms IS NOT NULL
		FROM public.usage_events WHERE user_id = $2 ORDER BY outcome`, start.Unix()/900, b.user.ID())
	entries, err := pgx.CollectRows(rows, pgx.RowToStructByPos[entry])
	require.NoError(t, err)
	require.Len(t, entries, 4)
	interrupted := entries[2].Cost
	require.Equal(t, []entry{
		{"complete", 1, 1, 0, 12, true}, {"failed", 1, 0, 0, 0, false}, {"interrupted", 1, 1, 0, interrupted, true}, {"quota_day", 1, 0, 0, 0, false},
	}, entries)
	require.Equal(t, 12+int(interrupted), b.count("SELECT sum(cost_microusd) FROM public.usage_daily"))
	_, err = analytics.NewFolder(analytics.Options{DB: b.DB}).Fold(t.Context())
	require.NoError(t, err)
	require.Equal(t, 12+int(interrupted), b.count("SELECT sum(cost_microusd) FROM analytics.usage('2026-05-01', '2026-05-01', 'UTC')"))
	require.Equal(t, 1, b.count("SELECT daily FROM analytics.active_users('2026-05-01', '2026-05-01', 'UTC')"))
	require.Equal(t, 1, b.count("SELECT users FROM analytics.quota_hits('2026-05-01', '2026-05-01', 'UTC') WHERE quota = 'day'"))
}
