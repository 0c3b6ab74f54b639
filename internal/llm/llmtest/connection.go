package llmtest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"twobrains/internal/llm"
)

func connection(t *testing.T, a Adapter) {
	text := a.recording(t, "text.sse")
	half := text[:len(text)/2]
	t.Run("nobody listens", func(t *testing.T) {
		t.Parallel()
		r := Collect(t.Context(), t, a.New(t, "http://127.0.0.1:1", patient), Ask())
		if llm.KindOf(r.Err) != llm.Failed {
			t.Errorf("%+v", r)
		}
		ownWords(t, r.Err)
	})
	t.Run("cut", func(t *testing.T) {
		t.Parallel()
		if r := a.replay(t, Answer{Body: half, Then: Cut}); llm.KindOf(r.Err) != llm.Interrupted || r.Text == "" {
			t.Errorf("%+v", r)
		}
	})
	t.Run("stall", func(t *testing.T) {
		t.Parallel()
		server := NewServer(t, Answer{Body: half, Then: Stall})
		r := Collect(t.Context(), t, a.New(t, server.URL, 50*time.Millisecond), Ask())
		if llm.KindOf(r.Err) != llm.Interrupted || r.Text == "" {
			t.Errorf("%+v", r)
		}
		server.WaitGone(t)
	})
	t.Run("stop", func(t *testing.T) {
		t.Parallel()
		stopped := errors.New("stopped by the user")
		server := NewServer(t, Answer{Body: half, Then: Stall})
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		var last error
		for event, err := range a.New(t, server.URL, patient).Stream(ctx, Ask()) {
			if _, ok := event.(llm.TextDelta); ok {
				cancel(stopped)
			}
			last = err
		}
		if !errors.Is(last, stopped) {
			t.Errorf("ended with %v", last)
		}
		server.WaitGone(t)
	})
	t.Run("leave", func(t *testing.T) {
		t.Parallel()
		server := NewServer(t, Answer{Body: half, Then: Stall})
		for _, err := range a.New(t, server.URL, patient).Stream(t.Context(), Ask()) {
			if err != nil {
				t.Error(err)
			}
			break
		}
		server.WaitGone(t)
	})
	t.Run("cancelled before", func(t *testing.T) {
		t.Parallel()
		server := NewServer(t, Answer{Body: text})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r := Collect(ctx, t, a.New(t, server.URL, patient), Ask())
		if !errors.Is(r.Err, context.Canceled) || len(server.Requests()) != 0 {
			t.Errorf("%d requests, %+v", len(server.Requests()), r)
		}
	})
	t.Run("10 MB in one event", func(t *testing.T) {
		t.Parallel()
		long := strings.Repeat("0123456789", 1<<20)
		if r := a.replay(t, Answer{Body: a.Long(long)}); r.Text != long || r.Finish != llm.FinishStop {
			t.Errorf("%d bytes, %s, %v", len(r.Text), r.Finish, r.Err)
		}
	})
}
