package completion

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"twobrains/internal/problem"
	"twobrains/internal/publicdb"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
)

const (
	// beat is how often a process gives a sign of life; deadAfter is when one without is taken for dead.
	beat      = 5 * time.Second
	deadAfter = 15 * time.Second
	// forgetAfter is when a dead process's entry is removed, long after its runs could still be asked about.
	forgetAfter = 24 * time.Hour
)

// Run gives signs of life of this process until ctx ends, then takes its entry back.
func (s *Service) Run(ctx context.Context) error {
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	for {
		if err := s.beat(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("giving a sign of life", "error", err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()
			return s.opts.DB.Public(ctx, func(tx *tenant.Tx) error { return s.public.InstanceDelete(ctx, tx, s.opts.InstanceID) })
		}
	}
}

func (s *Service) beat(ctx context.Context) error {
	return s.opts.DB.Public(ctx, func(tx *tenant.Tx) error {
		tenant.QueueExec(tx, func(db tenant.DBTX) error {
			return s.public.InstanceBeat(ctx, db, publicdb.InstanceBeatParams{ID: s.opts.InstanceID, Version: s.opts.Version})
		})
		tenant.QueueExec(tx, func(db tenant.DBTX) error { return s.public.InstanceDeleteStale(ctx, db, forgetAfter.Seconds()) })
		return nil
	})
}

// Drain stops taking runs and waits for those under way. When ctx ends it interrupts them, and still waits until what
// there is of them is stored.
func (s *Service) Drain(ctx context.Context) error {
	s.mu.Lock()
	s.draining = true
	s.mu.Unlock()
	defer s.hurry()
	finished := make(chan struct{})
	go func() {
		s.runs.Wait()
		s.background.Wait()
		close(finished)
	}()
	select {
	case <-finished:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	for _, r := range s.active {
		r.cancel(errDraining)
	}
	s.mu.Unlock()
	s.hurry()
	<-finished
	return ctx.Err()
}

// clearDeadRun settles the run that is in the way if its process is dead, and says whether to try again. Otherwise the
// error names the run.
func (r *run) clearDeadRun(ctx context.Context, active error) (again bool, err error) {
	var running *tenant.Result[tenantdb.RunGetActiveRow]
	err = r.brain.Tx(ctx, func(tx *tenant.Tx) error {
		running = tenant.Queue(tx, func(db tenant.DBTX) (tenantdb.RunGetActiveRow, error) {
			return r.tenants.RunGetActive(ctx, db, r.req.conversation)
		}).Proves()
		return nil
	})
	if err != nil {
		return false, err
	}
	if isNoRows(running.Err()) {
		return true, nil
	}
	found := running.Value()
	public := problem.From(active)
	public.RunID = found.ID.String()
	alive, err := r.alive(ctx, found)
	if err != nil {
		return false, err
	}
	if alive {
		return false, public
	}
	return true, r.interruptDead(ctx, found)
}

// alive says whether a run may still be under way. One of this process is not: its place is taken by the run that asks.
func (r *run) alive(ctx context.Context, found tenantdb.RunGetActiveRow) (alive bool, err error) {
	if found.InstanceID == r.opts.InstanceID {
		return false, nil
	}
	if r.started.Sub(found.StartedAt) < deadAfter {
		return true, nil
	}
	err = r.opts.DB.Public(ctx, func(tx *tenant.Tx) error {
		var err error
		alive, err = r.public.InstanceAlive(ctx, tx, publicdb.InstanceAliveParams{ID: found.InstanceID, Seconds: deadAfter.Seconds()})
		return err
	})
	return alive, err
}

// interruptDead settles a run that its process can no longer settle. What it has used is not known; a message that was
// charged for nothing is given back.
func (r *run) interruptDead(ctx context.Context, found tenantdb.RunGetActiveRow) error {
	now := r.now().UTC()
	err := r.brain.Tx(ctx, func(tx *tenant.Tx) error {
		tenant.Queue(tx, func(db tenant.DBTX) (bool, error) {
			return r.tenants.RunSettle(ctx, db, tenantdb.RunSettleParams{ID: found.ID, Status: statusInterrupted, Now: &now})
		}).Proves()
		if found.ChargedOn != nil {
			tenant.QueueExec(tx, func(db tenant.DBTX) error { return r.public.QuotaRefund(ctx, db, *found.ChargedOn) })
		}
		return nil
	})
	if tenant.HasState(err, stateSettled) {
		return nil
	}
	if err == nil {
		r.log.Warn("settled the run of a dead process", "run", found.ID, "instance", found.InstanceID)
	}
	return err
}

// pseudonym names the user to providers, without telling them who that is.
func (r *run) pseudonym() string {
	id := r.user.ID()
	sum := sha256.Sum256(append([]byte("provider pseudonym "), id[:]...))
	return hex.EncodeToString(sum[:16])
}
