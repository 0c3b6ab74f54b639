package auth_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"twobrains/internal/auth"
	"twobrains/internal/auth/authtest"
)

// peers are two verifiers of one Kratos that share a Redis, each with its own count of questions.
type peer struct {
	ids           *authtest.Identities
	invalidations *auth.Invalidations
}

func startPeer(t *testing.T, client redis.UniversalClient, prefix string, onError func(error)) peer {
	t.Helper()
	ids := authtest.NewIdentities(t)
	p := peer{ids, auth.NewInvalidations(ids.Verifier, client, prefix, onError)}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = p.invalidations.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	return p
}

// heard waits until the peer has to ask Kratos again about a user it has just asked about.
func (p peer) heard(t *testing.T, id uuid.UUID, publish func()) {
	t.Helper()
	p.ids.User(t, id)
	before := p.ids.Asked()
	eventually(t, "the other replica forgets", func() bool {
		publish() // again and again: the subscription may only be coming up
		p.ids.User(t, id)
		return p.ids.Asked() > before
	})
}

func TestInvalidationsReachOtherReplicas(t *testing.T) {
	t.Parallel()
	prefix := "test:" + uuid.NewString() + ":"
	one := startPeer(t, redisClient(t), prefix, nil)
	other := startPeer(t, redisClient(t), prefix, nil)
	stranger := startPeer(t, redisClient(t), "test:"+uuid.NewString()+":", nil)
	id, bystander := uuid.New(), uuid.New()
	stranger.ids.User(t, id)
	other.ids.User(t, bystander)

	other.heard(t, id, func() { one.invalidations.User(id) })
	other.heard(t, id, func() { one.invalidations.Session(authtest.SessionID(id)) })
	stranger.ids.User(t, id)
	require.Equal(t, 1, stranger.ids.Asked(), "other prefixes are other services")
	asked := other.ids.Asked()
	other.ids.User(t, bystander)
	require.Equal(t, asked, other.ids.Asked())
}

func TestInvalidationsSurviveNonsense(t *testing.T) {
	t.Parallel()
	client := redisClient(t)
	prefix := "test:" + uuid.NewString() + ":"
	one, other := startPeer(t, redisClient(t), prefix, nil), startPeer(t, redisClient(t), prefix, nil)
	id := uuid.New()
	other.heard(t, id, func() { one.invalidations.User(id) })
	for _, message := range []string{"", ":", "user:", "user:x", "session:", "session:" + strings.Repeat("x", 1000), "all", "\x00"} {
		require.NoError(t, client.Publish(t.Context(), prefix+"auth:forget", message).Err())
	}
	other.heard(t, id, func() { one.invalidations.User(id) })
}

func TestInvalidationsComeBackAfterALostConnection(t *testing.T) {
	t.Parallel()
	client := redisClient(t)
	prefix := "test:" + uuid.NewString() + ":"
	named := func(name string) *redis.Client {
		o := *client.Options()
		o.ClientName = name
		c := redis.NewClient(&o)
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	name := "subscriber-" + uuid.NewString()
	one, other := startPeer(t, redisClient(t), prefix, nil), startPeer(t, named(name), prefix, nil)
	id := uuid.New()
	other.heard(t, id, func() { one.invalidations.User(id) })
	killed := 0
	list, err := client.ClientList(t.Context()).Result()
	require.NoError(t, err)
	for line := range strings.Lines(list) {
		if strings.Contains(line, "name="+name+" ") {
			for field := range strings.FieldsSeq(line) {
				if addr, ok := strings.CutPrefix(field, "addr="); ok {
					require.NoError(t, client.ClientKill(t.Context(), addr).Err())
					killed++
				}
			}
		}
	}
	require.Positive(t, killed)
	other.heard(t, id, func() { one.invalidations.User(id) })
}

func TestInvalidationsWithoutRedis(t *testing.T) {
	t.Parallel()
	gone := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1})
	t.Cleanup(func() { _ = gone.Close() })
	for name, client := range map[string]redis.UniversalClient{"none": nil, "gone": gone} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			told := make(chan error, 10)
			p := startPeer(t, client, "", func(err error) { told <- err })
			id := uuid.New()
			p.ids.User(t, id)
			began := time.Now()
			p.invalidations.User(id)
			require.Less(t, time.Since(began), 2*time.Second)
			p.ids.User(t, id)
			require.Equal(t, 2, p.ids.Asked(), "here it is forgotten in any case")
			if client != nil {
				require.Error(t, <-told)
			}
		})
	}
}
