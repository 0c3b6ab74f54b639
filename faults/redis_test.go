package faults

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"twobrains/internal/faulttest"
)

// Without Redis replies begin, run, and are stored; only who resumes on another replica is told to come again.
func TestRedisAway(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		leave func(*world)
		back  func(*world)
	}{
		"refused":     {func(w *world) { w.toRedis.Down() }, func(w *world) { w.toRedis.Pass() }},
		"black-holed": {func(w *world) { w.toRedis.Freeze() }, func(w *world) { w.toRedis.Pass() }},
		"full": { // it answers, and takes nothing
			func(w *world) { w.redis.Limit(w.t, "1") }, func(w *world) { w.redis.Limit(w.t, "0") },
		},
		"killed": {func(w *world) { w.redis.Kill() }, func(w *world) { w.redis.Start(w.t) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gates := []*faulttest.Gate{faulttest.NewGate(), faulttest.NewGate()}
			w := setup(t, gates[1].Then(5, 10))
			w.provider.On("before", gates[0].Then(5, 10))
			a, b := w.server(), w.server()
			me := w.person()
			before := me(a).Send("c1", "m1", "before").Saw(t, 4)
			me(b).Resume("c1").Saw(t, 4).Leave()
			c.leave(w)

			begin := time.Now()
			during := me(a).Send("c2", "m2", "during").Saw(t, 4)
			require.Less(t, time.Since(begin), 6*time.Second, "a message waits for no Redis")
			ready := (&faulttest.Client{Base: a.URL}).Get("/readyz")
			require.Equal(t, http.StatusOK, ready.Status)
			if name != "full" {
				require.Contains(t, ready.Body, `"redis":"down"`)
			}
			// Where the run is, it can be resumed; elsewhere there is no way to it, and the client is told to come again.
			me(a).Resume("c2").Saw(t, 4).Leave()
			me(b).Resume("c2").Answer.Want(t, http.StatusServiceUnavailable, "resume_unavailable")
			me(b).Resume("never was").Answer.Want(t, http.StatusNoContent, "")
			// The partial unique index of Postgres says that a reply is under way, Redis or not.
			require.NotEmpty(t, me(b).Send("c2", "m3", "me too").Answer.Want(t, http.StatusConflict, "run_active").Problem.RunID)
			gates[0].Open()
			require.Equal(t, "complete", before.End(t, 20*time.Second).Whole(t).Status)
			w.complete(me(b), "c1", faulttest.WordsText(10))

			c.back(w)
			// What was said meanwhile is made up for, also where Redis has lost what it had.
			faulttest.Until(t, 20*time.Second, "resume on the other replica", func() bool {
				r := me(b).Resume("c2")
				if r.Status != http.StatusOK {
					return false
				}
				r.Saw(t, 4).Leave()
				return true
			})
			other := me(b).Resume("c2").Saw(t, 4)
			gates[1].Open()
			for _, reply := range []*faulttest.Reply{during, other} {
				end := reply.End(t, 20*time.Second).Whole(t)
				require.Equal(t, "complete", end.Status)
				require.Equal(t, faulttest.WordsText(10), end.Text)
			}
			w.complete(me(b), "c2", faulttest.WordsText(10))
			w.says(me(b), "c2")
			w.balanced()
		})
	}
}

// Redis loses everything, as by an eviction or a restart that nobody noticed.
func TestRedisEmptiedMidRun(t *testing.T) {
	t.Parallel()
	gate := faulttest.NewGate()
	w := setup(t, gate.Then(5, 10))
	a, b := w.server(), w.server()
	me := w.person()
	reply := me(a).Send("c1", "m1", "hello").Saw(t, 4)
	other := me(b).Resume("c1").Saw(t, 4)
	w.redis.Empty(t)
	gate.Open()
	end := reply.End(t, 20*time.Second).Whole(t)
	require.Equal(t, faulttest.WordsText(10), end.Text)
	// Who followed elsewhere either gets the whole reply or is cut, and then comes again: never a stream that looks whole and is not.
	if end := other.End(t, 20*time.Second); end.Done {
		require.Equal(t, faulttest.WordsText(10), end.Whole(t).Text)
	}
	w.complete(me(b), "c1", faulttest.WordsText(10))
	w.says(me(b), "c1")
	w.balanced()
}
