package ratelimit

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"
)

// localSize bounds the subjects a Local remembers, at about 100 bytes each. Beyond, the least frequently seen are
// forgotten first, so a flood of new addresses does not free those who hammer.
const localSize = 100_000

type local struct {
	mu    sync.Mutex // makes several keys one step
	full  *otter.Cache[[16]byte, int64]
	clock func() time.Time
}

// NewLocal makes a Limiter of this process alone, in bounded memory. Nil means time.Now.
func NewLocal(clock func() time.Time) (Limiter, error) {
	if clock == nil {
		clock = time.Now
	}
	full, err := otter.New(&otter.Options[[16]byte, int64]{MaximumSize: localSize})
	if err != nil {
		return nil, fmt.Errorf("make local limiter: %w", err)
	}
	return &local{full: full, clock: clock}, nil
}

// Allow implements Limiter.
func (l *local) Allow(_ context.Context, given ...Limit) (Decision, error) {
	limits, cs, err := charges(given)
	if err != nil {
		return Decision{}, err
	}
	if len(cs) == 0 {
		return Decision{Allowed: true}, nil
	}
	debts := make([]int64, len(cs))

	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock().UnixMicro()
	for i, c := range cs {
		full, _ := l.full.GetIfPresent(c.key)
		debts[i] = min(max(0, full-now), c.room) // more there cannot be, unless the clock went back
	}
	d := decide(limits, cs, debts)
	if d.Allowed {
		for i, c := range cs {
			l.full.Set(c.key, now+debts[i]+c.take)
		}
	}
	return d, nil
}
