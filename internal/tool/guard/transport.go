package guard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"sync"
	"time"
)

// transport checks each request's URL, redirects included, and bounds its answer.
type transport struct {
	base *http.Transport
	opts Options
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := t.opts.check(req.URL); err != nil {
		closeBody(req)
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(req.Context())
	timer := time.AfterFunc(t.opts.Timeout, func() { cancel(ErrTimeout) })
	end := func() {
		timer.Stop()
		cancel(nil)
	}
	resp, err := t.base.RoundTrip(req.WithContext(ctx))
	if err != nil {
		if errors.Is(context.Cause(ctx), ErrTimeout) {
			err = fmt.Errorf("%w: %w", ErrTimeout, err)
		}
		end()
		return nil, err
	}
	limit := t.opts.MaxBody
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind == "text/event-stream" {
		limit = t.opts.MaxStream
		timer.Reset(t.opts.StreamTimeout)
	}
	if resp.ContentLength > limit {
		_ = resp.Body.Close()
		end()
		return nil, ErrTooLarge
	}
	resp.Body = &body{ReadCloser: resp.Body, left: limit, ctx: ctx, end: sync.OnceFunc(end)}
	return resp, nil
}

// CloseIdleConnections is what http.Client.CloseIdleConnections calls.
func (t *transport) CloseIdleConnections() { t.base.CloseIdleConnections() }

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// body fails with ErrTooLarge instead of passing on more bytes than are allowed.
type body struct {
	io.ReadCloser
	ctx  context.Context // the exchange's, whose body this is
	left int64
	end  func()
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, ErrTooLarge
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1] // one more, to tell the end from too much
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	if b.left < 0 {
		b.end()
		return n - 1, ErrTooLarge
	}
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		b.end()
	case errors.Is(context.Cause(b.ctx), ErrTimeout):
		err = fmt.Errorf("%w: %w", ErrTimeout, err)
	}
	return n, err
}

// Close implements io.Closer.
func (b *body) Close() error {
	b.end()
	return b.ReadCloser.Close()
}
