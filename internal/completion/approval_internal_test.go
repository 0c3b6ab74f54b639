package completion

import (
	"encoding/json"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"twobrains/internal/llm"
	"twobrains/internal/stream"
	"twobrains/internal/tool"
)

// A call that needs approval is not made where the request for it fails.
func TestNoApprovalNoCall(t *testing.T) {
	t.Parallel()
	logs := stream.NewMemory(stream.MemoryOptions{})
	defer logs.Close()
	log, err := logs.Create(t.Context(), stream.Key{Tenant: "t", Conversation: "c"}, "run")
	require.NoError(t, err)
	reply := stream.NewAssembler(log, stream.Options{MessageID: "m"})
	require.NoError(t, reply.Abort(nil))
	r := &run{Service: &Service{log: slog.New(slog.DiscardHandler)}}
	r.toolbox.tools = []tool.Tool{{Tool: llm.Tool{Name: "delete"}, NeedsApproval: true}, {Tool: llm.Tool{Name: "read"}}}
	rest, asked := r.ask(reply, []llm.ToolCall{
		{ID: "a", Name: "delete", Input: json.RawMessage(`{}`)}, {ID: "b", Name: "read", Input: json.RawMessage(`{}`)},
	})
	require.False(t, asked)
	require.Len(t, rest, 1)
	require.Equal(t, "b", rest[0].ID)
}

func TestFingerprintTellsToolsApart(t *testing.T) {
	t.Parallel()
	r := &run{}
	a := tool.Tool{Tool: llm.Tool{Name: "x", Description: "d", InputSchema: json.RawMessage(`{"type":"object","a":1}`)}}
	same, other := a, a
	same.InputSchema = json.RawMessage(`{"a":1, "type":"object"}`)
	other.Description = "deletes"
	require.Equal(t, r.fingerprint(a), r.fingerprint(same))
	require.NotEqual(t, r.fingerprint(a), r.fingerprint(other))
}
