package ratelimit_test

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"twobrains/internal/ratelimit"
)

func redisClient(tb testing.TB) *redis.Client {
	tb.Helper()
	url := os.Getenv("TWOBRAINS_TEST_REDIS")
	if url == "" {
		tb.Fatal("TWOBRAINS_TEST_REDIS is not set; run: make test")
	}
	o, err := redis.ParseURL(url)
	require.NoError(tb, err)
	client := redis.NewClient(o)
	tb.Cleanup(func() { _ = client.Close() })
	return client
}

func redisKeys(t *testing.T, client *redis.Client, prefix string) []string {
	t.Helper()
	var keys []string
	for it := client.Scan(t.Context(), 0, prefix+"*", 1000).Iterator(); it.Next(t.Context()); {
		keys = append(keys, it.Val())
	}
	return keys
}

func TestRedis(t *testing.T) {
	t.Parallel()
	client := redisClient(t)
	conformance(t, func(t *testing.T) bundle {
		prefix := "test:" + uuid.NewString() + ":"
		return bundle{ratelimit.NewRedis(client, prefix), func(d time.Duration) {
			// Redis's clock cannot be moved, so what it is compared with is.
			for _, key := range redisKeys(t, client, prefix) {
				full, err := client.Get(t.Context(), key).Int64()
				require.NoError(t, err)
				moved := strconv.FormatInt(full-d.Microseconds(), 10)
				require.NoError(t, client.Set(t.Context(), key, moved, redis.KeepTTL).Err())
			}
		}}
	})
}

func TestRedisKeysTellNothingAndExpire(t *testing.T) {
	t.Parallel()
	client := redisClient(t)
	prefix := "test:" + uuid.NewString() + ":"
	l := ratelimit.NewRedis(client, prefix)
	_, err := l.Allow(t.Context(),
		ratelimit.Limit{Name: "login", Key: "email:alice@example.test", Rate: 6, Period: time.Minute, Burst: 2},
		ratelimit.Limit{Name: "login", Key: "ip:203.0.113.9", Rate: 6, Period: time.Minute, Burst: 2})
	require.NoError(t, err)
	keys := redisKeys(t, client, prefix)
	require.Len(t, keys, 2)
	for _, key := range keys {
		require.True(t, strings.HasPrefix(key, prefix+"{rl}:"), key)
		require.NotContains(t, key, "alice")
		require.NotContains(t, key, "203.0.113.9")
		ttl, err := client.PTTL(t.Context(), key).Result()
		require.NoError(t, err)
		require.Positive(t, ttl)
		require.LessOrEqual(t, ttl, 10*time.Second, "one unit of ten seconds was taken")
	}
}

func TestRedisReplicasShare(t *testing.T) {
	t.Parallel()
	prefix := "test:" + uuid.NewString() + ":"
	one, other := ratelimit.NewRedis(redisClient(t), prefix), ratelimit.NewRedis(redisClient(t), prefix)
	limit := ratelimit.Limit{Name: "test", Key: "k", Rate: 1, Period: time.Hour}
	d, err := one.Allow(t.Context(), limit)
	require.NoError(t, err)
	require.True(t, d.Allowed)
	d, err = other.Allow(t.Context(), limit)
	require.NoError(t, err)
	require.False(t, d.Allowed)
}

func TestRedisGone(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1})
	t.Cleanup(func() { _ = client.Close() })
	_, err := ratelimit.NewRedis(client, "").Allow(t.Context(),
		ratelimit.Limit{Name: "test", Key: "k", Rate: 1, Period: time.Hour})
	require.Error(t, err)
	require.NotErrorIs(t, err, ratelimit.ErrInvalid)
}

func BenchmarkRedis(b *testing.B) {
	l := ratelimit.NewRedis(redisClient(b), "bench:"+uuid.NewString()+":")
	limits := []ratelimit.Limit{
		{Name: "user", Key: "user:1", Rate: 1000, Period: time.Second},
		{Name: "ip", Key: "ip:1", Rate: 1000, Period: time.Second},
	}
	for b.Loop() {
		_, _ = l.Allow(b.Context(), limits...)
	}
}
