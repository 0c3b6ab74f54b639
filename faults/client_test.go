package faults

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"twobrains/internal/faulttest"
)

// The network between a browser and the server: it breaks in the middle of the stream, or a reader takes in nothing more. Neither the
// run nor another reader notices.
func TestClientCutOffOrSlow(t *testing.T) {
	t.Parallel()
	gate := faulttest.NewGate()
	w := setup(t, gate.Then(5, 2000))
	s := w.server()
	me := w.person()(s)
	link := faulttest.NewProxy(t, strings.TrimPrefix(s.URL, "http://"))
	far := &faulttest.Client{Base: "http://" + link.Addr, Token: me.Token}

	link.CutAfter(faulttest.Down, 700)
	cut := far.Send("c1", "m1", "hello").OK(t).End(t, 20*time.Second)
	require.True(t, cut.Cut && !cut.Done)
	link.Pass()
	slow := far.Resume("c1").Saw(t, 4)
	link.Freeze()
	near := me.Resume("c1").Saw(t, 4)
	gate.Open()
	end := near.End(t, 20*time.Second).Whole(t)
	require.Equal(t, faulttest.WordsText(2000), end.Text)
	require.False(t, slow.Over())
	link.Pass()
	if end := slow.End(t, 20*time.Second); end.Done {
		require.Equal(t, faulttest.WordsText(2000), end.Whole(t).Text)
	}
	w.complete(me, "c1", faulttest.WordsText(2000))
	require.Len(t, w.provider.CallsAbout("hello"), 1)
	// The answer to the POST never comes, and the client sends it again.
	link.CutAfter(faulttest.Up, 150)
	require.NotEqual(t, http.StatusOK, far.Send("c2", "m2", "sent in part").Status)
	link.Pass()
	link.CutAfter(faulttest.Down, 10)
	require.Error(t, far.Send("c2", "m2", "and now?").Err)
	link.Pass()
	again := far.Send("c2", "m2", "and now?").End(t, 20*time.Second).Whole(t)
	require.Equal(t, faulttest.WordsText(3), again.Text)
	require.Len(t, w.provider.CallsAbout("and now?"), 1)
	w.says(me, "c1")
	w.balanced()
	require.Equal(t, 3, w.brain(me).DayUsed)
}

// More than there is room for is refused at once, and takes nothing.
func TestMoreThanThereIsRoomFor(t *testing.T) {
	t.Parallel()
	gate := faulttest.NewGate()
	w := setup(t, gate.Then(5, 10), env("MAX_STREAMS", "3"))
	s := w.server()
	me := w.person()(s)
	w.warm(me)
	var replies []*faulttest.Reply
	for _, c := range []string{"c1", "c2", "c3"} {
		replies = append(replies, me.Send(c, "of-"+c, "hello").Saw(t, 4))
	}
	begin := time.Now()
	me.Send("c4", "of-c4", "hello").Answer.Want(t, http.StatusServiceUnavailable, "busy")
	require.Less(t, time.Since(begin), time.Second)
	me.Get("/api/conversations").Want(t, http.StatusOK, "")
	gate.Open()
	for _, r := range replies {
		require.Equal(t, "complete", r.End(t, 20*time.Second).Whole(t).Status)
	}
	w.says(me, "c4")
	w.balanced()
	require.Len(t, w.brain(me).Runs, 4)
}
