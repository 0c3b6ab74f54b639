package faulttest

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// echo answers every line with itself.
func echo(t *testing.T, prefix string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for lines := bufio.NewReader(conn); ; {
					line, err := lines.ReadString('\n')
					if err != nil {
						return
					}
					_, _ = io.WriteString(conn, prefix+line)
				}
			}()
		}
	}()
	t.Cleanup(func() {
		_ = ln.Close()
		<-done
	})
	return ln.Addr().String()
}

type caller struct {
	*testing.T
	conn  net.Conn
	lines *bufio.Reader
}

func dial(t *testing.T, p *Proxy) *caller {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return &caller{T: t, conn: conn, lines: bufio.NewReader(conn)}
}

func (c *caller) ask(line string) (string, error) {
	c.Helper()
	require.NoError(c, c.conn.SetDeadline(time.Now().Add(5*time.Second)))
	if _, err := io.WriteString(c.conn, line+"\n"); err != nil {
		return "", err
	}
	answer, err := c.lines.ReadString('\n')
	return strings.TrimSuffix(answer, "\n"), err
}

func (c *caller) works() {
	c.Helper()
	answer, err := c.ask("hello")
	require.NoError(c, err)
	require.Equal(c, "hello", answer)
}

func TestProxyRefusesAndCuts(t *testing.T) {
	t.Parallel()
	p := NewProxy(t, echo(t, ""))
	old := dial(t, p)
	old.works()
	p.Refuse()
	_, err := net.Dial("tcp", p.Addr)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	old.works()
	p.Cut()
	_, err = old.ask("hello")
	require.Error(t, err)
	p.Pass()
	dial(t, p).works()
	require.Equal(t, 2, p.Opened())
	p.Down()
	Until(t, 5*time.Second, "no connections", func() bool { return p.Open() == 0 })
}

func TestProxyFreezesOldAndNew(t *testing.T) {
	t.Parallel()
	p := NewProxy(t, echo(t, ""))
	old := dial(t, p)
	old.works()
	p.Freeze()
	for _, c := range []*caller{old, dial(t, p)} {
		require.NoError(t, c.conn.SetDeadline(time.Now().Add(100*time.Millisecond)))
		_, err := io.WriteString(c.conn, "late\n")
		require.NoError(t, err)
		_, err = c.lines.ReadString('\n')
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	}
	p.Pass()
	require.NoError(t, old.conn.SetDeadline(time.Now().Add(5*time.Second)))
	answer, err := old.lines.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "late\n", answer, "what was held back arrives")
	old.works()
}

func TestProxyCutsAfterBytes(t *testing.T) {
	t.Parallel()
	p := NewProxy(t, echo(t, ""))
	p.CutAfter(Down, 9)
	c := dial(t, p)
	c.works()
	answer, err := c.ask("again")
	require.Equal(t, "aga", answer, "%v", err)
	require.Error(t, err)
	p.CutAfter(Down, 0)
	p.CutAfter(Up, 6)
	c = dial(t, p)
	answer, err = c.ask("hello")
	if err == nil { // the answer may be faster than the reset
		require.Equal(t, "hello", answer)
		_, err = c.ask("again")
	}
	require.Error(t, err)
	p.Pass()
	dial(t, p).works()
}

func TestProxyDelaysAndRetargets(t *testing.T) {
	t.Parallel()
	p := NewProxy(t, echo(t, ""))
	old := dial(t, p)
	p.Delay(50 * time.Millisecond)
	begin := time.Now()
	old.works()
	require.GreaterOrEqual(t, time.Since(begin), 100*time.Millisecond)
	p.Delay(0)
	p.Retarget(echo(t, "elsewhere "))
	old.works()
	answer, err := dial(t, p).ask("hello")
	require.NoError(t, err)
	require.Equal(t, "elsewhere hello", answer)
}

func TestProxyPassesHalfCloses(t *testing.T) {
	t.Parallel()
	p := NewProxy(t, echo(t, ""))
	c := dial(t, p)
	c.works()
	require.NoError(t, c.conn.(*net.TCPConn).CloseWrite())
	_, err := c.lines.ReadString('\n')
	require.True(t, errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET), "%v", err)
}
