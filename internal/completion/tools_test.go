package completion_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"

	"twobrains/internal/completion"
	"twobrains/internal/llm"
	"twobrains/internal/stream/streamtest"
	"twobrains/internal/tool"
	"twobrains/internal/tool/exa"
	"twobrains/internal/tool/guard"
	"twobrains/internal/tool/mcp"
	"twobrains/internal/tool/servers"
)

// calls makes the calls in the first step, and then says how many results it got.
func calls(all ...llm.ToolCall) func(context.Context, llm.Request, func(llm.Event, error) bool) {
	return func(ctx context.Context, req llm.Request, yield func(llm.Event, error) bool) {
		last := req.Messages[len(req.Messages)-1]
		if last.Role == llm.RoleTool {
			says(fmt.Sprintf("%d results", len(last.Parts)))(ctx, req, yield)
			return
		}
		if !yield(llm.TextDelta{Block: "0", Text: "Let me see."}, nil) {
			return
		}
		for _, call := range all {
			if !yield(call, nil) {
				return
			}
		}
		if yield(llm.Usage{Input: 100, Output: 10}, nil) {
			yield(llm.Finish{Reason: llm.FinishToolCalls}, nil)
		}
	}
}

// withServers lets users have MCP servers, at loopback addresses too.
func withServers(t *testing.T, change ...func(*completion.Options)) *testBundle {
	t.Helper()
	b := setup(t)
	egress := guard.Options{AllowPrivate: true}
	catalog, err := mcp.LoadCatalog("", egress)
	require.NoError(t, err)
	b.options.MCP = mcp.New(mcp.Options{HTTP: egress, ConnectTimeout: 2 * time.Second})
	b.options.Servers = servers.NewService(servers.Options{DB: b.DB, Keys: b.Keys, Catalog: catalog, Client: b.options.MCP, HTTP: egress})
	for _, c := range change {
		c(&b.options)
	}
	b.Service = b.newService()
	return b
}

func (b *testBundle) addServer(name, url string, approval mcp.Approval) {
	b.t.Helper()
	transport := mcp.StreamableHTTP
	_, err := b.options.Servers.Create(b.t.Context(), b.user, servers.Draft{Name: &name, URL: &url, Transport: &transport, Approval: &approval})
	require.NoError(b.t, err)
}

// deleter is an MCP server with a tool that counts how often it ran.
func deleter(t *testing.T) (url string, ran *atomic.Int64) {
	t.Helper()
	ran = &atomic.Int64{}
	server := sdk.NewServer(&sdk.Implementation{Name: "test", Version: "1"}, nil)
	server.AddTool(&sdk.Tool{Name: "delete", InputSchema: map[string]any{"type": "object"}}, func(_ context.Context, req *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		ran.Add(1)
		return &sdk.CallToolResult{Content: []sdk.Content{&sdk.TextContent{Text: "deleted " + string(req.Params.Arguments)}}}, nil
	})
	site := httptest.NewServer(sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return server }, nil))
	t.Cleanup(func() {
		site.CloseClientConnections()
		site.Close()
		for session := range server.Sessions() { // of who could not take leave any more
			_ = session.Close()
		}
	})
	return site.URL + "/mcp", ran
}

func part(m *streamtest.Message, callID string) map[string]any {
	for _, p := range m.Parts {
		if p["toolCallId"] == callID {
			return p
		}
	}
	return nil
}

func TestDeadServerCostsItsToolsOnly(t *testing.T) {
	t.Parallel()
	b := withServers(t)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	over := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-over }))
	t.Cleanup(func() {
		close(over)
		silent.CloseClientConnections()
		silent.Close()
	})
	alive, ran := deleter(t)
	b.addServer("Gone", gone.URL, mcp.ApprovalNever)
	b.addServer("Silent", silent.URL, mcp.ApprovalNever)
	b.addServer("Alive", alive, mcp.ApprovalNever)
	b.provider.script = calls(llm.ToolCall{ID: "a", Name: "alive__delete", Input: json.RawMessage(`{"x":1}`)}, llm.ToolCall{ID: "b", Name: "double", Input: json.RawMessage(`{"N":4}`)})
	m := b.send("c1", "m1", "hello")
	require.True(t, m.Finished)
	require.Equal(t, "Let me see.2 results", m.Text())
	require.Equal(t, int64(1), ran.Load())
	require.Equal(t, "dynamic-tool", part(m, "a")["type"])
	require.Equal(t, "output-available", part(m, "a")["state"])
	require.InEpsilon(t, 8.0, part(m, "b")["output"], 0.01)
	notices := fmt.Sprint(m.Metadata["notices"])
	require.Contains(t, notices, "Gone")
	require.Contains(t, notices, "Silent")
	require.NotContains(t, notices, "127.0.0.1")
	stored := b.messages("c1")
	require.Contains(t, stored[1].Metadata, "Silent")
	require.Equal(t, "complete", stored[1].Status)
}

func TestWebSearchWithOwnKey(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var keys, queries []string
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		keys, queries = append(keys, r.Header.Get("X-Api-Key")), append(queries, string(body))
		_, _ = io.WriteString(w, `{"results":[{"title":"The Go Blog","url":"https://go.dev/blog/","text":"Go is out."},{"url":"javascript:alert(1)"}]}`)
	}))
	t.Cleanup(site.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	b, own := withOwnKeys(t, func(o *completion.Options) {
		o.Search = exa.New(exa.Options{BaseURL: site.URL, HTTPClient: &http.Client{Transport: transport}})
	})
	b.send("c1", "m1", "without a key")
	require.Len(t, b.provider.last(t).Tools, 1)

	own.put(b, "exa", "exa-own-canary")
	b.provider.script = calls(llm.ToolCall{ID: "a", Name: exa.Name, Input: json.RawMessage(`{"query":"go release"}`)}, llm.ToolCall{ID: "b", Name: exa.Name, Input: json.RawMessage(`{"query":"go again"}`)})
	m := b.send("c1", "m2", "search")
	require.Equal(t, []string{"exa-own-canary", "exa-own-canary"}, keys)
	require.Len(t, queries, 2)
	require.Equal(t, "output-available", part(m, "a")["state"])
	require.Equal(t, "platform", m.Metadata["keySource"])
	sources := 0
	for _, p := range m.Parts {
		if p["type"] == "source-url" {
			sources++
			require.Equal(t, "https://go.dev/blog/", p["url"])
		}
	}
	require.Equal(t, 1, sources, "each page once")
	stored := b.messages("c1")
	require.Contains(t, stored[3].Parts, "source-url")
	require.NotContains(t, stored[3].Parts, "canary")
	require.Equal(t, 1, b.count("SELECT count(*) FROM public.user_api_keys WHERE last_used_at IS NOT NULL"))

	// A key that opens no more costs the search, not the reply.
	_, err := b.Superuser(t).Exec(t.Context(), "UPDATE public.user_api_keys SET key_id = 'lost'")
	require.NoError(t, err)
	m = b.send("c1", "m3", "search")
	require.Equal(t, "output-error", part(m, "a")["state"])
	require.Contains(t, fmt.Sprint(m.Metadata["notices"]), "enter it again")
}

func TestToolsThatMisbehave(t *testing.T) {
	t.Parallel()
	misbehave := func(name string, run func(context.Context) (tool.Result, error)) tool.Tool {
		return tool.Tool{Tool: llm.Tool{Name: name}, Run: func(ctx context.Context, _ json.RawMessage) (tool.Result, error) { return run(ctx) }}
	}
	b := setup(t, func(o *completion.Options) {
		o.ToolTimeout = 50 * time.Millisecond
		o.Tools["openai"] = []tool.Tool{
			misbehave("huge", func(context.Context) (tool.Result, error) {
				return tool.Result{Output: json.RawMessage(`"` + strings.Repeat("x", 10<<20) + `"`)}, nil
			}),
			misbehave("proto", func(context.Context) (tool.Result, error) {
				return tool.Result{Output: json.RawMessage(`{"__proto__":{"a":1},"ok":"a\u0000b"}`)}, nil
			}),
			misbehave("garbage", func(context.Context) (tool.Result, error) {
				return tool.Result{Output: json.RawMessage(`{"secret`)}, nil
			}),
			misbehave("slow", func(ctx context.Context) (tool.Result, error) {
				<-ctx.Done()
				return tool.Result{}, ctx.Err()
			}),
			misbehave("panics", func(context.Context) (tool.Result, error) { panic("secret") }),
			misbehave("leaks", func(context.Context) (tool.Result, error) { return tool.Result{}, io.ErrUnexpectedEOF }),
		}
	})
	var all []llm.ToolCall
	for _, name := range []string{"huge", "proto", "garbage", "slow", "panics", "leaks", "nobody"} {
		all = append(all, llm.ToolCall{ID: name, Name: name, Input: json.RawMessage(`{}`)})
	}
	b.provider.script = calls(all...)
	m := b.send("c1", "m1", "go")
	require.Equal(t, "Let me see.7 results", m.Text())
	require.Equal(t, map[string]any{"ok": "a\uFFFDb"}, part(m, "proto")["output"])
	for id, text := range map[string]string{
		"huge": "more than 256 KiB", "garbage": "The tool failed.", "slow": "too long", "panics": "The tool failed.", "leaks": "The tool failed.", "nobody": "no such tool",
	} {
		require.Equal(t, "output-error", part(m, id)["state"], id)
		require.Contains(t, part(m, id)["errorText"], text, id)
	}
}
