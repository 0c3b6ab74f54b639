package admin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"twobrains/internal/auth"
	"twobrains/internal/problem"
	"twobrains/internal/publicdb"
	"twobrains/internal/tenant"
)

// maxReason is how long the reason of a suspension may be, in bytes.
const maxReason = 1000

// Suspend shuts an account: nobody can sign in to it, its sessions are ended on all replicas, its replies under way are stopped. Its data
// stay. Done again, it does what is left. Problems: CodeInvalid without a reason; CodeConflict for the admin's own account;
// CodeNotFound.
func (s *Service) Suspend(ctx context.Context, a Admin, id uuid.UUID, reason string) error {
	reason = strings.TrimSpace(reason)
	if reason == "" || len(reason) > maxReason || strings.ContainsRune(reason, 0) {
		return problem.New(problem.CodeInvalid, "A suspension has a reason.").Field("reason", fmt.Sprintf("must have 1 to %d characters", maxReason))
	}
	if id == a.ID() {
		return problem.New(problem.CodeConflict, "You cannot suspend your own account.")
	}
	if err := s.exists(ctx, id); err != nil {
		return err
	}
	// Among admins one after the other: of two who suspend each other, one stays.
	err := s.db.Fleet().AsOwner(ctx, func(db tenant.DBTX) error {
		if err := s.q.AdminLock(ctx, db); err != nil {
			return fmt.Errorf("lock admins: %w", err)
		}
		if err := s.stillActing(ctx, db, a); err != nil {
			return err
		}
		if err := s.Note(ctx, a, Note{Action: "user.suspend", Subject: id, Detail: reason}); err != nil {
			return err
		}
		return s.result(ctx, a, id, "user.suspend_failed", s.opts.Kratos.SetActive(ctx, id, false))
	})
	if err != nil {
		return err
	}
	if err := s.result(ctx, a, id, "user.sign_out_failed", s.opts.Kratos.EndSessions(ctx, id)); err != nil {
		return err
	}
	return s.stopReplies(ctx, id)
}

// stillActing refuses an admin who has been revoked or suspended since the request began, so that there always is an active one left.
func (s *Service) stillActing(ctx context.Context, db tenant.DBTX, a Admin) error {
	admins, err := s.q.AdminList(ctx, db)
	if err != nil {
		return fmt.Errorf("list admins: %w", err)
	}
	if !slices.ContainsFunc(admins, func(r publicdb.Admin) bool { return r.UserID == a.ID() }) {
		return errNotAdmin()
	}
	own, err := s.opts.Kratos.Account(ctx, a.ID())
	switch {
	case errors.Is(err, auth.ErrNoAccount) || err == nil && !own.Active:
		return problem.New(problem.CodeUnauthenticated, "There is no valid session; sign in again.")
	}
	return away(err)
}

// result gives the outcome of what was done in Kratos its public face, and notes it if it is none to be expected: the audit has said
// before that it would be done.
func (s *Service) result(ctx context.Context, a Admin, id uuid.UUID, failed string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, auth.ErrNoAccount) {
		err = errNoAccount().Because(err)
	} else {
		err = away(err)
	}
	if noted := s.Note(context.WithoutCancel(ctx), a, Note{Action: failed, Subject: id, Target: string(problem.From(err).Code)}); noted != nil {
		s.opts.Logger.WarnContext(ctx, "a failure is not in the audit", "action", failed, "error", noted)
	}
	return err
}

func (s *Service) stopReplies(ctx context.Context, id uuid.UUID) error {
	runs, err := s.db.Fleet().StopRuns(ctx, id)
	if err != nil {
		return err
	}
	for _, run := range runs {
		// Whoever is not reached now reads of it with its next sign of life.
		if err := s.opts.Signal(ctx, run); err != nil {
			s.opts.Logger.WarnContext(ctx, "asking another process to stop a reply", "error", err)
		}
	}
	return nil
}

// Reinstate lets a suspended account sign in again. Problem CodeNotFound.
func (s *Service) Reinstate(ctx context.Context, a Admin, id uuid.UUID) error {
	if err := s.exists(ctx, id); err != nil {
		return err
	}
	if err := s.Note(ctx, a, Note{Action: "user.reinstate", Subject: id}); err != nil {
		return err
	}
	return s.result(ctx, a, id, "user.reinstate_failed", s.opts.Kratos.SetActive(ctx, id, true))
}

// SignOut ends all sessions of an account, on all replicas. Problem CodeNotFound.
func (s *Service) SignOut(ctx context.Context, a Admin, id uuid.UUID) error {
	if err := s.exists(ctx, id); err != nil {
		return err
	}
	if err := s.Note(ctx, a, Note{Action: "user.sign_out", Subject: id}); err != nil {
		return err
	}
	return s.result(ctx, a, id, "user.sign_out_failed", s.opts.Kratos.EndSessions(ctx, id))
}

func (s *Service) exists(ctx context.Context, id uuid.UUID) error {
	_, err := s.opts.Kratos.Account(ctx, id)
	if errors.Is(err, auth.ErrNoAccount) {
		return errNoAccount()
	}
	return away(err)
}
