package stream

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
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
// It takes the connection away from fasthttp, which would keep for the length of the stream what was needed to read the
// request: its buffers, its context, and a goroutine whose stack has grown deep, together several times what the stream needs
// itself. What remains is a goroutine that waits for the log and writes; a write that fails is known at once, and a panic
// is caught where it happens. After a whole stream fasthttp gets the connection back: a response that says that it closes
// it would do as well, but some clients (undici) then take a cut stream for a whole one.
//
// fasthttp's server should have KeepHijackedConns set: else it keeps its part until the stream has ended.
type Server struct {
	o      ServerOptions
	ctx    context.Context
	cancel context.CancelCauseFunc

	mu   sync.Mutex
	open map[*sending]struct{}
	// idle is closed when the last stream ends; nil while nobody waits for that.
	idle chan struct{}
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
	return &Server{o: o, ctx: ctx, cancel: cancel, open: map[*sending]struct{}{}}
}

// ErrShutdown is why streams are cut when the server stops.
var ErrShutdown = errors.New("server stops")

// Shutdown cuts all streams and refuses new ones. A stream that is cut gets a transient chunk "data-resume" and no
// terminator, which clients take for a lost network: they resume, on another replica. Wait waits for these last words.
func (s *Server) Shutdown() { s.cancel(ErrShutdown) }

// Wait waits until no stream is left. When ctx ends it closes the connections of those that are.
func (s *Server) Wait(ctx context.Context) {
	s.mu.Lock()
	if len(s.open) > 0 && s.idle == nil {
		s.idle = make(chan struct{})
	}
	idle := s.idle
	s.mu.Unlock()
	if idle == nil {
		return
	}
	select {
	case <-idle:
		return
	case <-ctx.Done():
	}
	s.mu.Lock()
	for stream := range s.open {
		if stream.conn != nil {
			_ = stream.conn.Close()
		}
	}
	s.mu.Unlock()
	<-idle
}

// Active counts the streams that are being served.
func (s *Server) Active() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

// Serve answers the request with the follower's frames from the first on, and owns the follower from here on. The
// stream begins when the handler has returned. It ends with "data: [DONE]" once the log is complete, and without it when the
// log is lost or the server stops. A client that goes away ends only its own follower.
func (s *Server) Serve(c *fiber.Ctx, follower Follower) error {
	if s.ctx.Err() != nil {
		follower.Close()
		return problem.New(problem.CodeUnavailable, "The server is restarting.").After(time.Second)
	}
	ctx, app := c.Context(), c.App()
	header := &ctx.Response.Header
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-cache")
	header.Set("X-Vercel-Ai-Ui-Message-Stream", "v1")
	header.Set("X-Accel-Buffering", "no")
	c.Status(fiber.StatusOK)
	stream := &sending{server: s, follower: follower, chunked: ctx.Request.Header.IsHTTP11(), idle: app.Config().IdleTimeout}
	if stream.chunked {
		header.SetContentLength(-1)
	} else {
		header.SetConnectionClose()
	}
	s.mu.Lock()
	s.open[stream] = struct{}{}
	s.mu.Unlock()
	ctx.SetUserValue(unsent{}, unsent{stream})
	ctx.HijackSetNoResponse(true)
	ctx.Hijack(func(conn net.Conn) {
		if !app.Server().KeepHijackedConns || isAhead(conn) {
			header.SetConnectionClose()
		}
		if !header.ConnectionClose() {
			stream.http = app.Server()
		}
		head := bytes.Clone(header.Header())
		if c, ok := conn.(interface{ UnsafeConn() net.Conn }); ok {
			conn = c.UnsafeConn()
		}
		s.mu.Lock()
		stream.conn = conn
		s.mu.Unlock()
		if app.Server().KeepHijackedConns {
			go stream.run(head)
		} else {
			stream.run(head)
		}
	})
	return nil
}

// isAhead reports whether fasthttp has read more from a connection than the request.
func isAhead(conn net.Conn) bool {
	if conn.SetReadDeadline(time.Unix(1, 0)) != nil { // so that only what is there already is read
		return true
	}
	n, _ := conn.Read(make([]byte, 1))
	return n > 0 || conn.SetReadDeadline(time.Time{}) != nil
}

// unsent is a stream that fasthttp closes together with the request, should it lose the connection before it hands it over.
type unsent struct{ stream *sending }

// Close implements io.Closer.
func (u unsent) Close() error {
	u.stream.server.mu.Lock()
	begun := u.stream.conn != nil
	u.stream.server.mu.Unlock()
	if !begun {
		u.stream.end()
	}
	return nil
}
