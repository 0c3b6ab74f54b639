package admin

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"twobrains/internal/tenant"
)

// Migrate tries the private brain of an account again, whatever failed before and however long ago. What comes of it is in the answer:
// a failure is no error. Problem CodeNotFound: the registry has no such account.
func (s *Service) Migrate(ctx context.Context, a Admin, id uuid.UUID) (Brain, error) {
	if err := s.Note(ctx, a, Note{Action: "user.migrate", Subject: id}); err != nil {
		return Brain{}, err
	}
	for swept, err := range s.db.Fleet().Sweep(ctx, tenant.SweepOptions{User: id}) {
		switch {
		case errors.Is(err, tenant.ErrNoEntry):
			return Brain{}, errNoAccount()
		case err != nil:
			return Brain{}, fmt.Errorf("migrate private brain: %w", err)
		case !swept.Good():
			s.opts.Logger.WarnContext(ctx, "an admin's try to migrate a private brain did not succeed", "schema", swept.Schema, "outcome", swept.Outcome, "error", swept.Err)
		}
		if err := s.Note(ctx, a, Note{Action: "user.migrated", Subject: id, Target: string(swept.Outcome)}); err != nil {
			return Brain{}, err
		}
	}
	account, err := s.describe(ctx, a, id, nil)
	if err != nil {
		return Brain{}, err
	}
	if account.Brain == nil {
		return Brain{}, errNoAccount()
	}
	return *account.Brain, nil
}
