package openai

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// Timeouts of an HTTP client. Zero values are the defaults.
type Timeouts struct {
	// Connect bounds dialling and the TLS handshake, each. Default 10 s.
	Connect time.Duration
	// Header bounds the wait for the reply to begin. Default 5 minutes: local servers load a model meanwhile.
	Header time.Duration
}

// NewHTTPClient makes a client for streams: no limit on the whole, redirects refused (a POST must not be repeated
// elsewhere with the key), connections kept for reuse.
func NewHTTPClient(t Timeouts) *http.Client {
	setDefault(&t.Connect, 10*time.Second)
	setDefault(&t.Header, 5*time.Minute)
	dialer := &net.Dialer{Timeout: t.Connect, KeepAlive: 30 * time.Second}
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           dialer.DialContext,
			TLSHandshakeTimeout:   t.Connect,
			ResponseHeaderTimeout: t.Header,
			ForceAttemptHTTP2:     true,
			DisableCompression:    true,
			MaxIdleConns:          256,
			MaxIdleConnsPerHost:   128,
			IdleConnTimeout:       90 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

var (
	errStalled = errors.New("no data for too long")
	errFlood   = errors.New("reply exceeds 64 MiB")
)

const maxReply = 64 << 20

// watchedBody ends a reply that is silent for too long, or never ends.
type watchedBody struct {
	io.ReadCloser
	idle  time.Duration
	timer *time.Timer
	read  int64
}

// watch starts the clock; stall is called with errStalled when it runs out.
func watch(body io.ReadCloser, idle time.Duration, stall context.CancelCauseFunc) *watchedBody {
	return &watchedBody{ReadCloser: body, idle: idle, timer: time.AfterFunc(idle, func() { stall(errStalled) })}
}

// hurry shortens the patience for what may still come after the end of the reply.
func (b *watchedBody) hurry(idle time.Duration) {
	b.idle = min(b.idle, idle)
	b.timer.Reset(b.idle)
}

// Read implements io.Reader.
func (b *watchedBody) Read(p []byte) (int, error) {
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
func (b *watchedBody) drain() {
	b.hurry(100 * time.Millisecond)
	_, _ = io.CopyN(io.Discard, b, 16<<10)
}

// Close implements io.Closer.
func (b *watchedBody) Close() error {
	b.timer.Stop()
	return b.ReadCloser.Close()
}
