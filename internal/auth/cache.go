package auth

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"
)

// maxMarks bounds the revocations remembered; beyond, everything cached so far is given up instead.
const maxMarks = 50_000

// entry is a confirmation by Kratos. generation is the cache's at the moment the question was asked.
type entry struct {
	user       User
	until      time.Time
	generation uint64
}

// cache remembers confirmations, never refusals.
//
// An invalidation leaves a mark, numbered by a generation counter, on a credential, a session or an identity; an entry
// is good only if its question was asked after the last mark on any of its three. So an invalidation costs the same
// whatever the size of the cache, and one that comes while Kratos is being asked also kills the answer under way. Marks
// live as long as an entry asked before them can.
type cache struct {
	entries *otter.Cache[credentialHash, entry]
	ttl     time.Duration
	keep    time.Duration
	now     func() time.Time

	generation atomic.Uint64
	marked     atomic.Bool // false while there are no marks and no floor, the usual case
	mu         sync.RWMutex
	marks      map[markKey]mark
	floor      uint64 // entries of an older generation are void
	sweepAt    time.Time
}

type mark struct {
	generation uint64
	until      time.Time
}

type markKind byte

const (
	credentialMark markKind = iota + 1
	sessionMark
	userMark
)

type markKey struct {
	kind       markKind
	credential credentialHash
	session    string
	user       uuid.UUID
}

func newCache(o Options) (*cache, error) {
	entries, err := otter.New(&otter.Options[credentialHash, entry]{MaximumSize: o.CacheSize})
	if err != nil {
		return nil, fmt.Errorf("make session cache: %w", err)
	}
	return &cache{
		entries: entries,
		ttl:     o.TTL,
		// A question may wait for its turn and then for its answer, LookupTimeout each.
		keep:  o.TTL + 3*o.LookupTimeout,
		now:   o.Clock,
		marks: make(map[markKey]mark),
	}, nil
}

// get returns a confirmation that is still believed.
func (c *cache) get(cred Credential) (User, bool) {
	e, ok := c.entries.GetIfPresent(cred.hash)
	if !ok {
		return User{}, false
	}
	if !c.now().Before(e.until) || c.revoked(cred, e.user, e.generation) {
		c.drop(cred, e.generation)
		return User{}, false
	}
	return e.user, true
}

// put remembers a confirmation whose question was asked at the given generation.
func (c *cache) put(cred Credential, u User, generation uint64) {
	now := c.now()
	until := now.Add(c.ttl)
	if u.expiresAt.Before(until) {
		until = u.expiresAt
	}
	if !now.Before(until) {
		return
	}
	c.entries.Compute(cred.hash, func(old entry, found bool) (entry, otter.ComputeOp) {
		if found && old.generation > generation { // a younger question was faster
			return old, otter.CancelOp
		}
		return entry{user: u, until: until, generation: generation}, otter.WriteOp
	})
}

// drop removes an entry, unless a younger question has replaced it meanwhile.
func (c *cache) drop(cred Credential, generation uint64) {
	c.entries.ComputeIfPresent(cred.hash, func(e entry) (entry, otter.ComputeOp) {
		if e.generation > generation {
			return e, otter.CancelOp
		}
		return e, otter.InvalidateOp
	})
}

// revoked reports whether something was invalidated after the question of the given generation was asked.
func (c *cache) revoked(cred Credential, u User, generation uint64) bool {
	if !c.marked.Load() {
		return false
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.floor > generation ||
		c.marks[markKey{kind: credentialMark, credential: cred.hash}].generation > generation ||
		c.marks[markKey{kind: sessionMark, session: u.sessionID}].generation > generation ||
		c.marks[markKey{kind: userMark, user: u.id}].generation > generation
}

func (c *cache) invalidate(key markKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	generation := c.generation.Add(1)
	if len(c.marks) >= maxMarks || now.After(c.sweepAt) {
		c.expireMarks(now)
		c.sweepAt = now.Add(c.keep)
	}
	if len(c.marks) >= maxMarks {
		clear(c.marks)
		c.floor = generation
	}
	c.marks[key] = mark{generation: generation, until: now.Add(c.keep)}
	c.marked.Store(true)
}

// invalidateAll voids everything cached and every question under way.
func (c *cache) invalidateAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.floor = c.generation.Add(1)
	clear(c.marks)
	c.marked.Store(true)
}

func (c *cache) expireMarks(now time.Time) {
	for k, m := range c.marks {
		if !now.Before(m.until) {
			delete(c.marks, k)
		}
	}
}
