package redislog

import (
	"bytes"
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"twobrains/internal/stream"
)

// run is what the mirror knows of one log.
type run struct {
	mirror *mirror
	log    *stream.MemoryLog // nil: to be removed from Redis
	id     string
	keys   keys
	queued atomic.Bool
	// uploaded: the log is in Redis, up to pos under the epoch. Written by the mirror alone, as all below.
	uploaded atomic.Bool
	fenced   atomic.Bool // it is another process's, or was dropped there
	known    bool        // it was uploaded once
	gone     bool        // nothing more is to be mirrored
	overflow bool        // it is too large, and to be removed from Redis but for its pointer
	listed   bool        // under the mirror's lock: it was put among its runs

	epoch       uint64
	pos         atomic.Int64
	compactions uint32
	stored      int // bytes in Redis
	touched     time.Time
	full        string // the newest entry that stands for all before it
	trim        string // the entry before which everything can go at trimAt
	trimAt      time.Time

	// What a compaction would take from those who follow in other processes: frames that were not mirrored before it, up
	// to tailPos. It is the writer's, then the mirror's.
	mu      sync.Mutex
	tail    []byte
	tailPos int64
}

// Changed implements stream.Observer. It never waits for Redis.
func (r *run) Changed() {
	if r.queued.CompareAndSwap(false, true) {
		r.mirror.enqueue(r)
	}
}

// maxTail bounds what is kept of a log for that; who is further behind begins anew.
const maxTail = 256 << 10

// Compacting implements stream.Observer.
func (r *run) Compacting() {
	if !r.uploaded.Load() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	from := r.pos.Load()
	if r.tailPos <= from { // it was mirrored, or belongs to a compaction that came to nothing
		r.tail = nil
	} else if r.tail != nil {
		from = r.tailPos
	}
	s, ok := r.log.Tail(from)
	tail := append(r.tail, bytes.Join(s.Frames, nil)...)
	if !ok || len(tail) > maxTail {
		tail = nil
	}
	r.tail, r.tailPos = tail, s.Pos
}

// takeTail returns the frames to mirror before a compacted log, and where they end; nil if there are none.
func (r *run) takeTail() ([]byte, int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	tail := r.tail
	r.tail = nil
	if !r.uploaded.Load() || r.tailPos <= r.pos.Load() {
		return nil, 0
	}
	return tail, r.tailPos
}

// mirror copies logs to Redis: one goroutine, one connection. It asks each log that has changed what is new since it
// last looked, so what is not mirrored yet costs nothing but its place in the log.
type mirror struct {
	store  *Store
	client *redis.Client
	wake   chan struct{}

	mu      sync.Mutex
	dirty   []*run
	since   time.Time // when the first of dirty was put there
	runs    map[*run]struct{}
	waiters []chan struct{}

	failures  int
	failed    atomic.Int64 // all failures
	connected atomic.Bool  // there is a new connection
	doubt     bool         // Redis may have lost something, or be another one
	beaten    time.Time
	down      bool
	orphans   int
	undone    bool // something is to be done over
}

func newMirror(s *Store) *mirror {
	m := &mirror{store: s, wake: make(chan struct{}, 1), runs: map[*run]struct{}{}}
	m.client = s.connect(1, replyTimeout, func() { m.connected.Store(true) })
	return m
}

func (m *mirror) enqueue(r *run) {
	m.mu.Lock()
	if !r.listed {
		r.listed, m.runs[r] = true, struct{}{}
	}
	if len(m.dirty) == 0 {
		m.since = time.Now()
	}
	m.dirty = append(m.dirty, r)
	m.mu.Unlock()
	m.signal()
}

func (m *mirror) signal() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// retire forgets a run.
func (m *mirror) retire(r *run) {
	r.gone = true
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.runs, r)
}

// all lists the runs that are mirrored.
func (m *mirror) all() []*run {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]*run, 0, len(m.runs))
	for r := range m.runs {
		all = append(all, r)
	}
	return all
}

// lose ends all logs as lost.
func (m *mirror) lose() {
	for _, r := range m.all() {
		r.log.Close(stream.EndLost)
	}
}

// flush waits for a pass that begins after now and leaves nothing behind.
func (m *mirror) flush(ctx context.Context) error {
	done := make(chan struct{})
	m.mu.Lock()
	m.waiters = append(m.waiters, done)
	m.mu.Unlock()
	m.signal()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// maxBackoff is how seldom Redis is tried while it is away.
const maxBackoff = time.Second

func (m *mirror) run(ctx context.Context) {
	defer func() { _ = m.client.Close() }()
	beat := time.NewTicker(m.store.o.Patience)
	defer beat.Stop()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.wake:
		case <-beat.C:
		}
		wait := m.store.o.Pause
		if !m.pass(ctx) {
			wait = min(wait<<min(m.failures, 10), maxBackoff)
		}
		pause.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
	}
}

// pass mirrors all that is new. It reports false if Redis could not take it; all of it is then still to do.
func (m *mirror) pass(ctx context.Context) bool {
	m.mu.Lock()
	todo, waiters, since := m.dirty, m.waiters, m.since
	m.dirty, m.waiters = make([]*run, 0, len(todo)), nil
	m.mu.Unlock()
	for _, r := range todo {
		r.queued.Store(false)
	}
	if m.failures > 0 {
		todo = m.giveUp(todo)
	}
	m.undone = false
	begins := m.beaten.IsZero()
	err := m.beat(ctx)
	if begins { // nothing is in Redis yet
		m.connected.Store(false)
	}
	for len(todo) > 0 && err == nil {
		var b batch
		for len(todo) > 0 && b.fits() {
			m.plan(&b, todo[0])
			todo = todo[1:]
		}
		err = m.exec(ctx, &b)
	}
	for _, r := range todo {
		r.Changed()
	}
	m.tell(ctx, err)
	m.again(err, begins)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err == nil && !since.IsZero() {
		m.store.metrics.lag.Observe(time.Since(since).Seconds())
	}
	m.since = time.Time{}
	if len(m.dirty) > 0 {
		m.since = time.Now()
		m.signal()
	}
	if err != nil || m.undone {
		m.waiters = append(m.waiters, waiters...)
		m.signal()
		return err == nil
	}
	for _, w := range waiters {
		close(w)
	}
	return true
}

// maxOrphans bounds the runs that are only to be removed from Redis.
const maxOrphans = 4096

// giveUp lets go of logs that were forgotten while Redis is away, however long that takes. Of those that Redis may have it
// keeps the names.
func (m *mirror) giveUp(todo []*run) []*run {
	left := todo[:0]
	for _, r := range todo {
		switch {
		case r.gone:
			continue
		case r.log != nil && r.log.Forgotten():
			m.retire(r)
			if !r.known || m.orphans == maxOrphans {
				continue
			}
			m.orphans++
			r = &run{mirror: m, id: r.id, keys: r.keys, listed: true}
		}
		left = append(left, r)
	}
	return left
}

// again has everything uploaded as a whole once Redis answers after a failure or over a new connection: it may have lost the
// last of what it had, or be another server that took its place and had not got it yet. Nothing else would tell, as long as what
// is written afterwards is accepted.
func (m *mirror) again(err error, begins bool) {
	if err != nil {
		m.doubt = m.doubt || !redis.IsOOMError(err) // which loses nothing, and is not mended by writing more
		return
	}
	lost := m.connected.Swap(false) || m.doubt
	m.doubt = false
	if !lost || begins {
		return
	}
	for _, r := range m.all() {
		r.uploaded.Store(false)
		r.Changed()
		m.undone = true
	}
}

// tell counts and logs failures, each outage once.
func (m *mirror) tell(ctx context.Context, err error) {
	switch {
	case err == nil:
		if m.down {
			m.store.o.Logger.Info("run logs are shared again")
		}
		m.failures, m.down = 0, false
	case ctx.Err() == nil:
		m.failures++
		m.failed.Add(1)
		m.store.metrics.errors.WithLabelValues("mirror").Inc()
		if !m.down {
			m.store.o.Logger.Warn("run logs are not shared: other replicas cannot resume them", "error", err)
		}
		m.down = true
	}
}

// beat shows that this process lives, and finds out whether Redis has lost everything.
func (m *mirror) beat(ctx context.Context) error {
	now := time.Now()
	if now.Sub(m.beaten) < m.store.o.Patience {
		return nil
	}
	key, ttl := m.store.writerKey(m.store.id), strconv.FormatInt(3*m.store.o.Patience.Milliseconds(), 10)
	before, err := m.client.Do(ctx, "set", key, "1", "get", "px", ttl).Result()
	if err != nil && err != redis.Nil { //nolint:errorlint // go-redis returns it as it is
		return err
	}
	lost := before == nil && !m.beaten.IsZero()
	m.beaten = now
	for _, r := range m.all() {
		if lost {
			r.uploaded.Store(false)
		}
		if lost || now.Sub(r.touched) > m.store.o.Running/4 || r.trim != "" {
			r.Changed()
		}
	}
	return nil
}
