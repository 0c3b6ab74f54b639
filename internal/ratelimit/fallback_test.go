package ratelimit_test

import (
	"context"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"twobrains/internal/ratelimit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var one = ratelimit.Limit{Name: "test", Key: "k", Rate: 1, Period: time.Hour, Burst: 1000}

// blackHole accepts connections and never answers.
func blackHole(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = conn.Close() })
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr().String()
}

func TestFallbackOfABlackHole(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: blackHole(t), MaxRetries: -1, ReadTimeout: 300 * time.Millisecond})
	t.Cleanup(func() { _ = client.Close() })
	l, err := ratelimit.NewLocal(nil)
	require.NoError(t, err)
	var told atomic.Int32
	f := ratelimit.NewFallback(ratelimit.NewRedis(client, ""), l, func(error) { told.Add(1) })

	began := time.Now()
	for range 500 {
		d, err := f.Allow(t.Context(), one)
		require.NoError(t, err)
		require.True(t, d.Allowed)
	}
	took := time.Since(began)
	require.Less(t, took, 20*time.Second, "500 requests, of which few may pay the budget of a tenth of a second")
	require.GreaterOrEqual(t, told.Load(), int32(3))
	require.LessOrEqual(t, told.Load(), 4+int32(took/time.Second), "three to find out, then one in two seconds")
	d, err := f.Allow(t.Context(), one)
	require.NoError(t, err)
	require.Equal(t, 499, d.Remaining, "the local limiter counted")
}

func TestBoundedFailsClosedInTime(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: blackHole(t), MaxRetries: -1, ReadTimeout: 300 * time.Millisecond})
	t.Cleanup(func() { _ = client.Close() })
	began := time.Now()
	_, err := ratelimit.Bounded(ratelimit.NewRedis(client, ""), 50*time.Millisecond).Allow(t.Context(), one)
	require.ErrorIs(t, err, ratelimit.ErrSlow)
	require.Less(t, time.Since(began), time.Second)
}

// faulty is a limiter that errs, hangs or answers as told.
type faulty struct {
	calls atomic.Int32
	fail  atomic.Bool
	hang  atomic.Bool
}

func (f *faulty) Allow(ctx context.Context, limits ...ratelimit.Limit) (ratelimit.Decision, error) {
	f.calls.Add(1)
	if f.hang.Load() {
		<-ctx.Done()
		return ratelimit.Decision{}, ctx.Err()
	}
	if f.fail.Load() {
		return ratelimit.Decision{}, io.ErrUnexpectedEOF
	}
	return ratelimit.Decision{Allowed: true, Remaining: 77}, nil
}

func TestFallbackBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		primary := &faulty{}
		l, err := ratelimit.NewLocal(nil)
		require.NoError(t, err)
		var told int
		f := ratelimit.NewFallback(primary, l, func(error) { told++ })
		allow := func() int {
			d, err := f.Allow(t.Context(), one)
			require.NoError(t, err)
			require.True(t, d.Allowed)
			return d.Remaining
		}
		require.Equal(t, 77, allow())

		primary.fail.Store(true)
		for range 10 {
			require.NotEqual(t, 77, allow())
		}
		require.EqualValues(t, 4, primary.calls.Load(), "left alone after three failures")
		require.Equal(t, 3, told)

		time.Sleep(2100 * time.Millisecond) // synctest's clock
		primary.hang.Store(true)
		began := time.Now()
		allow()
		require.Equal(t, ratelimit.Budget, time.Since(began), "the one that tries waits for the budget")
		began = time.Now()
		for range 10 {
			allow()
		}
		require.Zero(t, time.Since(began), "the others do not")
		require.EqualValues(t, 5, primary.calls.Load())

		time.Sleep(2100 * time.Millisecond)
		primary.hang.Store(false)
		primary.fail.Store(false)
		require.Equal(t, 77, allow())
		require.Equal(t, 77, allow(), "closed again")
	})
}

func TestFallbackCallerLeft(t *testing.T) {
	t.Parallel()
	primary := &faulty{}
	primary.hang.Store(true)
	l, err := ratelimit.NewLocal(nil)
	require.NoError(t, err)
	f := ratelimit.NewFallback(primary, l, func(err error) { t.Errorf("told of %v", err) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 5 {
		_, err := f.Allow(ctx, one)
		require.NoError(t, err)
	}
	primary.hang.Store(false)
	d, err := f.Allow(t.Context(), one)
	require.NoError(t, err)
	require.Equal(t, 77, d.Remaining, "callers who left do not trip it")
}

func TestFallbackInvalid(t *testing.T) {
	t.Parallel()
	l, err := ratelimit.NewLocal(nil)
	require.NoError(t, err)
	f := ratelimit.NewFallback(l, l, func(error) { t.Error("a defect of the caller is no failure of the primary") })
	_, err = f.Allow(t.Context(), ratelimit.Limit{Name: "test"})
	require.ErrorIs(t, err, ratelimit.ErrInvalid)
}
