package testdb

import (
	"context"
	"net"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
)

// Wire counts round trips as the network sees them: a write after a read, or after nothing, opens one.
type Wire struct{ trips atomic.Int64 }

// Configure is an Options.ConfigureConn that watches every app connection.
func (c *Wire) Configure(cfg *pgx.ConnConfig) {
	dial := cfg.DialFunc
	cfg.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		return &countingConn{Conn: conn, counter: c}, err
	}
}

// Trips is the count so far.
func (c *Wire) Trips() int64 { return c.trips.Load() }

// During counts what happens while f runs.
func (c *Wire) During(f func()) int64 {
	before := c.trips.Load()
	f()
	return c.trips.Load() - before
}

type countingConn struct {
	net.Conn
	counter *Wire
	mu      sync.Mutex
	writing bool
}

func (c *countingConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	if !c.writing {
		c.writing = true
		c.counter.trips.Add(1)
	}
	c.mu.Unlock()
	return c.Conn.Write(p)
}

func (c *countingConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.mu.Lock()
		c.writing = false
		c.mu.Unlock()
	}
	return n, err
}
