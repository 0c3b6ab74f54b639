package faults

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"twobrains/internal/faulttest"
)

// A replica is told to stop while replies are under way: who reads them is told to come again, another replica goes on with the
// stream, the reply comes to its end, and nothing new is taken.
func TestTerminatedWithStreamsOpen(t *testing.T) {
	t.Parallel()
	gate := faulttest.NewGate()
	w := setup(t, gate.Then(5, 10), env("DRAIN_TIMEOUT", "20s"))
	a, b := w.server(), w.server()
	me := w.person()
	var replies []*faulttest.Reply
	for i := range 5 {
		replies = append(replies, me(a).Send(fmt.Sprint("c", i), fmt.Sprint("m", i), "hello").Saw(t, 4))
	}
	a.Terminate()
	for _, r := range replies {
		end := r.End(t, 5*time.Second)
		require.True(t, end.Cut && !end.Done && end.Resume, "%+v", end)
		require.NotEqual(t, "finish", end.Kind)
	}
	if answer := me(a).Send("c9", "m9", "hello?").Answer; answer.Err == nil {
		answer.Want(t, http.StatusServiceUnavailable, "unavailable")
	}
	for i := range replies {
		replies[i] = me(b).Resume(fmt.Sprint("c", i)).Saw(t, 4)
	}
	gate.Open()
	for i, r := range replies {
		end := r.End(t, 20*time.Second).Whole(t)
		require.Equal(t, "complete", end.Status)
		require.Equal(t, faulttest.WordsText(10), end.Text)
		w.complete(me(b), fmt.Sprint("c", i), end.Text)
	}
	require.NoError(t, a.Wait(t, 15*time.Second))
	w.says(me(b), "c0")
	w.balanced()
	require.Equal(t, 1, w.db.Count(t, "SELECT count(*) FROM public.instances"), "who stops in good order leaves no trace")
}

// The time to drain is up: what there is of a reply is stored as interrupted, and its reader elsewhere gets a proper end.
func TestTerminatedReplyDoesNotEnd(t *testing.T) {
	t.Parallel()
	w := setup(t, faulttest.Stalls(5), env("DRAIN_TIMEOUT", "2s"))
	a, b := w.server(), w.server()
	me := w.person()
	me(a).Send("c1", "m1", "hello").Saw(t, 4)
	a.Terminate()
	end := me(b).Resume("c1").End(t, 20*time.Second).Whole(t)
	require.Equal(t, "finish", end.Kind)
	require.Equal(t, "interrupted", end.Status)
	require.NoError(t, a.Wait(t, 15*time.Second))
	calls := w.provider.CallsAbout("hello")
	require.Len(t, calls, 1)
	require.True(t, calls[0].Cancelled())
	w.last(me(b), "c1", "interrupted", faulttest.WordsText(5))
	w.says(me(b), "c1")
	w.balanced()
}

// Told to stop while Postgres is away: the process ends in time all the same, and leaves the run to the others.
func TestTerminatedWithoutPostgres(t *testing.T) {
	t.Parallel()
	w := setup(t, faulttest.Stalls(5), ownPostgres, env("DRAIN_TIMEOUT", "2s"))
	a, b := w.server(), w.server()
	me := w.person()
	me(a).Send("c1", "m1", "hello").Saw(t, 4)
	w.postgres.Stop(t)
	a.Terminate()
	_ = a.Wait(t, 20*time.Second)
	w.postgres.Start(t)
	w.db.Settled(t, 10*timeout)
	w.last(me(b), "c1", "interrupted", faulttest.WordsText(5))
	w.says(me(b), "c1")
	w.balanced()
}

// A process stands still for longer than the timeout, as a machine that swaps or is moved does, and comes back. Another one has
// settled its run meanwhile; its reply takes the place of the interrupted one and is counted once.
func TestFrozenProcessComesBack(t *testing.T) {
	t.Parallel()
	gate := faulttest.NewGate()
	w := setup(t, gate.Then(5, 10))
	a, b := w.server(), w.server()
	me := w.person()
	reply := me(a).Send("c1", "m1", "hello").Saw(t, 4)
	me(b).Resume("c1").Saw(t, 4).Leave() // so it is in Redis
	a.Freeze()
	begin := time.Now()
	w.db.Settled(t, 10*timeout)
	require.Greater(t, time.Since(begin), timeout/2, "settled before its time")
	w.last(me(b), "c1", "interrupted", faulttest.WordsText(5))
	a.Thaw()
	gate.Open()
	// The one who took the run over has the stream: who reads it here may be cut, comes again, and finds the reply.
	if end := reply.End(t, 20*time.Second); end.Done {
		require.Equal(t, "complete", end.Whole(t).Status)
		require.Equal(t, faulttest.WordsText(10), end.Text)
	}
	faulttest.Until(t, 10*time.Second, "the whole reply", func() bool { return w.db.Brain(t).Runs[0].Status == "complete" })
	me(a).Resume("c1").Answer.Want(t, http.StatusNoContent, "")
	w.complete(me(b), "c1", faulttest.WordsText(10))
	require.Len(t, me(b).Messages(t, "c1"), 2)
	w.says(me(b), "c1")
	w.balanced()
	brain := w.db.Brain(t)
	require.EqualValues(t, 10+3, brain.Output, "the provider's figures replace the estimate")
	require.EqualValues(t, 2*faulttest.PromptTokens, brain.Input)
	require.Equal(t, 2, brain.DayUsed)
}

// As before, but the user went on meanwhile: what they have is left as it is, and what was used is still counted.
func TestFrozenProcessComesBackTooLate(t *testing.T) {
	t.Parallel()
	gate := faulttest.NewGate()
	w := setup(t, gate.Then(5, 10))
	a, b := w.server(), w.server()
	me := w.person()
	reply := me(a).Send("c1", "m1", "hello").Saw(t, 4)
	me(b).Resume("c1").Saw(t, 4).Leave() // so it is in Redis
	a.Freeze()
	w.db.Settled(t, 10*timeout)
	w.says(me(b), "c1")
	before := me(b).Messages(t, "c1")
	require.Len(t, before, 4)
	a.Thaw()
	gate.Open()
	if end := reply.End(t, 20*time.Second); end.Done {
		end.Whole(t)
	}
	faulttest.Until(t, 10*time.Second, "the provider's figures", func() bool { return !w.db.Brain(t).Runs[0].Estimated })
	w.balanced()
	after := me(b).Messages(t, "c1")
	require.Len(t, after, 4)
	require.Equal(t, before[2:], after[2:], "what the user did since is as it was")
	require.Contains(t, []string{faulttest.WordsText(5), faulttest.WordsText(10)}, after[1].Text())
	require.Equal(t, 2, w.db.Brain(t).DayUsed)
}

// The same message twice at the same instant, at two replicas: one message, one run, one charge, and both get the whole reply.
func TestDoublePost(t *testing.T) {
	t.Parallel()
	w := setup(t, faulttest.Words(10, 20*time.Millisecond))
	servers := []*faulttest.Server{w.server(), w.server()}
	me := w.person()
	w.warm(me(servers[0]))
	w.warm(me(servers[1]))
	const times = 10
	for i := range times {
		conversation, text := fmt.Sprint("c", i), fmt.Sprint("double ", i)
		replies := make([]*faulttest.Reply, 2)
		var both sync.WaitGroup
		start := make(chan struct{})
		for j, s := range servers {
			both.Go(func() {
				<-start
				replies[j] = me(s).Send(conversation, fmt.Sprint("m", i), text)
			})
		}
		close(start)
		both.Wait()
		var ids []any
		for _, r := range replies {
			end := r.End(t, 20*time.Second).Whole(t)
			require.Equal(t, "complete", end.Status)
			require.Equal(t, faulttest.WordsText(10), end.Text)
			ids = append(ids, end.Chunks[0]["messageId"])
		}
		require.Equal(t, ids[0], ids[1])
		require.Len(t, w.provider.CallsAbout(text), 1)
		require.Len(t, me(servers[0]).Messages(t, conversation), 2)
		// Once more after the end, and once long after, when nothing but the database knows of the run.
		require.Equal(t, faulttest.WordsText(10), me(servers[i%2]).Send(conversation, fmt.Sprint("m", i), text).End(t, 20*time.Second).Whole(t).Text)
	}
	w.redis.Empty(t)
	for _, s := range servers {
		s.Terminate()
		require.NoError(t, s.Wait(t, 20*time.Second))
		s.Start(t)
	}
	end := me(servers[1]).Send("c0", "m0", "double 0").End(t, 20*time.Second).Whole(t)
	require.Equal(t, faulttest.WordsText(10), end.Text)
	require.Equal(t, "complete", end.Status)
	// Another text under the same id is another message.
	me(servers[1]).Send("c0", "m0", "other words").Answer.Want(t, http.StatusConflict, "conflict")
	w.balanced()
	brain := w.db.Brain(t)
	require.Len(t, brain.Runs, times)
	require.Equal(t, times, brain.DayUsed)
}

// A conversation is deleted on another replica than the one where its reply is under way.
func TestDeleteWhileStreaming(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"with Redis", "without Redis"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t, faulttest.Words(10_000, 20*time.Millisecond))
			a, b := w.server(), w.server()
			me := w.person()
			reply := me(a).Send("c1", "m1", "hello").Saw(t, 4)
			if name == "without Redis" {
				w.toRedis.Down()
			}
			begin := time.Now()
			answer := me(b).Do(http.MethodDelete, "/api/conversations/c1", "")
			require.Less(t, answer.Status, 300, answer)
			require.Less(t, time.Since(begin), timeout+2*time.Second)
			reply.End(t, 10*time.Second)
			calls := w.provider.CallsAbout("hello")
			require.Len(t, calls, 1)
			faulttest.Until(t, 10*time.Second, "the provider is left alone", calls[0].Cancelled)
			w.db.Settled(t, 10*time.Second)
			for _, s := range []*faulttest.Server{a, b} {
				me(s).Get("/api/conversations/c1/messages").Want(t, http.StatusNotFound, "not_found")
				me(s).Resume("c1").Answer.Want(t, http.StatusNoContent, "")
			}
			brain := w.db.Brain(t)
			require.Empty(t, brain.Messages)
			require.Empty(t, brain.Runs)
			require.Equal(t, 1, w.db.Count(t, "SELECT count(*) FROM public.usage_daily WHERE output_tokens > 0"), "what it used is counted")
			w.toRedis.Pass()
			w.says(me(b), "c1") // the id is free again
		})
	}
}

// Stop reaches the provider from any replica, also without Redis, then within a beat.
func TestStopOnOtherReplica(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault  func(*world)
		within time.Duration
	}{
		"with Redis":         {func(*world) {}, time.Second},
		"Redis refused":      {func(w *world) { w.toRedis.Down() }, timeout + time.Second},
		"Redis black-holed":  {func(w *world) { w.toRedis.Freeze() }, timeout + 3*time.Second},
		"its reader is gone": {func(*world) {}, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t, faulttest.Stalls(5))
			a, b := w.server(), w.server()
			me := w.person()
			w.warm(me(b))
			reply := me(a).Send("c1", "m1", "hello").Saw(t, 4)
			if strings.Contains(name, "gone") {
				reply.Leave()
			}
			c.fault(w)
			begin := time.Now()
			answer := me(b).Stop("c1").Want(t, http.StatusOK, "")
			require.Less(t, time.Since(begin), c.within)
			require.Contains(t, answer.Body, "true")
			w.last(me(b), "c1", "aborted", faulttest.WordsText(5))
			calls := w.provider.CallsAbout("hello")
			require.Len(t, calls, 1)
			faulttest.Until(t, 5*time.Second, "the provider is left alone", calls[0].Cancelled)
			if !strings.Contains(name, "gone") {
				require.Equal(t, "abort", reply.End(t, 10*time.Second).Whole(t).Kind)
			}
			require.Contains(t, me(b).Stop("c1").Want(t, http.StatusOK, "").Body, "false")
			w.says(me(b), "c1")
			w.balanced()
			brain := w.db.Brain(t)
			require.True(t, brain.Runs[0].Estimated)
			require.Positive(t, brain.Runs[0].Output)
		})
	}
}
