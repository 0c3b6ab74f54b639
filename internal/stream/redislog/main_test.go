package redislog

import (
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"twobrains/internal/stream"
	"twobrains/internal/stream/streamtest"
)

func TestMain(m *testing.M) {
	redis.SetLogger(silent{})
	goleak.VerifyTestMain(m)
}

// redisOptions reaches the tests' Redis.
func redisOptions(tb testing.TB) *redis.Options {
	tb.Helper()
	url := os.Getenv("TWOBRAINS_TEST_REDIS")
	if url == "" {
		tb.Skip("TWOBRAINS_TEST_REDIS is not set")
	}
	o, err := redis.ParseURL(url)
	if err != nil {
		tb.Fatal(err)
	}
	return o
}

// newStore makes a store with a prefix, or changes to the options.
func newStore(tb testing.TB, prefix string, change ...func(*Options)) *Store {
	tb.Helper()
	o := Options{
		Memory: stream.NewMemory(stream.MemoryOptions{}), Redis: redisOptions(tb), Prefix: prefix,
		Pause: time.Millisecond, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	for _, c := range change {
		c(&o)
	}
	s, err := New(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Close)
	return s
}

func prefix() string { return "test:" + uuid.NewString() + ":" }

func flush(tb testing.TB, stores ...*Store) {
	tb.Helper()
	for _, s := range stores {
		if err := s.Flush(tb.Context()); err != nil {
			tb.Fatalf("flush: %v", err)
		}
	}
}

func TestLogs(t *testing.T) {
	t.Parallel()
	streamtest.RunLogs(t, func(t *testing.T) stream.Logs { return newStore(t, prefix()) })
}

func TestReplicas(t *testing.T) {
	t.Parallel()
	streamtest.RunReplicas(t, func(t *testing.T) streamtest.Replicas {
		p, link := prefix(), newLink(t)
		one, two := newStore(t, p, link.use), newStore(t, p)
		return streamtest.Replicas{
			One: one, Two: two,
			Settle: func(t *testing.T) { t.Helper(); flush(t, one, two) },
			Kill:   func(*testing.T) { link.refuse() },
		}
	})
}

// link is a TCP proxy in front of Redis that can fail.
type link struct {
	target string
	ln     net.Listener
	wg     sync.WaitGroup

	mu      sync.Mutex
	refused bool
	stalled chan struct{} // while it is there nothing passes; closed when things pass again
	conns   map[net.Conn]struct{}
}

func newLink(tb testing.TB) *link {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	l := &link{target: redisOptions(tb).Addr, ln: ln, conns: map[net.Conn]struct{}{}}
	l.wg.Go(l.accept)
	tb.Cleanup(func() {
		_ = ln.Close()
		l.refuse()
		l.wg.Wait()
	})
	return l
}

// use lets a store reach Redis over the link.
func (l *link) use(o *Options) {
	o.Redis.Network, o.Redis.Addr = "tcp", l.ln.Addr().String()
}

func (l *link) accept() {
	for {
		client, err := l.ln.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", l.target)
		l.mu.Lock()
		if err != nil || l.refused {
			l.mu.Unlock()
			_ = client.Close()
			if server != nil {
				_ = server.Close()
			}
			continue
		}
		l.conns[client], l.conns[server] = struct{}{}, struct{}{}
		l.mu.Unlock()
		l.wg.Go(func() { l.pass(client, server) })
		l.wg.Go(func() { l.pass(server, client) })
	}
}

func (l *link) pass(to, from net.Conn) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		l.mu.Lock()
		stalled := l.stalled
		l.mu.Unlock()
		if stalled != nil {
			<-stalled
		}
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// refuse cuts all connections and closes new ones at once.
func (l *link) refuse() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused = true
	l.cut()
}

// stall accepts connections on which nothing passes any more.
func (l *link) stall() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stalled = make(chan struct{})
}

// heal lets everything pass that comes from now on.
func (l *link) heal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused = false
	l.cut()
}

func (l *link) cut() {
	for c := range l.conns {
		_ = c.Close()
		delete(l.conns, c)
	}
	if l.stalled != nil {
		close(l.stalled)
		l.stalled = nil
	}
}

type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}
