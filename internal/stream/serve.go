package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"

	"twobrains/internal/problem"
)

// ServerOptions of a Server. The zero value is good.
type ServerOptions struct {
	// KeepAlive is how often an idle stream gets a comment. That a write fails is the only sign of a client that went
	// away. Default 12 s.
	KeepAlive time.Duration
	// WriteTimeout is how long the client may take to accept what was written last. Default 30 s.
	WriteTimeout time.Duration
	// Logger gets panics of followers. Default slog.Default.
	Logger *slog.Logger
}

// Server sends run logs to clients as server-sent events. Besides the download of attachments it is the only
// place that answers with a body stream.
//
// It hands fasthttp a reader, where the usual way is a stream writer: the connection's own goroutine then waits for the
// log, so a stream costs no second goroutine and no pipe, a write that fails is known at once and not four chunks
// later, and a panic is caught where it happens (in a stream writer it would end the process).
type Server struct {
	o      ServerOptions
	ctx    context.Context
	cancel context.CancelCauseFunc
	active atomic.Int64
}

// NewServer makes a server.
func NewServer(o ServerOptions) *Server {
	if o.KeepAlive == 0 {
		o.KeepAlive = 12 * time.Second
	}
	if o.WriteTimeout == 0 {
		o.WriteTimeout = 30 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	return &Server{o: o, ctx: ctx, cancel: cancel}
}

// ErrShutdown is why streams are cut when the server stops.
var ErrShutdown = errors.New("server stops")

// Shutdown cuts all streams and refuses new ones, so that the HTTP server's own shutdown has nothing to wait for. A cut
// stream ends without its terminator, which clients take for a lost network: they resume, on another replica.
func (s *Server) Shutdown() { s.cancel(ErrShutdown) }

// Active counts the streams that are being served.
func (s *Server) Active() int { return int(s.active.Load()) }

// Serve answers the request with the follower's frames from the first on, and owns the follower from here on. The
// stream goes on after Serve and the handler have returned. It ends with "data: [DONE]" once the log is complete, and
// without it when the log is lost or the server stops. A client that goes away ends only its own follower.
func (s *Server) Serve(c *fiber.Ctx, follower Follower) error {
	if s.ctx.Err() != nil {
		follower.Close()
		return problem.New(problem.CodeUnavailable, "The server is restarting.").After(time.Second)
	}
	header := &c.Context().Response.Header
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-cache")
	header.Set("X-Vercel-Ai-Ui-Message-Stream", "v1")
	header.Set("X-Accel-Buffering", "no")
	c.Status(fiber.StatusOK)
	s.active.Add(1)
	c.Context().SetBodyStream(&body{
		server:   s,
		follower: follower,
		conn:     c.Context().Conn(),
		restore:  c.App().Config().WriteTimeout,
		rest:     []byte(": stream\n\n"),
	}, -1)
	return nil
}

var (
	keepAlive = []byte(": keep-alive\n\n")
	done      = []byte("data: [DONE]\n\n")
)

// body is one response. fasthttp reads it, writes and flushes what each Read gave, and closes it in the end, whatever
// happened.
type body struct {
	server   *Server
	follower Follower
	conn     net.Conn
	restore  time.Duration
	rest     []byte // read from the log, not yet given to fasthttp
	ended    bool
	closing  sync.Once
}

// Read waits for frames and gives as much of them as fits p. Any error but io.EOF cuts the connection.
func (b *body) Read(p []byte) (n int, err error) {
	defer func() {
		if r := recover(); r != nil {
			b.server.o.Logger.Error("stream panicked", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
			n, err = 0, fmt.Errorf("stream panicked: %v", r)
		}
	}()
	if len(b.rest) == 0 {
		if b.ended {
			return 0, io.EOF
		}
		if err := b.fill(); err != nil {
			return 0, err
		}
	}
	if err := b.conn.SetWriteDeadline(time.Now().Add(b.server.o.WriteTimeout)); err != nil {
		return 0, fmt.Errorf("set write deadline: %w", err)
	}
	n = copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

func (b *body) fill() error {
	frames, err := b.follower.Next(b.server.ctx, b.server.o.KeepAlive)
	switch {
	case errors.Is(err, io.EOF):
		b.rest, b.ended = done, true
	case err != nil:
		return err
	case len(frames) == 0:
		b.rest = keepAlive
	default:
		b.rest = frames
	}
	return nil
}

// Close lets go of the log and gives the connection back the deadline that the HTTP server works with.
func (b *body) Close() error {
	b.closing.Do(func() {
		b.server.active.Add(-1)
		b.follower.Close()
		deadline := time.Time{}
		if b.restore > 0 {
			deadline = time.Now().Add(b.restore)
		}
		_ = b.conn.SetWriteDeadline(deadline)
	})
	return nil
}
