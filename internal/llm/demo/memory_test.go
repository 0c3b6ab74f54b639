package demo_test

import (
	"strings"
	"testing"

	"twobrains/internal/llm"
)

func TestNotes(t *testing.T) {
	t.Parallel()
	offered := request("Please demo:Remember  Likes \"tea\". ")
	offered.Tools = append(offered.Tools, llm.Tool{Name: "update_memory"})
	r := ask(t.Context(), t, offered)
	if len(r.calls) != 1 || r.calls[0].Name != "update_memory" || string(r.calls[0].Input) != `{"remember":"Likes \"tea\"."}` || r.finish != llm.FinishToolCalls {
		t.Errorf("got %+v", r.calls)
	}
	offered.Messages[0].Parts[0] = llm.Text{Text: "demo:forget Has a dog."}
	if r = ask(t.Context(), t, offered); len(r.calls) != 1 || string(r.calls[0].Input) != `{"forget":"Has a dog."}` {
		t.Errorf("got %+v", r.calls)
	}
	if r = ask(t.Context(), t, request("demo:remember this")); len(r.calls) != 0 || !strings.Contains(r.text, "settings") {
		t.Errorf("got %q", r.text)
	}

	known := request("demo:notes")
	if r = ask(t.Context(), t, known); r.text != "You let me know no notes." {
		t.Errorf("got %q", r.text)
	}
	known.System = "Be brief.\n\nNotes:\n<notes>\n\"Likes \\u003ctea\\u003e.\"\n\"Two\\nlines\"\n</notes>"
	if r = ask(t.Context(), t, known); r.text != "You let me know 2:\n\n- Likes <tea>.\n- Two lines" {
		t.Errorf("got %q", r.text)
	}

	denied := offered
	denied.Messages = append(denied.Messages,
		llm.Message{Role: llm.RoleAssistant, Parts: []llm.Part{llm.ToolCall{ID: "1", Name: "update_memory", Input: []byte(`{"remember":"x"}`)}}},
		llm.Message{Role: llm.RoleTool, Parts: []llm.Part{llm.ToolResult{CallID: "1", Name: "update_memory", Output: []byte(`"The user said no."`), IsError: true}}})
	if r = ask(t.Context(), t, denied); r.text != "The tool `update_memory` could not be used: The user said no." {
		t.Errorf("got %q", r.text)
	}
}
