package redislog

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"twobrains/internal/stream"
)

// hub follows other processes' runs for all followers of this one: one goroutine, one connection, one copy of each run.
type hub struct {
	store  *Store
	client *redis.Client
	memory *stream.Memory
	wake   chan struct{}

	mu      sync.Mutex
	runs    map[string]*remote
	refs    int
	failing time.Time // since when Redis does not answer
	checked time.Time
}

// remote is a run that is followed here. Its fields are under the hub's lock.
type remote struct {
	id     string
	stream string
	refs   int
	loaded chan struct{} // closed when the first read is done
	err    error         // of that

	log     stream.Log
	pos     int64
	lastID  string
	writer  string
	ended   bool
	torn    bool      // what was read does not fit what came before
	heard   time.Time // when something came last
	strikes int
}

// blocking is how long one XREAD waits. A run that is followed from now on waits for it to be over, if it is idle.
const blocking = 100 * time.Millisecond

func newHub(s *Store) *hub {
	return &hub{
		store: s, client: s.connect(1, blocking+replyTimeout, nil), memory: s.o.Memory.Within(),
		wake: make(chan struct{}, 1), runs: map[string]*remote{},
	}
}

func (h *hub) followers() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.refs
}

func (h *hub) close() {
	h.memory.Close()
	_ = h.client.Close()
}

// follow opens a run of another process: stream.ErrNoLog if it is not there any more, stream.ErrUnavailable.
func (h *hub) follow(ctx context.Context, k keys, runID string) (stream.Follower, error) {
	h.mu.Lock()
	r := h.runs[k.stream]
	first := r == nil
	if first {
		r = &remote{id: runID, stream: k.stream, loaded: make(chan struct{})}
		r.log = h.memory.Begin(stream.Beginning{Key: stream.Key{Tenant: k.stream}, RunID: runID})
		h.runs[k.stream] = r
	}
	r.refs++
	h.refs++
	h.mu.Unlock()
	if first {
		h.load(ctx, r)
	}
	select {
	case <-r.loaded:
	case <-ctx.Done():
		h.leave(r)
		return nil, context.Cause(ctx)
	}
	if r.err != nil {
		h.leave(r)
		return nil, r.err
	}
	return &follower{Follower: r.log.Follow(), leave: func() { h.leave(r) }}, nil
}

// leave lets go of a run, which is dropped with its last follower.
func (h *hub) leave(r *remote) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r.refs--
	h.refs--
	if r.refs == 0 {
		h.drop(r)
	}
}

// tear drops a run of which Redis has lost something.
func (h *hub) tear(r *remote) {
	r.torn = true
	h.drop(r)
}

// drop ends a run's copy. Who comes from now on reads it anew.
func (h *hub) drop(r *remote) {
	if h.runs[r.stream] == r {
		delete(h.runs, r.stream)
		_ = h.memory.Drop(context.Background(), stream.Key{Tenant: r.stream})
	}
	r.ended = true
	r.log.Close(stream.EndLost)
}

// load reads what there is of a run, and sees that somebody writes it.
func (h *hub) load(ctx context.Context, r *remote) {
	var entries []entry
	alive := int64(1)
	err := h.store.ask(context.WithoutCancel(ctx), openWait, func(ctx context.Context) error {
		var err error
		entries, err = h.store.read(ctx, r.stream, h.store.client.XRangeN(ctx, r.stream, "-", "+", page))
		if n := len(entries); err != nil || n == 0 || entries[n-1].ended {
			return err
		}
		alive, err = h.store.client.Exists(ctx, h.store.writerKey(writerOf(entries))).Result()
		return err
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, e := range entries {
		h.apply(r, e)
	}
	n := len(entries)
	switch {
	case err != nil:
		r.err = err
	// A pointer without a stream: the log is too large to be shared, or not all there yet. Or something is missing.
	case n == 0 || entries[n-1].id == sealed || alive == 0 || r.torn:
		r.err = stream.ErrUnavailable
	}
	if r.err != nil {
		h.drop(r)
	}
	close(r.loaded)
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

func writerOf(entries []entry) (writer string) {
	for _, e := range entries {
		if e.writer != "" {
			writer = e.writer
		}
	}
	return writer
}

// apply takes in the next entry of a run.
func (h *hub) apply(r *remote, e entry) {
	if r.ended {
		return
	}
	r.lastID, r.heard, r.strikes = e.id, time.Now(), 0
	if e.writer != "" {
		if e.pos < r.pos { // Redis lost what was read here, before another process took over: what follows is another text
			h.tear(r)
			return
		}
		r.writer = e.writer
	}
	if e.ended {
		switch {
		case e.end == stream.EndLost:
			h.drop(r)
		case e.pos != r.pos:
			h.tear(r)
		default:
			r.ended = true
			r.log.Close(stream.EndComplete)
		}
		return
	}
	data, ok := e.news(r.pos)
	if !ok { // what comes between was trimmed before it was read, or lost
		h.tear(r)
		return
	}
	if data != "" {
		r.log.Append([]byte(data))
		r.pos = e.pos
	}
	if e.full && e.base > 0 && e.pos == r.pos && data != e.data {
		r.log.Compact([]byte(e.data))
	}
}

// live lists the runs to read.
func (h *hub) live() []*remote {
	h.mu.Lock()
	defer h.mu.Unlock()
	var live []*remote
	for _, r := range h.runs {
		select {
		case <-r.loaded:
			if !r.ended {
				live = append(live, r)
			}
		default:
		}
	}
	return live
}

func (h *hub) run(ctx context.Context) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for ctx.Err() == nil {
		live := h.live()
		if len(live) == 0 {
			h.failing = time.Time{}
			select {
			case <-ctx.Done():
			case <-h.wake:
			}
			continue
		}
		wait := h.store.o.Pause + time.Duration(len(live))*perRun
		if err := h.poll(ctx, live); err != nil && ctx.Err() == nil {
			wait = h.fail(live)
		} else {
			h.failing = time.Time{}
		}
		pause.Reset(wait)
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
	}
}

// perRun makes reads rarer the more runs each asks for: 10,000 are asked for ten times a second.
const perRun = 10 * time.Microsecond

// fail cuts the followers if Redis was away for too long, and says when to try again.
func (h *hub) fail(live []*remote) time.Duration {
	h.store.metrics.errors.WithLabelValues("follow").Inc()
	if h.failing.IsZero() {
		h.failing = time.Now()
	}
	if time.Since(h.failing) >= h.store.o.Patience {
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, r := range live {
			h.drop(r)
		}
	}
	return min(h.store.o.Patience/10, time.Second)
}

// perStream is how many entries of one run are read at once.
const perStream = 256

// poll waits for news of the runs.
func (h *hub) poll(ctx context.Context, live []*remote) error {
	args := make([]any, 0, 2*len(live)+6)
	args = append(args, "xread", "count", perStream, "block", strconv.FormatInt(blocking.Milliseconds(), 10), "streams")
	byKey := make(map[string]*remote, len(live))
	for _, r := range live {
		args = append(args, r.stream)
		byKey[r.stream] = r
	}
	h.mu.Lock()
	for _, r := range live {
		args = append(args, r.lastID)
	}
	h.mu.Unlock()
	command := redis.NewXStreamSliceCmd(ctx, args...)
	if err := h.client.Process(ctx, command); err != nil && !errors.Is(err, redis.Nil) {
		return err
	}
	h.mu.Lock()
	for _, s := range command.Val() {
		r := byKey[s.Stream]
		for _, m := range s.Messages {
			if e, err := readEntry(m); r != nil && err == nil {
				h.apply(r, e)
			}
		}
	}
	h.mu.Unlock()
	return h.check(ctx)
}

// check cuts the followers of runs of which nothing was heard for a while, and whose log is gone or whose process shows no
// sign of life, twice in a row: Redis may have lost everything just now, and get it again.
func (h *hub) check(ctx context.Context) error {
	patience := h.store.o.Patience
	if time.Since(h.checked) < patience {
		return nil
	}
	h.checked = time.Now()
	pipe := h.client.Pipeline()
	type question struct {
		run         *remote
		log, writer *redis.IntCmd
	}
	var questions []question
	h.mu.Lock()
	for _, r := range h.runs {
		if !r.ended && !r.heard.IsZero() && time.Since(r.heard) > patience {
			questions = append(questions, question{
				run: r, log: pipe.Exists(ctx, r.stream), writer: pipe.Exists(ctx, h.store.writerKey(r.writer)),
			})
		}
	}
	h.mu.Unlock()
	if len(questions) == 0 {
		return nil
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, q := range questions {
		if q.log.Val()*q.writer.Val() == 1 {
			q.run.strikes = 0
		} else if q.run.strikes++; q.run.strikes >= 2 {
			h.drop(q.run)
		}
	}
	return nil
}

// follower is one follower of a run's copy.
type follower struct {
	stream.Follower
	leave func()
	once  sync.Once
}

// Close implements stream.Follower.
func (f *follower) Close() {
	f.Follower.Close()
	f.once.Do(f.leave)
}
