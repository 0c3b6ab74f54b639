package stream_test

import (
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"twobrains/internal/llm"
	"twobrains/internal/stream"
	"twobrains/internal/stream/streamtest"
)

// streamed are parts as clients have them: without what is not streamed, and without files.
func streamed(t *testing.T, parts []map[string]any) []map[string]any {
	t.Helper()
	var kept []map[string]any
	for _, p := range parts {
		delete(p, "callProviderMetadata")
		if p["state"] == "streaming" {
			delete(p, "providerMetadata")
		}
		if p["type"] != "file" {
			kept = append(kept, p)
		}
	}
	return kept
}

func partsOf(t *testing.T, raw json.RawMessage) []map[string]any {
	t.Helper()
	var parts []map[string]any
	if err := json.Unmarshal(raw, &parts); err != nil {
		t.Fatalf("parts: %v\n%s", err, raw)
	}
	return streamed(t, parts)
}

// restored makes an assembler of frames, over a log that holds them.
func restored(t *testing.T, o stream.Options, frames []byte) (*stream.Assembler, *recorder) {
	t.Helper()
	whole := frames[:bytes.LastIndex(frames, []byte("\n\n"))+1]
	if len(whole) > 0 {
		whole = frames[:len(whole)+1]
	}
	log := &recorder{all: slices.Clone(whole), late: slices.Clone(whole)}
	o.Coalesce = -1
	a, err := stream.Restore(log, o, frames)
	must(t, err)
	return a, log
}

// checkRestore lets a writer die somewhere and another end its reply.
func checkRestore(t *testing.T, script []byte, cut uint16, end byte) {
	t.Helper()
	for _, compact := range []int{0, 300} {
		a, log := newAssembler(stream.Options{CompactBytes: compact, Metadata: json.RawMessage(`{"a":{"b":1}}`)})
		drive(a, script)
		if got, _ := restored(t, stream.Options{}, log.late); bytes.Contains(log.late, []byte(`"type":"start"`)) {
			if !reflect.DeepEqual(partsOf(t, got.Parts()), partsOf(t, a.Parts())) {
				t.Fatalf("restored\n%s\nof\n%s", got.Parts(), a.Parts())
			}
			if !sameJSON(got.Metadata(), a.Metadata()) || collapse(got.Text()) != collapse(a.Text()) || got.Ended() != (len(log.ends) == 1) {
				t.Fatalf("restored %s %q, of %s %q", got.Metadata(), got.Text(), a.Metadata(), a.Text())
			}
		}
		for _, frames := range [][]byte{log.late[:int(cut)%(len(log.late)+1)], log.all[:int(cut)%(len(log.all)+1)]} {
			checkEnd(t, frames, end)
		}
	}
}

// checkEnd ends a reply of which some frames are there.
func checkEnd(t *testing.T, frames []byte, end byte) {
	t.Helper()
	a, log := restored(t, stream.Options{MessageID: "msg_1", HoldEnd: end%2 == 0, CompactBytes: 500}, frames)
	ended := a.Ended()
	switch end % 3 {
	case 0:
		_ = a.Finish(llm.FinishOther, json.RawMessage(`{"status":"interrupted"}`))
	case 1:
		_ = a.Abort(nil)
	case 2:
		_ = a.Fail("It failed.", nil)
	}
	a.Release("")
	if len(log.ends) != 1 || !a.Ended() {
		t.Fatalf("log ended %d times; ended before: %v", len(log.ends), ended)
	}
	for name, frames := range map[string][]byte{"all": log.all, "late": log.late} {
		m, err := streamtest.ReadMessage(frames)
		if err != nil {
			t.Fatalf("%s frames: %v\n%s", name, err, frames)
		}
		if !m.Finished && !m.Aborted && !m.Failed {
			t.Fatalf("%s frames: no end\n%s", name, frames)
		}
		if got, want := streamed(t, m.Parts), partsOf(t, a.Parts()); len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
			t.Fatalf("%s frames: stored and streamed differ:\n%v\n%v", name, want, got)
		}
	}
}

// collapse makes one of several replacement characters: for bytes that are no text there may be one each, or one.
func collapse(s string) string {
	for strings.Contains(s, "\uFFFD\uFFFD") {
		s = strings.ReplaceAll(s, "\uFFFD\uFFFD", "\uFFFD")
	}
	return s
}

func sameJSON(a, b json.RawMessage) bool {
	var x, y any
	_ = json.Unmarshal(a, &x)
	_ = json.Unmarshal(b, &y)
	return reflect.DeepEqual(x, y)
}

func TestRestoreAnywhere(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	for range 100 {
		script := make([]byte, 2*random.IntN(120))
		for i := range script {
			script[i] = byte(random.Uint32())
		}
		checkRestore(t, script, uint16(random.Uint32()), byte(random.Uint32()))
	}
}

func FuzzRestore(f *testing.F) {
	f.Add([]byte{0, 0, 1, 0, 6, 1, 6, 2, 3, 1, 8, 0, 9, 1, 10, 16, 12, 16, 1, 0, 3, 2, 19, 0}, uint16(60), byte(0))
	f.Add([]byte{10, 16, 10, 17, 12, 24, 13, 1, 2, 0, 3, 1, 19, 2}, uint16(300), byte(1))
	f.Fuzz(checkRestore)
}

// FuzzRestoreGarbage: what is no log of ours leads to some reply, whose end is as good as any.
func FuzzRestoreGarbage(f *testing.F) {
	f.Add([]byte("data: {\"type\":\"start\",\"messageId\":\"m\"}\n\ndata: {\"type\":\"text-delta\",\"id\":\"t1\",\"delta\":\"x\"}\n\n"))
	f.Add([]byte("data: {\"type\":\"tool-input-start\",\"toolCallId\":\"c\",\"toolName\":\"x\"}\n\n: comment\n\ndata: [DONE]\n\ndata: {"))
	f.Add([]byte("data: {\"type\":\"start\"}\n\ndata: {\"type\":\"tool-output-denied\",\"toolCallId\":\"c\",\"output\":null}\n\n"))
	f.Fuzz(func(t *testing.T, frames []byte) {
		log := &recorder{}
		a, err := stream.Restore(log, stream.Options{MessageID: "msg_1"}, frames)
		must(t, err)
		_ = a.Finish(llm.FinishOther, nil)
		var parts []map[string]any
		if err := json.Unmarshal(a.Parts(), &parts); err != nil || len(log.ends) != 1 {
			t.Fatalf("%v, log ended %d times\n%s", err, len(log.ends), a.Parts())
		}
	})
}

func TestRestoreDeadRun(t *testing.T) {
	t.Parallel()
	a, log := newAssembler(stream.Options{MessageID: "msg_7", Metadata: json.RawMessage(`{"model":"m","usage":{"in":1}}`)})
	must(t, a.StartStep(), a.Apply(llm.ReasoningDelta{Block: "0", Text: "Hm."}), a.Apply(llm.TextDelta{Block: "1", Text: "I ask."}),
		a.Apply(llm.ToolCall{ID: "a", Name: "x", Input: json.RawMessage(`{}`)}), a.Apply(llm.ToolCall{ID: "b", Name: "x", Input: json.RawMessage(`{}`)}),
		a.Apply(llm.ToolCall{ID: "c", Name: "x", Input: json.RawMessage(`{}`)}), a.RequestApproval("c", "apr", "tool"),
		a.Apply(llm.GeneratedFile{MediaType: "image/png", Data: []byte("an image")}), a.ToolOutput("a", json.RawMessage(`null`)))
	r, relog := restored(t, stream.Options{HoldEnd: true}, append(slices.Clone(log.all), `data: {"type":"text-del`...))
	if calls := r.Calls(); len(calls) != 1 || calls[0].ID != "b" || !r.Produced() || r.Ended() || len(r.Files()) != 0 {
		t.Fatalf("%+v", calls)
	}
	must(t, r.Finish(llm.FinishOther, json.RawMessage(`{"status":"interrupted"}`)))
	r.Release("")
	want := `[{"type":"step-start"},{"type":"reasoning","text":"Hm.","state":"done"},{"type":"text","text":"I ask.","state":"done"},` +
		`{"type":"tool-x","toolCallId":"a","state":"output-available","input":{},"output":null},` +
		`{"type":"tool-x","toolCallId":"b","state":"output-error","input":{},"errorText":"The call was interrupted; whether it took effect is not known."},` +
		`{"type":"tool-x","toolCallId":"c","state":"output-error","input":{},"errorText":"The call was interrupted.","approval":{"id":"apr"}}]`
	if got := string(r.Parts()); got != want {
		t.Errorf("parts\n%s\nwant\n%s", got, want)
	}
	if !sameJSON(r.Metadata(), json.RawMessage(`{"model":"m","status":"interrupted","usage":{"in":1}}`)) || r.Text() != "I ask." {
		t.Errorf("%s %q", r.Metadata(), r.Text())
	}
	m, err := streamtest.ReadMessage(relog.all)
	must(t, err)
	if m.ID != "msg_7" || m.FinishReason != "other" {
		t.Errorf("%+v", m)
	}
}

// TestRestoreContinued: a run that went on with a stored reply dies before, while and after the calls that were allowed.
func TestRestoreContinued(t *testing.T) {
	t.Parallel()
	parts, metadata := asked(t)
	decisions := []stream.Decision{{ApprovalID: "apr_a", CallID: "a", Approved: true}, {ApprovalID: "apr_b", CallID: "b"}}
	answered, err := stream.Answer(parts, decisions)
	must(t, err)
	for _, state := range []string{"output-error", "output-available"} {
		a, log := newAssembler(stream.Options{Metadata: json.RawMessage(`{"usage":{"out":2}}`)})
		must(t, a.Resume(parts, metadata, decisions))
		if state == "output-available" {
			must(t, a.ToolOutput("a", json.RawMessage(`"done"`)), a.Apply(llm.TextDelta{Text: "So far"}))
		}
		relog := &recorder{all: slices.Clone(log.all)}
		r, err := stream.RestoreContinued(relog, stream.Options{Coalesce: -1}, answered, metadata, log.all)
		must(t, err)
		must(t, r.Finish(llm.FinishOther, nil))
		if !sameJSON(r.Metadata(), json.RawMessage(`{"createdAt":"then","usage":{"in":1,"out":2}}`)) || r.Produced() != (state == "output-available") {
			t.Errorf("%s, produced %v", r.Metadata(), r.Produced())
		}
		states := map[any]any{}
		for _, p := range partsOf(t, r.Parts()) {
			states[p["toolCallId"]] = p["state"]
		}
		if states["a"] != state || states["b"] != "output-denied" || states["c"] != "approval-requested" || states["own"] != "output-available" {
			t.Errorf("%v", states)
		}
		if approvals, err := stream.Approvals(r.Parts()); err != nil || !approvals[2].Pending || approvals[2].Tool != "tool_c" {
			t.Errorf("%+v, %v", approvals, err)
		}
		chunks, _, _, err := streamtest.ReadSSE(bytes.NewReader(relog.all))
		must(t, err)
		var before []map[string]any
		must(t, json.Unmarshal(parts, &before))
		if m, err := streamtest.Continue("msg_1", before, chunks); err != nil || !m.Finished {
			t.Errorf("%v\n%s", err, relog.all)
		}
	}
	if _, err := stream.RestoreContinued(&recorder{}, stream.Options{}, json.RawMessage(`{}`), nil, nil); err == nil {
		t.Error("no parts were taken for some")
	}
}

// TestRestoreContinuedWithoutFrames: nothing of what the run did is known.
func TestRestoreContinuedWithoutFrames(t *testing.T) {
	t.Parallel()
	parts, metadata := asked(t)
	log := &recorder{}
	r, err := stream.RestoreContinued(log, stream.Options{MessageID: "msg_1", Metadata: json.RawMessage(`{"model":"m"}`)}, parts, metadata, nil)
	must(t, err, r.Finish(llm.FinishOther, json.RawMessage(`{"status":"interrupted"}`)))
	if want := `{"createdAt":"then","model":"m","status":"interrupted","usage":{"in":1}}`; string(r.Metadata()) != want {
		t.Errorf("metadata %s", r.Metadata())
	}
	r, err = stream.RestoreContinued(&recorder{}, stream.Options{}, parts, json.RawMessage(`null`), nil)
	must(t, err, r.Finish(llm.FinishOther, json.RawMessage(`{"status":"interrupted"}`)))
	if want := `{"status":"interrupted"}`; string(r.Metadata()) != want {
		t.Errorf("metadata %s", r.Metadata())
	}
}

func TestRecorded(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	for range 100 {
		script := make([]byte, 2*random.IntN(120))
		for i := range script {
			script[i] = byte(random.Uint32())
		}
		a, _ := newAssembler(stream.Options{Dynamic: func(tool string) bool { return tool == "c1" }})
		drive(a, script)
		_ = a.Abort(json.RawMessage(`{"status":"aborted"}`))
		checkRecorded(t, a)
	}
	parts, metadata := asked(t)
	f, err := stream.Recorded("r1", "msg_1", parts, metadata)
	must(t, err)
	frames, err := f.Next(t.Context(), 0)
	must(t, err)
	if m, err := streamtest.ReadMessage(frames); err != nil || !m.Finished || strings.Count(string(frames), "tool-approval-request") != 3 {
		t.Errorf("%v\n%s", err, frames)
	}
	answered, err := stream.Answer(parts, []stream.Decision{{ApprovalID: "apr_a", CallID: "a", Approved: true}, {ApprovalID: "apr_b", CallID: "b"}})
	must(t, err)
	f, err = stream.Recorded("r1", "msg_1", answered, json.RawMessage(`null`))
	must(t, err)
	frames, _ = f.Next(t.Context(), 0)
	m, err := streamtest.ReadMessage(frames)
	must(t, err)
	if m.Metadata != nil || bytes.Contains(frames, []byte("null")) {
		t.Errorf("metadata %v\n%s", m.Metadata, frames)
	}
	lost := map[string]any{
		"type": "tool-delete", "toolCallId": "a", "state": "output-error", "input": map[string]any{"x": 1.0}, "approval": map[string]any{"id": "apr_a"},
		"errorText": "The call was interrupted; whether it took effect is not known.",
	}
	if !reflect.DeepEqual(m.Parts[2], lost) || m.Parts[3]["state"] != "output-denied" || m.Parts[4]["state"] != "approval-requested" {
		t.Errorf("%v", m.Parts)
	}
	for _, bad := range []string{`{}`, ``} {
		if _, err := stream.Recorded("r1", "m", json.RawMessage(bad), nil); err == nil {
			t.Errorf("parts %q", bad)
		}
	}
	f, err = stream.Recorded("r1", "m", json.RawMessage(`[]`), json.RawMessage(`{"status":"complete","finishReason":"unheard"}`))
	must(t, err)
	frames, _ = f.Next(t.Context(), 0)
	if m, err := streamtest.ReadMessage(frames); err != nil || m.FinishReason != "other" {
		t.Errorf("%v %+v", err, m)
	}
}

func checkRecorded(t *testing.T, a *stream.Assembler) {
	t.Helper()
	f, err := stream.Recorded("r1", "msg_1", a.Parts(), a.Metadata())
	must(t, err)
	if !f.Ended() || f.RunID() != "r1" {
		t.Fatalf("run %q", f.RunID())
	}
	frames, err := f.Next(t.Context(), 0)
	must(t, err)
	if _, err := f.Next(t.Context(), 0); err != io.EOF { //nolint:errorlint // as Follower promises
		t.Fatal(err)
	}
	m, err := streamtest.ReadMessage(frames)
	if err != nil || m.ID != "msg_1" {
		t.Fatalf("%v\n%s", err, frames)
	}
	var want []map[string]any
	must(t, json.Unmarshal(a.Parts(), &want))
	for _, p := range want {
		delete(p, "callProviderMetadata")
		if p["type"] == "file" {
			delete(p, "providerMetadata")
		}
	}
	if len(want)+len(m.Parts) > 0 && !reflect.DeepEqual(m.Parts, want) {
		t.Fatalf("stored and replayed differ:\n%v\n%v", want, m.Parts)
	}
	if !sameJSON(a.Metadata(), mustJSON(t, m.Metadata)) {
		t.Fatalf("metadata %v of %s", m.Metadata, a.Metadata())
	}
}

func mustJSON(t *testing.T, v map[string]any) json.RawMessage {
	t.Helper()
	if v == nil {
		return nil
	}
	out, err := json.Marshal(v)
	must(t, err)
	return out
}
