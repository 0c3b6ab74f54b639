package wire

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"time"

	"twobrains/internal/llm"
)

// errUnfinished: the stream ended, the reply did not.
var errUnfinished = errors.New("stream ended without its terminal event")

// Fail is the sequence of a request that cannot be sent.
func Fail(err error) iter.Seq2[llm.Event, error] {
	return func(yield func(llm.Event, error) bool) { yield(nil, err) }
}

// Stream makes the sequence that llm.Provider promises, of two parts:
//
// post sends the request under ctx and returns the response whose body is the stream of events, or the error that
// Refusals.Check made of it. It is called again after failures that another try may mend.
//
// read consumes the events and emits what they mean, llm.Finish last. It returns an *llm.Error for a failure; if it
// returns nil without having emitted llm.Finish, the reply is interrupted. It is called at most once for each time that
// the sequence is ranged over, so state of the reply belongs inside it.
//
// o must be Complete.
func (o Options) Stream(ctx context.Context, post func(ctx context.Context) (*http.Response, error), read func(r *Reply) error) iter.Seq2[llm.Event, error] {
	return func(yield func(llm.Event, error) bool) {
		reqCtx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		res, err := o.open(reqCtx, post) //nolint:bodyclose // closed below, through the watchdog
		if err != nil {
			yield(nil, failure(ctx, err))
			return
		}
		r := &Reply{Header: res.Header, body: watch(res.Body, o.IdleTimeout, cancel), yield: yield}
		defer func() { _ = r.body.Close() }()
		err = read(r)
		switch {
		case r.gone:
			return
		case r.finished:
			r.body.drain()
			return
		case err == nil:
			err = llm.NewError(llm.Interrupted, fmt.Errorf("read stream: %w", errUnfinished))
		}
		if cause := context.Cause(reqCtx); errors.Is(cause, errStalled) {
			err = llm.NewError(llm.Interrupted, cause)
		}
		yield(nil, failure(ctx, err))
	}
}

// open posts until a reply begins, a failure is final, or the tries are used up.
func (o Options) open(ctx context.Context, post func(ctx context.Context) (*http.Response, error)) (*http.Response, error) {
	delay := o.RetryDelay
	for try := 0; ; try++ {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		res, err := apart(func() (*http.Response, error) { return post(ctx) })
		if err == nil {
			return res, nil
		}
		err = failure(ctx, err)
		var refused *llm.Error
		if try >= o.Retries || !errors.As(err, &refused) || !retryable(refused) {
			return nil, err
		}
		wait := max(delay, refused.RetryAfter)
		if wait > o.MaxRetryWait {
			return nil, err
		}
		delay *= 3
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, err
		}
	}
}

// apart calls f on a stack that ends with it. Making a request takes a deep one, which would stay as large while the reply is
// waited for: 16 to 32 KB where 8 will do.
func apart[T any](f func() (T, error)) (value T, err error) {
	var panicked any
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { panicked = recover() }()
		value, err = f()
	}()
	<-done
	if panicked != nil {
		panic(panicked)
	}
	return value, err
}

// failure turns whatever went wrong into what the port promises: the cause of a context that ended, or an *llm.Error.
func failure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return ConnectionError(err)
}

// Reply is a reply being read.
type Reply struct {
	// Header is the response's.
	Header http.Header

	body     *body
	yield    func(llm.Event, error) bool
	gone     bool // the reader left
	finished bool
}

// Emit hands an event to the reader. After llm.Finish, and once the reader has left, it does nothing.
func (r *Reply) Emit(event llm.Event) {
	if r.gone || r.finished {
		return
	}
	_, r.finished = event.(llm.Finish)
	r.gone = !r.yield(event, nil)
}

// Hurry shortens the patience for what may still come after the end of the reply, such as its usage.
func (r *Reply) Hurry(idle time.Duration) { r.body.hurry(idle) }
