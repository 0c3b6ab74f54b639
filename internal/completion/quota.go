package completion

import (
	"context"
	"time"

	"twobrains/internal/problem"
	"twobrains/internal/publicdb"
	"twobrains/internal/tenant"
	"twobrains/internal/usage"
)

// stateQuota is raised by QuotaReserve.
const stateQuota = "TB101"

// quotaError says which allowance is used up and when it starts over, and notes that it was met.
func (r *run) quotaError(ctx context.Context, brain *tenant.Brain, now time.Time) error {
	s := r.Service
	var counters *tenant.Result[publicdb.QuotaGetRow]
	err := brain.Tx(ctx, func(tx *tenant.Tx) error {
		counters = tenant.Queue(tx, func(db tenant.DBTX) (publicdb.QuotaGetRow, error) { return s.public.QuotaGet(ctx, db) }).Public()
		tenant.QueueExec(tx, func(db tenant.DBTX) error {
			return s.public.QuotaHit(ctx, db, publicdb.QuotaHitParams{
				StartedAt: now, Model: r.model.ID, Month: usage.Month(now), MonthLimit: clampInt32(s.opts.Quota.Month),
			})
		}).Public()
		return nil
	})
	if err != nil {
		return err
	}
	used, month := counters.Value(), usage.Month(now)
	if s.opts.Quota.Month <= 0 || (!used.Month.Before(month) && int(used.MonthUsed) >= s.opts.Quota.Month) {
		return problem.Newf(problem.CodeQuotaMonth, "You have used this month's %d messages.", s.opts.Quota.Month).
			After(month.AddDate(0, 1, 0).Sub(now))
	}
	return problem.Newf(problem.CodeQuotaDay, "You have used today's %d messages.", s.opts.Quota.Day).
		After(usage.Day(now).AddDate(0, 0, 1).Sub(now))
}
