package doctor

import (
	"context"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"
)

func (e *examination) redis(ctx context.Context) {
	if e.RedisURL.IsZero() {
		return
	}
	o, err := redis.ParseURL(e.RedisURL.Reveal())
	if err != nil {
		e.report(Failure, "redis-reach", "REDIS_URL cannot be read", "write it as redis://:password@host:6379/0")
		return
	}
	o.MaxRetries = -1
	client := redis.NewClient(o)
	defer client.Close()
	info, err := client.Info(ctx, "server", "memory", "persistence").Result()
	if err != nil {
		e.report(Failure, "redis-reach", "Redis does not answer: "+kind(err), "is it up, and is the password right? Without it limits hold per process, and replies are known to one process only")
		return
	}
	e.good("redis-reach", "Redis answers")
	about := map[string]string{}
	for line := range strings.Lines(info) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			about[name] = value
		}
	}
	if policy := about["maxmemory_policy"]; about["maxmemory"] != "0" && policy != "noeviction" {
		e.report(Warning, "redis-policy", "Redis removes keys when it is full ("+policy+"): counters of limits, and replies that nobody has stored yet", "set maxmemory-policy noeviction, in a Redis of its own")
	} else {
		e.good("redis-policy", "Redis removes nothing by itself")
	}
	host, _, _ := net.SplitHostPort(o.Addr)
	if isLocal(host) {
		return
	}
	if o.TLSConfig == nil {
		e.report(Warning, "redis-tls", "the connection to Redis is not encrypted, and replies pass through it", "use rediss:// ")
	}
	if o.Password == "" {
		e.report(Warning, "redis-password", "Redis asks for no password", "set requirepass, or an ACL user")
	}
}
