package completion_test

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"twobrains/internal/completion"
	"twobrains/internal/llm"
	"twobrains/internal/stream"
	"twobrains/internal/stream/redislog"
	"twobrains/internal/stream/streamtest"
)

// process is a server process of a test: pools, logs and a name of its own, on a database and a Redis that it shares.
type process struct {
	*completion.Service
	b     *testBundle
	id    uuid.UUID
	store *redislog.Store
}

// process starts another one. Its logs are shared under the prefix; empty: they are its own only.
func (b *testBundle) process(prefix string, change ...func(*completion.Options)) *process {
	b.t.Helper()
	p := &process{b: b, id: uuid.New()}
	before := b.options
	defer func() { b.options = before }()
	b.options.DB, b.options.InstanceID = b.Kernel(b.t), p.id
	memory := stream.NewMemory(stream.MemoryOptions{})
	if prefix == "" {
		b.options.Logs = memory
		b.t.Cleanup(memory.Close)
	} else {
		url, err := redis.ParseURL(os.Getenv("TWOBRAINS_TEST_REDIS"))
		require.NoError(b.t, err)
		p.store, err = redislog.New(redislog.Options{Memory: memory, Redis: url, Prefix: prefix, Pause: time.Millisecond})
		require.NoError(b.t, err)
		b.t.Cleanup(p.store.Close)
		b.options.Logs = p.store
	}
	for _, c := range change {
		c(&b.options)
	}
	p.Service = b.newService()
	b.steady(p.id)
	return p
}

// prefix is one that no other test uses.
func prefix() string { return "test:" + uuid.NewString() + ":" }

func (b *testBundle) exec(sql string, args ...any) {
	b.t.Helper()
	_, err := b.Superuser(b.t).Exec(b.t.Context(), strings.ReplaceAll(sql, "BRAIN", b.schema()), args...)
	require.NoError(b.t, err)
}

// steady lets a process look as if it had been alive for a minute.
func (b *testBundle) steady(id uuid.UUID) {
	b.t.Helper()
	b.exec("UPDATE public.instances SET heartbeat_at = now(), steady_since = now() - interval '1 minute' WHERE id = $1", id)
}

// dies makes a process look dead to the others. What it has sent to Redis is there.
func (p *process) dies() {
	p.b.t.Helper()
	if p.store != nil {
		require.NoError(p.b.t, p.store.Flush(p.b.t.Context()))
	}
	p.b.exec("UPDATE public.instances SET heartbeat_at = now() - interval '16 seconds' WHERE id = $1", p.id)
}

// balanced compares what runs say they have used with what was counted.
func (b *testBundle) balanced() {
	b.t.Helper()
	const runs = `SELECT coalesce(sum(input_tokens), 0) AS i, coalesce(sum(cached_input_tokens), 0) AS c, coalesce(sum(output_tokens), 0) AS o,
		coalesce(sum(reasoning_tokens), 0) AS r, coalesce(sum(cost_microusd), 0) AS m FROM BRAIN.runs WHERE status <> 'running'`
	const used = `SELECT coalesce(sum(input_tokens), 0), coalesce(sum(cached_input_tokens), 0), coalesce(sum(output_tokens), 0),
		coalesce(sum(reasoning_tokens), 0), coalesce(sum(cost_microusd), 0) FROM public.usage_daily`
	require.Equal(b.t, 1, b.count("SELECT count(*) FROM ("+runs+") a JOIN ("+used+") b ON a = b"), "usage")
	require.Equal(b.t, 1, b.count("SELECT count(*) FROM ("+strings.ReplaceAll(used, "usage_daily", "usage_events")+") a JOIN ("+used+") b ON a = b"), "journal")
	require.Zero(b.t, b.count(`SELECT count(*) FROM (SELECT status, count(*) AS n FROM BRAIN.runs WHERE status <> 'running' GROUP BY 1) r
		FULL JOIN (SELECT outcome, sum(runs) AS n FROM public.usage_events WHERE outcome NOT LIKE 'quota%' GROUP BY 1 HAVING sum(runs) <> 0) e
		ON e.outcome = r.status AND e.n = r.n WHERE e.n IS NULL OR r.n IS NULL`), "how runs ended")
	require.Equal(b.t, b.count("SELECT count(*) FROM BRAIN.messages WHERE role = 'assistant'"),
		b.count("SELECT coalesce(sum(messages), 0) FROM public.usage_daily"), "messages")
	require.Equal(b.t, b.count("SELECT count(*) FROM BRAIN.runs WHERE charged_on IS NOT NULL"),
		b.count("SELECT coalesce(sum(day_used), 0) FROM public.quota_counters"), "quota")
	require.Equal(b.t, 1, b.count(`SELECT count(*) FROM (SELECT coalesce(array_agg(run_id ORDER BY run_id), '{}') AS ids FROM public.run_tickets) t
		JOIN (SELECT coalesce(array_agg(id ORDER BY id), '{}') AS ids FROM BRAIN.runs WHERE status = 'running') r ON t.ids = r.ids`), "tickets")
	b.moneyBalanced()
}

// held is a model that says "so far" and waits to be released before it goes on.
func held(release <-chan struct{}) func(context.Context, llm.Request, func(llm.Event, error) bool) {
	return func(ctx context.Context, req llm.Request, yield func(llm.Event, error) bool) {
		if !yield(llm.TextDelta{Block: "0", Text: "so far"}, nil) {
			return
		}
		select {
		case <-release:
			says(" and on")(ctx, req, yield)
		case <-ctx.Done():
			yield(nil, context.Cause(ctx))
		}
	}
}

// all reads a reply to its end, whichever that is.
func all(t *testing.T, f stream.Follower) (text string, end error) {
	t.Helper()
	defer f.Close()
	for {
		frames, err := f.Next(t.Context(), 10*time.Second)
		text += string(frames)
		if err != nil {
			return text, err
		}
		require.NotEmpty(t, frames, "the reply does not go on")
	}
}

// textOf is what a reader sees of a reply.
func textOf(m *streamtest.Message) (text string) {
	for _, p := range m.Parts {
		if p["type"] == "text" {
			text += p["text"].(string)
		}
	}
	return text
}

// testClock is a clock that a test sets.
type testClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *testClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// count is how often the model was asked.
func (p *scripted) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.requests)
}
