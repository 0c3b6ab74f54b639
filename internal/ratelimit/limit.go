// Package ratelimit says whether something may happen now, given how often it happened lately. One call checks several
// limits (the user's, the address's) at once: either all of them are charged or, if one refuses, none.
//
// The algorithm is GCRA: of each limit and subject only one number is kept, the time at which all that was taken will have
// been replenished. Redis holds it for all replicas; Local holds it in process, and steps in when Redis is away (Fallback).
// Limits that must not be forgiven because Redis is away, such as those of sign-in, ask Redis alone and treat an error as a
// refusal.
package ratelimit

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// Limit is a policy applied to a subject: Rate units per Period, of which up to Burst may be taken at once.
type Limit struct {
	// Name of the policy, shown in headers and part of the key: lower-case letters, digits, "-" and "_".
	Name string
	// Key is the subject, such as "user:…" or "ip:…". Only its hash is kept.
	Key string
	// Rate and Period: the sustained rate. Resolution is a microsecond a unit.
	Rate   int
	Period time.Duration
	// Burst is the most that can be taken at once; 0 means Rate.
	Burst int
	// Cost of this call in units; 0 means 1. A cost above Burst never passes.
	Cost int
}

// Decision tells how it went.
type Decision struct {
	// Allowed: all limits let the call through, and were charged.
	Allowed bool
	// Limit is the tightest one: of those that refused the one that does so longest, else the one with the fewest units left.
	Limit Limit
	// Remaining units of it that could be taken at once, after this call.
	Remaining int
	// ResetAfter is the time until it is as if never used.
	ResetAfter time.Duration
	// RetryAfter is the time until the same call may pass if nothing else happens; 0 if it passed.
	RetryAfter time.Duration
}

// Limiter charges limits. Implementations are safe for concurrent use. An error means that nobody knows.
type Limiter interface {
	Allow(ctx context.Context, limits ...Limit) (Decision, error)
}

// ErrInvalid is wrapped by errors about limits that make no sense. They are defects of the caller.
var ErrInvalid = errors.New("invalid limit")

// charge is a limit in microseconds: taking one unit adds step to the debt, which may not exceed room.
type charge struct {
	key        [16]byte
	step       int64
	take, room int64
}

// charges returns the limits with their defaults filled in, and what they come to.
func charges(given []Limit) ([]Limit, []charge, error) {
	limits, cs := slices.Clone(given), make([]charge, len(given))
	for i := range limits {
		l := &limits[i]
		if l.Burst == 0 {
			l.Burst = l.Rate
		}
		if l.Cost == 0 {
			l.Cost = 1
		}
		if err := l.check(); err != nil {
			return nil, nil, err
		}
		step := max(1, l.Period.Microseconds()/int64(l.Rate))
		cs[i] = charge{key: l.hash(), step: step, take: step * int64(l.Cost), room: step * int64(l.Burst)}
		for _, earlier := range cs[:i] {
			if earlier.key == cs[i].key {
				return nil, nil, fmt.Errorf("%w: %q applied twice to one subject", ErrInvalid, l.Name)
			}
		}
	}
	return limits, cs, nil
}

func (l Limit) check() error {
	switch {
	case !isName(l.Name):
		return fmt.Errorf("%w: name %q", ErrInvalid, l.Name)
	case l.Key == "":
		return fmt.Errorf("%w: %q has no key", ErrInvalid, l.Name)
	case l.Rate <= 0 || l.Period < time.Microsecond || l.Period > 366*24*time.Hour:
		return fmt.Errorf("%w: %q has no usable rate", ErrInvalid, l.Name)
	case l.Burst < 0 || l.Burst > math.MaxInt32 || l.Cost < 0 || l.Cost > math.MaxInt32:
		return fmt.Errorf("%w: %q has no usable burst or cost", ErrInvalid, l.Name)
	}
	// Debts are added to Unix microseconds (2^50.7) inside doubles, exact up to 2^53.
	if step := max(1, l.Period.Microseconds()/int64(l.Rate)); int64(max(l.Burst, l.Cost)) > 1<<51/step {
		return fmt.Errorf("%w: %q spans too long a time", ErrInvalid, l.Name)
	}
	return nil
}

// hash of policy and subject. Subjects may be e-mail addresses, which have no business in Redis.
func (l Limit) hash() [16]byte {
	sum := sha256.Sum256([]byte(l.Name + "\x00" + l.Key))
	return [16]byte(sum[:16])
}

func isName(s string) bool {
	for _, r := range s {
		if !('a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '-' || r == '_') {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// decide turns the debts found before the call (microseconds, in the order of the limits) into what the store did with them.
func decide(limits []Limit, cs []charge, debts []int64) Decision {
	d := Decision{Allowed: true}
	for i, c := range cs {
		if debts[i]+c.take > c.room {
			d.Allowed = false
		}
	}
	for i, c := range cs {
		debt, over := debts[i], debts[i]+c.take-c.room
		if d.Allowed {
			debt += c.take
		}
		one := Decision{
			Allowed:    d.Allowed,
			Limit:      limits[i],
			Remaining:  int(max(0, c.room-debt) / c.step),
			ResetAfter: time.Duration(debt) * time.Microsecond,
			RetryAfter: time.Duration(max(0, over)) * time.Microsecond,
		}
		if i == 0 || one.tighter(d) {
			d = one
		}
	}
	return d
}

func (d Decision) tighter(than Decision) bool {
	if d.RetryAfter != than.RetryAfter {
		return d.RetryAfter > than.RetryAfter
	}
	if d.Remaining != than.Remaining {
		return d.Remaining < than.Remaining
	}
	return d.ResetAfter > than.ResetAfter
}
