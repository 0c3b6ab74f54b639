package mcp

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"

	"twobrains/internal/secret"
)

func echoing() *remote {
	return &remote{server: Server{ID: "s", Headers: map[string]secret.Secret{
		"Authorization": secret.New(`Bearer canary"of<s>`), "X-Account": secret.New("1234567890"), "X-Long": secret.New("1234567890-canary"), "X-Short": secret.New("12"),
	}}}
}

func TestScrubJSON(t *testing.T) {
	t.Parallel()
	r := echoing()
	for in, want := range map[string]string{
		`{"n":1234567890,"m":-12.5e3,"o":12345678901,"b":[true,null,12]}`:           `{"n":"[redacted]","m":-12.5e3,"o":12345678901,"b":[true,null,12]}`,
		`{"t":"is 1234567890.","u":"\\\"12\\","canary\"of<s>":"1234567890-canary"}`: `{"t":"is [redacted].","u":"\\\"12\\","[redacted]":"[redacted]"}`,
		`"Bearer canary\"of<s>"`:        `"[redacted]"`,
		`"{\"t\":\"canary\\\"of<s>\"}"`: `"{\"t\":\"[redacted]\"}"`,
		`1234567890`:                    `"[redacted]"`,
		`""`:                            `""`,
	} {
		got := string(r.scrubJSON(json.RawMessage(in)))
		require.Equal(t, want, got)
		require.True(t, json.Valid([]byte(got)), got)
	}
	output, err := r.output(&sdk.CallToolResult{StructuredContent: map[string]any{"account": 1234567890, "token": `canary"of<s>`}})
	require.NoError(t, err)
	require.JSONEq(t, `{"account":"[redacted]","token":"[redacted]"}`, string(output))
}

// TestRefusalHidesAllOfAToken: also one across the place where the text is cut.
func TestRefusalHidesAllOfAToken(t *testing.T) {
	t.Parallel()
	r := echoing()
	for before := 470; before < 510; before++ {
		text, ok := r.refusal(&jsonrpc.Error{Message: strings.Repeat("x", before) + `canary"of<s>` + strings.Repeat("y", 100)})
		require.True(t, ok)
		require.NotContains(t, text, "can", before)
	}
	_, ok := r.refusal(&jsonrpc.Error{Message: " \n"})
	require.False(t, ok)
}

// TestPanicsAreFailures: a server that leads to a panic costs its tools.
func TestPanicsAreFailures(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	c := New(Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	r := echoing()
	r.client = c
	// A connection without a session.
	killed := false
	r.conn = &connection{http: http.DefaultClient, seen: &observed{}, gone: make(chan struct{}), kill: func() { killed = true }}
	found := r.list(t.Context())
	require.NotNil(t, found.failure)
	require.Equal(t, "cannot be used because of a fault on our side", found.failure.text)
	require.Contains(t, log.String(), "runtime.errorString")
	require.Contains(t, log.String(), "fetch.go")
	require.NotPanics(t, (&Session{remotes: []*remote{r}}).Close)
	require.True(t, killed)
	require.Equal(t, 2, strings.Count(log.String(), "MCP client panicked"))
}
