package faults

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"twobrains/internal/faulttest"
)

// Postgres has no room: first to take a message, then to take the reply.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	gate := faulttest.NewGate()
	w := setup(t, gate.Then(5, 10), ownPostgres)
	disk := w.postgres.SmallDisk(t, 48<<20)
	s := w.server()
	me := w.person()(s)
	w.warm(me)
	long := "" // does not fit where a few words would, and cannot be compressed
	for range 600 {
		long += faulttest.NewID()
	}

	disk.Fill(t)
	me.Send("c1", "m1", long).Answer.Want(t, http.StatusServiceUnavailable, "unavailable")
	stranger := w.person()(s)
	stranger.Send("c1", "m1", "my brain is not made yet").Answer.Want(t, http.StatusServiceUnavailable, "brain_unavailable")
	disk.Free(t)

	reply := me.Send("c1", "m1", long).Saw(t, 4)
	disk.Fill(t)
	gate.Open()
	reply.Saw(t, 9)
	faulttest.Until(t, 20*time.Second, "an attempt to store the reply", func() bool { return strings.Count(s.Log(), "53100") > 1 || reply.Over() })
	disk.Free(t)
	end := reply.End(t, 30*time.Second).Whole(t)
	require.Equal(t, "complete", end.Status)
	w.complete(me, "c1", faulttest.WordsText(10))
	w.says(me, "c1")
	faulttest.Until(t, 90*time.Second, "the stranger's brain is made", func() bool {
		return stranger.Get("/api/conversations").Status == http.StatusOK
	})
	w.balanced()
}

// The same error at chosen places, so that each is met for certain.
func TestDiskFullAtPrepareAndSettle(t *testing.T) {
	t.Parallel()
	w := setup(t, faulttest.Words(1, 0))
	s := w.server()
	me := w.person()(s)
	w.warm(me)
	schema := w.db.Brain(t).Schema
	w.db.Exec(t, `CREATE FUNCTION public.full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$`)
	full := func(table, when string) (mend func()) {
		w.db.Exec(t, "CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON "+table+" FOR EACH ROW WHEN ("+when+") EXECUTE FUNCTION public.full_disk()")
		return func() { w.db.Exec(t, "DROP TRIGGER full_disk ON "+table) }
	}
	for _, c := range []struct{ table, when string }{
		{schema + ".messages", "NEW.role = 'user'"}, {schema + ".conversations", "true"}, {schema + ".runs", "NEW.status = 'running'"},
		{"public.quota_counters", "true"}, {"public.run_tickets", "true"},
	} {
		mend := full(c.table, c.when)
		me.Send("c0", "m0", "hello").Answer.Want(t, http.StatusServiceUnavailable, "unavailable")
		mend()
	}
	b := w.db.Brain(t)
	require.Empty(t, b.Messages)
	require.Empty(t, b.Runs)
	require.Zero(t, b.DayUsed)
	require.Empty(t, w.provider.Calls())

	for i, c := range []struct{ table, when string }{
		{schema + ".messages", "NEW.role = 'assistant'"}, {schema + ".runs", "NEW.status <> 'running'"}, {"public.usage_daily", "true"},
	} {
		gate := faulttest.NewGate()
		w.provider.On(c.table, gate.Then(5, 10))
		reply := me.Send("c1", faulttest.NewID(), c.table).Saw(t, 4)
		mend := full(c.table, c.when)
		before := strings.Count(s.Log(), "53100")
		gate.Open()
		reply.Saw(t, 9)
		faulttest.Until(t, 20*time.Second, "an attempt to store the reply", func() bool { return strings.Count(s.Log(), "53100") > before })
		require.False(t, reply.Over())
		mend()
		require.Equal(t, "complete", reply.End(t, 30*time.Second).Whole(t).Status)
		require.Len(t, me.Messages(t, "c1"), 2*(i+1))
	}
	w.says(me, "c1")
	w.balanced()
}
