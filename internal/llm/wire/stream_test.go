package wire_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"twobrains/internal/llm"
	"twobrains/internal/llm/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func options(t *testing.T) wire.Options {
	t.Helper()
	client := wire.NewHTTPClient(wire.Timeouts{})
	t.Cleanup(client.CloseIdleConnections)
	o, _, err := wire.Options{HTTPClient: client}.Complete("test", "http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func answer(status int, header map[string]string, body io.Reader) *http.Response {
	res := &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(body)}
	for name, value := range header {
		res.Header.Set(name, value)
	}
	return res
}

// all reads a sequence: its events, and its error.
func all(t *testing.T, o wire.Options, post func(context.Context) (*http.Response, error), read func(*wire.Reply) error) (events []llm.Event, err error) {
	t.Helper()
	for event, failure := range o.Stream(t.Context(), post, read) {
		if err != nil {
			t.Fatal("something after the error")
		}
		if failure != nil {
			err = failure
			continue
		}
		events = append(events, event)
	}
	return events, err
}

func TestReplyEnds(t *testing.T) {
	t.Parallel()
	stream := func(context.Context) (*http.Response, error) {
		return answer(200, nil, strings.NewReader("data: 1\n\n")), nil
	}
	t.Run("without the provider's end", func(t *testing.T) {
		t.Parallel()
		events, err := all(t, options(t), stream, func(r *wire.Reply) error {
			r.Emit(llm.TextDelta{Text: "Hi"})
			return nil
		})
		if len(events) != 1 || llm.KindOf(err) != llm.Interrupted {
			t.Errorf("%v %v", events, err)
		}
	})
	t.Run("with it", func(t *testing.T) {
		t.Parallel()
		events, err := all(t, options(t), stream, func(r *wire.Reply) error {
			r.Emit(llm.Finish{Reason: llm.FinishStop})
			r.Emit(llm.TextDelta{Text: "late"})
			return errors.New("too late to matter")
		})
		if len(events) != 1 || err != nil {
			t.Errorf("%v %v", events, err)
		}
	})
	t.Run("never", func(t *testing.T) {
		t.Parallel()
		endless := func(context.Context) (*http.Response, error) { return answer(200, nil, endless{}), nil }
		_, err := all(t, options(t), endless, func(r *wire.Reply) error {
			for _, err := range r.Events() {
				if err != nil {
					return err
				}
			}
			return nil
		})
		if llm.KindOf(err) != llm.Interrupted || !strings.Contains(err.Error(), "64 MiB") {
			t.Error(err)
		}
	})
}

// endless is one line that never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestFail(t *testing.T) {
	t.Parallel()
	want := llm.NewError(llm.Invalid, nil)
	for event, err := range wire.Fail(want) {
		if event != nil || !errors.Is(err, want) {
			t.Errorf("%v %v", event, err)
		}
	}
}

// TestRepeats measures how a request is repeated, on a clock that does not run.
func TestRepeats(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		header map[string]string
		body   string
		tries  int64
		waited time.Duration
	}{
		"overloaded":      {status: 503, tries: 3, waited: 1200 * time.Millisecond},
		"rate":            {status: 429, tries: 3, waited: 1200 * time.Millisecond},
		"asked to wait":   {status: 429, header: map[string]string{"Retry-After": "2"}, tries: 3, waited: 4 * time.Second},
		"in milliseconds": {status: 529, header: map[string]string{"Retry-After-Ms": "2500", "Retry-After": "9"}, tries: 3, waited: 5 * time.Second},
		"asked too much":  {status: 429, header: map[string]string{"Retry-After": "60"}, tries: 1},
		"budget":          {status: 429, body: "insufficient_quota", tries: 1},
		"refused":         {status: 400, tries: 1},
		"wrong key":       {status: 401, tries: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				refusals := wire.Refusals{Parse: func(body []byte) (wire.Failure, bool) { return wire.Failure{Code: string(body)}, true }}
				var tries atomic.Int64
				start := time.Now()
				_, err := all(t, options(t), func(context.Context) (*http.Response, error) {
					tries.Add(1)
					return refusals.Check(answer(c.status, c.header, strings.NewReader(c.body)), nil)
				}, func(*wire.Reply) error { return errors.New("no reply came") })
				if tries.Load() != c.tries || time.Since(start) != c.waited || llm.KindOf(err) == "" {
					t.Errorf("%d tries in %s: %v", tries.Load(), time.Since(start), err)
				}
			})
		})
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"localhost:11434/v1", "ftp://x/v1", "http://", "http://user:pass@x/v1", "https://x/v1?a=b", "https://x/v1#f", "http://x\n/"} {
		_, _, err := wire.Options{BaseURL: base}.Complete("some", "https://example.com")
		if err == nil || strings.Contains(err.Error(), "pass") || !strings.HasPrefix(err.Error(), "some base URL") {
			t.Errorf("%q: %v", base, err)
		}
	}
	o, base, err := wire.Options{}.Complete("some", "https://example.com/v1")
	if err != nil || o.BaseURL != "https://example.com/v1" || base.Host != "example.com" || o.HTTPClient == nil || o.Retries != 2 {
		t.Errorf("%+v %v", o, err)
	}
	if o, _, _ := (wire.Options{Retries: -1}).Complete("some", "https://example.com"); o.Retries != -1 {
		t.Errorf("%d retries", o.Retries)
	}
}
