package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"twobrains/internal/problem"
	"twobrains/internal/publicdb"
	"twobrains/internal/tenant"
)

// Limits on what the operator pays for. Nil means no limit, or in exceptions of an account: as the plan has it.
type Limits struct {
	// Messages by UTC day and month.
	MessagesPerDay, MessagesPerMonth *int32
	// CostPerDay in millionths of a US dollar, by UTC day.
	CostPerDay *int64
	// TokensPerMinute, input and output together.
	TokensPerMinute *int64
	// StorageBytes that all data of a user may take.
	StorageBytes *int64
	// Models that may be used, by id. Nil: all; empty: none.
	Models []string
}

// maxModels is how many models a list may name, as the tables have it.
const maxModels = 500

// over puts exceptions in the place of what a plan says.
func (l Limits) over(plan Limits) Limits {
	pick(&plan.MessagesPerDay, l.MessagesPerDay)
	pick(&plan.MessagesPerMonth, l.MessagesPerMonth)
	pick(&plan.CostPerDay, l.CostPerDay)
	pick(&plan.TokensPerMinute, l.TokensPerMinute)
	pick(&plan.StorageBytes, l.StorageBytes)
	if l.Models != nil {
		plan.Models = l.Models
	}
	return plan
}

func pick[T any](to **T, from *T) {
	if from != nil {
		*to = from
	}
}

// check finds what is wrong with limits that are to be set; path is that of their object.
func (s *Service) check(invalid *problem.Error, path string, l Limits) {
	negative := func(name string, n int64, least int64) {
		if n < least {
			invalid.Field(path+"."+name, fmt.Sprintf("must not be less than %d", least))
		}
	}
	for name, n := range map[string]*int32{"messagesPerDay": l.MessagesPerDay, "messagesPerMonth": l.MessagesPerMonth} {
		if n != nil {
			negative(name, int64(*n), 0)
		}
	}
	for name, n := range map[string]*int64{"costPerDayMicroUsd": l.CostPerDay, "storageBytes": l.StorageBytes} {
		if n != nil {
			negative(name, *n, 0)
		}
	}
	if l.TokensPerMinute != nil {
		negative("tokensPerMinute", *l.TokensPerMinute, 1)
	}
	if len(l.Models) > maxModels {
		invalid.Field(path+".models", fmt.Sprintf("must not name more than %d", maxModels))
		return
	}
	for i, model := range l.Models {
		if _, ok := s.opts.Models.o.Catalog.Model(model); !ok {
			invalid.Field(fmt.Sprintf("%s.models[%d]", path, i), "is no model of this installation")
		}
	}
}

// Plan is what accounts may be given.
type Plan struct {
	// ID is lower-case letters, digits, dashes and underscores, 40 at most.
	ID, Name string
	// Default: it is the plan of all who have been given none. There is one at most.
	Default bool
	Limits  Limits
	// Users who have been given it; who has it as the default is not counted.
	Users                int64
	CreatedAt, UpdatedAt time.Time
}

// maxPlanName is counted in characters.
const maxPlanName = 100

var planID = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,39}$`)

// Configured are the limits of who has no plan.
func (s *Service) Configured() Limits { return s.opts.Configured }

// Plans lists all plans by their ids.
func (s *Service) Plans(ctx context.Context, a Admin) ([]Plan, error) {
	var rows *tenant.Result[[]publicdb.Plan]
	var counts *tenant.Result[json.RawMessage]
	err := s.Tx(ctx, a, func(tx *tenant.Tx) error {
		rows = tenant.Queue(tx, func(db tenant.DBTX) ([]publicdb.Plan, error) { return s.q.PlanList(ctx, db) }).Public()
		counts = tenant.Queue(tx, func(db tenant.DBTX) (json.RawMessage, error) { return s.q.PlanCounts(ctx, db) }).Public()
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list plans: %w", err)
	}
	var users map[string]int64
	if err := json.Unmarshal(counts.Value(), &users); err != nil {
		return nil, fmt.Errorf("read counts of plans: %w", err)
	}
	plans := make([]Plan, len(rows.Value()))
	for i, r := range rows.Value() {
		plans[i] = Plan{
			ID: r.ID, Name: r.Name, Default: r.IsDefault, Users: users[r.ID], CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
			Limits: Limits{
				MessagesPerDay: r.MessagesPerDay, MessagesPerMonth: r.MessagesPerMonth, CostPerDay: r.CostPerDayMicrousd,
				TokensPerMinute: r.TokensPerMinute, StorageBytes: r.StorageBytes, Models: r.Models,
			},
		}
	}
	return plans, nil
}

func (s *Service) checkPlan(p *Plan) error {
	invalid := problem.New(problem.CodeInvalid, "The plan cannot be like this.")
	p.Name = strings.TrimSpace(p.Name)
	if !planID.MatchString(p.ID) {
		invalid.Field("id", "must be 1 to 40 lower-case letters, digits, dashes or underscores, and begin with a letter or digit")
	}
	if n := utf8.RuneCountInString(p.Name); n < 1 || n > maxPlanName || strings.ContainsRune(p.Name, 0) {
		invalid.Field("name", fmt.Sprintf("must have 1 to %d characters", maxPlanName))
	}
	s.check(invalid, "limits", p.Limits)
	if len(invalid.Fields) > 0 {
		return invalid
	}
	return nil
}

// AddPlan makes a plan. One that is the default takes that from another. Problems: CodeInvalid, CodeConflict if the id is taken.
func (s *Service) AddPlan(ctx context.Context, a Admin, p Plan) error {
	if err := s.checkPlan(&p); err != nil {
		return err
	}
	err := s.writePlan(ctx, a, p, func(tx *tenant.Tx) {
		tenant.QueueExec(tx, func(db tenant.DBTX) error {
			return s.q.PlanAdd(ctx, db, publicdb.PlanAddParams{
				ID: p.ID, Name: p.Name, IsDefault: p.Default, MessagesPerDay: p.Limits.MessagesPerDay, MessagesPerMonth: p.Limits.MessagesPerMonth,
				CostPerDayMicrousd: p.Limits.CostPerDay, TokensPerMinute: p.Limits.TokensPerMinute, StorageBytes: p.Limits.StorageBytes, Models: p.Limits.Models,
			})
		}).Public()
	})
	if tenant.IsUnique(err) && !brokeDefault(err) {
		return problem.New(problem.CodeConflict, "There is a plan with this id.").Because(err)
	}
	return err
}

// ChangePlan puts another one in the place of the plan with its id. Problems: CodeInvalid; CodeNotFound: there is none.
func (s *Service) ChangePlan(ctx context.Context, a Admin, p Plan) error {
	if !planID.MatchString(p.ID) {
		return errNoPlan()
	}
	if err := s.checkPlan(&p); err != nil {
		return err
	}
	var changed *tenant.Result[int64]
	err := s.writePlan(ctx, a, p, func(tx *tenant.Tx) {
		changed = tenant.Queue(tx, func(db tenant.DBTX) (int64, error) {
			return s.q.PlanChange(ctx, db, publicdb.PlanChangeParams{
				ID: p.ID, Name: p.Name, IsDefault: p.Default, MessagesPerDay: p.Limits.MessagesPerDay, MessagesPerMonth: p.Limits.MessagesPerMonth,
				CostPerDayMicrousd: p.Limits.CostPerDay, TokensPerMinute: p.Limits.TokensPerMinute, StorageBytes: p.Limits.StorageBytes, Models: p.Limits.Models,
			})
		}).Public()
	}, func() error {
		if n, err := changed.Get(); err != nil || n > 0 {
			return err
		}
		return errNoPlan() // and so no other plan has ceased to be the default
	})
	return err
}

// writePlan takes the default from whoever has it, if it is the plan's, and writes the plan. Two who do so at once: one is refused.
func (s *Service) writePlan(ctx context.Context, a Admin, p Plan, write func(*tenant.Tx), check ...func() error) error {
	err := s.Tx(ctx, a, func(tx *tenant.Tx) error {
		if p.Default {
			tenant.QueueExec(tx, func(db tenant.DBTX) error { return s.q.PlanYieldDefault(ctx, db, p.ID) }).Public()
		}
		write(tx)
		for _, c := range check {
			if err := c(); err != nil {
				return err
			}
		}
		return nil
	})
	if brokeDefault(err) {
		return problem.New(problem.CodeConflict, "Another plan has just been made the default one.").Because(err)
	}
	return err
}

func brokeDefault(err error) bool { return broke(err, uniquePlanDefault) }

// broke reports whether a statement was refused by a constraint.
func broke(err error, constraint string) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.ConstraintName == constraint
}

// RemovePlan removes a plan that no account has been given. Problems: CodeNotFound; CodeConflict: some account has.
func (s *Service) RemovePlan(ctx context.Context, a Admin, id string) error {
	if !planID.MatchString(id) {
		return errNoPlan()
	}
	err := s.Tx(ctx, a, func(tx *tenant.Tx) error {
		removed := tenant.Queue(tx, func(db tenant.DBTX) (int64, error) { return s.q.PlanRemove(ctx, db, id) }).Public()
		if n, err := removed.Get(); err != nil || n > 0 {
			return err
		}
		return errNoPlan()
	})
	if tenant.HasState(err, stateForeignKey) {
		return problem.New(problem.CodeConflict, "Accounts have been given this plan: give them another one first.").Because(err)
	}
	return err
}

func errNoPlan() *problem.Error { return problem.New(problem.CodeNotFound, "There is no such plan.") }

// Assign gives an account a plan, nil for the default one, and exceptions from it. Problems: CodeInvalid, also for a plan that there is
// not; CodeNotFound: the registry has no such account.
func (s *Service) Assign(ctx context.Context, a Admin, account uuid.UUID, plan *string, exceptions Limits) error {
	invalid := problem.New(problem.CodeInvalid, "The account cannot be given this.")
	if plan != nil && !planID.MatchString(*plan) {
		invalid.Field("planId", "is no plan")
	}
	s.check(invalid, "overrides", exceptions)
	if len(invalid.Fields) > 0 {
		return invalid
	}
	err := s.Tx(ctx, a, func(tx *tenant.Tx) error {
		tenant.QueueExec(tx, func(db tenant.DBTX) error {
			return s.q.AdminAssign(ctx, db, publicdb.AdminAssignParams{
				Subject: account, Plan: plan, MessagesPerDay: exceptions.MessagesPerDay, MessagesPerMonth: exceptions.MessagesPerMonth,
				CostPerDayMicrousd: exceptions.CostPerDay, TokensPerMinute: exceptions.TokensPerMinute, StorageBytes: exceptions.StorageBytes, Models: exceptions.Models,
			})
		}).Public()
		return nil
	})
	if tenant.HasState(err, stateForeignKey) {
		return invalid.Field("planId", "is no plan").Because(err)
	}
	return err
}
