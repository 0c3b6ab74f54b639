package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"twobrains/internal/auth"
	"twobrains/internal/tenant"
)

// States of an account.
const (
	StateActive = "active"
	// StateSuspended: nobody can sign in to it.
	StateSuspended = "suspended"
	// StateGone: the registry has it, Kratos does not (any more).
	StateGone = "gone"
)

// StateOf names the state of an account that Kratos knows.
func StateOf(a auth.Account) string {
	if a.Active {
		return StateActive
	}
	return StateSuspended
}

// Account is all that admins get to know of one: nothing that is private.
type Account struct {
	ID uuid.UUID
	// Email is empty if Kratos knows none.
	Email     string
	State     string
	CreatedAt time.Time
	Admin     bool
	// Brain is nil if there is none.
	Brain *Brain
	// Assigned is the plan that the account was given, nil: none; Plan is the one that it has, perhaps as the default.
	Assigned *string
	Plan     *PlanName
	// Exceptions are otherwise for this account than the plan says; Effective is what comes of both.
	Exceptions, Effective Limits
	Usage                 Usage
	// Sessions that it has now; nil: not known.
	Sessions *int
}

// StateBeingDeleted of a private brain.
const StateBeingDeleted = "being-deleted"

// Brain is what the registry says of a private brain.
type Brain struct {
	Schema                 string
	Version, LatestVersion int32
	// State is a tenant.EntryState or StateBeingDeleted.
	State string
	// Failures of the last migration in a row, none of which is told.
	Failures   int32
	FailedAt   *time.Time
	MigratedAt *time.Time
	CreatedAt  time.Time
	// DiskBytes that it takes, indexes included.
	DiskBytes int64
}

// Usage of an account, by UTC days. Costs are in millionths of a US dollar.
type Usage struct {
	DayMessages, MonthMessages int64
	// DayCost is settled, DayReserved what replies under way may come to.
	DayCost, DayReserved int64
	// Messages, Tokens, Cost and OwnKeyCost are of the last 30 days.
	Messages, Tokens, Cost, OwnKeyCost int64
	// LastActiveAt is the quarter of an hour in which the last reply began; nil: there was none.
	LastActiveAt *time.Time
}

// facts are what public.read_account says.
type facts struct {
	Admin bool
	Brain *struct {
		Schema     string
		Version    int32
		KeyID      string
		CreatedAt  time.Time
		MigratedAt *time.Time
		Failures   int32
		FailedAt   *time.Time
		DiskBytes  int64
	}
	Assigned *planFacts
	Plan     *planFacts
	Counters *struct{ DayMessages, DayMicroUsd, DayReservedMicroUsd, MonthMessages int64 }
	Last     struct{ Messages, Tokens, MicroUsd, OwnKeyMicroUsd int64 } `json:"last30Days"`

	LastActiveAt *time.Time
}

// planFacts is a row of plans or of user_plans.
type planFacts struct {
	ID               string   `json:"id"`
	Name             string   `json:"name"`
	PlanID           *string  `json:"plan_id"`
	MessagesPerDay   *int32   `json:"messages_per_day"`
	MessagesPerMonth *int32   `json:"messages_per_month"`
	CostPerDay       *int64   `json:"cost_per_day_microusd"`
	TokensPerMinute  *int64   `json:"tokens_per_minute"`
	StorageBytes     *int64   `json:"storage_bytes"`
	Models           []string `json:"models"`
}

func (p *planFacts) limits() Limits {
	return Limits{
		MessagesPerDay: p.MessagesPerDay, MessagesPerMonth: p.MessagesPerMonth, CostPerDay: p.CostPerDay,
		TokensPerMinute: p.TokensPerMinute, StorageBytes: p.StorageBytes, Models: p.Models,
	}
}

// Account describes one; that it was looked at is noted. Problem CodeNotFound: neither Kratos nor the registry knows it.
func (s *Service) Account(ctx context.Context, a Admin, id uuid.UUID) (Account, error) {
	account, err := s.describe(ctx, a, id, &Note{Action: "user.view", Subject: id})
	if err != nil {
		return Account{}, err
	}
	known, err := s.opts.Kratos.Account(ctx, id)
	switch {
	case errors.Is(err, auth.ErrNoAccount):
		account.State = StateGone
		if account.Brain == nil {
			return Account{}, errNoAccount()
		}
		account.CreatedAt = account.Brain.CreatedAt
		return account, nil
	case err != nil:
		return Account{}, away(err)
	}
	account.Email, account.State, account.CreatedAt = known.Email, StateOf(known), known.CreatedAt
	sessions, err := s.opts.Kratos.Sessions(ctx, id)
	if err != nil {
		s.opts.Logger.WarnContext(ctx, "sessions of an account are not known", "error", err)
		return account, nil
	}
	account.Sessions = &sessions
	return account, nil
}

// describe reads what the public brain has of an account.
func (s *Service) describe(ctx context.Context, a Admin, id uuid.UUID, note *Note) (Account, error) {
	var row *tenant.Result[json.RawMessage]
	err := s.Tx(ctx, a, func(tx *tenant.Tx) error {
		if note != nil {
			s.QueueNote(ctx, tx, a, *note)
		}
		row = tenant.Queue(tx, func(db tenant.DBTX) (json.RawMessage, error) { return s.q.AdminAccount(ctx, db, id) }).Public()
		return nil
	})
	if err != nil {
		return Account{}, fmt.Errorf("read account: %w", err)
	}
	var f facts
	if err := json.Unmarshal(row.Value(), &f); err != nil {
		return Account{}, fmt.Errorf("read account: %w", err)
	}
	account := s.accountOf(id, f)
	if account.Brain == nil {
		account.Brain, err = s.leaving(ctx, id)
	}
	return account, err
}

func (s *Service) accountOf(id uuid.UUID, f facts) Account {
	account := Account{ID: id, Admin: f.Admin, Effective: s.opts.Configured}
	fleet := s.db.Fleet()
	if b := f.Brain; b != nil {
		account.Brain = &Brain{
			Schema: b.Schema, Version: b.Version, LatestVersion: fleet.LatestVersion(), State: string(fleet.Judge(b.Version, b.KeyID, b.FailedAt != nil)),
			Failures: b.Failures, FailedAt: b.FailedAt, MigratedAt: b.MigratedAt, CreatedAt: b.CreatedAt, DiskBytes: b.DiskBytes,
		}
	}
	if f.Plan != nil {
		account.Plan = &PlanName{ID: f.Plan.ID, Name: f.Plan.Name}
		account.Effective = f.Plan.limits()
	}
	if f.Assigned != nil {
		account.Assigned, account.Exceptions = f.Assigned.PlanID, f.Assigned.limits()
		account.Effective = account.Exceptions.over(account.Effective)
	}
	account.Usage = Usage{
		Messages: f.Last.Messages, Tokens: f.Last.Tokens, Cost: f.Last.MicroUsd, OwnKeyCost: f.Last.OwnKeyMicroUsd, LastActiveAt: f.LastActiveAt,
	}
	if c := f.Counters; c != nil {
		account.Usage.DayMessages, account.Usage.MonthMessages = c.DayMessages, c.MonthMessages
		account.Usage.DayCost, account.Usage.DayReserved = c.DayMicroUsd, c.DayReservedMicroUsd
	}
	return account
}

// leaving is the private brain of an account that is being deleted, which the registry does not have any more; nil if it is not.
func (s *Service) leaving(ctx context.Context, id uuid.UUID) (*Brain, error) {
	d, err := s.db.Fleet().FindDeletion(ctx, id)
	switch {
	case errors.Is(err, tenant.ErrNoDeletion):
		return nil, nil
	case err != nil:
		return nil, err
	case d.FinishedAt != nil:
		return nil, nil
	}
	return &Brain{Schema: tenant.SchemaOf(id), LatestVersion: s.db.Fleet().LatestVersion(), State: StateBeingDeleted, CreatedAt: d.RequestedAt}, nil
}
