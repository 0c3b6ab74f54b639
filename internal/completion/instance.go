package completion

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/google/uuid"

	"twobrains/internal/publicdb"
	"twobrains/internal/tenant"
)

const (
	// forgetAfter is when a dead process's entry is removed, long after its runs could still be asked about.
	forgetAfter = 24 * time.Hour
	// tidyEvery is after how many signs of life it is looked for what can be removed.
	tidyEvery = 60
)

// beatEvery is how often a process gives a sign of life.
func (s *Service) beatEvery() time.Duration { return s.opts.InstanceTimeout / 3 }

// announcePatience is how long the first sign of life is tried again: a database that starts, or is busy, is no reason to end.
const announcePatience = 30 * time.Second

// Announce gives the first sign of life. A process whose runs are to be safe from others calls it before it takes any. ctx ends
// only the waiting between attempts.
func (s *Service) Announce(ctx context.Context) error {
	for begin := time.Now(); ; {
		err := s.beat(context.WithoutCancel(ctx), false)
		if err == nil || time.Since(begin) > announcePatience {
			return err
		}
		s.log.Warn("giving the first sign of life", "error", err)
		select {
		case <-time.After(s.beatEvery() / 3):
		case <-ctx.Done():
			return err
		}
	}
}

// Run gives signs of life of this process until ctx ends, then takes its entry back: what has not been settled by then is
// for others to settle. With each sign of life it learns which runs are to be stopped, and settles those of dead processes.
func (s *Service) Run(ctx context.Context) error {
	ticker := time.NewTicker(s.beatEvery())
	defer ticker.Stop()
	for n := 0; ; n++ {
		if err := s.beat(ctx, n%tidyEvery == 0); err == nil {
			s.sweepInBackground(ctx)
		} else if ctx.Err() == nil {
			s.log.Warn("giving a sign of life", "error", err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			s.sweeper.work.Wait()
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()
			return s.opts.DB.Public(ctx, func(tx *tenant.Tx) error { return s.public.InstanceDelete(ctx, tx, s.opts.InstanceID) })
		}
	}
}

// beat gives a sign of life in one round trip. One that takes longer than the time to the next is none.
func (s *Service) beat(ctx context.Context, tidy bool) error {
	ctx, cancel := context.WithTimeout(ctx, s.beatEvery())
	defer cancel()
	var stops *tenant.Result[[]uuid.UUID]
	err := s.opts.DB.Public(ctx, func(tx *tenant.Tx) error {
		tenant.Queue(tx, func(db tenant.DBTX) (time.Time, error) {
			return s.public.InstanceBeat(ctx, db, publicdb.InstanceBeatParams{
				ID: s.opts.InstanceID, Version: s.opts.Version, Gap: (s.opts.InstanceTimeout / 2).Seconds(),
			})
		})
		stops = tenant.Queue(tx, func(db tenant.DBTX) ([]uuid.UUID, error) { return s.public.RunTicketStops(ctx, db, s.opts.InstanceID) })
		if tidy {
			tenant.QueueExec(tx, func(db tenant.DBTX) error { return s.public.InstanceDeleteStale(ctx, db, forgetAfter.Seconds()) })
			tenant.QueueExec(tx, func(db tenant.DBTX) error { return s.public.RunTicketTidy(ctx, db) })
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range stops.Value() {
		s.StopRun(id.String())
	}
	return nil
}

// pseudonym names the user to providers, without telling them who that is.
func (r *run) pseudonym() string {
	id := r.user.ID()
	sum := sha256.Sum256(append([]byte("provider pseudonym "), id[:]...))
	return hex.EncodeToString(sum[:16])
}
