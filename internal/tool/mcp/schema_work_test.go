package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/require"
)

// each joins n texts made from a format with a number.
func each(n int, format string) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(format, i)
	}
	return strings.Join(list, ",")
}

// TestNormalizeWork: what would take long is refused after a bounded part of the work.
func TestNormalizeWork(t *testing.T) {
	t.Parallel()
	refs := each(1900, `"p%d":{"$ref":"#/$defs/wide"}`)
	for name, schema := range map[string]string{
		"many enum values":              `{"properties":{"a":{"enum":[` + each(200_000, `"v%d"`) + `]}}}`,
		"many bad names":                `{"properties":{` + each(100_000, `"bad %d":{}`) + `},"required":[` + each(100_000, `"none%d"`) + `]}`,
		"bad names within the size":     `{"properties":{` + each(5000, `"bad %d":{}`) + `}}`,
		"false properties":              `{"properties":{` + each(5000, `"p%d":false`) + `}}`,
		"required bad names":            `{"properties":{` + each(3000, `"bad %d":{}`) + `},"required":[` + each(5000, `"none%d"`) + `]}`,
		"references to much":            `{"properties":{` + refs + `},"$defs":{"wide":{"type":"string",` + each(5000, `"x%d":1`) + `}}}`,
		"references to an enum":         `{"properties":{` + refs + `},"$defs":{"wide":{"enum":[` + each(5000, `"v%d"`) + `]}}}`,
		"references to a large default": `{"properties":{` + refs + `},"$defs":{"wide":{"type":"string","default":[` + each(8000, "%d") + `]}}}`,
		"a chain that carries much": `{"$ref":"#/$defs/d0",` + each(5000, `"x%d":1`) + `,"$defs":{` +
			each(1000, `"d%d":{"$ref":"#/$defs/d?"}`) + `}}`,
	} {
		for i := 1; strings.Contains(schema, "d?"); i++ {
			schema = strings.Replace(schema, "d?", fmt.Sprintf("d%d", i), 1)
		}
		var in any
		require.NoError(t, json.Unmarshal([]byte(schema), &in), name)
		n := newNormalizer(in)
		_, _, err := n.normalize()
		require.ErrorIs(t, err, errLarge, name)
		require.LessOrEqual(t, n.nodes, maxSchemaNodes+1, name)
		require.LessOrEqual(t, len(n.left), maxSchemaNodes, name)
		require.LessOrEqual(t, n.read, maxSchemaRead+maxSchemaRaw, name)
	}
	// What is long but can be had: an enum too long for providers, told in words.
	got, _, err := normalized(t, `{"properties":{"a":{"enum":[`+each(5000, `"v%d"`)+`,"v1"]}}}`)
	require.NoError(t, err)
	require.Contains(t, got, `"type":"string"`)
	require.Contains(t, got, `one of: [\"v0\",`)
	got, _, err = normalized(t, `{"properties":{"a":{"enum":[`+each(500, `"v%d"`)+`,"v1"]}},"required":["a","a",["a"]]}`)
	require.NoError(t, err)
	require.Equal(t, 500, strings.Count(got, `"v`))
	require.Contains(t, got, `"required":["a"]`)
}

func TestSizeOf(t *testing.T) {
	t.Parallel()
	var v any
	require.NoError(t, json.Unmarshal([]byte(`{"a":["bc",1,true,null],"d":{"e":"f"}}`), &v))
	require.InDelta(t, 38, sizeOf(v, 1000), 10)
	list := make([]any, 1<<20)
	require.Less(t, sizeOf(map[string]any{"a": list, "b": list}, 100), 120, "counting goes on")
}

// TestFetchStops: unusable tools count against the bound, and nobody waits for a list that is not wanted any more.
func TestFetchStops(t *testing.T) {
	t.Parallel()
	server := sdk.NewServer(&sdk.Implementation{Name: "test"}, nil)
	for i := range maxServerTools + 20 {
		server.AddTool(&sdk.Tool{Name: fmt.Sprintf("t%d", i), InputSchema: map[string]any{"type": "object", "properties": map[string]any{"self": map[string]any{"$ref": "#"}}}},
			func(context.Context, *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
				return nil, errors.ErrUnsupported
			})
	}
	near, far := sdk.NewInMemoryTransports()
	remoteSession, err := server.Connect(t.Context(), far, nil)
	require.NoError(t, err)
	ctx, cancel := context.WithCancelCause(t.Context())
	client := sdk.NewClient(&sdk.Implementation{Name: "test"}, nil)
	client.AddSendingMiddleware(func(next sdk.MethodHandler) sdk.MethodHandler {
		return func(c context.Context, method string, req sdk.Request) (sdk.Result, error) {
			result, err := next(c, method, req)
			if c.Value(stopAfter{}) != nil {
				cancel(errBudget)
			}
			return result, err
		}
	})
	session, err := client.Connect(t.Context(), near, nil)
	require.NoError(t, err)
	defer func() {
		_ = session.Close()
		_ = remoteSession.Wait()
	}()
	conn := &connection{session: session, seen: &observed{}}
	found, failed := fetch(t.Context(), conn, Server{Name: "s"})
	require.Nil(t, failed)
	require.Empty(t, found.tools)
	require.Len(t, found.notices, maxServerTools+1)

	_, failed = fetch(context.WithValue(ctx, stopAfter{}, true), conn, Server{Name: "s"})
	require.NotNil(t, failed)
	require.Equal(t, "did not answer in time", failed.text)
}

// stopAfter marks a context that ends when a list has arrived.
type stopAfter struct{}
