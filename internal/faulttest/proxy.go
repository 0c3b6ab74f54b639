package faulttest

import (
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"
)

// Proxy is a TCP link to a service. Everything about it can be changed while it is in use.
type Proxy struct {
	// Addr is where it listens, host:port.
	Addr string

	mu      sync.Mutex
	target  string
	refused bool
	frozen  bool
	delay   time.Duration
	limit   [2]int64 // bytes that each new connection may carry; 0: any number
	changed chan struct{}
	conns   map[*link]struct{}
	opened  int
	ln      net.Listener
	closed  bool
	work    sync.WaitGroup
}

// Direction is a direction of a connection.
type Direction int

// Up goes to the service, Down to its client.
const (
	Up Direction = iota
	Down
)

// NewProxy passes connections on to a target (host:port) until the test ends.
func NewProxy(tb testing.TB, target string) *Proxy {
	tb.Helper()
	ln, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(freePort())))
	if err != nil {
		tb.Fatalf("listen: %v", err)
	}
	p := &Proxy{Addr: ln.Addr().String(), target: target, ln: ln, changed: make(chan struct{}), conns: map[*link]struct{}{}}
	p.work.Go(func() { p.accept(ln) })
	tb.Cleanup(p.close)
	return p
}

// Pass lets everything through again, what was frozen included. Where connections go, and their delay, stay as they are.
func (p *Proxy) Pass() {
	p.change(func() {
		p.frozen, p.limit = false, [2]int64{}
		if p.refused && !p.closed {
			p.refused = false
			p.listen()
		}
	})
}

// Refuse has new connections refused, as by a machine where nobody listens. Those that there are go on.
func (p *Proxy) Refuse() {
	p.change(func() {
		if !p.refused {
			p.refused = true
			_ = p.ln.Close()
		}
	})
}

// Cut resets all connections; new ones are let through.
func (p *Proxy) Cut() {
	p.change(func() {
		for l := range p.conns {
			l.reset()
		}
	})
}

// Down is Refuse and Cut: the service is gone.
func (p *Proxy) Down() {
	p.Refuse()
	p.Cut()
}

// Freeze makes the link a black hole: connections are accepted and none, old or new, carries a byte until Pass.
func (p *Proxy) Freeze() { p.change(func() { p.frozen = true }) }

// Delay holds back each piece of data in either direction for a while.
func (p *Proxy) Delay(d time.Duration) { p.change(func() { p.delay = d }) }

// CutAfter resets connections made from now on once they have carried n bytes in a direction; what comes up to there arrives.
func (p *Proxy) CutAfter(direction Direction, n int64) { p.change(func() { p.limit[direction] = n }) }

// Retarget sends new connections elsewhere. Those that there are keep their target.
func (p *Proxy) Retarget(target string) { p.change(func() { p.target = target }) }

// Open counts the connections.
func (p *Proxy) Open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns)
}

// Opened counts all connections so far.
func (p *Proxy) Opened() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.opened
}

func (p *Proxy) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
	close(p.changed)
	p.changed = make(chan struct{})
}

// listen opens the port again; the system may need a moment for that.
func (p *Proxy) listen() {
	for range 200 {
		ln, err := net.Listen("tcp", p.Addr)
		if err == nil {
			p.ln = ln
			p.work.Go(func() { p.accept(ln) })
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (p *Proxy) close() {
	p.change(func() {
		p.closed, p.frozen = true, false
		_ = p.ln.Close()
		for l := range p.conns {
			l.reset()
		}
	})
	p.work.Wait()
}

func (p *Proxy) accept(ln net.Listener) {
	for {
		near, err := ln.Accept()
		if err != nil {
			return
		}
		p.work.Go(func() { p.forward(near) })
	}
}

// link is one connection through the proxy.
type link struct {
	once      sync.Once
	near, far net.Conn
	gone      chan struct{}
}

func (l *link) reset() {
	l.once.Do(func() {
		close(l.gone)
		for _, c := range []net.Conn{l.near, l.far} {
			if tcp, ok := c.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
				_ = tcp.Close()
			}
		}
	})
}

func (p *Proxy) forward(near net.Conn) {
	l := &link{near: near, gone: make(chan struct{})}
	p.mu.Lock()
	target, limit, closed := p.target, p.limit, p.closed
	if !closed {
		p.conns[l] = struct{}{}
		p.opened++
	}
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.conns, l)
		p.mu.Unlock()
		l.reset()
	}()
	if closed || !p.wait(l) {
		return
	}
	far, err := net.DialTimeout("tcp", target, 5*time.Second)
	if err != nil {
		return
	}
	p.mu.Lock()
	l.far = far
	p.mu.Unlock()
	select {
	case <-l.gone: // cut meanwhile
		_ = far.Close()
		return
	default:
	}
	var both sync.WaitGroup
	both.Go(func() { p.pipe(l, far, near, limit[Up]) })
	both.Go(func() { p.pipe(l, near, far, limit[Down]) })
	both.Wait()
}

// pipe carries one direction to its end.
func (p *Proxy) pipe(l *link, to, from net.Conn, limit int64) {
	buffer := make([]byte, 32<<10)
	var carried int64
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if !p.wait(l) {
				return
			}
			last := limit > 0 && carried+int64(n) >= limit
			if last {
				n = int(limit - carried)
			}
			if _, err := to.Write(buffer[:n]); err != nil || last {
				p.settle(to, last)
				l.reset()
				return
			}
			carried += int64(n)
		}
		switch {
		case errors.Is(err, io.EOF):
			// The other direction may go on.
			p.wait(l)
			if tcp, ok := to.(*net.TCPConn); ok {
				_ = tcp.CloseWrite()
			}
			return
		case err != nil:
			l.reset()
			return
		}
	}
}

// settle lets what was written reach the other side before a reset, which throws away what is still on its way.
func (p *Proxy) settle(to net.Conn, last bool) {
	if tcp, ok := to.(*net.TCPConn); ok && last {
		_ = tcp.CloseWrite()
		time.Sleep(20 * time.Millisecond)
	}
}

// wait holds data back as long as the link is frozen or slow, and reports whether the connection still is.
func (p *Proxy) wait(l *link) bool {
	p.mu.Lock()
	delay := p.delay
	p.mu.Unlock()
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-l.gone:
			return false
		}
	}
	for {
		p.mu.Lock()
		frozen, changed := p.frozen, p.changed
		p.mu.Unlock()
		if !frozen {
			select {
			case <-l.gone:
				return false
			default:
				return true
			}
		}
		select {
		case <-changed:
		case <-l.gone:
			return false
		}
	}
}
