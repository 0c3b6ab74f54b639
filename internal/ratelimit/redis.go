package ratelimit

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// gcra takes KEYS and, for each, two numbers: what to take and how much room there is. It answers the debt of each key
// before the call. Time is Redis's own, so that replicas with different clocks agree. Numbers are whole microseconds, exact
// in doubles.
var gcra = redis.NewScript(`
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local debts, pass = {}, true
for i, key in ipairs(KEYS) do
	local full = tonumber(redis.call('GET', key) or 0)
	-- More than the room there cannot be, unless the clock went back.
	debts[i] = math.min(math.max(0, full - now), tonumber(ARGV[2 * i]))
	if debts[i] + ARGV[2 * i - 1] > tonumber(ARGV[2 * i]) then
		pass = false
	end
end
if pass then
	for i, key in ipairs(KEYS) do
		local debt = debts[i] + ARGV[2 * i - 1]
		redis.call('SET', key, string.format('%.0f', now + debt), 'PX', math.ceil(debt / 1000))
	end
end
return debts
`)

type redisLimiter struct {
	client redis.UniversalClient
	prefix string
}

// NewRedis makes a Limiter for all replicas that share a Redis (5 or newer) and a prefix. Keys are
// prefix{rl}:<hash>, and expire when they no longer matter. The constant hash tag puts all of them on one shard of a
// cluster: that is the price of checking limits of different subjects in one atomic step.
//
// Deadlines of contexts bound a call only if the client was made with ContextTimeoutEnabled; Bounded does in any case.
func NewRedis(client redis.UniversalClient, prefix string) Limiter {
	return &redisLimiter{client: client, prefix: prefix + "{rl}:"}
}

// Allow implements Limiter.
func (r *redisLimiter) Allow(ctx context.Context, given ...Limit) (Decision, error) {
	limits, cs, err := charges(given)
	if err != nil {
		return Decision{}, err
	}
	if len(cs) == 0 {
		return Decision{Allowed: true}, nil
	}
	keys, args := make([]string, len(cs)), make([]any, 0, 2*len(cs))
	for i, c := range cs {
		keys[i] = r.prefix + base64.RawURLEncoding.EncodeToString(c.key[:])
		args = append(args, c.take, c.room)
	}
	debts, err := gcra.Run(ctx, r.client, keys, args...).Int64Slice()
	if err != nil {
		return Decision{}, fmt.Errorf("charge limits in redis: %w", err)
	}
	if len(debts) != len(cs) {
		return Decision{}, errors.New("charge limits in redis: unexpected answer")
	}
	return decide(limits, cs, debts), nil
}
