package main

import (
	"context"
	"fmt"
	"slices"

	"twobrains/internal/tenant"
)

// memoryLanes are few, so that every connection meets more users than it may.
const memoryLanes = 2

// runMemory measures what backends keep of the users they have met.
func runMemory(ctx context.Context, b *bench) error {
	s, err := b.fast(ctx)
	if err != nil {
		return err
	}
	d, err := b.newDatabase(ctx, s, "bench_memory")
	if err != nil {
		return err
	}
	// As many users for a lane as the product's defaults let it hold, then twice that.
	warm, life := 1_600, 4_800
	if b.quick {
		warm, life = 600, 2_400
	}
	ids := userIDs("memory", life)
	if err := d.fill(ctx, ids, func(int) bool { return true }); err != nil {
		return err
	}
	users, err := d.verify(ctx, ids)
	if err != nil {
		return err
	}
	k, err := d.kernel(tenant.Options{Lanes: memoryLanes}, users...)
	if err != nil {
		return err
	}
	defer k.close()
	touch := func(from, to int) error {
		for i := from; i < to; i++ {
			if err := k.read(ctx, i); err != nil {
				return err
			}
			if err := k.append(ctx, i); err != nil {
				return err
			}
		}
		return nil
	}
	// A few users first, so that what every backend has anyway is not counted as theirs.
	const few = 20
	if err := touch(0, few); err != nil {
		return err
	}
	before, err := k.memory(ctx)
	if err != nil {
		return err
	}
	largest := slices.Max(before)
	for i := few; i < life; i += 100 {
		if err := touch(i, min(i+100, life)); err != nil {
			return err
		}
		now, err := k.memory(ctx)
		if err != nil {
			return err
		}
		largest = max(largest, slices.Max(now))
		if i < warm && i+100 >= warm {
			perUser := float64(sum(now)-sum(before)) / 1024 / float64(min(i+100, life)-few)
			b.report.add(line{
				Figure: "memory per warm user, all backends together", Baseline: "–", Ours: fmt.Sprintf("%.0f KB", perUser), Must: "<= 130 KB",
				Pass: perUser <= 130, Details: map[string]float64{"kilobytes": perUser},
			})
		}
	}
	mb := float64(largest) / (1 << 20)
	b.report.add(line{
		Figure:   fmt.Sprintf("largest backend, %d users over the life of %d lanes", life, memoryLanes),
		Baseline: "–", Ours: fmt.Sprintf("%.0f MB", mb), Must: "<= 128 MB", Pass: mb <= 128, Details: map[string]float64{"megabytes": mb},
	})
	return b.dropDatabase(ctx, d)
}

// memory reads the private memory of every backend of the kernel.
func (k *kernel) memory(ctx context.Context) ([]int64, error) {
	pids, err := k.backends(ctx)
	if err != nil {
		return nil, err
	}
	sizes := make([]int64, len(pids))
	for i, pid := range pids {
		if sizes[i], err = privateMemory(pid); err != nil {
			return nil, err
		}
	}
	return sizes, nil
}

func sum(list []int64) (total int64) {
	for _, n := range list {
		total += n
	}
	return total
}
