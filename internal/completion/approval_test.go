package completion_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/llm"
	"twobrains/internal/problem"
	"twobrains/internal/stream"
	"twobrains/internal/stream/streamtest"
	"twobrains/internal/tool/mcp"
)

// answer is the user's to one call.
type answer struct {
	approval, call string
	approved       bool
	reason         string
}

// respond is what a client posts with the user's answers: the whole reply as it has it.
func respond(conversation, message string, answers ...answer) []byte {
	parts := []any{map[string]any{"type": "text", "text": "forged"}}
	for _, a := range answers {
		parts = append(parts, map[string]any{
			"type": "dynamic-tool", "toolName": "forged", "toolCallId": a.call, "state": "approval-responded", "input": map[string]any{"forged": true},
			"approval": map[string]any{"id": a.approval, "approved": a.approved, "reason": a.reason},
		})
	}
	out, _ := json.Marshal(map[string]any{"id": conversation, "trigger": "submit-message", "messageId": message, "messages": []any{
		map[string]any{"id": "m1", "role": "user", "parts": []any{map[string]any{"type": "text", "text": "x"}}},
		map[string]any{"id": message, "role": "assistant", "parts": parts},
	}})
	return out
}

// goOn answers and builds the message as a client does that has the one before.
func (b *testBundle) goOn(before *streamtest.Message, answers ...answer) (*streamtest.Message, []streamtest.Chunk) {
	b.t.Helper()
	f, err := b.Start(b.t.Context(), b.user, respond("c1", before.ID, answers...))
	require.NoError(b.t, err)
	defer f.Close()
	var all []byte
	for {
		frames, err := f.Next(b.t.Context(), 10*time.Second)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(b.t, err)
		all = append(all, frames...)
	}
	chunks, _, _, err := streamtest.ReadSSE(strings.NewReader(string(all)))
	require.NoError(b.t, err)
	m, err := streamtest.Continue(before.ID, before.Parts, chunks)
	require.NoError(b.t, err, "%s", all)
	return m, chunks
}

func approvalOf(t *testing.T, m *streamtest.Message, call string) string {
	t.Helper()
	p := part(m, call)
	require.Equal(t, "approval-requested", p["state"])
	return p["approval"].(map[string]any)["id"].(string)
}

func (b *testBundle) refused(body []byte, code problem.Code) {
	b.t.Helper()
	_, err := b.Start(b.t.Context(), b.user, body)
	require.True(b.t, problem.HasCode(err, code), "%v", err)
}

func TestApprovalRoundTrip(t *testing.T) {
	t.Parallel()
	b := withServers(t)
	url, ran := deleter(t)
	b.addServer("Files", url, mcp.ApprovalWrites)
	b.provider.script = calls(
		llm.ToolCall{ID: "yes", Name: "files__delete", Input: json.RawMessage(`{"path":"a"}`), Meta: json.RawMessage(`{"test":{"sig":"kept"}}`)},
		llm.ToolCall{ID: "no", Name: "files__delete", Input: json.RawMessage(`{"path":"b"}`)},
		llm.ToolCall{ID: "own", Name: "double", Input: json.RawMessage(`{"N":4}`)},
	)
	asked := b.send("c1", "m1", "delete a and b")
	require.Equal(t, "tool-calls", asked.FinishReason)
	require.Equal(t, int64(0), ran.Load(), "nothing runs before the answer")
	require.Equal(t, "output-available", part(asked, "own")["state"], "our own tools need none")
	yes, no := approvalOf(t, asked, "yes"), approvalOf(t, asked, "no")
	stored := b.messages("c1")
	require.Contains(t, stored[1].Parts, yes)

	// What does not fit what was asked changes nothing.
	_, err := b.Start(t.Context(), b.user, respond("c1", asked.ID, answer{"apr_forged", "yes", true, ""}, answer{no, "no", true, ""}))
	require.True(t, problem.HasCode(err, problem.CodeInvalid), "%v", err)
	require.Equal(t, "messages[1].parts[1].approval", problem.From(err).Fields[0].Path)
	b.refused(respond("c1", asked.ID, answer{yes, "own", true, ""}, answer{no, "no", true, ""}), problem.CodeInvalid)
	b.refused(respond("c1", asked.ID, answer{yes, "yes", true, ""}), problem.CodeInvalid)
	b.refused(respond("c1", asked.ID, answer{yes, "yes", true, ""}, answer{yes, "yes", false, ""}, answer{no, "no", true, ""}), problem.CodeInvalid)
	b.refused(respond("c1", asked.ID), problem.CodeInvalid)
	b.refused(respond("c1", asked.ID, answer{yes, "yes", true, strings.Repeat("x", 1001)}, answer{no, "no", true, ""}), problem.CodeInvalid)
	b.refused(respond("c1", "m1", answer{yes, "yes", true, ""}), problem.CodeNotFound)
	b.refused(respond("c1", "msg_none", answer{yes, "yes", true, ""}), problem.CodeNotFound)
	b.refused(respond("c2", asked.ID, answer{yes, "yes", true, ""}), problem.CodeNotFound)
	other := b.user
	b.user = b.ids.User(t, uuid.New())
	b.refused(respond("c1", asked.ID, answer{yes, "yes", true, ""}, answer{no, "no", true, ""}), problem.CodeNotFound)
	b.user = other
	require.Equal(t, stored, b.messages("c1"))
	require.Equal(t, int64(0), ran.Load())

	done, chunks := b.goOn(asked, answer{yes, "yes", true, ""}, answer{no, "no", false, "too risky"})
	require.Equal(t, "start", chunks[0].Type())
	require.Equal(t, int64(1), ran.Load())
	require.Equal(t, "output-available", part(done, "yes")["state"])
	require.Contains(t, fmt.Sprint(part(done, "yes")["output"]), `{"path":"a"}`, "the stored input, not the client's")
	require.Equal(t, "output-denied", part(done, "no")["state"])
	require.Equal(t, "Let me see.3 results", done.Text())
	require.Equal(t, "stop", done.FinishReason)
	results := b.provider.last(t).Messages
	last := results[len(results)-1]
	require.Equal(t, llm.RoleTool, last.Role)
	require.Contains(t, string(last.Parts[1].(llm.ToolResult).Output), "too risky")
	require.True(t, last.Parts[1].(llm.ToolResult).IsError)
	sent := results[len(results)-2].Parts
	require.JSONEq(t, `{"test":{"sig":"kept"}}`, string(sent[1].(llm.ToolCall).Meta))

	stored = b.messages("c1")
	require.Len(t, stored, 2)
	require.Equal(t, asked.ID, stored[1].ID)
	var parts []map[string]any
	require.NoError(t, json.Unmarshal([]byte(stored[1].Parts), &parts))
	require.Len(t, parts, len(done.Parts))
	require.NotContains(t, stored[1].Parts, "forged")
	require.Contains(t, stored[1].Parts, `"approved": true`)
	require.Contains(t, stored[1].Metadata, `"inputTokens": 110`, "of both runs together")
	require.Contains(t, stored[1].Metadata, `"createdAt"`)
	require.Equal(t, 2, b.count("SELECT count(*) FROM BRAIN.runs WHERE status = 'complete' AND message_id = $1", asked.ID))
	require.Equal(t, 1, b.count("SELECT messages FROM public.usage_daily"))

	// The same answer again, and after the conversation has gone on.
	b.refused(respond("c1", asked.ID, answer{yes, "yes", true, ""}, answer{no, "no", true, ""}), problem.CodeConflict)
	b.provider.script = says("Next.")
	b.send("c1", "m2", "go on")
	b.refused(respond("c1", asked.ID, answer{yes, "yes", true, ""}, answer{no, "no", true, ""}), problem.CodeConflict)
	require.Equal(t, int64(1), ran.Load())
}

// Many answers at once: the tool runs once.
func TestApprovalAnsweredTwiceAtOnce(t *testing.T) {
	t.Parallel()
	b := withServers(t)
	url, ran := deleter(t)
	b.addServer("Files", url, mcp.ApprovalAlways)
	b.provider.script = calls(llm.ToolCall{ID: "a", Name: "files__delete", Input: json.RawMessage(`{}`)})
	asked := b.send("c1", "m1", "delete")
	body := respond("c1", asked.ID, answer{approvalOf(t, asked, "a"), "a", true, ""})
	type outcome struct {
		follower stream.Follower
		err      error
	}
	outcomes := make(chan outcome)
	for range 10 {
		go func() {
			f, err := b.Start(t.Context(), b.user, body)
			outcomes <- outcome{f, err}
		}()
	}
	started := 0
	for range 10 {
		o := <-outcomes
		if o.err == nil {
			started++
			o.follower.Close()
			continue
		}
		require.True(t, problem.HasCode(o.err, problem.CodeRunActive) || problem.HasCode(o.err, problem.CodeConflict), "%v", o.err)
	}
	b.drained()
	require.Equal(t, 1, started)
	require.Equal(t, int64(1), ran.Load())
}

func TestApprovalBySetting(t *testing.T) {
	t.Parallel()
	b := withServers(t)
	url, ran := deleter(t)
	b.addServer("Files", url, mcp.ApprovalNever)
	b.provider.script = calls(llm.ToolCall{ID: "a", Name: "files__delete", Input: json.RawMessage(`{}`)})
	b.send("c1", "m1", "delete")
	require.Equal(t, int64(1), ran.Load())
	_, err := b.Superuser(t).Exec(t.Context(), "INSERT INTO public.user_settings (user_id, tool_approval) VALUES ($1, 'always')", b.user.ID())
	require.NoError(t, err)
	asked := b.send("c2", "m2", "delete")
	approvalOf(t, asked, "a")
	require.Equal(t, int64(1), ran.Load())

	// A new message instead of an answer: the call is left out, and answered no more.
	b.provider.script = says("Fine.")
	b.send("c2", "m3", "never mind")
	for _, m := range b.provider.last(t).Messages {
		for _, p := range m.Parts {
			_, isCall := p.(llm.ToolCall)
			require.False(t, isCall)
		}
	}
}

// What the tools did is kept where the model then fails, so that they do not run again.
func TestApprovalThenFailure(t *testing.T) {
	t.Parallel()
	b := withServers(t)
	url, ran := deleter(t)
	b.addServer("Files", url, mcp.ApprovalAlways)
	b.provider.script = calls(llm.ToolCall{ID: "a", Name: "files__delete", Input: json.RawMessage(`{}`)})
	asked := b.send("c1", "m1", "delete")
	approval := approvalOf(t, asked, "a")
	b.provider.script = func(_ context.Context, _ llm.Request, yield func(llm.Event, error) bool) {
		yield(nil, llm.NewError(llm.Overloaded, errors.New("status 529")))
	}
	failed, _ := b.goOn(asked, answer{approval, "a", true, ""})
	require.True(t, failed.Failed)
	require.Equal(t, int64(1), ran.Load())
	stored := b.messages("c1")
	require.Equal(t, "failed", stored[1].Status)
	require.Contains(t, stored[1].Parts, "output-available")
	require.Contains(t, stored[1].Parts, "Let me see.")
	require.Equal(t, 1, b.count("SELECT day_used FROM public.quota_counters"), "nothing new was said")
	b.refused(respond("c1", asked.ID, answer{approval, "a", true, ""}), problem.CodeConflict)
}
