package stream_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"twobrains/internal/llm"
	"twobrains/internal/stream"
	"twobrains/internal/stream/streamtest"
)

// asked is a stored reply that waits for answers to the calls a, b and c.
func asked(t *testing.T) (parts, metadata json.RawMessage) {
	t.Helper()
	a, log := newAssembler(stream.Options{Metadata: json.RawMessage(`{"createdAt":"then","usage":{"in":1}}`), CompactBytes: 200})
	must(t, a.Start(), a.StartStep(), a.Apply(llm.TextDelta{Block: "0", Text: "Let me see."}))
	for _, id := range []string{"a", "b", "c", "own"} {
		must(t, a.Apply(llm.ToolCall{ID: id, Name: "delete", Input: json.RawMessage(`{"x":1}`), Meta: json.RawMessage(`{"p":{"sig":"s"}}`)}))
		if id != "own" {
			must(t, a.RequestApproval(id, "apr_"+id, "tool_"+id))
		}
	}
	if calls := a.Calls(); len(calls) != 1 || calls[0].ID != "own" {
		t.Fatalf("calls that wait: %+v", calls)
	}
	if err := a.RequestApproval("a", "apr_2", ""); !errors.Is(err, stream.ErrUnknownCall) {
		t.Errorf("asked twice: %v", err)
	}
	if err := a.ToolOutput("a", json.RawMessage(`1`)); !errors.Is(err, stream.ErrUnknownCall) {
		t.Errorf("output before the answer: %v", err)
	}
	must(t, a.ToolOutput("own", json.RawMessage(`{"ok":true}`)), a.Finish(llm.FinishToolCalls, nil))
	agree(t, a, log)
	return a.Parts(), a.Metadata()
}

func TestResume(t *testing.T) {
	t.Parallel()
	parts, metadata := asked(t)
	approvals, err := stream.Approvals(parts)
	if err != nil || len(approvals) != 3 || approvals[1] != (stream.Approval{ID: "apr_b", CallID: "b", Pending: true, Tool: "tool_b"}) {
		t.Fatalf("%+v, %v", approvals, err)
	}
	for _, compact := range []int{0, 100} {
		a, log := newAssembler(stream.Options{Metadata: json.RawMessage(`{"usage":{"out":2}}`), CompactBytes: compact})
		must(t, a.Resume(parts, metadata, []stream.Decision{
			{ApprovalID: "apr_a", CallID: "a", Approved: true}, {ApprovalID: "apr_b", CallID: "b", Reason: "no\x00"},
		}))
		if calls := a.Calls(); len(calls) != 1 || calls[0].ID != "a" || string(calls[0].Meta) != `{"p":{"sig":"s"}}` || a.Produced() {
			t.Fatalf("%+v", calls)
		}
		must(t, a.ToolOutput("a", json.RawMessage(`"`+strings.Repeat("done ", 50)+`"`)), a.StartStep())
		must(t, a.Apply(llm.ReasoningDelta{Block: "0", Text: "so"}), a.Apply(llm.TextDelta{Block: "1", Text: strings.Repeat("All is well. ", 30)}))
		if err := a.Apply(llm.ToolCall{ID: "own", Name: "delete", Input: json.RawMessage(`{}`)}); !errors.Is(err, stream.ErrDuplicateCall) {
			t.Errorf("the id of an earlier call: %v", err)
		}
		must(t, a.Finish(llm.FinishStop, nil))
		if compact > 0 && log.compacted == 0 {
			t.Error("the log was never compacted")
		}
		var stored []map[string]any
		if err := json.Unmarshal(a.Parts(), &stored); err != nil {
			t.Fatal(err)
		}
		if got := string(a.Metadata()); got != `{"createdAt":"then","usage":{"in":1,"out":2}}` {
			t.Errorf("metadata %s", got)
		}
		for name, frames := range map[string][]byte{"all": log.all, "late": log.late} {
			var before []map[string]any
			if err := json.Unmarshal(parts, &before); err != nil {
				t.Fatal(err)
			}
			chunks, _, _, err := streamtest.ReadSSE(strings.NewReader(string(frames)))
			if err != nil {
				t.Fatal(err)
			}
			m, err := streamtest.Continue("msg_1", before, chunks)
			if err != nil {
				t.Fatalf("%s frames: %v\n%s", name, err, frames)
			}
			for i := range stored { // clients keep what they answered by themselves; what a call is bound to goes with the answer
				for _, key := range []string{"approval", "callProviderMetadata"} {
					delete(m.Parts[i], key)
					delete(stored[i], key)
				}
			}
			if !reflect.DeepEqual(m.Parts, stored) {
				t.Errorf("%s frames: stored and streamed differ:\n%v\n%v", name, stored, m.Parts)
			}
		}
		states := map[any]any{}
		for _, p := range stored {
			states[p["toolCallId"]] = p["state"]
		}
		if states["a"] != "output-available" || states["b"] != "output-denied" || states["c"] != "approval-requested" || states["own"] != "output-available" {
			t.Errorf("%v", states)
		}
		if approvals, err := stream.Approvals(a.Parts()); err != nil || approvals[0].Pending || approvals[1].Pending || !approvals[2].Pending {
			t.Errorf("%+v, %v", approvals, err)
		}
	}
}

// A run that breaks off ends the call that was allowed, and leaves the question that was not answered.
func TestResumeThenAbort(t *testing.T) {
	t.Parallel()
	parts, metadata := asked(t)
	a, log := newAssembler(stream.Options{})
	must(t, a.Resume(parts, metadata, []stream.Decision{{ApprovalID: "apr_a", CallID: "a", Approved: true}}), a.Abort(nil))
	if got := string(a.Parts()); strings.Count(got, `"approval-requested"`) != 2 || strings.Count(got, `"errorText":"The call was interrupted."`) != 1 {
		t.Errorf("parts %s", got)
	}
	if !strings.Contains(string(log.all), `"tool-output-error","toolCallId":"a"`) {
		t.Errorf("frames %s", log.all)
	}
	for _, bad := range []string{`{}`, `[1]`, ``} {
		a, _ := newAssembler(stream.Options{})
		if a.Resume(json.RawMessage(bad), nil, nil) == nil {
			t.Errorf("%q was resumed", bad)
		}
	}
}

// What was answered is stored as answered, and never comes back as a call to make.
func TestAnswerThenLose(t *testing.T) {
	t.Parallel()
	parts, metadata := asked(t)
	answered, err := stream.Answer(parts, []stream.Decision{
		{ApprovalID: "apr_a", CallID: "a", Approved: true}, {ApprovalID: "apr_b", CallID: "b", Reason: "no"},
	})
	if err != nil {
		t.Fatal(err)
	}
	states := func(parts json.RawMessage) map[string]string {
		var stored []struct{ ToolCallID, State, ErrorText string }
		if err := json.Unmarshal(parts, &stored); err != nil {
			t.Fatal(err)
		}
		all := map[string]string{}
		for _, p := range stored {
			all[p.ToolCallID] = p.State + p.ErrorText
		}
		return all
	}
	if s := states(answered); s["a"] != "approval-responded" || s["b"] != "output-denied" || s["c"] != "approval-requested" || s["own"] != "output-available" {
		t.Errorf("%v", s)
	}
	if got := string(answered); strings.Contains(got, "tool_a") || !strings.Contains(got, "tool_c") || strings.Count(got, `"sig":"s"`) != 4 {
		t.Errorf("the metadata of calls: %s", got)
	}
	lost, err := stream.CloseLost(answered)
	const unknown = "output-errorThe call was interrupted; whether it took effect is not known."
	if s := states(lost); err != nil || s["a"] != unknown || s["b"] != "output-denied" || s["c"] != "approval-requested" {
		t.Errorf("%v, %v", s, err)
	}
	a, log := newAssembler(stream.Options{})
	must(t, a.Resume(answered, metadata, []stream.Decision{{ApprovalID: "apr_a", CallID: "a", Approved: true}, {ApprovalID: "apr_c", CallID: "c", Approved: true}}))
	if calls := a.Calls(); len(calls) != 1 || calls[0].ID != "c" {
		t.Errorf("calls to make: %+v", calls)
	}
	must(t, a.Abort(nil))
	if s := states(a.Parts()); s["a"] != unknown || !strings.Contains(string(log.all), `"tool-output-error","toolCallId":"a"`) {
		t.Errorf("%v\n%s", s, log.all)
	}
	if same, err := stream.CloseLost(parts); err != nil || string(same) != string(parts) {
		t.Errorf("nothing to close: %s, %v", same, err)
	}
	for _, bad := range []string{`{}`, `["approval-responded"]`} {
		if _, err := stream.Answer(json.RawMessage(bad), nil); err == nil {
			t.Errorf("%q was answered", bad)
		}
	}
}
