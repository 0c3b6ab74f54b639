package ratelimit_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"twobrains/internal/ratelimit"
)

// bundle is a fresh limiter whose time can be moved on.
type bundle struct {
	ratelimit.Limiter
	advance func(time.Duration)
}

// slack allows for the real time a test takes where the clock is Redis's. Steps of the limits below are a minute.
const slack = 20 * time.Second

func conformance(t *testing.T, setup func(t *testing.T) bundle) {
	perMinute := func(key string, burst, cost int) ratelimit.Limit {
		return ratelimit.Limit{Name: "test", Key: key, Rate: 60, Period: time.Hour, Burst: burst, Cost: cost}
	}
	allow := func(t *testing.T, b bundle, limits ...ratelimit.Limit) ratelimit.Decision {
		t.Helper()
		d, err := b.Allow(t.Context(), limits...)
		require.NoError(t, err)
		return d
	}

	t.Run("burst, refusal, replenishment", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		for left := 2; left >= 0; left-- {
			d := allow(t, b, perMinute("user:1", 3, 0))
			require.True(t, d.Allowed)
			require.Equal(t, left, d.Remaining)
			require.Zero(t, d.RetryAfter)
			require.InDelta(t, time.Duration(3-left)*time.Minute, d.ResetAfter, float64(slack))
		}
		d := allow(t, b, perMinute("user:1", 3, 0))
		require.False(t, d.Allowed)
		require.Zero(t, d.Remaining)
		require.InDelta(t, time.Minute, d.RetryAfter, float64(slack))
		require.InDelta(t, 3*time.Minute, d.ResetAfter, float64(slack))
		require.Equal(t, 3, d.Limit.Burst)
		require.Equal(t, 1, d.Limit.Cost)

		b.advance(time.Minute)
		require.True(t, allow(t, b, perMinute("user:1", 3, 0)).Allowed)
		require.False(t, allow(t, b, perMinute("user:1", 3, 0)).Allowed)

		b.advance(time.Hour)
		d = allow(t, b, perMinute("user:1", 3, 0))
		require.True(t, d.Allowed)
		require.Equal(t, 2, d.Remaining, "no more than the burst is ever saved up")
	})

	t.Run("a refused call is free", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		allow(t, b, perMinute("user:1", 1, 0))
		for range 20 {
			require.False(t, allow(t, b, perMinute("user:1", 1, 0)).Allowed)
		}
		b.advance(time.Minute)
		require.True(t, allow(t, b, perMinute("user:1", 1, 0)).Allowed)
	})

	t.Run("a clock that goes back", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		require.True(t, allow(t, b, perMinute("user:1", 1, 0)).Allowed)
		b.advance(-30 * 24 * time.Hour)
		d := allow(t, b, perMinute("user:1", 1, 0))
		require.False(t, d.Allowed)
		require.LessOrEqual(t, d.RetryAfter, time.Minute)
	})

	t.Run("all or nothing", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		require.True(t, allow(t, b, perMinute("ip:1", 1, 0)).Allowed)
		d := allow(t, b, perMinute("user:1", 5, 0), perMinute("ip:1", 1, 0))
		require.False(t, d.Allowed)
		require.Equal(t, "ip:1", d.Limit.Key)
		d = allow(t, b, perMinute("user:1", 5, 0))
		require.Equal(t, 4, d.Remaining, "the user was not charged for what the address was refused")
	})

	t.Run("tightest limit is told", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		d := allow(t, b, perMinute("user:1", 5, 0), perMinute("ip:1", 2, 0), perMinute("all", 9, 0))
		require.True(t, d.Allowed)
		require.Equal(t, "ip:1", d.Limit.Key)
		require.Equal(t, 1, d.Remaining)

		allow(t, b, perMinute("user:1", 5, 4))
		allow(t, b, perMinute("ip:1", 2, 0))
		d = allow(t, b, perMinute("ip:1", 2, 1), perMinute("user:1", 5, 3))
		require.False(t, d.Allowed)
		require.Equal(t, "user:1", d.Limit.Key, "the one that refuses longest")
		require.InDelta(t, 3*time.Minute, d.RetryAfter, float64(slack))
	})

	t.Run("cost", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		require.Equal(t, 3, allow(t, b, perMinute("user:1", 10, 7)).Remaining)
		d := allow(t, b, perMinute("user:1", 10, 5))
		require.False(t, d.Allowed)
		require.Equal(t, 3, d.Remaining)
		require.InDelta(t, 2*time.Minute, d.RetryAfter, float64(slack))
		require.True(t, allow(t, b, perMinute("user:1", 10, 3)).Allowed)
		require.False(t, allow(t, b, perMinute("user:2", 10, 11)).Allowed, "above the burst")
	})

	t.Run("subjects and policies are apart", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		one, other := perMinute("user:1", 1, 0), perMinute("user:2", 1, 0)
		policy := one
		policy.Name = "other"
		for _, l := range []ratelimit.Limit{one, other, policy} {
			require.True(t, allow(t, b, l).Allowed)
			require.False(t, allow(t, b, l).Allowed)
		}
	})

	t.Run("no limits", func(t *testing.T) {
		t.Parallel()
		require.True(t, allow(t, setup(t)).Allowed)
	})

	t.Run("exact under concurrency", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		var passed atomic.Int32
		var wg sync.WaitGroup
		for i := range 60 {
			wg.Go(func() {
				limits := []ratelimit.Limit{perMinute("ip:1", 40, 0), perMinute("user:1", 10, 0)}
				if i%2 == 0 {
					limits[0], limits[1] = limits[1], limits[0]
				}
				d, err := b.Allow(t.Context(), limits...)
				if err == nil && d.Allowed {
					passed.Add(1)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, 10, passed.Load())
		require.Equal(t, 29, allow(t, b, perMinute("ip:1", 40, 0)).Remaining)
	})

	t.Run("the caller's limits are not touched", func(t *testing.T) {
		t.Parallel()
		limits := []ratelimit.Limit{{Name: "test", Key: "k", Rate: 5, Period: time.Second}}
		allow(t, setup(t), limits...)
		require.Equal(t, ratelimit.Limit{Name: "test", Key: "k", Rate: 5, Period: time.Second}, limits[0])
	})

	t.Run("nonsense", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		good := ratelimit.Limit{Name: "test", Key: "k", Rate: 1, Period: time.Second}
		for name, spoil := range map[string]func(*ratelimit.Limit){
			"no name":         func(l *ratelimit.Limit) { l.Name = "" },
			"name with quote": func(l *ratelimit.Limit) { l.Name = `a"b` },
			"no key":          func(l *ratelimit.Limit) { l.Key = "" },
			"no rate":         func(l *ratelimit.Limit) { l.Rate = 0 },
			"negative rate":   func(l *ratelimit.Limit) { l.Rate = -1 },
			"no period":       func(l *ratelimit.Limit) { l.Period = 0 },
			"endless period":  func(l *ratelimit.Limit) { l.Period = 367 * 24 * time.Hour },
			"negative cost":   func(l *ratelimit.Limit) { l.Cost = -1 },
			"negative burst":  func(l *ratelimit.Limit) { l.Burst = -1 },
			"huge span":       func(l *ratelimit.Limit) { l.Period, l.Burst = 300*24*time.Hour, 1<<31-1 },
		} {
			l := good
			spoil(&l)
			_, err := b.Allow(t.Context(), l)
			require.ErrorIs(t, err, ratelimit.ErrInvalid, name)
		}
		_, err := b.Allow(t.Context(), good, good)
		require.ErrorIs(t, err, ratelimit.ErrInvalid, "twice the same")
		require.True(t, allow(t, b, good).Allowed, "nothing was charged by errors")
	})
}
