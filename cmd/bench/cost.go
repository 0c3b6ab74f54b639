package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"twobrains/internal/tenant"
	"twobrains/internal/testdb"
)

const (
	// lanes is the kernel's default, and the baseline's pool size.
	lanes = 16
	// clients are enough to keep two processors busy.
	clients = 8
	// zipfExponent makes a tenth of 10,000 users do about four fifths of the work.
	zipfExponent = 1.1
)

func runKernel(ctx context.Context, b *bench) error {
	fast, err := b.fast(ctx)
	if err != nil {
		return err
	}
	few := min(1_000, b.users/2)
	c, err := b.contestants(ctx, fast, b.users)
	if err != nil {
		return err
	}
	defer c.close()
	for _, n := range []int{few, b.users} {
		if err := c.warm(ctx, n); err != nil {
			return err
		}
		if err := c.contest(ctx, b, fmt.Sprintf("warm read of %d messages, %d users", messagesRead, n), n, uniform(n), reading, 1); err != nil {
			return err
		}
		if err := c.contest(ctx, b, fmt.Sprintf("append + touch, fsync off, %d users", n), n, uniform(n), appending, .55); err != nil {
			return err
		}
	}
	if err := c.roundTrips(ctx, b); err != nil {
		return err
	}
	// New connections on either side: nothing is warm.
	if err := c.reopen(ctx); err != nil {
		return err
	}
	if err := c.contest(ctx, b, fmt.Sprintf("read, %d users, Zipf, unwarmed", b.users), b.users, zipf(b.users), reading, .6); err != nil {
		return err
	}

	durable, err := b.durable(ctx)
	if err != nil {
		return err
	}
	d, err := b.contestants(ctx, durable, few)
	if err != nil {
		return err
	}
	defer d.close()
	if err := d.warm(ctx, few); err != nil {
		return err
	}
	return d.contest(ctx, b, fmt.Sprintf("append + touch, fsync on, %d users", few), few, uniform(few), appending, .6)
}

// contestants are both designs with the same users and the same data.
type contestants struct {
	database *database
	shared   *shared
	kernel   *kernel
	ids      []uuid.UUID
}

func (b *bench) contestants(ctx context.Context, s *services, users int) (*contestants, error) {
	begin := time.Now()
	c := &contestants{ids: userIDs("bench", users)}
	var err error
	if c.database, err = b.newDatabase(ctx, s, "bench_brains"); err != nil {
		return nil, err
	}
	if err := c.database.fill(ctx, c.ids, func(int) bool { return true }); err != nil {
		return nil, err
	}
	if c.shared, err = openShared(ctx, s, lanes, c.ids, true); err != nil {
		return nil, err
	}
	verified, err := c.database.verify(ctx, c.ids)
	if err != nil {
		return nil, err
	}
	if c.kernel, err = c.database.kernel(tenant.Options{Lanes: lanes}, verified...); err != nil {
		return nil, err
	}
	if _, err := s.super.Exec(ctx, "CHECKPOINT"); err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	say("   %d users ready on either side (%s)", users, time.Since(begin).Round(time.Second))
	return c, nil
}

func (c *contestants) close() {
	c.shared.close()
	c.kernel.close()
}

// reopen replaces every connection.
func (c *contestants) reopen(ctx context.Context) (err error) {
	c.close()
	if c.shared, err = openShared(ctx, c.database.s, lanes, c.ids, false); err != nil {
		return err
	}
	c.kernel, err = c.database.kernel(tenant.Options{Lanes: lanes}, c.kernel.users...)
	if err != nil {
		return err
	}
	if err := c.shared.warm(ctx); err != nil {
		return err
	}
	// Every lane is connected, by a user who is not among those measured.
	return c.connect(ctx)
}

// connect makes the kernel open all of its lanes.
func (c *contestants) connect(ctx context.Context) error {
	for i := 0; ; i++ {
		pids, err := c.kernel.backends(ctx)
		if err != nil || len(pids) == lanes {
			return err
		}
		if err := c.kernel.read(ctx, i%len(c.ids)); err != nil {
			return err
		}
	}
}

func (c *contestants) warm(ctx context.Context, n int) error {
	all := c.kernel.users
	c.kernel.users = all[:n]
	defer func() { c.kernel.users = all }()
	begin := time.Now()
	if err := c.kernel.warm(ctx); err != nil {
		return err
	}
	say("   warmed %d users (%s)", n, time.Since(begin).Round(time.Second/10))
	if err := c.shared.warm(ctx); err != nil {
		return err
	}
	return each(ctx, 4, n, func(ctx context.Context, i int) error {
		if err := c.shared.read(ctx, i); err != nil {
			return err
		}
		return c.shared.append(ctx, i)
	})
}

// worker is either design.
type worker interface {
	read(ctx context.Context, user int) error
	append(ctx context.Context, user int) error
}

func reading(ctx context.Context, w worker, user int) error   { return w.read(ctx, user) }
func appending(ctx context.Context, w worker, user int) error { return w.append(ctx, user) }

type picker func(r *rand.Rand) int

func uniform(n int) picker { return func(r *rand.Rand) int { return r.IntN(n) } }

// zipf ranks users by their number; which lane they are on follows from a hash.
func zipf(n int) picker {
	weights, sum := cumulative(n)
	return func(r *rand.Rand) int {
		x, low, high := r.Float64()*sum, 0, n-1
		for low < high {
			if mid := (low + high) / 2; weights[mid] < x {
				low = mid + 1
			} else {
				high = mid
			}
		}
		return low
	}
}

// contest adds a line that compares the throughput of both.
func (c *contestants) contest(ctx context.Context, b *bench, figure string, n int, pick picker, unit func(context.Context, worker, int) error, must float64) error {
	sharedCPU, err := c.shared.cpu(ctx)
	if err != nil {
		return err
	}
	kernelCPU, err := c.kernel.cpu(ctx)
	if err != nil {
		return err
	}
	tallies, err := compare(ctx, clients, b.rounds, b.slice,
		side{server: sharedCPU, unit: func(ctx context.Context, r *rand.Rand) error { return unit(ctx, c.shared, pick(r)) }},
		side{server: kernelCPU, unit: func(ctx context.Context, r *rand.Rand) error { return unit(ctx, c.kernel, pick(r)) }})
	if err != nil {
		return err
	}
	base, ours := tallies[0], tallies[1]
	reached := ratio(base, ours)
	// What the machine does besides disturbs the processor time of a unit least.
	effort := (base.perUnit(base.server) + base.perUnit(base.client)) / (ours.perUnit(ours.server) + ours.perUnit(ours.client))
	details := map[string]float64{"ratio": reached, "cpuRatio": effort, "users": float64(n)}
	base.details(details, "baseline")
	ours.details(details, "ours")
	b.report.add(line{
		Figure: figure, Baseline: base.String(), Ours: ours.String(), Ratio: fmt.Sprintf("%.2f (cpu %.2f)", reached, effort),
		Must: fmt.Sprintf(">= %.2f", must), Pass: reached >= must, Details: details,
	})
	return nil
}

// roundTrips counts those of one warm unit as the network sees them.
func (c *contestants) roundTrips(ctx context.Context, b *bench) error {
	wire := &testdb.Wire{}
	k, err := c.database.kernel(tenant.Options{Lanes: 1, ConfigureConn: wire.Configure}, c.kernel.users[0])
	if err != nil {
		return err
	}
	defer k.close()
	if err := k.warm(ctx); err != nil {
		return err
	}
	reads := wire.During(func() { err = k.read(ctx, 0) })
	if err != nil {
		return err
	}
	appends := wire.During(func() { err = k.append(ctx, 0) })
	b.report.add(line{
		Figure: "round trips of a warm read, append", Baseline: "1, 1", Ours: fmt.Sprintf("%d, %d", reads, appends), Must: "1, 1",
		Pass: reads == 1 && appends == 1,
	})
	return err
}
