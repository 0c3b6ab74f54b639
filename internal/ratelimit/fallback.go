package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"twobrains/internal/tracing"
)

const (
	// Budget is how long a request waits for its limits before the local limiter decides.
	Budget = 100 * time.Millisecond
	// tripAfter failures in a row, the primary is left alone for coolDown; then one request tries it again.
	tripAfter = 3
	coolDown  = 2 * time.Second
)

// ErrSlow means that a limiter did not answer in time.
var ErrSlow = errors.New("limiter did not answer in time")

type bounded struct {
	limiter Limiter
	wait    time.Duration
}

// Bounded makes a Limiter answer in time, with ErrSlow if it must, even if what is beneath ignores deadlines (go-redis does
// by default). The abandoned call may still be charged.
func Bounded(l Limiter, wait time.Duration) Limiter { return bounded{l, wait} }

// Allow implements Limiter.
func (b bounded) Allow(ctx context.Context, limits ...Limit) (Decision, error) {
	type result struct {
		decision Decision
		err      error
	}
	// Not the caller's context, whose values may be gone when an abandoned call ends.
	calling, stop := context.WithTimeout(tracing.Detach(ctx), b.wait)
	done := make(chan result, 1)
	go func() {
		defer stop()
		d, err := b.limiter.Allow(calling, limits...)
		done <- result{d, err}
	}()
	timer := time.NewTimer(b.wait)
	defer timer.Stop()
	select {
	case r := <-done:
		return r.decision, r.err
	case <-timer.C:
		return Decision{}, ErrSlow
	case <-ctx.Done():
		return Decision{}, fmt.Errorf("wait for limiter: %w", ctx.Err())
	}
}

type fallback struct {
	primary    Limiter
	local      Limiter
	onFallback func(error)
	clock      func() time.Time

	mu       sync.Mutex
	failures int
	retryAt  time.Time
}

// NewFallback makes a Limiter that asks primary and, when that errs or takes longer than Budget, local. After three failures
// in a row the primary is left alone for two seconds at a time, so that a dead one costs nearly nobody the budget.
// onFallback is told the error of each failed call of primary; nil means nobody is.
func NewFallback(primary, local Limiter, onFallback func(error)) Limiter {
	if onFallback == nil {
		onFallback = func(error) {}
	}
	return &fallback{primary: Bounded(primary, Budget), local: local, onFallback: onFallback, clock: time.Now}
}

// Allow implements Limiter.
func (f *fallback) Allow(ctx context.Context, limits ...Limit) (Decision, error) {
	if !f.mayTry() {
		return f.local.Allow(ctx, limits...)
	}
	d, err := f.primary.Allow(ctx, limits...)
	if errors.Is(err, ErrInvalid) {
		f.succeeded()
		return Decision{}, err
	}
	if err == nil {
		f.succeeded()
		return d, nil
	}
	if ctx.Err() == nil { // a caller who left says nothing about the primary
		f.failed()
		f.onFallback(err)
	}
	return f.local.Allow(ctx, limits...)
}

// mayTry lets everybody through while things are well, and one caller per cool-down while not.
func (f *fallback) mayTry() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failures < tripAfter {
		return true
	}
	now := f.clock()
	if now.Before(f.retryAt) {
		return false
	}
	f.retryAt = now.Add(coolDown)
	return true
}

func (f *fallback) succeeded() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failures = 0
}

func (f *fallback) failed() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failures++
	f.retryAt = f.clock().Add(coolDown)
}
