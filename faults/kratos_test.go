package faults

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"twobrains/internal/faulttest"
)

// Kratos dies, or its database does, when it answers 401 to everybody. Who was asked about a moment ago goes on for SESSION_TTL; nobody
// is told to sign in again for it.
func TestKratosAway(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		leave, back func(*faulttest.Kratos, *faulttest.Proxy)
	}{
		"killed": {
			func(k *faulttest.Kratos, _ *faulttest.Proxy) { k.Kill() },
			func(k *faulttest.Kratos, _ *faulttest.Proxy) { k.Start(t) },
		},
		"its database away": {
			func(_ *faulttest.Kratos, p *faulttest.Proxy) { p.Down() },
			func(_ *faulttest.Kratos, p *faulttest.Proxy) { p.Pass() },
		},
		"its database black-holed": {
			func(_ *faulttest.Kratos, p *faulttest.Proxy) { p.Freeze() },
			func(_ *faulttest.Kratos, p *faulttest.Proxy) { p.Pass() },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gate := faulttest.NewGate()
			const ttl = 8 * time.Second
			w := setup(t, gate.Then(5, 10), ownPostgres, env("SESSION_TTL", ttl.String()))
			toDatabase := faulttest.NewProxy(t, w.postgres.Addr)
			kratos := faulttest.NewKratos(t, w.postgres, toDatabase)
			w.kratos = kratos.Public
			s := w.server()
			me, stranger, nobody := s.As(kratos.Login(t)), s.As(kratos.Login(t)), s.As("canary_of_nobody")
			nobody.Get("/api/conversations").Want(t, http.StatusUnauthorized, "unauthenticated")
			w.warm(me)
			asked := time.Now()
			reply := me.Send("c1", "m1", "hello").Saw(t, 4)
			c.leave(kratos, toDatabase)

			me.Get("/api/conversations").Want(t, http.StatusOK, "")
			me.Resume("c1").Saw(t, 4).Leave()
			require.Less(t, time.Since(asked), ttl, "the test is slower than the cache is long")
			begin := time.Now()
			stranger.Get("/api/conversations").Want(t, http.StatusServiceUnavailable, "unavailable")
			nobody.Get("/api/conversations").Want(t, http.StatusServiceUnavailable, "unavailable")
			require.Less(t, time.Since(begin), 15*time.Second)
			require.Equal(t, http.StatusServiceUnavailable, (&faulttest.Client{Base: s.URL}).Get("/readyz").Status)
			faulttest.Until(t, 2*ttl, "the end of what is remembered", func() bool { return time.Since(asked) > ttl })
			me.Get("/api/conversations").Want(t, http.StatusServiceUnavailable, "unavailable")

			gate.Open()
			end := reply.End(t, 20*time.Second).Whole(t)
			require.Equal(t, "complete", end.Status, "a reply asks for no session again")
			c.back(kratos, toDatabase)
			faulttest.Until(t, 20*time.Second, "Kratos answers again", func() bool { return me.Get("/api/conversations").Status == http.StatusOK })
			w.complete(me, "c1", faulttest.WordsText(10))
			w.says(me, "c1")
			stranger.Get("/api/conversations").Want(t, http.StatusOK, "")
			nobody.Get("/api/conversations").Want(t, http.StatusUnauthorized, "unauthenticated")
			w.balanced()
		})
	}
}
