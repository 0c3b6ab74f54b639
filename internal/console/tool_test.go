package console

import (
	"encoding/json"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"twobrains/internal/tool"
)

func TestTool(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{})
	tl, ok := b.Tool(t.Context(), b.user)
	require.True(t, ok)
	require.True(t, tl.NeedsApproval)
	require.False(t, tl.Dynamic, "no setting takes the question away")
	require.Contains(t, tl.Description, "\nmessages (id character varying(64), ")
	require.NotContains(t, tl.Description, "schema_version")
	require.True(t, json.Valid(tl.InputSchema))

	call := func(query string) (string, error) {
		input, err := json.Marshal(map[string]string{"query": query})
		require.NoError(t, err)
		result, err := tl.Run(t.Context(), input)
		return string(result.Output), err
	}
	got, err := call("SELECT title FROM conversations ORDER BY id")
	require.NoError(t, err)
	require.JSONEq(t, `{"columns":[{"name":"title","type":"character varying(200)"}],"rows":[["mine one"],["mine two"]],"truncated":false}`, got)
	got, err = call("SELECT generate_series(1, 201)")
	require.NoError(t, err)
	require.Contains(t, got, `[200]]`)
	require.Contains(t, got, `"truncated":true`)
	got, err = call("SELECT repeat('é', 50000) FROM generate_series(1, 100)")
	require.NoError(t, err)
	require.Less(t, len(got), tool.MaxOutput)

	for _, bad := range []string{`{}`, `{"query":""}`, `{"query":1}`, `[]`} {
		_, err := tl.Run(t.Context(), json.RawMessage(bad))
		require.ErrorAs(t, err, new(tool.Error), bad)
	}
	for query, want := range map[string]string{
		"SELECT titel FROM conversations": "titel", "DELETE FROM messages": "Only one query", "SELECT * FROM public.tenants": "private brain", "SELECT 'é\x00'": "character",
	} {
		_, err := call(query)
		var safe tool.Error
		require.ErrorAs(t, err, &safe, query)
		require.Contains(t, string(safe), want, query)
	}

	// Several at once wait for each other.
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			if _, err := call("SELECT 1"); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}
