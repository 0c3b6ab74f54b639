package auth_test

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/auth"
	"twobrains/internal/auth/authtest"
	"twobrains/internal/problem"
)

// ways to make a verifier forget somebody.
var forgetting = map[string]func(*auth.Verifier, auth.Credential, uuid.UUID){
	"credential": func(v *auth.Verifier, cred auth.Credential, _ uuid.UUID) { v.Forget(cred) },
	"session":    func(v *auth.Verifier, _ auth.Credential, id uuid.UUID) { v.ForgetSession(authtest.SessionID(id)) },
	"user":       func(v *auth.Verifier, _ auth.Credential, id uuid.UUID) { v.ForgetUser(id) },
	"all":        func(v *auth.Verifier, _ auth.Credential, _ uuid.UUID) { v.ForgetAll() },
}

func TestForget(t *testing.T) {
	t.Parallel()
	for name, forget := range forgetting {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ids := authtest.NewIdentities(t)
			id, other := uuid.New(), uuid.New()
			ids.User(t, id)
			ids.User(t, other)
			forget(ids.Verifier, ids.Credential(t, id), id)
			ids.User(t, id)
			require.Equal(t, 3, ids.Asked())
			ids.User(t, id)
			require.Equal(t, 3, ids.Asked(), "what was asked after the invalidation is remembered")
			ids.User(t, other)
			want := 3
			if name == "all" {
				want = 4
			}
			require.Equal(t, want, ids.Asked(), "others are left alone")
		})
	}
}

// The session is revoked while Kratos's confirmation of it is on the way: neither the caller nor anybody later may get
// that confirmation.
func TestForgetWhileAsking(t *testing.T) {
	t.Parallel()
	for name, forget := range forgetting {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ids := authtest.NewIdentities(t)
			id := uuid.New()
			cred := ids.Credential(t, id)
			ids.Hold()
			result := make(chan error, 1)
			go func() {
				_, _, err := ids.Verifier.Verify(t.Context(), cred)
				result <- err
			}()
			eventually(t, "the question is under way", func() bool { return ids.Asked() == 1 })
			forget(ids.Verifier, cred, id)

			// Whoever comes now does not join the old question.
			late := make(chan error, 1)
			go func() {
				_, _, err := ids.Verifier.Verify(t.Context(), cred)
				late <- err
			}()
			eventually(t, "the late caller asks for himself", func() bool { return ids.Asked() == 2 })
			ids.Release()
			require.NoError(t, <-result, "asked again, and still good here")
			require.NoError(t, <-late)

			ids.Set(authtest.Refusing)
			ids.Verifier.Forget(cred)
			_, _, err := ids.Verifier.Verify(t.Context(), cred)
			require.Equal(t, problem.CodeUnauthenticated, code(t, err))
		})
	}
}

func TestForgetWhileAskingThenRefused(t *testing.T) {
	t.Parallel()
	ids := authtest.NewIdentities(t)
	id := uuid.New()
	cred := ids.Credential(t, id)
	ids.Hold()
	result := make(chan error, 1)
	go func() {
		_, _, err := ids.Verifier.Verify(t.Context(), cred)
		result <- err
	}()
	eventually(t, "the question is under way", func() bool { return ids.Asked() == 1 })
	ids.Set(authtest.Refusing) // the one under way was accepted before
	ids.Verifier.ForgetUser(id)
	ids.Release()
	require.Equal(t, problem.CodeUnauthenticated, code(t, <-result))
}

// An endless number of invalidations neither grows memory nor lets one be forgotten.
func TestForgetMany(t *testing.T) {
	t.Parallel()
	ids := authtest.NewIdentities(t)
	id := uuid.New()
	ids.User(t, id)
	ids.Verifier.ForgetUser(id)
	for range 120_000 {
		ids.Verifier.ForgetUser(uuid.New())
	}
	ids.User(t, id)
	require.Equal(t, 2, ids.Asked())
}

func TestForgetRace(t *testing.T) {
	t.Parallel()
	ids := startIdentities(t, auth.Options{TTL: time.Hour, CacheSize: 16})
	users := make([]uuid.UUID, 32)
	for i := range users {
		users[i] = uuid.New()
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 300 {
				id := users[rand.IntN(len(users))]
				cred := ids.Credential(t, id)
				switch rand.IntN(10) {
				case 0:
					ids.Verifier.Forget(cred)
				case 1:
					ids.Verifier.ForgetSession(authtest.SessionID(id))
				case 2:
					ids.Verifier.ForgetUser(id)
				default:
					u, _, err := ids.Verifier.Verify(t.Context(), cred)
					if err != nil && !problem.HasCode(err, problem.CodeUnavailable) || err == nil && u.ID() != id {
						t.Errorf("verify: %v, %v", u.ID(), err)
					}
				}
			}
		})
	}
	wg.Wait()
}
