package ratelimit_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"twobrains/internal/ratelimit"
)

type manualClock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *manualClock { return &manualClock{now: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (c *manualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *manualClock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func TestLocal(t *testing.T) {
	t.Parallel()
	conformance(t, func(t *testing.T) bundle {
		clock := newClock()
		l, err := ratelimit.NewLocal(clock.Now)
		require.NoError(t, err)
		return bundle{l, clock.Advance}
	})
}

func TestLocalKeepsWhoHammersInAFlood(t *testing.T) {
	t.Parallel()
	l, err := ratelimit.NewLocal(newClock().Now)
	require.NoError(t, err)
	limit := func(key string) ratelimit.Limit {
		return ratelimit.Limit{Name: "test", Key: key, Rate: 1, Period: 24 * time.Hour, Burst: 5}
	}
	passed := 0
	for i := range 200_000 { // twice what is remembered
		_, err := l.Allow(t.Context(), limit(fmt.Sprint("ip:", i)))
		require.NoError(t, err)
		if i%100 == 0 {
			d, err := l.Allow(t.Context(), limit("ip:hammer"))
			require.NoError(t, err)
			if d.Allowed {
				passed++
			}
		}
	}
	require.LessOrEqual(t, passed, 10)
}

func BenchmarkLocal(b *testing.B) {
	l, _ := ratelimit.NewLocal(nil)
	limits := []ratelimit.Limit{
		{Name: "user", Key: "user:1", Rate: 1000, Period: time.Second},
		{Name: "ip", Key: "ip:1", Rate: 1000, Period: time.Second},
	}
	for b.Loop() {
		_, _ = l.Allow(b.Context(), limits...)
	}
}
