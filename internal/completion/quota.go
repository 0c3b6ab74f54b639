package completion

import (
	"context"
	"time"

	"twobrains/internal/problem"
	"twobrains/internal/publicdb"
	"twobrains/internal/tenant"
)

// stateQuota is raised by QuotaReserve.
const stateQuota = "TB101"

// utcDay is the day whose quota a moment counts against.
func utcDay(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

func utcMonth(t time.Time) time.Time {
	y, m, _ := t.UTC().Date()
	return time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
}

// quotaError says which allowance is used up and when it starts over.
func (s *Service) quotaError(ctx context.Context, brain *tenant.Brain, now time.Time) error {
	var counters *tenant.Result[publicdb.QuotaGetRow]
	err := brain.Tx(ctx, func(tx *tenant.Tx) error {
		counters = tenant.Queue(tx, func(db tenant.DBTX) (publicdb.QuotaGetRow, error) { return s.public.QuotaGet(ctx, db) })
		return nil
	})
	if err != nil {
		return err
	}
	used, month := counters.Value(), utcMonth(now)
	if s.opts.Quota.Month <= 0 || (!used.Month.Before(month) && int(used.MonthUsed) >= s.opts.Quota.Month) {
		return problem.Newf(problem.CodeQuotaMonth, "You have used this month's %d messages.", s.opts.Quota.Month).
			After(month.AddDate(0, 1, 0).Sub(now))
	}
	return problem.Newf(problem.CodeQuotaDay, "You have used today's %d messages.", s.opts.Quota.Day).
		After(utcDay(now).AddDate(0, 0, 1).Sub(now))
}
