package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"twobrains/internal/tenant"
)

// runScale compares a database of 100 private brains with ones of more, each in a database of its own: the same number of users
// is active in all.
func runScale(ctx context.Context, b *bench) error {
	s, err := b.fast(ctx)
	if err != nil {
		return err
	}
	const active = 100
	var kernels []*kernel
	sizes := []int{active}
	for n := 10 * active; n < b.schemas; n *= 10 {
		sizes = append(sizes, n)
	}
	sizes = append(sizes, b.schemas)
	for _, n := range sizes {
		begin := time.Now()
		d, err := b.newDatabase(ctx, s, fmt.Sprintf("bench_scale_%d", n))
		if err != nil {
			return err
		}
		every := n / active
		if err := d.fill(ctx, userIDs("scale", n), func(i int) bool { return i%every == 0 }); err != nil {
			return err
		}
		users, err := d.verify(ctx, spread("scale", n, active))
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
		kernels = append(kernels, k)
		say("   %d private brains made (%s)", n, time.Since(begin).Round(time.Second))
	}
	if _, err := s.super.Exec(ctx, "CHECKPOINT"); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	for _, unit := range []struct {
		name string
		do   func(context.Context, worker, int) error
	}{{"read", reading}, {"append", appending}} {
		sides := make([]side, len(kernels))
		for i, k := range kernels {
			cpu, err := k.cpu(ctx)
			if err != nil {
				return err
			}
			sides[i] = side{server: cpu, unit: func(ctx context.Context, r *rand.Rand) error { return unit.do(ctx, k, r.IntN(active)) }}
		}
		// One client: the question is how long a unit takes, not how many fit.
		tallies, err := compare(ctx, 1, b.rounds, b.slice, sides...)
		if err != nil {
			return err
		}
		few := tallies[0]
		for i, many := range tallies[1:] {
			n := sizes[i+1]
			factor := float64(many.quantile(.5)) / float64(few.quantile(.5))
			details := map[string]float64{"factor": factor, "schemas": float64(n)}
			few.details(details, "baseline")
			many.details(details, "ours")
			b.report.add(line{
				Figure:   fmt.Sprintf("warm %s at %d schemas against %d, p50", unit.name, n, active),
				Baseline: micro(few.quantile(.5)) + " µs", Ours: micro(many.quantile(.5)) + " µs", Ratio: fmt.Sprintf("%.2f", factor),
				Must: "<= 1.3 x", Pass: factor <= 1.3, Details: details,
			})
		}
	}
	return nil
}
