package faults

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"twobrains/internal/faulttest"
)

// Postgres goes away in the three ways in which it can while a reply is under way, and comes back before the reply ends or after.
func TestPostgresRestartedMidRun(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		leave func(*faulttest.Postgres)
		// endsWhileAway: the reply comes to its end while there is no database to store it.
		endsWhileAway bool
	}{
		"stopped in good order": {func(pg *faulttest.Postgres) { pg.Stop(t) }, false},
		"crashed":               {func(pg *faulttest.Postgres) { pg.Crash(t) }, true},
		"killed":                {func(pg *faulttest.Postgres) { pg.Kill() }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gate := faulttest.NewGate()
			w := setup(t, gate.Then(5, 10), ownPostgres)
			s := w.server()
			me := w.person()(s)
			reply := me.Send("c1", "m1", "hello").Saw(t, 4)
			c.leave(w.postgres)
			me.Send("c2", "m2", "hello?").Answer.Want(t, http.StatusServiceUnavailable, "unavailable")
			me.Get("/api/conversations").Want(t, http.StatusServiceUnavailable, "unavailable")
			ready := (&faulttest.Client{Base: s.URL}).Get("/readyz")
			require.Equal(t, http.StatusServiceUnavailable, ready.Status, ready)
			require.Contains(t, ready.Body, `"postgres":"down"`)
			if c.endsWhileAway {
				gate.Open()
				reply.Saw(t, 9)
				require.False(t, reply.Over(), "the end waits until the reply is stored")
			}
			w.postgres.Start(t)
			gate.Open()
			end := reply.End(t, 30*time.Second).Whole(t)
			require.Equal(t, "finish", end.Kind)
			require.Equal(t, faulttest.WordsText(10), end.Text)
			w.complete(me, "c1", end.Text)
			w.says(me, "c1")
			w.balanced()
			b := w.db.Brain(t)
			require.Len(t, b.Messages, 4, "the message that was refused is not stored")
			require.EqualValues(t, 2*faulttest.PromptTokens, b.Input)
			require.EqualValues(t, 10+3, b.Output)
			require.Equal(t, 2, b.DayUsed)
		})
	}
}

// Who looks at the clock only would take every process for dead after this.
func TestPostgresDownLongerThanHeartbeat(t *testing.T) {
	t.Parallel()
	gates := []*faulttest.Gate{faulttest.NewGate(), faulttest.NewGate()}
	w := setup(t, gates[1].Then(5, 10), ownPostgres)
	w.provider.On("ends while Postgres is away", gates[0].Then(5, 10))
	a, b := w.server(), w.server()
	me := w.person()
	first := me(a).Send("c1", "m1", "ends while Postgres is away").Saw(t, 4)
	second := me(b).Send("c2", "m2", "ends later").Saw(t, 4)
	w.postgres.Stop(t)
	away := time.Now()
	gates[0].Open()
	first.Saw(t, 9)
	faulttest.Until(t, 30*time.Second, "longer than the timeout", func() bool { return time.Since(away) > 2*timeout })
	w.postgres.Start(t)
	end := first.End(t, 30*time.Second).Whole(t)
	require.Equal(t, "complete", end.Status)
	back := time.Now()
	faulttest.Until(t, 30*time.Second, "a while for everybody to judge everybody", func() bool { return time.Since(back) > timeout })
	require.False(t, second.Over(), "the run of a living process was ended")
	gates[1].Open()
	end = second.End(t, 30*time.Second).Whole(t)
	require.Equal(t, "complete", end.Status)
	for _, conversation := range []string{"c1", "c2"} {
		w.complete(me(a), conversation, faulttest.WordsText(10))
		w.says(me(b), conversation)
	}
	w.balanced()
	for _, r := range w.db.Brain(t).Runs {
		require.Equal(t, "complete", r.Status)
		require.False(t, r.Estimated)
	}
}

// A failover: the old primary is there again, as a standby that takes no changes, and only new connections get to the new one.
// Connections that met SQLSTATE 25006 must not be kept.
func TestPrimaryReplacedByReadOnly(t *testing.T) {
	t.Parallel()
	gate := faulttest.NewGate()
	w := setup(t, gate.Then(5, 10), ownPostgres)
	standby := w.postgres.Standby(t)
	s := w.server()
	me := w.person()(s)
	reply := me.Send("c1", "m1", "hello").Saw(t, 4)
	w.postgres.FailOver(t, standby)
	old := w.postgres.Database(nil)
	require.Equal(t, 1, old.Count(t, "SELECT pg_is_in_recovery()::int"))

	me.Send("c2", "m2", "to a read-only server").Answer.Want(t, http.StatusServiceUnavailable, "unavailable")
	me.Get("/api/conversations/c1/messages").Want(t, http.StatusOK, "")
	gate.Open()
	reply.Saw(t, 9)
	faulttest.Until(t, 20*time.Second, "an attempt to store the reply", func() bool { return strings.Contains(s.Log(), "25006") })
	require.False(t, reply.Over())
	// The name of the primary now leads to the new one. Nobody cuts the connections that there are.
	w.toPostgres.Retarget(standby.Addr)
	w.db.SuperuserURL = standby.Database(nil).SuperuserURL
	end := reply.End(t, 30*time.Second).Whole(t)
	require.Equal(t, "complete", end.Status)
	w.complete(me, "c1", faulttest.WordsText(10))
	w.says(me, "c1")
	w.says(me, "c2")
	w.balanced()
	require.Zero(t, old.Count(t, "SELECT count(*) FROM pg_stat_activity WHERE usename = 'twobrains_app' AND query ILIKE '%insert%'"), "connections to the old primary are kept")
}

// The network swallows everything: nothing is refused, nothing answers.
func TestPostgresBlackHoled(t *testing.T) {
	t.Parallel()
	gate := faulttest.NewGate()
	w := setup(t, gate.Then(5, 10), ownPostgres)
	s := w.server()
	me := w.person()(s)
	reply := me.Send("c1", "m1", "hello").Saw(t, 4)
	w.toPostgres.Freeze()
	begin := time.Now()
	me.Get("/api/conversations").Want(t, http.StatusServiceUnavailable, "unavailable")
	require.Less(t, time.Since(begin), 18*time.Second, "a unit of work may take 15 s")
	gate.Open()
	reply.Saw(t, 9)
	w.toPostgres.Pass()
	end := reply.End(t, 45*time.Second).Whole(t)
	require.Equal(t, "complete", end.Status)
	w.complete(me, "c1", faulttest.WordsText(10))
	w.says(me, "c1")
	w.balanced()
}
