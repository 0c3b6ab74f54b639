package faults

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/api/apitest"
	"twobrains/internal/faulttest"
)

// clock is a server's clock that can be set.
type clock struct{ off atomic.Int64 }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.off.Load())) }

func (c *clock) jump(d time.Duration) { c.off.Add(int64(d)) }

// The clock of one replica jumps by hours and days while a reply is under way there, the other's stands right. Nobody takes anybody for
// dead, nobody is signed out, nobody is locked out by a limit that ends in the far future.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	for _, jumps := range [][]time.Duration{
		{6 * time.Hour}, {-6 * time.Hour}, {30 * 24 * time.Hour}, {-30 * 24 * time.Hour}, {6 * time.Hour, -12 * time.Hour}, {-48 * time.Hour, 96 * time.Hour},
	} {
		t.Run(fmt.Sprint(jumps), func(t *testing.T) {
			t.Parallel()
			gate := faulttest.NewGate()
			w := setup(t, gate.Then(5, 10))
			first := apitest.Start(t, apitest.Options{Env: w.inProcess(), Database: w.shared})
			wrong := &clock{}
			env := w.inProcess()
			env["RATE_LIMIT_USER"] = "20/1m"
			jumping := apitest.Start(t, apitest.Options{Env: env, Database: w.shared, Clock: wrong.now})
			id := uuid.New()
			me := &faulttest.Client{Base: jumping.URL, Token: jumping.Identities.Token(id)}
			elsewhere := &faulttest.Client{Base: first.URL, Token: first.Identities.Token(id)}
			w.warm(elsewhere)
			reply := me.Send("c1", "m1", "hello").Saw(t, 4)
			for i, jump := range jumps {
				wrong.jump(jump)
				begin := time.Now()
				faulttest.Until(t, 3*timeout, "time for everybody to judge everybody", func() bool { return time.Since(begin) > timeout*3/2 })
				me.Get("/api/conversations").Want(t, http.StatusOK, "")
				me.Resume("c1").Saw(t, 4).Leave()
				elsewhere.Resume("c1").Saw(t, 4).Leave()
				elsewhere.Send("c1", fmt.Sprint("x", i), "me too").Answer.Want(t, http.StatusConflict, "run_active")
				require.False(t, reply.Over())
			}
			w.says(me, "c2")

			// The limit is used up, and the clock goes back: it lasts a minute, not hours.
			other := &faulttest.Client{Base: jumping.URL, Token: jumping.Identities.Token(uuid.New())}
			limited := faulttest.Answer{}
			for range 30 {
				if limited = other.Get("/api/conversations"); limited.Status != http.StatusOK {
					break
				}
			}
			limited.Want(t, http.StatusTooManyRequests, "rate_limited")
			require.LessOrEqual(t, limited.Problem.RetryAfter, 60)
			wrong.jump(-6 * time.Hour)
			if again := other.Get("/api/conversations"); again.Status != http.StatusOK {
				again.Want(t, http.StatusTooManyRequests, "rate_limited")
				require.LessOrEqual(t, again.Problem.RetryAfter, 60)
			}
			me.Get("/api/conversations").Want(t, http.StatusOK, "")

			gate.Open()
			end := reply.End(t, 20*time.Second).Whole(t)
			require.Equal(t, "complete", end.Status)
			w.complete(elsewhere, "c1", faulttest.WordsText(10))
			w.says(elsewhere, "c1")
			w.db.Settled(t, 20*time.Second)
			brain := w.brain(me)
			require.NoError(t, brain.UsageBalanced())
			require.Len(t, brain.Runs, 3)
			// A counter starts over where the clock says that a day has begun, and never goes back to an earlier one.
			require.Positive(t, brain.DayUsed)
			require.LessOrEqual(t, brain.DayUsed, 3)
		})
	}
}
