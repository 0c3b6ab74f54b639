package completion_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"twobrains/internal/auth"
	"twobrains/internal/auth/authtest"
	"twobrains/internal/completion"
	"twobrains/internal/llm"
	"twobrains/internal/llm/catalog"
	"twobrains/internal/problem"
	"twobrains/internal/stream"
	"twobrains/internal/stream/streamtest"
	"twobrains/internal/testdb"
	"twobrains/internal/tool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) }

// scripted is a provider that says what a test tells it to. It stands for the model, not for our own parts.
type scripted struct {
	mu       sync.Mutex
	script   func(ctx context.Context, req llm.Request, yield func(llm.Event, error) bool)
	requests []llm.Request
}

func (p *scripted) Stream(ctx context.Context, req llm.Request) iter.Seq2[llm.Event, error] {
	p.mu.Lock()
	p.requests = append(p.requests, req)
	script := p.script
	p.mu.Unlock()
	return func(yield func(llm.Event, error) bool) { script(ctx, req, yield) }
}

func (p *scripted) last(t *testing.T) llm.Request {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	require.NotEmpty(t, p.requests)
	return p.requests[len(p.requests)-1]
}

func says(words ...string) func(context.Context, llm.Request, func(llm.Event, error) bool) {
	return func(_ context.Context, _ llm.Request, yield func(llm.Event, error) bool) {
		for _, word := range words {
			if !yield(llm.TextDelta{Block: "0", Text: word}, nil) {
				return
			}
		}
		if yield(llm.Usage{Input: 10, CachedInput: 4, Output: int64(len(words)), Reasoning: 1}, nil) {
			yield(llm.Finish{Reason: llm.FinishStop}, nil)
		}
	}
}

// waits says something and then waits for the run to be cancelled.
func waits(ctx context.Context, _ llm.Request, yield func(llm.Event, error) bool) {
	if yield(llm.TextDelta{Block: "0", Text: "so far"}, nil) {
		<-ctx.Done()
		yield(nil, context.Cause(ctx))
	}
}

type testBundle struct {
	*testdb.Database
	*completion.Service
	t        *testing.T
	ids      *authtest.Identities
	user     auth.User
	provider *scripted
	wire     *testdb.Wire
	options  completion.Options
	registry *prometheus.Registry
}

func setup(t *testing.T, change ...func(*completion.Options)) *testBundle {
	t.Helper()
	wire := &testdb.Wire{}
	b := &testBundle{
		t: t, wire: wire, provider: &scripted{script: says("Hello", " there.")}, ids: authtest.NewIdentities(t),
		Database: testdb.New(t, testdb.Watch(wire)),
	}
	models, err := catalog.Load(catalog.Options{OpenAIModels: "test;tools;context=2000;output=200;input=1000000;cached=500000;price_output=2000000"})
	require.NoError(t, err)
	logs := stream.NewMemory(stream.MemoryOptions{})
	t.Cleanup(logs.Close)
	b.options = completion.Options{
		DB: b.DB, Catalog: models, Providers: map[string]llm.Provider{"openai": b.provider}, Logs: logs,
		Tickets: auth.NewTickets(b.Keys), InstanceID: uuid.New(), Quota: completion.Quota{Day: 50, Month: 500},
		Tools: map[string][]tool.Tool{"openai": {{
			Tool: llm.Tool{Name: "double", InputSchema: json.RawMessage(`{"type":"object"}`)},
			Run: func(_ context.Context, input json.RawMessage) (tool.Result, error) {
				var in struct{ N int }
				if err := json.Unmarshal(input, &in); err != nil || in.N == 0 {
					return tool.Result{}, tool.Error("n must be a number")
				}
				output, err := json.Marshal(2 * in.N)
				return tool.Result{Output: output}, err
			},
		}}},
	}
	b.registry = prometheus.NewRegistry()
	b.options.Registerer = b.registry
	for _, c := range change {
		c(&b.options)
	}
	b.Service = b.newService()
	b.user = b.ids.User(t, uuid.New())
	return b
}

func (b *testBundle) newService() *completion.Service {
	s, err := completion.New(b.options)
	b.options.Registerer = nil
	require.NoError(b.t, err)
	require.NoError(b.t, s.Announce(b.t.Context()))
	b.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		_ = s.Drain(ctx)
	})
	return s
}

func userText(conversation, id, text string) []byte {
	out, _ := json.Marshal(map[string]any{"id": conversation, "trigger": "submit-message", "messages": []any{
		map[string]any{"id": id, "role": "user", "parts": []any{map[string]any{"type": "text", "text": text}}},
	}})
	return out
}

// read follows a reply to its end and builds the message as a client would.
func read(t *testing.T, f stream.Follower) *streamtest.Message {
	t.Helper()
	defer f.Close()
	var all []byte
	for {
		frames, err := f.Next(t.Context(), 10*time.Second)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		require.NotEmpty(t, frames, "the reply does not go on")
		all = append(all, frames...)
	}
	m, err := streamtest.ReadMessage(all)
	require.NoError(t, err, "%s", all)
	return m
}

func (b *testBundle) send(conversation, id, text string) *streamtest.Message {
	b.t.Helper()
	f, err := b.Start(b.t.Context(), b.user, userText(conversation, id, text))
	require.NoError(b.t, err)
	return read(b.t, f)
}

type storedMessage struct {
	ID, Role, Status string
	Seq              int64
	Parts, Metadata  string
}

// metric reads a counter of the service.
func (b *testBundle) metric(name string) float64 {
	b.t.Helper()
	families, err := b.registry.Gather()
	require.NoError(b.t, err)
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	b.t.Fatalf("no metric %s", name)
	return 0
}

func (b *testBundle) schema() string { return "u_" + strings.ReplaceAll(b.user.ID().String(), "-", "") }

func (b *testBundle) messages(conversation string) []storedMessage {
	b.t.Helper()
	rows, _ := b.Superuser(b.t).Query(b.t.Context(), "SELECT id, role, status, seq, parts::text, metadata::text FROM "+b.schema()+
		".messages WHERE conversation_id = $1 ORDER BY seq", conversation)
	messages, err := pgx.CollectRows(rows, pgx.RowToStructByPos[storedMessage])
	require.NoError(b.t, err)
	return messages
}

func (b *testBundle) count(sql string, args ...any) (n int) {
	b.t.Helper()
	require.NoError(b.t, b.Superuser(b.t).QueryRow(b.t.Context(), strings.ReplaceAll(sql, "BRAIN", b.schema()), args...).Scan(&n))
	return n
}

func TestSendStoresBoth(t *testing.T) {
	t.Parallel()
	b := setup(t)
	got := b.send("c1", "m1", "Hi, you.")
	stored := b.messages("c1")
	require.Len(t, stored, 2)
	require.Equal(t, "user", stored[0].Role)
	require.JSONEq(t, `[{"type":"text","text":"Hi, you."}]`, stored[0].Parts)
	require.Equal(t, "assistant", stored[1].Role)
	require.Equal(t, "complete", stored[1].Status)
	require.Equal(t, got.ID, stored[1].ID)
	require.Contains(t, stored[1].Parts, "Hello there.")
	require.Contains(t, stored[1].Metadata, `"finishReason": "stop"`)
	require.Equal(t, 1, b.count("SELECT count(*) FROM BRAIN.runs WHERE status = 'complete' AND input_tokens = 10 AND cost_microusd = 12"))
	require.Equal(t, 1, b.count("SELECT count(*) FROM public.usage_daily WHERE messages = 1 AND input_tokens = 10 AND cached_input_tokens = 4 AND output_tokens = 2"))
	require.Equal(t, 1, b.count("SELECT day_used + month_used - 1 FROM public.quota_counters"))
	require.Equal(t, 1, b.count("SELECT count(*) FROM BRAIN.conversations WHERE title = 'Hi, you.'"))

	b.send("c1", "m2", "Again")
	request := b.provider.last(t)
	require.Len(t, request.Messages, 3, "the history comes from the database")
	require.Equal(t, llm.Text{Text: "Hello there."}, request.Messages[1].Parts[0])
	require.Equal(t, "test", request.Model)
}

func TestRoundTripsOfAWarmCompletion(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.send("c1", "m1", "first")
	b.send("c1", "m2", "warm")
	var f stream.Follower
	before := b.wire.During(func() {
		var err error
		f, err = b.Start(t.Context(), b.user, userText("c1", "m3", "counted"))
		require.NoError(t, err)
		_, err = f.Next(t.Context(), 10*time.Second)
		require.NoError(t, err)
	})
	after := b.wire.During(func() {
		for {
			if _, err := f.Next(t.Context(), 10*time.Second); errors.Is(err, io.EOF) {
				break
			}
		}
	})
	f.Close()
	require.LessOrEqual(t, before+after, int64(3), "two round trips before the first byte and one after")
	require.Len(t, b.messages("c1"), 6)
}

func TestBadRequestsStoreNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.send("c1", "m1", "there is something")
	text := `"parts":[{"type":"text","text":"x"}]`
	for name, tc := range map[string]struct {
		body string
		code problem.Code
		path string
	}{
		"not json":           {`{"id":`, problem.CodeBadRequest, ""},
		"array":              {`[]`, problem.CodeBadRequest, ""},
		"no id":              {`{"message":{"id":"m","role":"user",` + text + `}}`, problem.CodeInvalid, "id"},
		"bad id":             {`{"id":"../x","message":{"id":"m","role":"user",` + text + `}}`, problem.CodeInvalid, "id"},
		"two ids":            {`{"id":"a","conversationId":"b","message":{"id":"m","role":"user",` + text + `}}`, problem.CodeInvalid, "conversationId"},
		"no messages":        {`{"id":"c2","messages":[]}`, problem.CodeInvalid, "messages"},
		"empty":              {`{"id":"c2","message":{"id":"m","role":"user","parts":[{"type":"text","text":" \n\u200b"}]}}`, problem.CodeInvalid, "message.parts"},
		"no parts":           {`{"id":"c2","message":{"id":"m","role":"user","parts":[]}}`, problem.CodeInvalid, "message.parts"},
		"too long":           {string(userText("c2", "m", strings.Repeat("é", 32_001))), problem.CodeInvalid, "messages[0].parts"},
		"nul":                {`{"id":"c2","message":{"id":"m","role":"user","parts":[{"type":"text","text":"a\u0000b"}]}}`, problem.CodeInvalid, "message.parts"},
		"system":             {`{"id":"c2","message":{"id":"m","role":"system",` + text + `}}`, problem.CodeInvalid, "message.role"},
		"assistant":          {`{"id":"c2","message":{"id":"m","role":"assistant",` + text + `}}`, problem.CodeInvalid, "message.role"},
		"tool":               {`{"id":"c2","message":{"id":"m","role":"tool",` + text + `}}`, problem.CodeInvalid, "message.role"},
		"system in history":  {`{"id":"c2","messages":[{"id":"s","role":"system",` + text + `},{"id":"m","role":"user",` + text + `}]}`, problem.CodeInvalid, "messages[0].role"},
		"ends with reply":    {`{"id":"c2","messages":[{"id":"m","role":"user",` + text + `},{"id":"s","role":"assistant",` + text + `}]}`, problem.CodeInvalid, "messages[1].role"},
		"tool part":          {`{"id":"c2","message":{"id":"m","role":"user","parts":[{"type":"tool-x","toolCallId":"1","state":"output-available","input":{},"output":1}]}}`, problem.CodeInvalid, "message.parts[0]"},
		"file":               {`{"id":"c2","message":{"id":"m","role":"user","parts":[{"type":"file","mediaType":"text/html","url":"javascript:alert(1)"}]}}`, problem.CodeInvalid, "message.parts[0].url"},
		"no message id":      {`{"id":"c2","message":{"role":"user",` + text + `}}`, problem.CodeInvalid, "message.id"},
		"unknown model":      {`{"id":"c2","modelId":"openai:none","message":{"id":"m","role":"user",` + text + `}}`, problem.CodeInvalid, "modelId"},
		"model not for user": {`{"id":"c2","modelId":"demo:demo","message":{"id":"m","role":"user",` + text + `}}`, problem.CodeModelUnavailable, ""},
		"effort":             {`{"id":"c2","reasoningEffort":"extreme","message":{"id":"m","role":"user",` + text + `}}`, problem.CodeInvalid, "reasoningEffort"},
		"trigger":            {`{"id":"c2","trigger":"delete","message":{"id":"m","role":"user",` + text + `}}`, problem.CodeInvalid, "trigger"},
		"id taken":           {string(userText("c2", "m1", "x")), problem.CodeConflict, ""},
		"edit nowhere":       {`{"id":"none","messageId":"m1","message":{"id":"m1","role":"user",` + text + `}}`, problem.CodeNotFound, ""},
		"edit unknown":       {`{"id":"c1","messageId":"m9","message":{"id":"m9","role":"user",` + text + `}}`, problem.CodeNotFound, ""},
		"regenerate nowhere": {`{"id":"none","trigger":"regenerate-message"}`, problem.CodeNotFound, ""},
		"regenerate unknown": {`{"id":"c1","trigger":"regenerate-message","messageId":"m9"}`, problem.CodeNotFound, ""},
	} {
		_, err := b.Start(t.Context(), b.user, []byte(tc.body))
		require.True(t, problem.HasCode(err, tc.code), "%s: %v", name, err)
		if tc.path != "" {
			require.Equal(t, tc.path, problem.From(err).Fields[0].Path, name)
		}
	}
	require.Equal(t, 1, b.count("SELECT count(*) FROM BRAIN.conversations"))
	require.Equal(t, 2, b.count("SELECT count(*) FROM BRAIN.messages"))
	require.Equal(t, 1, b.count("SELECT count(*) FROM BRAIN.runs"))
	require.Equal(t, 1, b.count("SELECT day_used FROM public.quota_counters"))
}

// With one message left, fifty sends at once, over two replicas: exactly one passes.
func TestQuotaUnderParallelSends(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *completion.Options) { o.Quota.Day = 3 })
	b.send("c0", "a", "one")
	b.send("c0", "b", "two")
	b.options.DB, b.options.InstanceID = b.Kernel(t), uuid.New()
	replicas := []*completion.Service{b.Service, b.newService()}
	var wg sync.WaitGroup
	var mu sync.Mutex
	passed := 0
	for i := range 50 {
		wg.Go(func() {
			f, err := replicas[i%2].Start(t.Context(), b.user, userText(fmt.Sprintf("p%d", i), fmt.Sprintf("m%d", i), "race"))
			if err != nil {
				if !problem.HasCode(err, problem.CodeQuotaDay) || problem.From(err).RetryAfter <= 0 {
					t.Errorf("refused with: %v", err)
				}
				return
			}
			read(t, f)
			mu.Lock()
			defer mu.Unlock()
			passed++
		})
	}
	wg.Wait()
	require.Equal(t, 1, passed)
	require.Equal(t, 3, b.count("SELECT day_used FROM public.quota_counters"))
	require.Equal(t, 2, b.count("SELECT count(*) FROM BRAIN.conversations"), "the refused left nothing")
	require.Equal(t, 6, b.count("SELECT count(*) FROM BRAIN.messages"))
}

func TestQuotaStartsOver(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	now := time.Date(2026, 3, 30, 23, 59, 0, 0, time.UTC)
	b := setup(t, func(o *completion.Options) {
		o.Quota = completion.Quota{Day: 1, Month: 2}
		o.Clock = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	})
	refused := func(id string, code problem.Code) {
		t.Helper()
		_, err := b.Start(t.Context(), b.user, userText("c", id, "x"))
		require.True(t, problem.HasCode(err, code), "%v", err)
	}
	advance := func(d time.Duration) { mu.Lock(); now = now.Add(d); mu.Unlock() }
	b.send("c", "1", "x")
	refused("2", problem.CodeQuotaDay)
	advance(2 * time.Minute)
	b.send("c", "3", "x")
	refused("4", problem.CodeQuotaMonth)
	advance(24 * time.Hour)
	b.send("c", "5", "x")
	advance(-24 * time.Hour)
	refused("6", problem.CodeQuotaDay)
}

func TestNothingProducedIsRefunded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.provider.script = func(_ context.Context, _ llm.Request, yield func(llm.Event, error) bool) {
		yield(nil, llm.NewError(llm.Overloaded, errors.New("status 529: secret upstream text")))
	}
	f, err := b.Start(t.Context(), b.user, userText("c1", "m1", "x"))
	require.NoError(t, err)
	m := read(t, f)
	require.True(t, m.Failed)
	require.NotContains(t, m.ErrorText, "529")
	require.Equal(t, 0, b.count("SELECT day_used + month_used FROM public.quota_counters"))
	require.Equal(t, 0, b.count("SELECT count(*) FROM public.usage_daily"))
	require.Equal(t, 1, b.count("SELECT count(*) FROM BRAIN.runs WHERE status = 'failed' AND error_code = 'provider_overloaded'"))
	require.Len(t, b.messages("c1"), 1, "the user's own words stay")

	b.provider.script = says("better")
	f, err = b.Start(t.Context(), b.user, []byte(`{"id":"c1","trigger":"regenerate-message"}`))
	require.NoError(t, err)
	read(t, f)
	require.Len(t, b.messages("c1"), 2)
}

func TestBrokenOffReplyIsKept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.provider.script = func(_ context.Context, _ llm.Request, yield func(llm.Event, error) bool) {
		if yield(llm.TextDelta{Block: "0", Text: "half a"}, nil) {
			yield(nil, llm.NewError(llm.Interrupted, io.ErrUnexpectedEOF))
		}
	}
	m := b.send("c1", "m1", "x")
	require.False(t, m.Failed)
	stored := b.messages("c1")
	require.Equal(t, "interrupted", stored[1].Status)
	require.Contains(t, stored[1].Parts, "half a")
	require.Contains(t, stored[1].Metadata, `"estimated": true`)
	require.Equal(t, 1, b.count("SELECT day_used FROM public.quota_counters"))
}

func TestTools(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.provider.script = func(ctx context.Context, req llm.Request, yield func(llm.Event, error) bool) {
		last := req.Messages[len(req.Messages)-1]
		if last.Role != llm.RoleTool {
			for id, input := range map[string]string{"ok": `{"n":21}`, "bad": `{}`} {
				yield(llm.ToolCall{ID: id, Name: "double", Input: json.RawMessage(input)}, nil)
			}
			yield(llm.ToolCall{ID: "none", Name: "none", Input: json.RawMessage(`{}`)}, nil)
			yield(llm.Usage{Input: 1, Output: 1}, nil)
			yield(llm.Finish{Reason: llm.FinishToolCalls}, nil)
			return
		}
		var out []string
		for _, p := range last.Parts {
			r := p.(llm.ToolResult)
			out = append(out, fmt.Sprintf("%s=%s", r.CallID, r.Output))
		}
		says(strings.Join(out, "; "))(ctx, req, yield)
	}
	b.send("c1", "m1", "x")
	parts := b.messages("c1")[1].Parts
	require.Contains(t, parts, `ok=42`)
	require.Contains(t, parts, `bad=\"n must be a number\"`)
	require.Contains(t, parts, `There is no such tool.`)
	require.Contains(t, parts, `"state": "output-error"`)
	require.Equal(t, 1, b.count("SELECT count(*) FROM BRAIN.runs WHERE input_tokens = 11 AND output_tokens = 2"), "the steps' usage adds up")

	b.send("c1", "m2", "and again")
	require.Len(t, b.provider.last(t).Messages, 7, "user, calls, results, text, user, calls, results")
}

func TestToolsEndAfterMaxSteps(t *testing.T) {
	t.Parallel()
	b := setup(t)
	n := 0
	b.provider.script = func(_ context.Context, _ llm.Request, yield func(llm.Event, error) bool) {
		n++
		yield(llm.ToolCall{ID: fmt.Sprint("call", n), Name: "double", Input: json.RawMessage(`{"n":1}`)}, nil)
		yield(llm.Finish{Reason: llm.FinishToolCalls}, nil)
	}
	b.send("c1", "m1", "x")
	require.Equal(t, 5, n)
	require.Contains(t, b.messages("c1")[1].Metadata, `"finishReason": "tool-calls"`)
}

// A call whose arguments are no JSON object is not run; the model learns of it and may do better.
func TestMalformedCallIsAnswered(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.provider.script = func(ctx context.Context, req llm.Request, yield func(llm.Event, error) bool) {
		if last := req.Messages[len(req.Messages)-1]; last.Role == llm.RoleTool {
			says("sorry: "+string(last.Parts[0].(llm.ToolResult).Output))(ctx, req, yield)
			return
		}
		yield(llm.ToolCall{ID: "1", Name: "double", Input: json.RawMessage(`"{n:"`), Malformed: true}, nil)
		yield(llm.Finish{Reason: llm.FinishToolCalls}, nil)
	}
	b.send("c1", "m1", "x")
	require.Contains(t, b.messages("c1")[1].Parts, "sorry: ")
	require.Len(t, b.provider.requests, 2)
}
