package completion

import (
	"context"
	"time"

	"twobrains/internal/auth"
	"twobrains/internal/problem"
	"twobrains/internal/publicdb"
	"twobrains/internal/tenant"
	"twobrains/internal/usage"
)

// stateQuota is raised by RunAdmit.
const stateQuota = "TB101"

// warning says that a limit is nearly reached. It is part of the API.
type warning struct {
	// Code is that of the refusal that comes next.
	Code problem.Code `json:"code"`
	// Used and Limit count messages, or millionths of a US dollar with what replies under way may come to.
	Used     int64     `json:"used"`
	Limit    int64     `json:"limit"`
	ResetsAt time.Time `json:"resetsAt"`
}

// tokenWindow is how much of the rate of tokens may be taken at once.
const tokenWindow = time.Minute

// tokenTime is how long the plan takes to make up for the tokens that the run begins with; 0: it does not limit them.
func (r *run) tokenTime() time.Duration {
	if r.limits.Tokens == nil {
		return 0
	}
	return time.Duration(float64(r.funds.tokens) / float64(*r.limits.Tokens) * float64(tokenWindow))
}

func (r *run) admitParams(ticket auth.Ticket) publicdb.RunAdmitParams {
	p := publicdb.RunAdmitParams{
		RunID: r.id, InstanceID: r.opts.InstanceID, Ciphertext: ticket.Ciphertext, KeyID: ticket.KeyID,
		Charged: r.charged != nil, Day: usage.Day(r.started), Month: usage.Month(r.started), Now: r.started,
		DayLimit: r.limits.Day, MonthLimit: r.limits.Month,
		CostLimit: r.limits.Cost, Estimate: r.funds.estimate, Minimum: r.funds.minimum,
	}
	if r.limits.Tokens != nil {
		p.TokenSeconds = r.tokenTime().Seconds()
		p.TokensBy = new(r.started.Add(max(0, tokenWindow-r.tokenTime())))
	}
	return p
}

// warn notes which limits the message has brought to four fifths or more.
func (r *run) warn(now publicdb.RunAdmitRow) {
	r.funds.warnings = nil
	if r.charged == nil || now.MovedOn {
		return
	}
	near := func(code problem.Code, used int64, limit *int64, resets time.Time) {
		if limit != nil && float64(used) >= 0.8*float64(*limit) {
			r.funds.warnings = append(r.funds.warnings, warning{code, used, *limit, resets})
		}
	}
	tomorrow := usage.Day(r.started).AddDate(0, 0, 1)
	near(problem.CodeQuotaDay, int64(now.DayUsed), wide(r.limits.Day), tomorrow)
	near(problem.CodeQuotaMonth, int64(now.MonthUsed), wide(r.limits.Month), usage.Month(r.started).AddDate(0, 1, 0))
	if now.Spent > 0 {
		near(problem.CodeQuotaCost, now.Spent, r.limits.Cost, tomorrow)
	}
}

func wide(n *int32) *int64 {
	if n == nil {
		return nil
	}
	return new(int64(*n))
}

// quotaError says which allowance is used up and when it starts over, and notes that it was met.
func (r *run) quotaError(ctx context.Context, brain *tenant.Brain, now time.Time) error {
	var refusal *problem.Error
	err := brain.Tx(ctx, func(tx *tenant.Tx) error {
		counters := tenant.Queue(tx, func(db tenant.DBTX) (publicdb.QuotaGetRow, error) { return r.public.QuotaGet(ctx, db) }).Public()
		if err := tx.Flush(); err != nil && !isNoRows(err) {
			return err
		}
		refusal = r.refusal(counters.Value(), now)
		tenant.QueueExec(tx, func(db tenant.DBTX) error {
			return r.public.QuotaHit(ctx, db, publicdb.QuotaHitParams{StartedAt: now, Model: r.model.ID, Outcome: string(refusal.Code)})
		}).Public()
		return nil
	})
	if err != nil {
		return err
	}
	return refusal
}

// again is when to try again where replies under way are all that stands in the way.
const again = 10 * time.Second

func (r *run) refusal(q publicdb.QuotaGetRow, now time.Time) *problem.Error {
	l, day, month := r.limits, usage.Day(now), usage.Month(now)
	if q.Day.Before(day) {
		q.Day, q.DayUsed, q.DayMicrousd, q.DayReservedMicrousd = day, 0, 0, 0
	}
	if q.Month.Before(month) {
		q.MonthUsed = 0
	}
	tomorrow := day.AddDate(0, 0, 1).Sub(now)
	switch {
	case l.Month != nil && q.MonthUsed >= *l.Month:
		return problem.Newf(problem.CodeQuotaMonth, "You have used this month's %d messages.", *l.Month).After(month.AddDate(0, 1, 0).Sub(now))
	case l.Day != nil && q.DayUsed >= *l.Day:
		return problem.Newf(problem.CodeQuotaDay, "You have used today's %d messages.", *l.Day).After(tomorrow)
	case l.Cost != nil && r.funds.minimum > 0 && q.Day.Equal(day) && q.DayMicrousd+q.DayReservedMicrousd+r.funds.minimum > *l.Cost:
		switch {
		case q.DayMicrousd+r.funds.minimum <= *l.Cost:
			return problem.New(problem.CodeQuotaCost, "Replies under way may take what is left of today's budget; try again when they have ended.").After(again)
		case q.DayMicrousd >= *l.Cost:
			return problem.New(problem.CodeQuotaCost, "You have used today's budget.").After(tomorrow)
		}
		return problem.New(problem.CodeQuotaCost, "What is left of today's budget does not pay for a reply of this model.").After(tomorrow)
	case l.Tokens != nil && q.TokensUntil.After(now.Add(max(0, tokenWindow-r.tokenTime()))):
		return problem.New(problem.CodeQuotaTokens, "You have used the tokens of this minute; try again in a moment.").
			After(q.TokensUntil.Sub(now) - max(0, tokenWindow-r.tokenTime()))
	}
	// What stood in the way has been given back since.
	code := problem.CodeQuotaDay
	switch {
	case l.Cost != nil:
		code = problem.CodeQuotaCost
	case l.Tokens != nil:
		code = problem.CodeQuotaTokens
	}
	return problem.New(code, "Too many messages at once; try again in a moment.").After(time.Second)
}
