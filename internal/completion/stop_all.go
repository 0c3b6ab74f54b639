package completion

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"twobrains/internal/auth"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
)

// StopAll ends all replies of a user, whichever processes make them, and waits until what there is of them is stored and accounted
// for. Those that could not be ended before ctx ends are an error.
func (s *Service) StopAll(ctx context.Context, user auth.User) error {
	brain, err := s.opts.DB.Open(ctx, user)
	if err != nil {
		return err
	}
	var found *tenant.Result[[]tenantdb.RunsUnderWayRow]
	err = brain.Tx(ctx, func(tx *tenant.Tx) error {
		found = tenant.Queue(tx, func(db tenant.DBTX) ([]tenantdb.RunsUnderWayRow, error) { return s.tenants.RunsUnderWay(ctx, db) })
		return nil
	})
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(sweepWorkers)
	for _, run := range found.Value() {
		group.Go(func() error { return s.stopRun(ctx, user, brain, run) })
	}
	return group.Wait()
}

func (s *Service) stopRun(ctx context.Context, user auth.User, brain *tenant.Brain, found tenantdb.RunsUnderWayRow) error {
	if r := s.byID(found.ID); r != nil {
		r.cancel(errStopped)
		select {
		case <-r.done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	err := brain.Tx(ctx, func(tx *tenant.Tx) error {
		tenant.Queue(tx, func(db tenant.DBTX) (int64, error) { return s.public.RunTicketStop(ctx, db, found.ID) })
		return nil
	})
	return errors.Join(err, s.awaitStop(ctx, user, brain, tenantdb.RunGetActiveRow{ID: found.ID, InstanceID: found.InstanceID}))
}
