package redislog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"twobrains/internal/stream"
)

// Options of a Store. Memory and Redis are required.
type Options struct {
	// Memory is where this process's runs write to. The store closes it.
	Memory *stream.Memory
	// Redis is what redis.ParseURL gives. The store makes clients of its own, whose timeouts are short.
	Redis *redis.Options
	// Prefix of every key.
	Prefix string
	// Running is how long Redis keeps the log of a run after the last sign of life of its process. Default 30 minutes.
	Running time.Duration
	// Retain is how long a log can be opened from other processes after its end. Default one minute.
	Retain time.Duration
	// MaxBytes bounds what one run takes in Redis; a longer one can be followed in its own process only. Default 16 MiB.
	MaxBytes int
	// Patience is how long followers of another process's run wait while Redis or that process is silent, before they are
	// cut so that their clients try again. Default 5 s.
	Patience time.Duration
	// Pause is the least time between two batches to or from Redis. Default 20 ms.
	Pause time.Duration

	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Timeouts of Redis. openWait bounds what Open, Adopt and Drop wait as a whole, poolWait what they wait for one of our own
// connections; who just failed is not asked again for breather.
const (
	dialTimeout  = time.Second
	replyTimeout = time.Second
	openWait     = time.Second
	poolWait     = 500 * time.Millisecond
	adoptWait    = 5 * time.Second
	breather     = 500 * time.Millisecond
	closeWait    = 2 * time.Second
)

// callers is how many of them can ask Redis at once.
const callers = 32

// Store is a stream.Logs that replicas share. Make it with New and end it with Close.
type Store struct {
	o       Options
	id      string
	client  *redis.Client // for callers
	mirror  *mirror
	hub     *hub
	metrics *metrics
	// broken is until when Redis is not asked on behalf of callers, in Unix nanoseconds.
	broken atomic.Int64

	cancel context.CancelFunc
	work   sync.WaitGroup
	once   sync.Once
}

var _ stream.Logs = (*Store)(nil)

// New makes a store and starts its two goroutines. Redis need not be there.
func New(o Options) (*Store, error) {
	if o.Memory == nil || o.Redis == nil {
		return nil, errors.New("redislog: memory and redis are required")
	}
	o.Running = cmp.Or(o.Running, 30*time.Minute)
	o.Retain = cmp.Or(o.Retain, time.Minute)
	o.MaxBytes = cmp.Or(o.MaxBytes, 16<<20)
	o.Patience = cmp.Or(o.Patience, 5*time.Second)
	o.Pause = cmp.Or(o.Pause, 20*time.Millisecond)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	s := &Store{o: o, id: uuid.NewString()}
	s.client = s.connect(callers, adoptWait, nil)
	s.mirror = newMirror(s)
	s.hub = newHub(s)
	s.metrics = newMetrics(s)
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.work.Go(func() { s.mirror.run(ctx) })
	s.work.Go(func() { s.hub.run(ctx) })
	return s, nil
}

// connect makes a client that gives up soon and leaves trying again to its user. connected, which may be nil, is told of
// each connection.
func (s *Store) connect(pool int, read time.Duration, connected func()) *redis.Client {
	o := *s.o.Redis
	o.PoolSize, o.MinIdleConns, o.MaxActiveConns, o.MaxRetries = pool, 0, 0, -1
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout, o.PoolTimeout = dialTimeout, read, replyTimeout, poolWait
	if told := o.OnConnect; connected != nil {
		o.OnConnect = func(ctx context.Context, c *redis.Conn) error {
			connected()
			if told != nil {
				return told(ctx, c)
			}
			return nil
		}
	}
	o.DialerRetries = 1
	o.ContextTimeoutEnabled = true
	return redis.NewClient(&o)
}

// Create implements stream.Logs; it cannot fail.
func (s *Store) Create(_ context.Context, key stream.Key, runID string) (stream.Log, error) {
	return s.begin(stream.Beginning{Key: key, RunID: runID}, firstEpoch, false), nil
}

// begin starts a log and its mirroring. uploaded: Redis has its frames, under the epoch. Nil if Beginning.Replaces says no.
func (s *Store) begin(b stream.Beginning, epoch uint64, uploaded bool) stream.Log {
	var r *run
	b.Observe = func(log *stream.MemoryLog) stream.Observer {
		r = &run{mirror: s.mirror, log: log, id: b.RunID, keys: s.keys(b.Key, b.RunID), epoch: epoch, known: uploaded, touched: time.Now()}
		r.uploaded.Store(uploaded)
		if uploaded {
			r.pos.Store(b.Pos)
			r.stored = len(b.Frames)
		}
		return r
	}
	log := s.o.Memory.Begin(b)
	if log != nil {
		r.Changed()
	}
	return log
}

// Open implements stream.Logs. A log that runs in this process is followed there. Of one that has ended here it is asked
// whether another process has begun a newer one.
func (s *Store) Open(ctx context.Context, key stream.Key) (stream.Follower, error) {
	local := s.o.Memory.Find(key)
	if local != nil {
		if _, ended := local.Ended(); !ended {
			return local.Follow(), nil
		}
		if fenced(local) {
			local = nil
		}
	}
	var at int64
	var runID string
	err := s.ask(ctx, openWait, func(ctx context.Context) error {
		pointer, err := s.client.Get(ctx, s.keys(key, "").pointer).Result()
		if err == nil {
			at, runID = readPointer(pointer)
		}
		return err
	})
	switch {
	case err != nil && !errors.Is(err, redis.Nil):
		return nil, err
	case local != nil && (runID == "" || s.newest(local, runID, at)):
		return local.Follow(), nil
	case runID == "":
		return nil, stream.ErrNoLog
	}
	return s.hub.follow(ctx, s.keys(key, runID), runID)
}

// fenced says whether a log of this process was taken over by another, or dropped there.
func fenced(local *stream.MemoryLog) bool {
	r, ok := local.Observer().(*run)
	return ok && r.fenced.Load()
}

// newest says whether an ended log of this process is still the conversation's last, given what the pointer in Redis holds.
func (s *Store) newest(local *stream.MemoryLog, runID string, at int64) bool {
	if end, _ := local.Ended(); runID == local.RunID() {
		return end == stream.EndComplete
	}
	r, ok := local.Observer().(*run)
	return ok && !r.uploaded.Load() && at <= local.Created().UnixMilli()
}

func readPointer(pointer string) (at int64, runID string) {
	first, runID, _ := strings.Cut(pointer, " ")
	_, _ = fmt.Sscan(first, &at)
	return at, runID
}

// ask calls Redis for a caller, within a time that is bounded. Its errors are redis.Nil, that of ctx, or ErrUnavailable.
func (s *Store) ask(ctx context.Context, wait time.Duration, call func(context.Context) error) error {
	if time.Now().UnixNano() < s.broken.Load() {
		return stream.ErrUnavailable
	}
	bounded, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	err := call(bounded)
	switch {
	case err == nil || errors.Is(err, redis.Nil):
		return err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, redis.ErrPoolTimeout): // it is we who are busy
		return fmt.Errorf("%w: %w", stream.ErrUnavailable, err)
	}
	s.broken.Store(time.Now().Add(breather).UnixNano())
	s.metrics.errors.WithLabelValues("open").Inc()
	return fmt.Errorf("%w: %w", stream.ErrUnavailable, err)
}

// page is how many entries are read at once.
const page = 64

// read returns the entries of a stream from the last whole log on, given the first page.
func (s *Store) read(ctx context.Context, key string, first *redis.XMessageSliceCmd) (entries []entry, err error) {
	for answer := first; ; {
		messages, err := answer.Result()
		if err != nil {
			return nil, err
		}
		var from string
		for _, m := range messages {
			e, err := readEntry(m)
			if err != nil {
				return nil, err
			}
			if e.full {
				entries = nil
			}
			entries = append(entries, e)
			from = "(" + m.ID
		}
		if len(messages) < page {
			return entries, nil
		}
		answer = s.client.XRangeN(ctx, key, from, "+", page)
	}
}

// Drop implements stream.Logs.
func (s *Store) Drop(ctx context.Context, key stream.Key) error {
	_ = s.o.Memory.Drop(ctx, key)
	return s.ask(ctx, openWait, func(ctx context.Context) error {
		pointer, err := s.client.Get(ctx, s.keys(key, "").pointer).Result()
		if errors.Is(err, redis.Nil) {
			return nil
		}
		if err != nil {
			return err
		}
		_, runID := readPointer(pointer)
		k := s.keys(key, runID)
		return s.client.Eval(ctx, forget, []string{k.pointer, k.stream}, runID, "0").Err()
	})
}

// Full reports that run logs take all the memory they may: stream.MemoryOptions.MaxBytes.
func (s *Store) Full() bool { return s.o.Memory.Full() }

// Flush waits until all that was appended before is in Redis.
func (s *Store) Flush(ctx context.Context) error { return s.mirror.flush(ctx) }

// Close ends the logs that have not ended as lost, which other processes can then adopt, gives Redis a moment to learn
// it, and stops.
func (s *Store) Close() {
	s.once.Do(func() {
		s.mirror.lose()
		ctx, cancel := context.WithTimeout(context.Background(), closeWait)
		_ = s.mirror.flush(ctx)
		cancel()
		s.cancel()
		s.work.Wait()
		s.hub.close()
		_ = s.client.Close()
		s.o.Memory.Close()
	})
}
