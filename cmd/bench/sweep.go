package main

import (
	"context"
	"fmt"
	"time"

	"twobrains/internal/tenant"
)

// runSweep migrates a whole fleet in the background, as `twobrains tenant migrate --all` does, while some users are served.
func runSweep(ctx context.Context, b *bench) error {
	size, active := 10_000, 200
	if b.quick {
		size = b.users
	}
	d, users, err := b.fleet(ctx, "bench_sweep", size, active)
	if err != nil {
		return err
	}
	k, err := d.kernel(tenant.Options{Lanes: lanes}, users...)
	if err != nil {
		return err
	}
	defer k.close()
	if err := k.warm(ctx); err != nil {
		return err
	}
	migrations, err := withOneMore()
	if err != nil {
		return fmt.Errorf("prepare migrations: %w", err)
	}
	released, err := d.kernel(tenant.Options{Lanes: 1, TenantMigrations: migrations})
	if err != nil {
		return err
	}
	defer released.close()
	if err := released.db.Migrate(ctx, false, nil); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}

	const readers, pause = 4, 5 * time.Millisecond
	calm := k.serve(ctx, readers, active, pause)
	wait(ctx, 10*b.slice)
	before, err := calm.end()
	if err != nil {
		return err
	}
	load := k.serve(ctx, readers, active, pause)
	begin, done := time.Now(), 0
	for swept, err := range released.db.Fleet().Sweep(ctx, tenant.SweepOptions{Canary: 5}) {
		if err == nil && !swept.Good() {
			err = fmt.Errorf("%s is %s: %w", swept.Schema, swept.Outcome, swept.Err)
		}
		if err != nil {
			_, _ = load.end()
			return fmt.Errorf("sweep: %w", err)
		}
		done++
	}
	rate := float64(done) / time.Since(begin).Seconds()
	during, err := load.end()
	if err != nil {
		return fmt.Errorf("serve during sweep: %w", err)
	}
	calmP99, busyP99 := quantile(before, .99), quantile(during, .99)
	factor := float64(busyP99) / float64(max(calmP99, 1))
	b.report.add(line{
		Figure:   fmt.Sprintf("background sweep of %d schemas while serving", done),
		Baseline: "–", Ours: fmt.Sprintf("%.0f/s", rate), Must: ">= 300/s", Pass: rate >= 300, Details: map[string]float64{"perSecond": rate},
	})
	b.report.add(line{
		Figure:   "p99 of reads served during the sweep against before",
		Baseline: milli(calmP99) + " ms", Ours: milli(busyP99) + " ms", Ratio: fmt.Sprintf("%.1f", factor), Must: "<= 2 x", Pass: factor <= 2,
		Details: map[string]float64{"factor": factor, "calmP99Micros": float64(calmP99.Microseconds()), "busyP99Micros": float64(busyP99.Microseconds())},
	})
	begin = time.Now()
	for finding, err := range released.db.Fleet().Doctor(ctx) {
		if err != nil {
			return fmt.Errorf("doctor: %w", err)
		}
		return fmt.Errorf("doctor: %s %s in %s after the sweep", finding.Kind, finding.Object, finding.Schema)
	}
	took := time.Since(begin)
	b.report.add(line{
		Figure: fmt.Sprintf("doctor, one pass over %d schemas", size), Baseline: "–", Ours: fmt.Sprintf("%.1f s", took.Seconds()),
		Details: map[string]float64{"seconds": took.Seconds()},
	})
	return b.dropDatabase(ctx, d)
}

func wait(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	<-ctx.Done()
}
