package completion_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"twobrains/internal/completion"
	"twobrains/internal/console"
	"twobrains/internal/llm"
	"twobrains/internal/settings"
)

// A model may query its user's history if the user has allowed the tool, and then each time only with consent, whatever else is set.
func TestHistoryTool(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *completion.Options) { o.History = console.New(console.Options{DB: o.DB}).Tool })
	b.send("c0", "m0", "the password is swordfish")
	require.Len(t, b.provider.last(t).Tools, 1, "off by default")

	prefer := settings.NewService(settings.Options{DB: b.DB, Catalog: b.options.Catalog})
	yes, never := true, settings.ApprovalNever
	got, err := prefer.Update(t.Context(), b.user, settings.Patch{
		HistoryTool: settings.Change[bool]{Set: true, Value: &yes}, ToolApproval: settings.Change[string]{Set: true, Value: &never},
	})
	require.NoError(t, err)
	require.True(t, got.HistoryTool)

	query := `{"query":"SELECT p->>'text' AS text FROM messages, jsonb_array_elements(parts) AS p WHERE role = 'user' AND seq = 1 AND conversation_id = 'c0'"}`
	b.provider.script = calls(
		llm.ToolCall{ID: "read", Name: console.ToolName, Input: json.RawMessage(query)},
		llm.ToolCall{ID: "write", Name: console.ToolName, Input: json.RawMessage(`{"query":"DELETE FROM messages"}`)},
		llm.ToolCall{ID: "no", Name: console.ToolName, Input: json.RawMessage(query)},
	)
	asked := b.send("c1", "m1", "what was the password?")
	require.Len(t, b.provider.last(t).Tools, 2)
	ids := map[string]string{}
	for _, call := range []string{"read", "write", "no"} {
		ids[call] = approvalOf(t, asked, call)
	}
	done, _ := b.goOn(asked, answer{ids["read"], "read", true, ""}, answer{ids["write"], "write", true, ""}, answer{ids["no"], "no", false, "private"})
	require.Equal(t, "output-available", part(done, "read")["state"])
	require.Equal(t, []any{[]any{"the password is swordfish"}}, part(done, "read")["output"].(map[string]any)["rows"])
	require.Equal(t, "output-error", part(done, "write")["state"])
	require.Equal(t, "output-denied", part(done, "no")["state"])
	require.Equal(t, 1, b.count("SELECT count(*) FROM "+b.schema()+".messages WHERE conversation_id = 'c0' AND role = 'user'"))

	no := false
	_, err = prefer.Update(t.Context(), b.user, settings.Patch{HistoryTool: settings.Change[bool]{Set: true, Value: &no}})
	require.NoError(t, err)
	last := b.send("c2", "m2", "again")
	require.Equal(t, "output-error", part(last, "read")["state"], "there is no such tool")
}
