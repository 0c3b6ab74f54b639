package auth_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/auth"
	"twobrains/internal/auth/authtest"
	"twobrains/internal/problem"
)

func startIdentities(t *testing.T, o auth.Options) *authtest.Identities {
	t.Helper()
	ids, stop, err := authtest.Start(o)
	require.NoError(t, err)
	t.Cleanup(stop)
	return ids
}

func TestVerify(t *testing.T) {
	t.Parallel()
	ids := authtest.NewIdentities(t)
	id := uuid.New()
	u := ids.User(t, id)
	require.Equal(t, id, u.ID())
	require.Equal(t, authtest.Email(id), u.Email())
	require.Equal(t, authtest.SessionID(id), u.SessionID())
	require.Equal(t, "aal1", u.AAL())
	require.WithinDuration(t, time.Now(), u.AuthenticatedAt(), time.Minute)
	require.WithinDuration(t, time.Now().Add(24*time.Hour), u.ExpiresAt(), time.Minute)
	require.False(t, u.IsZero())
	require.True(t, auth.User{}.IsZero())

	ids.User(t, id)
	require.Equal(t, 1, ids.Asked(), "the second time it is remembered")
	other := uuid.New()
	require.Equal(t, other, ids.User(t, other).ID())
	require.Equal(t, 2, ids.Asked())

	_, _, err := ids.Verifier.Verify(t.Context(), auth.Credential{})
	require.Equal(t, problem.CodeUnauthenticated, code(t, err))
	_, _, err = ids.Verifier.VerifyFresh(t.Context(), auth.Credential{})
	require.Equal(t, problem.CodeUnauthenticated, code(t, err))
}

func TestVerifyTellsFailuresApart(t *testing.T) {
	t.Parallel()
	for fault, want := range map[authtest.Fault]problem.Code{
		authtest.Refusing:      problem.CodeUnauthenticated,
		authtest.Inactive:      problem.CodeUnauthenticated,
		authtest.StateInactive: problem.CodeUnauthenticated,
		authtest.SecondFactor:  problem.CodeSecondFactorRequired,
		authtest.DatabaseDown:  problem.CodeUnavailable,
		authtest.Broken:        problem.CodeUnavailable,
		authtest.Forbidden:     problem.CodeUnavailable,
		authtest.Hanging:       problem.CodeUnavailable,
		authtest.Garbage:       problem.CodeUnavailable,
		authtest.NilIdentity:   problem.CodeUnavailable,
		authtest.Redirecting:   problem.CodeUnavailable,
		authtest.Endless:       problem.CodeUnavailable,
	} {
		t.Run(string(want), func(t *testing.T) {
			t.Parallel()
			ids := startIdentities(t, auth.Options{LookupTimeout: time.Second})
			ids.Set(fault)
			id := uuid.New()
			cred := ids.Credential(t, id)
			for range 2 { // refusals are not remembered
				before := ids.Asked()
				_, _, err := ids.Verifier.Verify(t.Context(), cred)
				require.Equal(t, want, code(t, err), "fault %d: %v", fault, err)
				require.Equal(t, before+1, ids.Asked())
				require.NotContains(t, err.Error(), "10.0.0.1", "answers of Kratos are not quoted, even to the log")
				require.NotContains(t, err.Error(), ids.Token(id))
				if want == problem.CodeUnavailable {
					require.Positive(t, problem.From(err).RetryAfter)
				}
			}
			if fault == authtest.DatabaseDown {
				require.Equal(t, 2, ids.AskedReady(), "readiness is asked afresh each time")
			}
			ids.Set(authtest.None)
			require.Equal(t, id, ids.User(t, id).ID())
		})
	}
}

func TestVerifyKratosGone(t *testing.T) {
	t.Parallel()
	v, err := auth.NewVerifier(auth.Options{PublicURL: "http://127.0.0.1:1"})
	require.NoError(t, err)
	t.Cleanup(v.Close)
	_, _, err = v.Verify(t.Context(), authtest.Credential(t, "ory_st_x"))
	require.Equal(t, problem.CodeUnavailable, code(t, err))
	require.Error(t, v.Ready(t.Context()))
}

func TestVerifyOutlivesAnOutageWithinTheTTL(t *testing.T) {
	t.Parallel()
	clock := newClock()
	ids := startIdentities(t, auth.Options{Clock: clock.Now, TTL: 15 * time.Second})
	id := uuid.New()
	ids.User(t, id)
	ids.Set(authtest.DatabaseDown)
	clock.Advance(14 * time.Second)
	ids.User(t, id)
	clock.Advance(time.Second)
	_, _, err := ids.Verifier.Verify(t.Context(), ids.Credential(t, id))
	require.Equal(t, problem.CodeUnavailable, code(t, err))
}

func TestVerifyNeverBelievesBeyondTheSessionsEnd(t *testing.T) {
	t.Parallel()
	clock := newClock()
	ids := startIdentities(t, auth.Options{Clock: clock.Now, TTL: 1000 * time.Hour})
	id := uuid.New()
	ids.User(t, id)
	clock.Advance(23 * time.Hour)
	ids.User(t, id)
	require.Equal(t, 1, ids.Asked())
	clock.Advance(2 * time.Hour)
	for asked := 2; asked < 4; asked++ {
		ids.User(t, id)
		require.Equal(t, asked, ids.Asked(), "by our clock the session has ended: Kratos is asked each time, and believed")
	}
}

func TestVerifyFresh(t *testing.T) {
	t.Parallel()
	ids := authtest.NewIdentities(t)
	id := uuid.New()
	cred := ids.Credential(t, id)
	ids.User(t, id)
	u, _, err := ids.Verifier.VerifyFresh(t.Context(), cred)
	require.NoError(t, err)
	require.Equal(t, id, u.ID())
	require.Equal(t, 2, ids.Asked())

	ids.Set(authtest.Refusing)
	_, _, err = ids.Verifier.VerifyFresh(t.Context(), cred)
	require.Equal(t, problem.CodeUnauthenticated, code(t, err))
	_, _, err = ids.Verifier.Verify(t.Context(), cred)
	require.Equal(t, problem.CodeUnauthenticated, code(t, err), "what was remembered died with the fresh refusal")
}

func TestVerifyAsksOnceForMany(t *testing.T) {
	t.Parallel()
	ids := authtest.NewIdentities(t)
	ids.Hold()
	id := uuid.New()
	cred := ids.Credential(t, id)

	// The first caller leaves before the answer comes; the others are none the worse.
	first, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, _, err := ids.Verifier.Verify(first, cred)
		left <- err
	}()
	eventually(t, "the question is under way", func() bool { return ids.Asked() == 1 })
	leave()
	require.Equal(t, problem.CodeUnavailable, code(t, <-left))

	var wg sync.WaitGroup
	var good atomic.Int32
	for range 50 {
		wg.Go(func() {
			if u, _, err := ids.Verifier.Verify(t.Context(), cred); err == nil && u.ID() == id {
				good.Add(1)
			}
		})
	}
	ids.Release()
	wg.Wait()
	require.EqualValues(t, 50, good.Load())
	require.Equal(t, 1, ids.Asked())
}

func TestVerifyBoundsQuestions(t *testing.T) {
	t.Parallel()
	ids := startIdentities(t, auth.Options{MaxLookups: 2, LookupTimeout: 300 * time.Millisecond})
	ids.Hold()
	t.Cleanup(ids.Release)
	var wg sync.WaitGroup
	var busy, unavailable atomic.Int32
	for range 20 {
		cred := ids.Credential(t, uuid.New())
		wg.Go(func() {
			_, _, err := ids.Verifier.Verify(t.Context(), cred)
			switch {
			case problem.HasCode(err, problem.CodeBusy):
				busy.Add(1)
			case problem.HasCode(err, problem.CodeUnavailable):
				unavailable.Add(1)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 20, busy.Load()+unavailable.Load())
	require.LessOrEqual(t, ids.Asked(), 6, "two at a time, and nobody waits longer than one question")
	require.Positive(t, busy.Load())
}

func TestVerifyEvents(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen := map[auth.Event]int{}
	ids := startIdentities(t, auth.Options{OnEvent: func(e auth.Event) {
		mu.Lock()
		defer mu.Unlock()
		seen[e]++
	}})
	id := uuid.New()
	ids.User(t, id)
	ids.User(t, id)
	ids.Verifier.ForgetUser(id)
	for _, fault := range []authtest.Fault{authtest.Refusing, authtest.SecondFactor, authtest.Broken} {
		ids.Set(fault)
		_, _, err := ids.Verifier.Verify(t.Context(), ids.Credential(t, id))
		require.Error(t, err)
	}
	require.Equal(t, map[auth.Event]int{
		auth.EventAccepted: 1, auth.EventHit: 1, auth.EventForgotten: 1,
		auth.EventRefused: 1, auth.EventSecondFactor: 1, auth.EventUnavailable: 1,
	}, seen)
}

func TestNewVerifierRefusesBadURLs(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "kratos:4433", "ftp://kratos", "http://", "http://user:password@kratos", "http://kratos?x=y", "http://%zz"} {
		_, err := auth.NewVerifier(auth.Options{PublicURL: url})
		require.Error(t, err, url)
		require.NotContains(t, err.Error(), "password")
	}
}

func BenchmarkVerifyHit(b *testing.B) {
	ids := authtest.NewIdentities(b)
	cred := ids.Credential(b, uuid.New())
	b.Run("no marks", func(b *testing.B) {
		for b.Loop() {
			_, _, _ = ids.Verifier.Verify(b.Context(), cred)
		}
	})
	ids.Verifier.ForgetUser(uuid.New())
	b.Run("marks", func(b *testing.B) {
		for b.Loop() {
			_, _, _ = ids.Verifier.Verify(b.Context(), cred)
		}
	})
}
