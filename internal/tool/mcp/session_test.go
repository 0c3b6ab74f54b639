package mcp_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"

	"twobrains/internal/llm"
	"twobrains/internal/tool"
	"twobrains/internal/tool/mcp"
)

// full is a server with one tool for each kind of answer.
func full() *sdk.Server {
	s := newServer()
	handle(s, &sdk.Tool{
		Name: "echo", Title: "Echo", Description: "Says it again.",
		Annotations: &sdk.ToolAnnotations{ReadOnlyHint: true},
		InputSchema: json.RawMessage(`{"type":"object","properties":{"text":{"type":"string","minLength":1}},"required":["text"]}`),
	}, func(_ context.Context, req *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		return says(string(req.Params.Arguments)), nil
	})
	handle(s, &sdk.Tool{Name: "many"}, func(context.Context, *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		return &sdk.CallToolResult{Content: []sdk.Content{
			&sdk.TextContent{Text: "one"},
			&sdk.ImageContent{MIMEType: "image/png", Data: make([]byte, 100)},
			&sdk.AudioContent{MIMEType: "audio/wav", Data: make([]byte, 7)},
			&sdk.ResourceLink{URI: "file:///a", Name: "a", Description: "the first"},
			&sdk.EmbeddedResource{Resource: &sdk.ResourceContents{URI: "file:///b", Text: "two"}},
			&sdk.EmbeddedResource{Resource: &sdk.ResourceContents{URI: "file:///c", MIMEType: "application/zip", Blob: []byte("xyz")}},
		}}, nil
	})
	structured := func(text string, value any) func(context.Context, *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		return func(context.Context, *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
			r := &sdk.CallToolResult{StructuredContent: value, Content: []sdk.Content{}}
			if text != "" {
				r.Content = append(r.Content, &sdk.TextContent{Text: text})
			}
			return r, nil
		}
	}
	handle(s, &sdk.Tool{Name: "same"}, structured(`{"a":1}`, map[string]any{"a": 1}))
	handle(s, &sdk.Tool{Name: "both"}, structured("in words", map[string]any{"a": 1}))
	handle(s, &sdk.Tool{Name: "proto"}, structured("", json.RawMessage(`{"__proto__":{"x":1},"a":"\u0000","constructor":{"prototype":1}}`)))
	handle(s, &sdk.Tool{Name: "large-object"}, structured("", map[string]any{"a": strings.Repeat("x", 2*tool.MaxOutput)}))
	handle(s, &sdk.Tool{Name: "large"}, func(context.Context, *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		return says(strings.Repeat("ü\"\n", 100_000)), nil
	})
	handle(s, &sdk.Tool{Name: "huge"}, func(context.Context, *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		return says(strings.Repeat("x", 10<<20)), nil
	})
	handle(s, &sdk.Tool{Name: "fails"}, func(context.Context, *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		r := says("There is no such city.")
		r.IsError = true
		return r, nil
	})
	handle(s, &sdk.Tool{Name: "leaks"}, func(context.Context, *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		return says("you sent Bearer canary-of-My Server"), nil
	})
	handle(s, &sdk.Tool{Name: "asks"}, func(ctx context.Context, req *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		_, elicit := req.Session.Elicit(ctx, &sdk.ElicitParams{Message: "your password?", RequestedSchema: map[string]any{"type": "object"}})
		_, sample := req.Session.CreateMessage(ctx, &sdk.CreateMessageParams{MaxTokens: 1}) //nolint:staticcheck // old servers ask so
		_, roots := req.Session.ListRoots(ctx, nil)                                         //nolint:staticcheck // old servers ask so
		if elicit == nil || sample == nil || roots == nil {
			return says("was given something"), nil
		}
		return says("was given nothing"), nil
	})
	return s
}

func TestSession(t *testing.T) {
	t.Parallel()
	for _, transport := range []mcp.Transport{mcp.StreamableHTTP, mcp.SSE} {
		t.Run(string(transport), func(t *testing.T) {
			t.Parallel()
			web := newSite(t, handlerOf(full(), transport))
			server := web.server("My Server")
			server.Transport = transport
			s := open(t, mcp.New(options()), somebody(t), server)
			require.Empty(t, s.Notices())
			echo := find(t, s, "my_server__echo")
			echo.Run = nil
			require.Equal(t, tool.Tool{
				Tool: llm.Tool{Name: "my_server__echo", Description: "Says it again.", InputSchema: json.RawMessage(
					`{"properties":{"text":{"description":"(minLength: 1)","type":"string"}},"required":["text"],"type":"object"}`)},
				Title: "Echo", Server: "My Server", Dynamic: true,
			}, echo)
			require.True(t, find(t, s, "my_server__many").NeedsApproval)

			for name, want := range map[string]string{
				"echo":  `"{\"text\":\"hi\"}"`,
				"same":  `{"a":1}`,
				"both":  `{"text":"in words","structured":{"a":1}}`,
				"proto": "{\"a\":\"\uFFFD\"}",
				"leaks": `"you sent [redacted]"`,
				"asks":  `"was given nothing"`,
				"many": `"one\n\n[An image is not shown here: image/png, 100 bytes.]\n\n[A recording is not played here: audio/wav, 7 bytes.]\n\n` +
					`[Link: a file:///a] the first\n\n[file:///b]\ntwo\n\n[A file is not shown here: file:///c, application/zip, 3 bytes.]"`,
			} {
				got, err := call(t, s, "my_server__"+name, `{"text":"hi"}`)
				require.NoError(t, err, name)
				require.Equal(t, want, got, name)
			}
			for _, name := range []string{"large", "large-object"} {
				got, err := call(t, s, "my_server__"+name, "{}")
				require.NoError(t, err)
				require.LessOrEqual(t, len(got), tool.MaxOutput)
				require.Greater(t, len(got), tool.MaxOutput*3/4)
				require.True(t, json.Valid([]byte(got)))
				require.Contains(t, got, "KiB; the rest is cut off here.]")
				require.NotContains(t, got, "\uFFFD")
			}
			_, err := call(t, s, "my_server__fails", "{}")
			require.EqualError(t, err, "There is no such city.")
			_, err = call(t, s, "my_server__huge", "{}")
			require.EqualError(t, err, "The server of this tool answered too much.")
			// The rest of the session goes on.
			got, err := call(t, s, "my_server__echo", `{"text":"still there"}`)
			require.NoError(t, err)
			require.Contains(t, got, "still there")
			s.Close()
			_, err = call(t, s, "my_server__echo", `{}`)
			require.EqualError(t, err, "The server of this tool was not waited for.")
			for _, sent := range web.headers {
				require.Equal(t, "Bearer canary-of-My Server", sent.Get("Authorization"))
			}
		})
	}
}

func TestListsAreRemembered(t *testing.T) {
	t.Parallel()
	web := newSite(t, handlerOf(full(), mcp.StreamableHTTP))
	now := time.Now()
	o := options()
	o.Clock = func() time.Time { return now }
	c := mcp.New(o)
	alice, bob := somebody(t), somebody(t)
	server := web.server("s")
	met := func(user func() *mcp.Session) bool {
		before := web.requests.Load()
		s := user()
		defer s.Close()
		require.NotEmpty(t, s.Tools())
		return web.requests.Load() > before
	}
	as := func(u int, server mcp.Server) func() *mcp.Session {
		user := alice
		if u == 1 {
			user = bob
		}
		return func() *mcp.Session { return c.Open(t.Context(), user, []mcp.Server{server}) }
	}
	require.True(t, met(as(0, server)))
	require.False(t, met(as(0, server)), "remembered")
	require.True(t, met(as(1, server)), "another user")
	changed := server
	changed.Version = "2"
	require.True(t, met(as(0, changed)), "another version")
	now = now.Add(11 * time.Minute)
	require.True(t, met(as(0, server)), "too old")
	// What is remembered is enough to call.
	s := open(t, c, alice, server)
	got, err := call(t, s, "s__echo", `{"text":"x"}`)
	require.NoError(t, err)
	require.Contains(t, got, "x")
	found := c.Probe(t.Context(), alice, server)
	require.Empty(t, found.Failure)
	require.Contains(t, found.Tools, mcp.FoundTool{Name: "echo", Title: "Echo", Description: "Says it again.", ReadOnly: true})
}

func TestDeadServersCostTheirToolsOnly(t *testing.T) {
	t.Parallel()
	good := newSite(t, handlerOf(full(), mcp.StreamableHTTP))
	quiet := make(chan struct{})
	silent := newSite(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-quiet }))
	t.Cleanup(func() { close(quiet) })
	closed := newSite(t, http.NotFoundHandler())
	closed.Server.Close()
	o := options()
	o.ConnectTimeout = 300 * time.Millisecond
	now := time.Now()
	o.Clock = func() time.Time { return now }
	c := mcp.New(o)
	user := somebody(t)
	servers := []mcp.Server{silent.server("silent"), good.server("good"), closed.server("closed")}
	start := time.Now()
	s := open(t, c, user, servers...)
	require.Less(t, time.Since(start), 5*time.Second)
	require.Equal(t, []string{
		`The tools of "silent" are not available: it did not answer in time.`,
		`The tools of "closed" are not available: it cannot be reached.`,
	}, s.Notices())
	_, err := call(t, s, "good__echo", `{"text":"x"}`)
	require.NoError(t, err)
	// The next run does not wait again.
	silent.become(handlerOf(full(), mcp.StreamableHTTP))
	require.Equal(t, s.Notices(), open(t, c, user, servers...).Notices())
	now = now.Add(time.Minute)
	require.Len(t, open(t, c, user, servers...).Notices(), 1)
}

func TestCancelledRun(t *testing.T) {
	t.Parallel()
	entered := make(chan struct{}, 10)
	web := newSite(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then a lost client shows
		entered <- struct{}{}
		<-r.Context().Done()
	}))
	c := mcp.New(options())
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-entered
		cancel()
	}()
	user := somebody(t)
	s := c.Open(ctx, user, []mcp.Server{web.server("s")})
	s.Close()
	require.Equal(t, []string{`The tools of "s" are not available: it was not waited for.`}, s.Notices())
	// It is not held against the server.
	web.become(handlerOf(full(), mcp.StreamableHTTP))
	require.Empty(t, open(t, c, user, web.server("s")).Notices())
}

func TestReconnect(t *testing.T) {
	t.Parallel()
	web := newSite(t, handlerOf(full(), mcp.StreamableHTTP))
	s := open(t, mcp.New(options()), somebody(t), web.server("s"))
	_, err := call(t, s, "s__fails", "{}")
	require.EqualError(t, err, "There is no such city.")
	// A restarted server knows no sessions; what it was asked was not done.
	web.become(handlerOf(full(), mcp.StreamableHTTP))
	_, err = call(t, s, "s__fails", "{}")
	require.EqualError(t, err, "There is no such city.")
	// Once is enough.
	web.become(http.NotFoundHandler())
	_, err = call(t, s, "s__fails", "{}")
	require.Error(t, err)
	before := web.requests.Load()
	_, err = call(t, s, "s__fails", "{}")
	require.Error(t, err)
	require.LessOrEqual(t, web.requests.Load(), before+1)
}

// TestBrokenCall: a call that a server may have acted on is repeated only if that does no harm.
func TestBrokenCall(t *testing.T) {
	t.Parallel()
	var reads, writes atomic.Int64
	server := newServer()
	var web *site
	gone := make(chan struct{})
	cutOnce := func(count *atomic.Int64) func(context.Context, *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		return func(context.Context, *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
			if count.Add(1) == 1 {
				web.CloseClientConnections()
				<-gone
				return nil, errors.New("gone")
			}
			return says("done"), nil
		}
	}
	handle(server, &sdk.Tool{Name: "read", Annotations: &sdk.ToolAnnotations{ReadOnlyHint: true}}, cutOnce(&reads))
	handle(server, &sdk.Tool{Name: "write"}, cutOnce(&writes))
	web = newSite(t, handlerOf(server, mcp.SSE))
	t.Cleanup(func() { close(gone) })
	at := web.server("s")
	at.Transport = mcp.SSE
	c := mcp.New(options())
	user := somebody(t)
	s := open(t, c, user, at)
	got, err := call(t, s, "s__read", "{}")
	require.NoError(t, err)
	require.Equal(t, `"done"`, got)
	require.EqualValues(t, 2, reads.Load())
	s = open(t, c, user, at)
	_, err = call(t, s, "s__write", "{}")
	require.Error(t, err)
	require.EqualValues(t, 1, writes.Load())
	got, err = call(t, s, "s__write", "{}")
	require.NoError(t, err)
	require.Equal(t, `"done"`, got)
}

func TestCallTimeout(t *testing.T) {
	t.Parallel()
	server := newServer()
	awake := make(chan struct{})
	handle(server, &sdk.Tool{Name: "sleep"}, func(context.Context, *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		<-awake
		return nil, errors.New("too late")
	})
	web := newSite(t, handlerOf(server, mcp.StreamableHTTP))
	t.Cleanup(func() { close(awake) })
	o := options()
	o.CallTimeout = 300 * time.Millisecond
	s := open(t, mcp.New(o), somebody(t), web.server("s"))
	_, err := call(t, s, "s__sleep", "{}")
	require.EqualError(t, err, "The server of this tool did not answer in time.")
}
