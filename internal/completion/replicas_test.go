package completion_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"twobrains/internal/chat"
	"twobrains/internal/completion"
	"twobrains/internal/llm"
	"twobrains/internal/problem"
	"twobrains/internal/stream"
	"twobrains/internal/stream/redislog"
)

// signalled gives a process Redis's signals, delivered until the test ends.
func signalled(t *testing.T, prefix string) (option func(*completion.Options), deliver func(*process)) {
	t.Helper()
	url, err := redis.ParseURL(os.Getenv("TWOBRAINS_TEST_REDIS"))
	require.NoError(t, err)
	client := redis.NewClient(url)
	var stop func(string)
	signals := redislog.NewSignals(client, prefix, func(run string) { stop(run) })
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		work.Wait()
		_ = client.Close()
	})
	return func(o *completion.Options) { o.Signal = signals.Publish }, func(p *process) {
		stop = p.StopRun
		work.Go(func() { _ = signals.Run(ctx) })
	}
}

// A reply is stopped from a process that does not make it: at once by way of Redis.
func TestStopFromAnotherProcess(t *testing.T) {
	t.Parallel()
	b := setup(t)
	shared := prefix()
	withSignals, deliver := signalled(t, shared)
	one, two := b.process(shared, withSignals), b.process(shared, withSignals)
	deliver(one)
	b.provider.say(waits)
	f := b.begin(one.Service, "c1", "m1")
	require.Eventually(t, func() bool { // until the subscription is there, requests are lost
		stopped, err := two.Stop(t.Context(), b.user, "c1")
		return err == nil && stopped
	}, 30*time.Second, time.Millisecond)
	text, end := all(t, f)
	require.ErrorIs(t, end, io.EOF)
	require.Contains(t, text, `"type":"abort"`)
	require.Equal(t, "aborted", b.messages("c1")[1].Status)
	stopped, err := two.Stop(t.Context(), b.user, "c1")
	require.NoError(t, err)
	require.False(t, stopped)
	b.balanced()
}

// Without Redis the process that makes the reply learns of it with its next sign of life.
func TestStopWithoutRedis(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one, two := b.process(""), b.process("", func(o *completion.Options) {
		o.Signal = func(context.Context, string) error { return errors.New("away") }
	})
	b.provider.say(waits)
	f := b.begin(one.Service, "c1", "m1")
	stopped := make(chan error, 1)
	go func() {
		_, err := two.Stop(t.Context(), b.user, "c1")
		stopped <- err
	}()
	require.Eventually(t, func() bool {
		return b.count("SELECT count(*) FROM public.run_tickets WHERE stop_requested_at IS NOT NULL") == 1
	}, 10*time.Second, 10*time.Millisecond)
	require.NoError(t, one.Announce(t.Context()))
	require.NoError(t, <-stopped)
	drain(t, f)
	require.Equal(t, "aborted", b.messages("c1")[1].Status)
	b.balanced()
}

// The same message, posted many times at two processes: one message, one run, one reply, and everybody gets it.
func TestSameMessageManyTimes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	shared := prefix()
	processes := []*process{b.process(shared), b.process(shared)}
	release := make(chan struct{})
	b.provider.say(held(release))
	var work sync.WaitGroup
	replies := make(chan string, 12)
	for i := range cap(replies) {
		work.Go(func() {
			f, err := processes[i%2].Start(t.Context(), b.user, userText("c1", "m1", "go on"))
			if err != nil {
				t.Errorf("start: %v", err)
				return
			}
			text, end := all(t, f)
			if !errors.Is(end, io.EOF) {
				t.Errorf("reply ended with %v", end)
			}
			replies <- text
		})
	}
	require.Eventually(t, func() bool { return b.provider.count() == 1 }, 10*time.Second, 10*time.Millisecond)
	close(release)
	work.Wait()
	close(replies)
	for text := range replies {
		require.Contains(t, text, `"type":"finish"`)
	}
	require.Len(t, b.messages("c1"), 2)
	require.Equal(t, 1, b.provider.count())
	require.Equal(t, 1, b.count("SELECT count(*) FROM BRAIN.runs"))

	for _, p := range processes { // and long after
		f, err := p.Start(t.Context(), b.user, userText("c1", "m1", "go on"))
		require.NoError(t, err)
		require.Equal(t, "so far and on", textOf(read(t, f)))
	}
	fresh := b.process("")
	f, err := fresh.Start(t.Context(), b.user, userText("c1", "m1", "go on"))
	require.NoError(t, err)
	recorded := read(t, f)
	require.Equal(t, "so far and on", textOf(recorded))
	require.Equal(t, b.messages("c1")[1].ID, recorded.ID)
	require.Equal(t, 1, b.provider.count())

	for _, other := range []string{`{"id":"c1","message":{"id":"m1","role":"user","parts":[{"type":"text","text":"other"}]}}`, string(userText("c2", "m1", "go on"))} {
		_, err = fresh.Start(t.Context(), b.user, []byte(other))
		require.True(t, problem.HasCode(err, problem.CodeConflict), "%v", err)
	}
	b.balanced()
}

// A message whose run brought nothing is answered when it is posted again; it is not stored again.
func TestSameMessageAfterNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one, two := b.process(""), b.process("")
	b.provider.say(func(_ context.Context, _ llm.Request, yield func(llm.Event, error) bool) {
		yield(nil, llm.NewError(llm.Overloaded, errors.New("status 529")))
	})
	f, err := one.Start(t.Context(), b.user, userText("c1", "m1", "x"))
	require.NoError(t, err)
	require.True(t, read(t, f).Failed)
	b.provider.say(says("better"))
	var work sync.WaitGroup
	for i := range 6 {
		work.Go(func() {
			f, err := []*process{one, two}[i%2].Start(t.Context(), b.user, userText("c1", "m1", "x"))
			if err != nil {
				if !problem.HasCode(err, problem.CodeRunActive) { // no log is shared
					t.Errorf("start: %v", err)
				}
				return
			}
			if text := textOf(read(t, f)); text != "better" {
				t.Errorf("got %q", text)
			}
		})
	}
	work.Wait()
	require.Len(t, b.messages("c1"), 2)
	require.Equal(t, 2, b.provider.count())
	b.balanced()

	b.send("c1", "m2", "and on")
	_, err = two.Start(t.Context(), b.user, userText("c1", "m1", "x"))
	require.NoError(t, err, "the reply is there")
}

// An edit that is posted again while its reply is being made follows that.
func TestSameEditFollows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	shared := prefix()
	one, two := b.process(shared), b.process(shared)
	f, err := one.Start(t.Context(), b.user, userText("c1", "m1", "first"))
	require.NoError(t, err)
	read(t, f)
	release := make(chan struct{})
	b.provider.say(held(release))
	edit, _ := json.Marshal(map[string]any{"id": "c1", "messageId": "m1", "message": map[string]any{
		"id": "m1", "role": "user", "parts": []any{map[string]any{"type": "text", "text": "edited"}},
	}})
	first, err := one.Start(t.Context(), b.user, edit)
	require.NoError(t, err)
	here, err := one.Start(t.Context(), b.user, edit)
	require.NoError(t, err)
	there, err := two.Start(t.Context(), b.user, edit)
	require.NoError(t, err)
	_, err = two.Start(t.Context(), b.user, []byte(`{"id":"c1","messageId":"m1","message":{"id":"m1","role":"user","parts":[{"type":"text","text":"again"}]}}`))
	require.True(t, problem.HasCode(err, problem.CodeRunActive), "%v", err)
	close(release)
	for _, f := range []stream.Follower{first, here, there} {
		require.Equal(t, "so far and on", textOf(read(t, f)))
	}
	require.Equal(t, 2, b.provider.count())
	require.Len(t, b.path("c1"), 2)
	b.balanced()
}

// A conversation is deleted at one process while its reply is made at another.
func TestDeleteWhileAnotherProcessStreams(t *testing.T) {
	t.Parallel()
	b := setup(t)
	shared := prefix()
	withSignals, deliver := signalled(t, shared)
	one, two := b.process(shared, withSignals), b.process(shared, withSignals)
	deliver(one)
	b.provider.say(waits)
	f := b.begin(one.Service, "c1", "m1")
	chats := chat.NewService(chat.Options{DB: b.DB, Stop: two.Stop})
	beats := make(chan struct{})
	defer close(beats)
	go func() { // as its Run does
		for {
			select {
			case <-beats:
				return
			case <-time.After(50 * time.Millisecond):
				_ = one.Announce(context.WithoutCancel(t.Context()))
			}
		}
	}()
	require.NoError(t, chats.Delete(t.Context(), b.user, "c1"))
	_, end := all(t, f)
	require.ErrorIs(t, end, io.EOF)
	require.Zero(t, b.count("SELECT (SELECT count(*) FROM BRAIN.runs) + (SELECT count(*) FROM BRAIN.messages) + (SELECT count(*) FROM BRAIN.conversations)"))
	require.Equal(t, 1, b.count("SELECT messages FROM public.usage_daily"), "what was used is counted")
	require.Zero(t, b.count("SELECT count(*) FROM public.run_tickets"))
	for _, p := range []*process{one, two} {
		follower, err := p.Follow(t.Context(), b.user, "c1")
		require.NoError(t, err)
		require.Nil(t, follower)
	}
}

// Who resumes at a process that cannot read the log is told so, and not that there is nothing.
func TestResumeWithoutSharedLog(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one, two := b.process(""), b.process("")
	b.provider.say(waits)
	defer b.begin(one.Service, "c1", "m1").Close()
	_, err := two.Follow(t.Context(), b.user, "c1")
	require.True(t, problem.HasCode(err, problem.CodeResumeUnavailable), "%v", err)
	require.Positive(t, problem.From(err).RetryAfter)
	f, err := one.Follow(t.Context(), b.user, "c1")
	require.NoError(t, err)
	f.Close()
	f, err = two.Follow(t.Context(), b.user, "c2")
	require.NoError(t, err)
	require.Nil(t, f)
}

// A process stops while the database is away: what it cannot store it leaves to the others, with the log.
func TestDrainHandsOver(t *testing.T) {
	t.Parallel()
	b := setup(t)
	shared := prefix()
	one := b.process(shared, func(o *completion.Options) { o.HandOver = 100 * time.Millisecond })
	b.provider.say(waits)
	f := b.begin(one.Service, "c1", "m1")
	defer f.Close()
	b.exec("ALTER ROLE twobrains_app IN DATABASE " + b.Name + " SET default_transaction_read_only = on")
	b.exec("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'twobrains_app' AND datname = $1", b.Name)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, one.Drain(ctx), context.DeadlineExceeded)
	b.exec("ALTER ROLE twobrains_app IN DATABASE " + b.Name + " RESET default_transaction_read_only")
	b.exec("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'twobrains_app' AND datname = $1", b.Name)
	require.NoError(t, one.store.Flush(t.Context()))
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, one.Run(stopped))
	require.Equal(t, 1, b.count("SELECT count(*) FROM BRAIN.runs WHERE status = 'running'"))

	two := b.process(shared)
	require.NoError(t, two.Sweep(t.Context()))
	require.Equal(t, "interrupted", b.messages("c1")[1].Status)
	require.Contains(t, b.messages("c1")[1].Parts, "so far")
	b.balanced()
}
