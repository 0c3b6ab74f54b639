package completion

import (
	"context"
	"time"

	"github.com/google/uuid"

	"twobrains/internal/auth"
	"twobrains/internal/problem"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
)

const (
	// stopPause is how often it is looked whether another process has stopped a run, at first; it doubles up to stopPauseMax.
	stopPause    = 25 * time.Millisecond
	stopPauseMax = 500 * time.Millisecond
)

// Stop ends the running reply of a conversation, whichever process makes it, and waits until what there is of it is stored. It reports
// whether there was one.
func (s *Service) Stop(ctx context.Context, user auth.User, conversationID string) (stopped bool, err error) {
	if r := s.local(logKey(user, conversationID)); r != nil {
		r.cancel(errStopped)
		select {
		case <-r.done:
			return true, nil
		case <-ctx.Done():
			return true, ctx.Err()
		}
	}
	brain, err := s.opts.DB.Open(ctx, user)
	if err != nil {
		return false, err
	}
	found, err := s.askToStop(ctx, brain, conversationID)
	if isNoRows(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, s.awaitStop(ctx, user, brain, found)
}

// askToStop notes at the run under way that it is to be stopped. The process that makes it reads that with its next sign of life, if
// not sooner.
func (s *Service) askToStop(ctx context.Context, brain *tenant.Brain, conversationID string) (found tenantdb.RunGetActiveRow, err error) {
	err = brain.Tx(ctx, func(tx *tenant.Tx) error {
		if found, err = s.tenants.RunGetActive(ctx, tx, conversationID); err != nil {
			return err
		}
		tenant.Queue(tx, func(db tenant.DBTX) (int64, error) { return s.public.RunTicketStop(ctx, db, found.ID) }).Public()
		return nil
	})
	return found, err
}

// awaitStop waits until the run has ended, and settles it if its process is dead.
func (s *Service) awaitStop(ctx context.Context, user auth.User, brain *tenant.Brain, found tenantdb.RunGetActiveRow) error {
	if s.opts.Signal != nil {
		if err := s.opts.Signal(ctx, found.ID.String()); err != nil {
			s.log.Warn("asking another process to stop a run", "run", found.ID, "error", err)
		}
	}
	// Until the process has either read the request or is dead.
	ctx, cancel := context.WithTimeout(ctx, s.opts.InstanceTimeout+2*s.beatEvery())
	defer cancel()
	for pause, looks := stopPause, 0; ; pause, looks = min(2*pause, stopPauseMax), looks+1 {
		if looks%4 == 0 {
			switch dead, err := s.isDead(ctx, found.ID, found.InstanceID); {
			case err != nil:
				return err
			case dead:
				return s.takeOver(ctx, user, found.ID, takeOver{stopped: true})
			}
		}
		ended, err := s.hasEnded(ctx, brain, found.ID)
		if err != nil || ended {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return problem.New(problem.CodeUnavailable, "The reply could not be stopped yet; try again in a moment.").After(2 * time.Second)
		}
	}
}

func (s *Service) hasEnded(ctx context.Context, brain *tenant.Brain, run uuid.UUID) (bool, error) {
	var end *tenant.Result[tenantdb.RunEndRow]
	err := brain.Tx(ctx, func(tx *tenant.Tx) error {
		end = tenant.Queue(tx, func(db tenant.DBTX) (tenantdb.RunEndRow, error) { return s.tenants.RunEnd(ctx, db, run) }).Proves()
		return nil
	})
	return err == nil && (isNoRows(end.Err()) || end.Value().Status != statusRunning), err
}

// StopRun ends a run under way in this process, and does nothing if there is no such run. It does not wait.
func (s *Service) StopRun(runID string) {
	id, err := uuid.Parse(runID)
	if err != nil {
		return
	}
	if r := s.byID(id); r != nil {
		r.cancel(errStopped)
	}
}
