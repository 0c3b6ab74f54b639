package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

var (
	begin     = []byte(": stream\n\n")
	keepAlive = []byte(": keep-alive\n\n")
	resume    = []byte(`data: {"type":"data-resume","data":{},"transient":true}` + "\n\n")
	done      = []byte("data: [DONE]\n\n")
	noMore    = []byte("0\r\n\r\n")
)

// sending is one response under way.
type sending struct {
	server   *Server
	follower Follower
	// conn is nil until the response begins.
	conn net.Conn
	// chunked: the client speaks HTTP/1.1, so it can tell an end from a cut.
	chunked bool
	// http gets the connection back after a whole stream, and waits idle for a request; nil: it is closed.
	http *fasthttp.Server
	idle time.Duration
}

// maxPiece bounds what is written under one deadline, so that slow clients are told from dead ones.
const maxPiece = 4 << 10

// piece is room for one with the head or its framing. Streams share them, since each needs one for a moment only.
type piece [maxPiece + 2<<10]byte

var pieces = sync.Pool{New: func() any { return new(piece) }}

// run is the life of a stream. Its frame and those of what it waits in are small: there are as many as there are streams.
func (s *sending) run(head []byte) {
	whole := false
	defer func() {
		s.end()
		if whole && s.http != nil {
			s.giveBack()
		} else {
			_ = s.conn.Close()
		}
	}()
	defer s.guard()
	err := s.write(head, begin)
	for err == nil {
		var frames []byte
		frames, err = s.follower.Next(s.server.ctx, s.server.o.KeepAlive)
		switch {
		case err != nil:
		case len(frames) == 0:
			err = s.write(nil, keepAlive)
		default:
			err = s.write(nil, frames)
		}
	}
	whole = s.last(err)
}

func (s *sending) guard() {
	if r := recover(); r != nil {
		s.server.o.Logger.Error("stream panicked", "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
	}
}

// last says how the stream ended to who is still there: it is whole, or goes on elsewhere. Otherwise it is cut.
func (s *sending) last(err error) (whole bool) {
	switch {
	case errors.Is(err, io.EOF):
		return s.write(nil, done) == nil && s.chunked && s.put(noMore) == nil
	case errors.Is(err, ErrShutdown):
		_ = s.write(nil, resume)
	}
	return false
}

// giveBack waits for the next request on the connection, which costs little here, and lets fasthttp serve it and what follows.
func (s *sending) giveBack() {
	conn := s.conn
	closing := context.AfterFunc(s.server.ctx, func() { _ = conn.Close() })
	deadline := time.Time{}
	if s.idle > 0 {
		deadline = time.Now().Add(s.idle)
	}
	_ = conn.SetDeadline(deadline)
	first := make([]byte, 1)
	n, _ := conn.Read(first)
	if !closing() || n == 0 || conn.SetDeadline(time.Time{}) != nil {
		_ = conn.Close()
		return
	}
	_ = s.http.ServeConn(&resumed{Conn: conn, first: first}) // which closes it
}

// resumed is a connection of which the first byte of a request was read.
type resumed struct {
	net.Conn
	first []byte
}

// Read implements net.Conn.
func (r *resumed) Read(p []byte) (int, error) {
	if len(r.first) > 0 && len(p) > 0 {
		n := copy(p, r.first)
		r.first = nil
		return n, nil
	}
	return r.Conn.Read(p)
}

// write sends frames, after the head where there is one.
func (s *sending) write(head, frames []byte) error {
	room := pieces.Get().(*piece)
	defer pieces.Put(room)
	for len(frames) > 0 {
		n := min(len(frames), maxPiece)
		out := append(room[:0], head...)
		if s.chunked {
			out = append(strconv.AppendInt(out, int64(n), 16), "\r\n"...)
		}
		out = append(out, frames[:n]...)
		if s.chunked {
			out = append(out, "\r\n"...)
		}
		if err := s.put(out); err != nil {
			return err
		}
		head, frames = nil, frames[n:]
	}
	return nil
}

func (s *sending) put(out []byte) error {
	if err := s.conn.SetWriteDeadline(time.Now().Add(s.server.o.WriteTimeout)); err != nil {
		return fmt.Errorf("set write deadline: %w", err)
	}
	if _, err := s.conn.Write(out); err != nil {
		return fmt.Errorf("write stream: %w", err)
	}
	return nil
}

// end lets go of the log. The connection is none of a stream from here on.
func (s *sending) end() {
	s.follower.Close()
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	delete(s.server.open, s)
	if len(s.server.open) == 0 && s.server.idle != nil {
		close(s.server.idle)
		s.server.idle = nil
	}
}
