package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"twobrains/internal/auth"
	"twobrains/internal/problem"
	"twobrains/internal/tenant"
)

// User is an account in a list.
type User struct {
	auth.Account
	// Registered: the account has a private brain, or had one tried to be made.
	Registered bool
	// Plan that it has; nil: there is none, so the configuration says what it may.
	Plan *PlanName
}

// PlanName is a plan in few words.
type PlanName struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Bounds of a page of users.
const (
	DefaultUsers = 50
	MaxUsers     = auth.MaxAccounts
	// maxQuery is how long what is searched for may be.
	maxQuery = 320
)

// Users lists accounts that Kratos knows, a page at a time, in no order that means anything: all, the one with an id or address, or
// those whose address begins with what is asked for. next is the cursor of the page that follows, empty after the last one.
func (s *Service) Users(ctx context.Context, a Admin, query, cursor string, limit int) (page []User, next string, err error) {
	query = strings.TrimSpace(query)
	if len(query) > maxQuery {
		return nil, "", problem.New(problem.CodeInvalid, "This cannot be searched for.").Field("q", fmt.Sprintf("must not be longer than %d", maxQuery))
	}
	if limit == 0 {
		limit = DefaultUsers
	}
	accounts, next, err := s.find(ctx, query, cursor, limit)
	if err != nil {
		return nil, "", err
	}
	ids := make([]string, len(accounts))
	for i, account := range accounts {
		ids[i] = account.ID.String()
	}
	var known *tenant.Result[json.RawMessage]
	err = s.Tx(ctx, a, func(tx *tenant.Tx) error {
		s.QueueNote(ctx, tx, a, Note{Action: "user.search", Detail: query})
		known = tenant.Queue(tx, func(db tenant.DBTX) (json.RawMessage, error) { return s.q.AdminAccounts(ctx, db, ids) }).Public()
		return nil
	})
	if err != nil {
		return nil, "", fmt.Errorf("list accounts: %w", err)
	}
	var plans map[uuid.UUID]*PlanName
	if err := json.Unmarshal(known.Value(), &plans); err != nil {
		return nil, "", fmt.Errorf("read accounts: %w", err)
	}
	page = make([]User, len(accounts))
	for i, account := range accounts {
		plan, registered := plans[account.ID]
		page[i] = User{Account: account, Registered: registered, Plan: plan}
	}
	return page, next, nil
}

func (s *Service) find(ctx context.Context, query, cursor string, limit int) ([]auth.Account, string, error) {
	if id, err := uuid.Parse(query); err == nil {
		account, err := s.opts.Kratos.Account(ctx, id)
		switch {
		case errors.Is(err, auth.ErrNoAccount):
			return nil, "", nil
		case err != nil:
			return nil, "", away(err)
		}
		return []auth.Account{account}, "", nil
	}
	if strings.Contains(query, "@") && cursor == "" {
		found, err := s.opts.Kratos.ByAddress(ctx, query)
		if err != nil {
			return nil, "", away(err)
		}
		if len(found) > 0 {
			return found, "", nil
		}
	}
	page, next, err := s.opts.Kratos.Accounts(ctx, query, cursor, limit)
	if errors.Is(err, auth.ErrCursor) {
		return nil, "", problem.New(problem.CodeBadRequest, "The cursor is not one that was given out.").Because(err)
	}
	return page, next, away(err)
}

// away gives failures of Kratos a public face.
func away(err error) error {
	if err == nil {
		return nil
	}
	return problem.New(problem.CodeUnavailable, "Sign-in cannot be reached right now.").After(2 * time.Second).Because(err)
}
