package main

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"twobrains/internal/auth"
	"twobrains/internal/tenant"
)

// provisionFilled is the number of private brains that exist already when provisioning is measured.
const provisionFilled = 10_000

func runProvision(ctx context.Context, b *bench) error {
	s, err := b.fast(ctx)
	if err != nil {
		return err
	}
	d, err := b.newDatabase(ctx, s, "bench_provision")
	if err != nil {
		return err
	}
	filled, sample := provisionFilled, 400
	if b.quick {
		filled, sample = b.users, 100
	}
	if err := d.fill(ctx, userIDs("filler", filled), func(int) bool { return false }); err != nil {
		return err
	}
	k, err := d.kernel(tenant.Options{Lanes: lanes})
	if err != nil {
		return err
	}
	defer k.close()
	if k.users, err = d.verify(ctx, userIDs("newcomer", 5*sample)); err != nil {
		return err
	}

	alone, err := k.openEach(ctx, 1, k.users[:sample])
	if err != nil {
		return err
	}
	p50, p99 := quantile(alone, .5), quantile(alone, .99)
	b.report.add(line{
		Figure:   fmt.Sprintf("provisioning on first access at %d schemas, p50 / p99", filled),
		Baseline: "–", Ours: fmt.Sprintf("%s / %s ms", milli(p50), milli(p99)), Must: "<= 6 / 40 ms",
		Pass:    p50 <= 6*time.Millisecond && p99 <= 40*time.Millisecond,
		Details: map[string]float64{"p50Micros": float64(p50.Microseconds()), "p99Micros": float64(p99.Microseconds())},
	})

	before, err := s.cpu()
	if err != nil {
		return err
	}
	own, begin, n := ownCPU(), time.Now(), float64(len(k.users)-sample)
	if _, err := k.openEach(ctx, 4, k.users[sample:]); err != nil {
		return err
	}
	rate := n / time.Since(begin).Seconds()
	own = ownCPU() - own
	after, err := s.cpu()
	if err != nil {
		return err
	}
	perServer, perClient := (after-before).Seconds()*1000/n, own.Seconds()*1000/n
	b.report.add(line{
		Figure: "the same, four workers", Baseline: "–", Ours: fmt.Sprintf("%.0f/s, cpu %.1f+%.1f ms", rate, perServer, perClient), Must: ">= 400/s", Pass: rate >= 400,
		Details: map[string]float64{"perSecond": rate, "serverCpuMillis": perServer, "clientCpuMillis": perClient},
	})
	return b.dropDatabase(ctx, d)
}

// openEach opens the users' brains and tells how long each took.
func (k *kernel) openEach(ctx context.Context, workers int, users []auth.User) ([]time.Duration, error) {
	took := make([]time.Duration, len(users))
	err := each(ctx, workers, len(users), func(ctx context.Context, i int) error {
		begin := time.Now()
		_, err := k.db.Open(ctx, users[i])
		took[i] = time.Since(begin)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	return took, nil
}

// dropDatabase gives its disk back.
func (b *bench) dropDatabase(ctx context.Context, d *database) error {
	if _, err := d.s.super.Exec(ctx, "DROP DATABASE "+d.name+" WITH (FORCE)"); err != nil {
		return fmt.Errorf("drop database: %w", err)
	}
	return nil
}

// spread picks n ids from all over a population.
func spread(population string, size, n int) []uuid.UUID {
	ids := make([]uuid.UUID, n)
	for i := range ids {
		ids[i] = userID(population, i*(size/n))
	}
	return ids
}
