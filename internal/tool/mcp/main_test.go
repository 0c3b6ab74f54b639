package mcp_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"twobrains/internal/auth"
	"twobrains/internal/auth/authtest"
	"twobrains/internal/secret"
	"twobrains/internal/tool"
	"twobrains/internal/tool/guard"
	"twobrains/internal/tool/mcp"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// A session that a test's server has forgotten along with its handler.
		goleak.IgnoreAnyFunction("github.com/modelcontextprotocol/go-sdk/mcp.(*streamableServerConn).Read"),
	)
}

func somebody(t *testing.T) auth.User {
	t.Helper()
	return authtest.NewIdentities(t).User(t, uuid.New())
}

func options() mcp.Options {
	return mcp.Options{HTTP: guard.Options{AllowPrivate: true}}
}

// site is an HTTP server that counts requests and can be told to answer otherwise.
type site struct {
	*httptest.Server
	requests atomic.Int64
	mu       sync.Mutex
	handler  http.Handler
	headers  []http.Header
}

func newSite(t *testing.T, handler http.Handler) *site {
	t.Helper()
	s := &site{handler: handler}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		s.mu.Lock()
		h := s.handler
		s.headers = append(s.headers, r.Header.Clone())
		s.mu.Unlock()
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		s.Server.CloseClientConnections()
		s.Server.Close()
	})
	return s
}

func (s *site) become(handler http.Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handler = handler
}

func (s *site) server(name string) mcp.Server {
	return mcp.Server{
		ID: name, Name: name, URL: s.URL + "/mcp", Transport: mcp.StreamableHTTP, Approval: mcp.ApprovalWrites, Version: "1",
		Headers: map[string]secret.Secret{"Authorization": secret.New("Bearer canary-of-" + name)},
	}
}

// handlerOf serves an SDK server in either transport.
func handlerOf(server *sdk.Server, transport mcp.Transport) http.Handler {
	get := func(*http.Request) *sdk.Server { return server }
	if transport == mcp.SSE {
		return sdk.NewSSEHandler(get, nil)
	}
	return sdk.NewStreamableHTTPHandler(get, nil)
}

func newServer() *sdk.Server {
	return sdk.NewServer(&sdk.Implementation{Name: "test", Version: "1"}, nil)
}

// handle adds a tool that takes any object.
func handle(s *sdk.Server, t *sdk.Tool, answer func(ctx context.Context, req *sdk.CallToolRequest) (*sdk.CallToolResult, error)) {
	if t.InputSchema == nil {
		t.InputSchema = map[string]any{"type": "object"}
	}
	s.AddTool(t, answer)
}

func says(text string) *sdk.CallToolResult {
	return &sdk.CallToolResult{Content: []sdk.Content{&sdk.TextContent{Text: text}}}
}

func open(t *testing.T, c *mcp.Client, user auth.User, servers ...mcp.Server) *mcp.Session {
	t.Helper()
	s := c.Open(t.Context(), user, servers)
	t.Cleanup(s.Close)
	return s
}

func find(t *testing.T, s *mcp.Session, name string) tool.Tool {
	t.Helper()
	for _, candidate := range s.Tools() {
		if candidate.Name == name {
			return candidate
		}
	}
	require.Failf(t, "no such tool", "%s; notices %v", name, s.Notices())
	return tool.Tool{}
}

func call(t *testing.T, s *mcp.Session, name, input string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	start := time.Now()
	result, err := find(t, s, name).Run(ctx, []byte(input))
	t.Logf("%s took %s", name, time.Since(start).Round(time.Millisecond))
	if err != nil {
		var safe tool.Error
		require.ErrorAs(t, err, &safe)
		require.NotContains(t, err.Error(), "127.0.0.1")
		require.NotContains(t, err.Error(), "canary")
	}
	require.NotContains(t, string(result.Output), "canary")
	return string(result.Output), err
}

func names(s *mcp.Session) string {
	var list []string
	for _, t := range s.Tools() {
		list = append(list, t.Name)
	}
	return strings.Join(list, " ")
}
