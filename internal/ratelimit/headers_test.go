package ratelimit_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"twobrains/internal/ratelimit"
)

func TestHeaders(t *testing.T) {
	t.Parallel()
	limit := ratelimit.Limit{Name: "ai-user", Key: "user:1", Rate: 30, Period: 10 * time.Minute, Burst: 10, Cost: 1}
	for name, c := range map[string]struct {
		decision ratelimit.Decision
		want     map[string]string
	}{
		"allowed": {
			ratelimit.Decision{Allowed: true, Limit: limit, Remaining: 7, ResetAfter: 59*time.Second + 1},
			map[string]string{
				"RateLimit-Policy": `"ai-user";q=10;w=200`,
				"RateLimit":        `"ai-user";r=7;t=60`,
			},
		},
		"refused": {
			ratelimit.Decision{Limit: limit, ResetAfter: 200 * time.Second, RetryAfter: 19_200 * time.Millisecond},
			map[string]string{
				"RateLimit-Policy": `"ai-user";q=10;w=200`,
				"RateLimit":        `"ai-user";r=0;t=200`,
				"Retry-After":      "20",
			},
		},
		"nothing limited": {ratelimit.Decision{Allowed: true}, map[string]string{}},
	} {
		got := map[string]string{}
		ratelimit.Headers(c.decision, func(k, v string) { got[k] = v })
		require.Equal(t, c.want, got, name)
	}
}
