package analytics_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/analytics"
)

// One run a quarter of an hour before midnight in Berlin on the night that clocks go forward, one right after, and what other zones
// make of them.
func TestDaysOfZones(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ann, bob := b.signUp("ann", "2026-03-01T12:00:00Z"), b.signUp("bob", "2026-03-28T22:50:00Z")
	b.add(
		event{user: ann, at: "2026-03-28T22:50:00Z"}, // 28th 23:50 in Berlin, 29th 04:35 in Kathmandu, 28th 20:20 in St John's, 29th 11:50 in Apia
		event{user: ann, at: "2026-03-28T23:00:00Z"}, // 29th 00:00 in Berlin
		event{user: bob, at: "2026-03-29T22:00:00Z"}, // 30th 00:00 in Berlin, after a day of 23 hours; 30th 11:00 in Apia
		event{user: bob, at: "2026-03-29T18:14:59Z"}, // 29th 23:59:59 in Kathmandu
		event{user: ann, at: "2026-03-29T18:15:00Z"}, // 30th 00:00 in Kathmandu
		event{user: ann, at: "2026-03-30T02:29:00Z"}, // 29th 23:59 in St John's
	)
	b.fold()
	for zone, want := range map[string][]string{
		"UTC":              {"2026-03-28 1 1 1", "2026-03-29 2 2 2", "2026-03-30 1 2 2"},
		"Europe/Berlin":    {"2026-03-28 1 1 1", "2026-03-29 2 2 2", "2026-03-30 2 2 2"},
		"Asia/Kathmandu":   {"2026-03-28 0 0 0", "2026-03-29 2 2 2", "2026-03-30 2 2 2"},
		"America/St_Johns": {"2026-03-28 1 1 1", "2026-03-29 2 2 2", "2026-03-30 0 2 2"},
		"Pacific/Apia":     {"2026-03-28 0 0 0", "2026-03-29 1 1 1", "2026-03-30 2 2 2"},
	} {
		require.Equal(t, want, b.rows("SELECT * FROM analytics.active_users('2026-03-28', '2026-03-30', $1)", zone), zone)
	}
	messages := "SELECT day, messages FROM analytics.usage('2026-03-28', '2026-03-30', $1)"
	require.Equal(t, []string{"2026-03-28 1", "2026-03-29 3", "2026-03-30 2"}, b.rows(messages, "Europe/Berlin"))
	require.Equal(t, []string{"2026-03-29 3", "2026-03-30 3"}, b.rows(messages, "Asia/Kathmandu"))
	require.Equal(t, []string{"2026-03-28 1 0 0", "2026-03-29 0 0 0"}, b.rows("SELECT * FROM analytics.accounts('2026-03-28', '2026-03-29', 'UTC')"))
	require.Equal(t, []string{"2026-03-28 0 0 0", "2026-03-29 1 0 0"}, b.rows("SELECT * FROM analytics.accounts('2026-03-28', '2026-03-29', 'Asia/Kathmandu')"))
	// The zone of the session is what is used where none is named.
	_, err := b.analyst.Exec(t.Context(), "SET timezone = 'Asia/Kathmandu'")
	require.NoError(t, err)
	require.Equal(t, []string{"2026-03-29 3", "2026-03-30 3"}, b.rows("SELECT day, messages FROM analytics.usage('2026-03-28', '2026-03-30')"))
}

func TestActiveUsersOfSpans(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ann, bob := b.signUp("ann", "2026-01-01T12:00:00Z"), b.signUp("bob", "2026-01-01T12:00:00Z")
	b.add(event{user: ann, at: "2026-05-01T12:00:00Z"}, event{user: bob, at: "2026-05-03T12:00:00Z"}, event{user: ann, at: "2026-05-10T12:00:00Z"})
	b.fold()
	require.Equal(t, []string{
		"2026-05-01 1 1 1", "2026-05-02 0 1 1", "2026-05-03 1 2 2", "2026-05-07 0 2 2", "2026-05-08 0 1 2", "2026-05-09 0 1 2", "2026-05-10 1 1 2",
		"2026-05-30 0 0 2", "2026-06-01 0 0 2", "2026-06-02 0 0 1", "2026-06-08 0 0 1", "2026-06-09 0 0 0",
	}, b.rows(`SELECT * FROM analytics.active_users('2026-05-01', '2026-06-09', 'UTC')
		WHERE day IN ('2026-05-01', '2026-05-02', '2026-05-03', '2026-05-07', '2026-05-08', '2026-05-09', '2026-05-10', '2026-05-30', '2026-06-01', '2026-06-02', '2026-06-08', '2026-06-09')`))
}

func TestOutcomesQuotaAndLatency(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ann, bob := b.signUp("ann", "2026-01-01T12:00:00Z"), b.signUp("bob", "2026-01-01T12:00:00Z")
	at := "2026-05-01T12:00:00Z"
	for range 6 {
		b.add(event{user: ann, at: at, firstToken: 100})
	}
	b.add(
		event{user: ann, at: at, outcome: "failed"}, event{user: bob, at: at, outcome: "interrupted", firstToken: 1600}, event{user: bob, at: at, outcome: "aborted", firstToken: 800},
		event{user: bob, at: at, firstToken: 400}, event{user: bob, at: at, outcome: "quota_day"}, event{user: bob, at: at, outcome: "quota_day"},
		event{user: ann, at: at, outcome: "quota_month"}, event{user: ann, at: at, outcome: "quota_cost"}, event{user: bob, at: at, outcome: "quota_tokens"},
	)
	outcomes := []string{"2026-05-01 demo demo:demo 10 7 1 1 1 0.1000 0.1000"}
	day := "('2026-05-01', '2026-05-01', 'UTC')"
	require.Equal(t, outcomes, b.rows("SELECT * FROM analytics.outcomes"+day), "what is not folded counts")
	b.fold()
	require.Equal(t, outcomes, b.rows("SELECT * FROM analytics.outcomes"+day))
	require.Equal(t, []string{"2026-05-01 cost 1 1", "2026-05-01 day 2 1", "2026-05-01 month 1 1", "2026-05-01 tokens 1 1"}, b.rows("SELECT * FROM analytics.quota_hits"+day))
	// Of nine, the fifth took 100 ms, the eighth 800, the ninth 1600.
	var runs int
	var p50, p90, p99 float64
	require.NoError(t, b.analyst.QueryRow(t.Context(), "SELECT runs, p50_ms, p90_ms, p99_ms FROM analytics.first_token"+day).Scan(&runs, &p50, &p90, &p99))
	require.Equal(t, 9, runs)
	require.InEpsilon(t, 100, p50, 0.19)
	require.InEpsilon(t, 1600, p90, 0.19)
	require.InEpsilon(t, 1600, p99, 0.19)
}

// Sums are those of the usage that users see, to the micro-dollar: before it is folded, afterwards, and when an account is gone.
func TestSumsBalance(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.crowd(20, 1000)
	balanced := func(when string) {
		t.Helper()
		for _, zone := range zones {
			require.Equal(t, b.rows("SELECT sum(messages), sum(input_tokens), sum(output_tokens), sum(cost_microusd) FROM public.usage_daily"),
				b.rows("SELECT sum(messages), sum(input_tokens), sum(output_tokens), sum(cost_microusd) FROM analytics.usage('2026-01-01', '2026-12-31', $1)", zone), "%s, %s", when, zone)
		}
	}
	balanced("before folding")
	b.exec("SELECT public.fold_usage(300)")
	balanced("in between")
	gone := b.count("SELECT count(*) FROM public.tenants") // one account goes while some of what it did is in the journal
	var user uuid.UUID
	require.NoError(t, b.super.QueryRow(t.Context(), "DELETE FROM public.tenants WHERE user_id = (SELECT min(user_id::text)::uuid FROM public.usage_events) RETURNING user_id").Scan(&user))
	for _, table := range []string{"usage_events", "usage_daily"} {
		b.exec("UPDATE public."+table+" SET user_id = $1 WHERE user_id = $2", uuid.Nil, user)
	}
	for _, table := range []string{"user_days", "user_quarters"} {
		b.exec("DELETE FROM public."+table+" WHERE user_id = $1", user)
	}
	balanced("when an account is gone")
	b.fold()
	balanced("when all is folded")
	require.Zero(t, b.count("SELECT count(*) FROM public.user_days WHERE user_id IN ($1, $2)", user, uuid.Nil))
	require.Equal(t, gone, b.count("SELECT sum(signups) FROM analytics.accounts('2026-01-01', '2026-12-31', 'UTC')"), "its signing up still counts")
	require.EqualValues(t, 1, b.count("SELECT sum(deleted) FROM (SELECT DISTINCT cohort, deleted FROM analytics.retention('2026-01-05', '2026-12-31', 'UTC')) r"))
	require.Equal(t, b.rows("SELECT sum(cost_microusd) FROM public.usage_daily WHERE user_id <> $1 AND key_source = 'platform'", uuid.Nil),
		b.rows("SELECT sum(cost_microusd) FROM analytics.top_users('2026-01-01', '2026-12-31', 'Asia/Kathmandu', 1000)"))
}

func TestNothingThere(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, view := range []string{"usage", "top_users", "outcomes", "first_token", "retention"} {
		require.Empty(t, b.rows("SELECT * FROM analytics."+view), view)
	}
	require.Equal(t, []string{"30 0 0 0"}, b.rows("SELECT count(*), sum(daily), sum(weekly), sum(monthly) FROM analytics.active_users"))
	require.Equal(t, []string{"120 0 0"}, b.rows("SELECT count(*), sum(hits), sum(users) FROM analytics.quota_hits"))
	require.Equal(t, []string{"30 0 0 0"}, b.rows("SELECT count(*), sum(signups), sum(deletions), sum(deleted) FROM analytics.accounts"))
	require.Equal(t, []string{"0"}, b.rows("SELECT waiting FROM analytics.freshness"))
}

func TestRangesThatMakeNoSense(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, function := range []string{"active_users", "retention", "usage", "top_users", "outcomes", "first_token", "quota_hits", "accounts"} {
		for arguments, want := range map[string]string{
			"'2026-05-02', '2026-05-01'":                 "the range ends (2026-05-01) before it begins (2026-05-02)",
			"'2000-01-01', '2026-05-01'":                 "at most 1100",
			"'-infinity', 'infinity'":                    "two ends",
			"'2026-05-01', '2026-05-02', 'Mars/Olympus'": `time zone "Mars/Olympus" not recognized`,
			"'2026-05-01', '2026-05-02', '<x>-05:53'":    "not whole quarters",
		} {
			_, err := b.analyst.Exec(t.Context(), "SELECT * FROM analytics."+function+"("+arguments+")")
			require.ErrorContains(t, err, want, "%s(%s)", function, arguments)
		}
	}
	_, err := b.analyst.Exec(t.Context(), "SELECT * FROM analytics.retention(unit => 'year')")
	require.ErrorContains(t, err, `unit "year"`)
}

// A row of user_days tells when its user was active before the one local midnight that may lie within its UTC day, and when after it. No
// zone has two, nor will any until ten years from now.
func TestNoUTCDayHasThreeLocalOnes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var bad []string
	for _, zone := range b.rows("SELECT name FROM pg_timezone_names WHERE name !~ '^(posix|right)/'") {
		loc, err := time.LoadLocation(zone)
		if err != nil || zone == "Local" {
			continue
		}
		for day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() < 2036; day = day.AddDate(0, 0, 1) {
			first, last := day.In(loc), day.Add(24*time.Hour-time.Second).In(loc)
			if _, offset := first.Zone(); offset%900 != 0 || last.YearDay()-first.YearDay() > 1 && first.Year() == last.Year() {
				bad = append(bad, zone+" "+day.Format(time.DateOnly))
			}
		}
	}
	require.Empty(t, bad)
}

func TestRunFoldsUntilItEnds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.add(event{user: b.signUp("ann", "2026-01-01T12:00:00Z"), at: "2026-05-01T12:00:00Z"})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		done <- analytics.NewFolder(analytics.Options{DB: b.DB, Every: 10 * time.Millisecond}).Run(ctx)
	}()
	require.Eventually(t, func() bool { return b.count("SELECT count(*) FROM public.user_days") == 1 }, 20*time.Second, 10*time.Millisecond)
	cancel()
	require.NoError(t, <-done)
	require.True(t, strings.HasPrefix(b.rows("SELECT waiting FROM analytics.freshness")[0], "0"))
}
