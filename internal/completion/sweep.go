package completion

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/singleflight"

	"twobrains/internal/auth"
	"twobrains/internal/publicdb"
	"twobrains/internal/stream"
	"twobrains/internal/tenant"
)

const (
	// sweepWorkers is how many runs of dead processes are settled at once: few enough that requests find the lanes free.
	sweepWorkers = 6
	sweepPage    = 500
	// maxStuck bounds what is remembered of tickets that could not be used.
	maxStuck = 10_000
)

// sweeper is what a process remembers between its looks for runs of dead ones.
type sweeper struct {
	takeOvers singleflight.Group
	// work is held by the sweep under way; there is one at a time.
	busy sync.Mutex
	work sync.WaitGroup

	mu    sync.Mutex
	stuck map[uuid.UUID]stuck
}

// stuck is a ticket whose run could not be settled.
type stuck struct {
	since, again time.Time
	failures     int
}

// sweepInBackground settles the runs of dead processes, unless that is being done or the process stops.
func (s *Service) sweepInBackground(ctx context.Context) {
	s.mu.Lock()
	draining := s.draining
	s.mu.Unlock()
	if draining || !s.sweeper.busy.TryLock() {
		return
	}
	s.sweeper.work.Go(func() {
		defer s.sweeper.busy.Unlock()
		defer s.guard("settling runs of dead processes", uuid.Nil)
		if err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("looking for runs of dead processes", "error", err)
		}
	})
}

// Sweep settles the runs of dead processes once. Every process does it, each beginning somewhere else; who comes second finds
// the run ended. Runs that cannot be settled now are left for later and are no error.
func (s *Service) Sweep(ctx context.Context) error {
	start := uuid.New()
	pages := [][2]uuid.UUID{{start, uuid.Max}, {uuid.Nil, start}}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(sweepWorkers)
	err := s.sweepOwn(ctx, group)
	for _, page := range pages {
		for after := page[0]; err == nil; {
			var tickets []publicdb.RunTicketsDeadRow
			if tickets, err = s.deadTickets(ctx, after, page[1]); len(tickets) == 0 {
				break
			}
			for _, t := range tickets {
				group.Go(func() error {
					s.redeem(ctx, t)
					return ctx.Err()
				})
			}
			after = tickets[len(tickets)-1].RunID
		}
	}
	return errors.Join(err, group.Wait())
}

func (s *Service) deadTickets(ctx context.Context, after, upTo uuid.UUID) (tickets []publicdb.RunTicketsDeadRow, err error) {
	err = s.opts.DB.Public(ctx, func(tx *tenant.Tx) error {
		tickets, err = s.public.RunTicketsDead(ctx, tx, publicdb.RunTicketsDeadParams{
			Me: s.opts.InstanceID, Seconds: s.opts.InstanceTimeout.Seconds(), After: after, UpTo: upTo, MaxRows: sweepPage,
		})
		return err
	})
	return tickets, err
}

// sweepOwn settles runs that stand under this process's name and that it does not know: it could not store how they ended.
func (s *Service) sweepOwn(ctx context.Context, group *errgroup.Group) error {
	var tickets []publicdb.RunTicketsOfRow
	err := s.opts.DB.Public(ctx, func(tx *tenant.Tx) (err error) {
		tickets, err = s.public.RunTicketsOf(ctx, tx, publicdb.RunTicketsOfParams{InstanceID: s.opts.InstanceID, Seconds: s.opts.RunTimeout.Seconds()})
		return err
	})
	for _, t := range tickets {
		if s.byID(t.RunID) == nil {
			group.Go(func() error {
				s.redeem(ctx, publicdb.RunTicketsDeadRow(t))
				return ctx.Err()
			})
		}
	}
	return err
}

// redeem uses a ticket to settle its run.
func (s *Service) redeem(ctx context.Context, t publicdb.RunTicketsDeadRow) {
	patient, due := s.sweeper.due(t.RunID, s.now(), s.opts.InstanceTimeout*2/3)
	if !due {
		return
	}
	user, err := s.opts.Tickets.Redeem(auth.Ticket{KeyID: t.KeyID, Ciphertext: t.Ciphertext}, t.RunID)
	if err == nil {
		err = s.takeOver(ctx, user, t.RunID, takeOver{stopped: t.StopRequested, patient: patient})
	}
	if err == nil || ctx.Err() != nil {
		return
	}
	if s.sweeper.failed(t.RunID, s.now(), errors.Is(err, stream.ErrUnavailable)) {
		s.log.Error("settling the run of a dead process", "run", t.RunID, "instance", t.InstanceID, "error", err)
	}
}

// due says whether a ticket is to be tried now, and whether it may still wait for its log.
func (s *sweeper) due(run uuid.UUID, now time.Time, patience time.Duration) (patient, due bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was, ok := s.stuck[run]
	return !ok || now.Sub(was.since) < patience, !ok || !now.Before(was.again)
}

// failed notes a failure, so that the ticket is tried ever less often, and says whether it is worth a line in the log.
func (s *sweeper) failed(run uuid.UUID, now time.Time, soon bool) (tell bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stuck == nil || len(s.stuck) > maxStuck {
		s.stuck = map[uuid.UUID]stuck{}
	}
	was, ok := s.stuck[run]
	if !ok {
		was.since = now
	}
	if !soon {
		was.failures++
		was.again = now.Add(min(time.Second<<min(was.failures, 12), 10*time.Minute))
	}
	s.stuck[run] = was
	return was.failures == 1 || soon && !ok
}
