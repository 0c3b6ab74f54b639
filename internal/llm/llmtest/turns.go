package llmtest

import (
	"encoding/json"
	"testing"

	"twobrains/internal/llm"
)

// turns plays a conversation with reasoning and a tool: what the first reply said must be in the requests that follow,
// in the provider's form, after it has been stored.
func turns(t *testing.T, a Adapter) {
	t.Run("turns", func(t *testing.T) {
		t.Parallel()
		if a.Turns == nil {
			t.Fatal("the adapter does not check its later turns")
		}
		text := Answer{Body: a.recording(t, "text.sse")}
		server := NewServer(t, Answer{Body: a.recording(t, "reasoning-tools.sse")}, text)
		p, req := a.New(t, server.URL, patient), Ask()
		first := Collect(t.Context(), t, p, req)
		if len(first.Calls) != 1 {
			t.Fatalf("%+v", first)
		}
		call := first.Calls[0]
		req.Messages = append(req.Messages, llm.Message{Role: llm.RoleAssistant, Parts: reload(t, first.Parts)},
			llm.Message{Role: llm.RoleTool, Parts: []llm.Part{llm.ToolResult{CallID: call.ID, Name: call.Name, Output: json.RawMessage(`{"degrees":21}`)}}})
		second := Collect(t.Context(), t, p, req)
		if second.Finish != llm.FinishStop {
			t.Fatalf("%+v", second)
		}
		req.Messages = append(req.Messages, llm.Message{Role: llm.RoleAssistant, Parts: reload(t, second.Parts)},
			llm.Message{Role: llm.RoleUser, Parts: []llm.Part{llm.Text{Text: "And Rome?"}}})
		if third := Collect(t.Context(), t, p, req); third.Finish != llm.FinishStop {
			t.Fatalf("%+v", third)
		}
		sent := server.Requests()
		a.Turns(t, sent[1].Body, sent[2].Body)
	})
	t.Run("broken reply", func(t *testing.T) {
		t.Parallel()
		recorded := a.recording(t, "reasoning-tools.sse")
		text := Answer{Body: a.recording(t, "text.sse")}
		for at := 1; at < 8; at++ { // wherever a reply breaks off, the conversation goes on
			server := NewServer(t, Answer{Body: recorded[:len(recorded)*at/8], Then: Cut}, text)
			p, req := a.New(t, server.URL, patient), Ask()
			first := Collect(t.Context(), t, p, req)
			if first.Finish != "" { // the cut came after the provider's end
				continue
			}
			if llm.KindOf(first.Err) != llm.Interrupted {
				t.Fatalf("cut at %d/8: %+v", at, first)
			}
			var kept []llm.Part // a call without a result is not kept
			for _, part := range first.Parts {
				if _, isCall := part.(llm.ToolCall); !isCall && part != nil {
					kept = append(kept, part)
				}
			}
			req.Messages = append(req.Messages, llm.Message{Role: llm.RoleAssistant, Parts: reload(t, kept)},
				llm.Message{Role: llm.RoleUser, Parts: []llm.Part{llm.Text{Text: "Again."}}})
			if r := Collect(t.Context(), t, p, req); r.Finish != llm.FinishStop {
				t.Fatalf("cut at %d/8: %+v", at, r)
			}
		}
	})
}

// reload stores and reads parts as a conversation does: metadata is JSON that was formatted anew.
func reload(t *testing.T, parts []llm.Part) []llm.Part {
	t.Helper()
	anew := func(meta llm.Metadata) llm.Metadata {
		if meta == nil {
			return nil
		}
		var value map[string]map[string]any
		if err := json.Unmarshal(meta, &value); err != nil || len(value) == 0 {
			t.Fatalf("metadata is not {provider: {key: value}}: %s", meta)
		}
		data, err := json.MarshalIndent(value, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	var kept []llm.Part
	for _, part := range parts {
		switch p := part.(type) {
		case llm.Text:
			p.Meta = anew(p.Meta)
			part = p
		case llm.Reasoning:
			p.Meta = anew(p.Meta)
			part = p
		case llm.ToolCall:
			p.Meta = anew(p.Meta)
			part = p
		case llm.File:
			p.Meta = anew(p.Meta)
			part = p
		}
		kept = append(kept, part)
	}
	return kept
}
