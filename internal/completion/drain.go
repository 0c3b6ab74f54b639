package completion

import (
	"context"

	"twobrains/internal/publicdb"
	"twobrains/internal/tenant"
)

// Close stops taking runs. Those under way go on.
func (s *Service) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.draining = true
}

// Drain stops taking runs and waits for those under way. When ctx ends it interrupts them, and waits until what there is of
// them is stored, HandOver at most: what is not stored then, other processes settle.
func (s *Service) Drain(ctx context.Context) error {
	s.Close()
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

// Others says whether another process is alive, which can go on serving the runs of this one.
func (s *Service) Others(ctx context.Context) (others bool, err error) {
	err = s.opts.DB.Public(ctx, func(tx *tenant.Tx) error {
		others, err = s.public.InstanceOthers(ctx, tx, publicdb.InstanceOthersParams{Me: s.opts.InstanceID, Seconds: s.opts.InstanceTimeout.Seconds()})
		return err
	})
	return others, err
}
