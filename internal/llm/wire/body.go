package wire

import (
	"context"
	"errors"
	"io"
	"time"
)

var (
	errStalled = errors.New("no data for too long")
	errFlood   = errors.New("reply exceeds 64 MiB")
)

const maxReply = 64 << 20

// body ends a reply that is silent for too long, or never ends.
type body struct {
	io.ReadCloser
	idle  time.Duration
	timer *time.Timer
	read  int64
}

// watch starts the clock; stall is called with errStalled when it runs out.
func watch(stream io.ReadCloser, idle time.Duration, stall context.CancelCauseFunc) *body {
	return &body{ReadCloser: stream, idle: idle, timer: time.AfterFunc(idle, func() { stall(errStalled) })}
}

func (b *body) hurry(idle time.Duration) {
	b.idle = min(b.idle, idle)
	b.timer.Reset(b.idle)
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.timer.Reset(b.idle)
	}
	if b.read += int64(n); b.read > maxReply {
		return n, errFlood
	}
	return n, err
}

// drain reads what little is left, so that the connection can be used again.
func (b *body) drain() {
	b.hurry(100 * time.Millisecond)
	_, _ = io.CopyN(io.Discard, b, 16<<10)
}

// Close implements io.Closer.
func (b *body) Close() error {
	b.timer.Stop()
	return b.ReadCloser.Close()
}
