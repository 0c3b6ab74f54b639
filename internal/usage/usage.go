// Package usage tells a user what is used up: the message quota of the UTC day and month, and what the models of the last
// days have taken. It only reads; package completion counts.
package usage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"twobrains/internal/auth"
	"twobrains/internal/plan"
	"twobrains/internal/problem"
	"twobrains/internal/publicdb"
	"twobrains/internal/tenant"
)

// Days that Get may look back.
const (
	DefaultDays = 30
	MaxDays     = 366
)

// Report is what Get tells.
type Report struct {
	// PlanID and PlanName are nil where no plan applies.
	PlanID, PlanName *string
	Day              Quota
	Month            Quota
	Cost             Cost
	// TokensPerMinute, input and output together; nil: no limit.
	TokensPerMinute *int64
	// Items are ordered by day (newest first), model and key source.
	Items []Item
}

// Quota of a period.
type Quota struct {
	// Used messages, of Limit; nil: no limit. Used can exceed it after the operator lowered the limit.
	Used  int
	Limit *int
	// ResetsAt is when the period, a UTC day or month, ends.
	ResetsAt time.Time
}

// Remaining messages, never negative; nil: no limit.
func (q Quota) Remaining() *int {
	if q.Limit == nil {
		return nil
	}
	return new(max(0, *q.Limit-q.Used))
}

// Cost of the UTC day's replies on the operator's keys, in millionths of a US dollar.
type Cost struct {
	// Used by replies that have ended, Reserved by those under way.
	Used, Reserved int64
	// Limit of both together; nil: none.
	Limit    *int64
	ResetsAt time.Time
}

// Item is the usage of one model on one UTC day with one kind of key.
type Item struct {
	// Day at midnight UTC.
	Day   time.Time
	Model string
	// KeySource is "platform" or "own".
	KeySource string
	Messages  int64
	// InputTokens include cached ones, OutputTokens include reasoning.
	InputTokens, CachedInputTokens, OutputTokens, ReasoningTokens int64
	// CostMicroUSD is in millionths of a US dollar.
	CostMicroUSD int64
}

// Options of a Service; DB is required.
type Options struct {
	DB *tenant.DB
	// QuotaDay and QuotaMonth are the limits of users without a plan.
	QuotaDay, QuotaMonth int
	// Clock is time.Now unless a test says otherwise.
	Clock func() time.Time
}

// Service reads usage. It is safe for concurrent use.
type Service struct {
	db    *tenant.DB
	q     *publicdb.Queries
	day   int
	month int
	now   func() time.Time
}

// NewService makes a Service.
func NewService(o Options) *Service {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return &Service{db: o.DB, q: publicdb.New(), day: o.QuotaDay, month: o.QuotaMonth, now: o.Clock}
}

// Get reports quota and the usage of the last days, today included; 0 means DefaultDays.
func (s *Service) Get(ctx context.Context, user auth.User, days int) (Report, error) {
	if days == 0 {
		days = DefaultDays
	}
	if days < 1 || days > MaxDays {
		return Report{}, problem.New(problem.CodeInvalid, "The report cannot be given like this.").
			Field("days", fmt.Sprintf("must be between 1 and %d", MaxDays))
	}
	brain, err := s.db.Open(ctx, user)
	if err != nil {
		return Report{}, err
	}
	now := s.now()
	today, thisMonth := Day(now), Month(now)
	var quota *tenant.Result[publicdb.QuotaGetRow]
	var rows *tenant.Result[[]publicdb.UsageListRow]
	var limits *tenant.Result[json.RawMessage]
	err = brain.Tx(ctx, func(tx *tenant.Tx) error {
		quota = tenant.Queue(tx, func(db tenant.DBTX) (publicdb.QuotaGetRow, error) { return s.q.QuotaGet(ctx, db) }).Public()
		limits = tenant.Queue(tx, func(db tenant.DBTX) (json.RawMessage, error) { return s.q.PlanLimits(ctx, db) }).Public()
		rows = tenant.Queue(tx, func(db tenant.DBTX) ([]publicdb.UsageListRow, error) {
			return s.q.UsageList(ctx, db, today.AddDate(0, 0, 1-days))
		}).Public()
		return nil
	})
	if err != nil {
		return Report{}, fmt.Errorf("read usage: %w", err)
	}
	may, err := plan.Read(limits.Value(), plan.Configured{Day: s.day, Month: s.month})
	if err != nil {
		return Report{}, err
	}
	r := Report{
		PlanID: may.PlanID, PlanName: may.PlanName, TokensPerMinute: may.Tokens,
		Day:   Quota{Limit: narrow(may.Day), ResetsAt: today.AddDate(0, 0, 1)},
		Month: Quota{Limit: narrow(may.Month), ResetsAt: thisMonth.AddDate(0, 1, 0)},
		Cost:  Cost{Limit: may.Cost, ResetsAt: today.AddDate(0, 0, 1)},
		Items: make([]Item, 0, len(rows.Value())),
	}
	// The counters belong to the period in which they were last used; a later one starts at none.
	if q := quota.Value(); !errors.Is(quota.Err(), pgx.ErrNoRows) {
		if !q.Day.Before(today) {
			r.Day.Used = int(q.DayUsed)
			r.Cost.Used, r.Cost.Reserved = q.DayMicrousd, q.DayReservedMicrousd
		}
		if !q.Month.Before(thisMonth) {
			r.Month.Used = int(q.MonthUsed)
		}
	}
	for _, row := range rows.Value() {
		r.Items = append(r.Items, Item{
			Day: row.Day, Model: row.Model, KeySource: row.KeySource, Messages: row.Messages,
			InputTokens: row.InputTokens, CachedInputTokens: row.CachedInputTokens,
			OutputTokens: row.OutputTokens, ReasoningTokens: row.ReasoningTokens,
			CostMicroUSD: row.CostMicrousd,
		})
	}
	return r, nil
}

func narrow(n *int32) *int {
	if n == nil {
		return nil
	}
	return new(int(*n))
}

// Day is the UTC day whose quota and usage a moment counts against, at its midnight.
func Day(t time.Time) time.Time {
	y, m, d := t.UTC().Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// Month is the first day of that day's month.
func Month(t time.Time) time.Time {
	y, m, _ := t.UTC().Date()
	return time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
}
