package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// side is one of the designs compared.
type side struct {
	// unit does one unit of work for some user.
	unit func(ctx context.Context, r *rand.Rand) error
	// server reads the processor time its backends have used so far.
	server func() (time.Duration, error)
	// trips reads the round trips so far; nil: not counted.
	trips func() int64
}

// tally is what a side did in all its slices.
type tally struct {
	units  int
	wall   time.Duration
	took   []time.Duration
	rates  []float64
	server time.Duration
	client time.Duration
	trips  int64
}

func (t *tally) rate() float64                    { return float64(t.units) / t.wall.Seconds() }
func (t *tally) quantile(q float64) time.Duration { return quantile(t.took, q) }
func (t *tally) perUnit(d time.Duration) float64 {
	return float64(d.Microseconds()) / float64(max(t.units, 1))
}
func (t *tally) String() string {
	return fmt.Sprintf("%.0f/s, %s/%s µs, cpu %.0f+%.0f µs", t.rate(), micro(t.quantile(.5)), micro(t.quantile(.99)),
		t.perUnit(t.server), t.perUnit(t.client))
}

func (t *tally) details(into map[string]float64, name string) {
	into[name+"PerSecond"] = t.rate()
	into[name+"P50Micros"] = float64(t.quantile(.5).Microseconds())
	into[name+"P99Micros"] = float64(t.quantile(.99).Microseconds())
	into[name+"ServerCpuMicros"] = t.perUnit(t.server)
	into[name+"ClientCpuMicros"] = t.perUnit(t.client)
	into[name+"RoundTrips"] = float64(t.trips) / float64(max(t.units, 1))
}

// compare lets the sides work in turn, in short slices whose order alternates, so that what else happens on the machine
// meets all of them alike.
func compare(ctx context.Context, clients, rounds int, slice time.Duration, sides ...side) ([]*tally, error) {
	tallies := make([]*tally, len(sides))
	order := make([]int, len(sides))
	for i := range sides {
		tallies[i], order[i] = &tally{}, i
	}
	for round := range rounds {
		for _, i := range order {
			if err := tallies[i].work(ctx, clients, slice, uint64(round), sides[i]); err != nil {
				return nil, err
			}
		}
		slices.Reverse(order)
	}
	return tallies, nil
}

// work runs one slice.
func (t *tally) work(ctx context.Context, clients int, slice time.Duration, seed uint64, s side) error {
	cpu, err := s.server()
	if err != nil {
		return err
	}
	own, trips := ownCPU(), int64(0)
	if s.trips != nil {
		trips = s.trips()
	}
	var (
		group sync.WaitGroup
		mu    sync.Mutex
		first error
		took  = make([][]time.Duration, clients)
		begin = time.Now()
	)
	for c := range clients {
		group.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(c)))
			for last := time.Now(); last.Sub(begin) < slice; {
				err := s.unit(ctx, r)
				now := time.Now()
				if err != nil {
					mu.Lock()
					defer mu.Unlock()
					first = err
					return
				}
				took[c] = append(took[c], now.Sub(last))
				last = now
			}
		})
	}
	group.Wait()
	wall := time.Since(begin)
	if first != nil {
		return first
	}
	units := 0
	for _, d := range took {
		units += len(d)
		t.took = append(t.took, d...)
	}
	t.units += units
	t.wall += wall
	t.rates = append(t.rates, float64(units)/wall.Seconds())
	t.client += ownCPU() - own
	if s.trips != nil {
		t.trips += s.trips() - trips
	}
	after, err := s.server()
	t.server += after - cpu
	return err
}

// ratio is the median over the rounds of b's throughput to a's: one bad slice does not move it.
func ratio(a, b *tally) float64 {
	ratios := make([]float64, len(a.rates))
	for i := range ratios {
		ratios[i] = b.rates[i] / a.rates[i]
	}
	slices.Sort(ratios)
	if n := len(ratios); n%2 == 0 {
		return (ratios[n/2-1] + ratios[n/2]) / 2
	}
	return ratios[len(ratios)/2]
}

// quantile sorts the durations.
func quantile(d []time.Duration, q float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[min(int(q*float64(len(d))), len(d)-1)]
}

func micro(d time.Duration) string { return fmt.Sprint(d.Microseconds()) }

func milli(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d.Microseconds())/1000) }

// each calls f for 0 to n-1 in some goroutines and returns the first error.
func each(ctx context.Context, workers, n int, f func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for i := range next {
				if err := f(ctx, i); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	for i := range n {
		select {
		case next <- i:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(next)
	group.Wait()
	return context.Cause(ctx)
}
