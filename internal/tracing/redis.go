package tracing

import (
	"context"
	"errors"
	"net"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/attribute"
)

// Redis makes a span of each command and pipeline, which names commands and no keys or values.
func Redis() redis.Hook { return redisHook{} }

type redisHook struct{}

var systemRedis = attribute.String("db.system.name", "redis")

// DialHook implements redis.Hook.
func (redisHook) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		_, span := Call(ctx, "redis dial", systemRedis)
		conn, err := next(ctx, network, addr)
		End(span, err)
		return conn, err
	}
}

// ProcessHook implements redis.Hook.
func (redisHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if !Traced(ctx) {
			return next(ctx, cmd)
		}
		ctx, span := Call(ctx, "redis "+cmd.FullName(), systemRedis)
		err := next(ctx, cmd)
		End(span, failure(err))
		return err
	}
}

// ProcessPipelineHook implements redis.Hook.
func (redisHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		ctx, span := Call(ctx, "redis pipeline", systemRedis, attribute.Int("db.operation.batch.size", len(cmds)))
		err := next(ctx, cmds)
		End(span, failure(err))
		return err
	}
}

// failure is err unless it only says that there is no such key.
func failure(err error) error {
	if errors.Is(err, redis.Nil) {
		return nil
	}
	return err
}
