package stream_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"twobrains/internal/llm"
	"twobrains/internal/stream"
	"twobrains/internal/stream/streamtest"
)

// recorder is a log that keeps both views: everything that was ever appended, and what a late follower would read.
type recorder struct {
	all, late []byte
	appends   int
	compacted int
	ends      []stream.End
}

func (r *recorder) RunID() string { return "run" }

func (r *recorder) Append(frames []byte) {
	r.all = append(r.all, frames...)
	r.late = append(r.late, frames...)
	r.appends++
}

func (r *recorder) Compact(frames []byte) {
	r.late = append([]byte(nil), frames...)
	r.compacted++
}

func (r *recorder) Close(end stream.End)    { r.ends = append(r.ends, end) }
func (r *recorder) Follow() stream.Follower { panic("not used") }

func newAssembler(o stream.Options) (*stream.Assembler, *recorder) {
	log := &recorder{}
	if o.MessageID == "" {
		o.MessageID = "msg_1"
	}
	if o.Coalesce == 0 {
		o.Coalesce = -1
	}
	return stream.NewAssembler(log, o), log
}

// agree checks that both views of the log obey the rules and lead to the parts and metadata that would be stored.
func agree(t *testing.T, a *stream.Assembler, log *recorder) *streamtest.Message {
	t.Helper()
	var message *streamtest.Message
	for name, frames := range map[string][]byte{"all": log.all, "late": log.late} {
		m, err := streamtest.ReadMessage(frames)
		if err != nil {
			t.Fatalf("%s frames: %v\n%s", name, err, frames)
		}
		var parts []map[string]any
		if err := json.Unmarshal(a.Parts(), &parts); err != nil {
			t.Fatalf("parts: %v\n%s", err, a.Parts())
		}
		for _, p := range parts {
			delete(p, "callProviderMetadata") // stored for the model, never sent
			if p["type"] == "file" {
				delete(p, "providerMetadata")
			}
			if p["state"] == "streaming" {
				delete(p, "providerMetadata") // sent with the end
			}
		}
		if len(parts)+len(m.Parts) > 0 && !reflect.DeepEqual(parts, m.Parts) {
			t.Fatalf("%s frames: stored and streamed differ:\n%v\n%v", name, parts, m.Parts)
		}
		var metadata map[string]any
		if raw := a.Metadata(); raw != nil {
			if err := json.Unmarshal(raw, &metadata); err != nil {
				t.Fatalf("metadata: %v", err)
			}
		}
		if len(metadata)+len(m.Metadata) > 0 && !reflect.DeepEqual(metadata, m.Metadata) {
			t.Fatalf("%s frames: metadata differ:\n%v\n%v", name, metadata, m.Metadata)
		}
		message = m
	}
	return message
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestWholeReply(t *testing.T) {
	t.Parallel()
	a, log := newAssembler(stream.Options{
		Metadata: json.RawMessage(`{"model":"demo:demo"}`),
		Dynamic:  func(tool string) bool { return tool == "mcp" },
	})
	must(t,
		a.Start(), a.StartStep(),
		a.Apply(llm.ReasoningDelta{Block: "0", Text: "Let me "}), a.Apply(llm.ReasoningDelta{Block: "0", Text: "see."}),
		a.Apply(llm.ReasoningDelta{Block: "0", Meta: json.RawMessage(`{"p":{"sig":"x"}}`)}),
		a.Apply(llm.TextDelta{Block: "1", Text: "I ask."}),
		a.Apply(llm.ToolCallStart{ID: "c1", Name: "calculate"}),
		a.Apply(llm.ToolInputDelta{ID: "c1", Delta: `{"expression":`}), a.Apply(llm.ToolInputDelta{ID: "c1", Delta: `"1+1"}`}),
		a.Apply(llm.ToolCall{ID: "c1", Name: "calculate", Input: json.RawMessage(`{"expression":"1+1"}`)}),
		a.Apply(llm.ToolCall{ID: "c2", Name: "mcp", Input: json.RawMessage(`{}`), Meta: json.RawMessage(`{"p":{"id":"1"}}`)}),
		a.Apply(llm.Usage{Input: 1}), a.Apply(llm.Finish{Reason: llm.FinishToolCalls}),
	)
	calls := a.Calls()
	if len(calls) != 2 || calls[0].ID != "c1" || calls[1].ID != "c2" || string(calls[1].Meta) != `{"p":{"id":"1"}}` {
		t.Fatalf("calls: %+v", calls)
	}
	must(t,
		a.ToolError("c2", "It did not work."), a.ToolOutput("c1", json.RawMessage(`{ "result": "2", "__proto__": 1 }`)),
		a.StartStep(), a.Apply(llm.TextDelta{Block: "0", Text: "Two."}),
		a.Apply(llm.Source{ID: "s", URL: "https://example.test/", Title: "Example"}),
		a.Apply(llm.Source{ID: "s", URL: "https://example.test/", Title: "Again"}),
		a.Apply(llm.Source{URL: "javascript:alert(1)"}),
		a.Apply(llm.GeneratedFile{MediaType: "image/png", Data: []byte("an image"), Meta: json.RawMessage(`{"p":{"sig":"y"}}`)}),
		a.Data("note", "n", json.RawMessage(`{"a":1}`), false), a.Data("note", "n", json.RawMessage(`{"a":2}`), false),
		a.Data("progress", "", json.RawMessage(`1`), true),
		a.SetMetadata(json.RawMessage(`{"usage":{"input":1}}`)),
		a.Finish(llm.FinishStop, json.RawMessage(`{"usage":{"output":2}}`)),
	)
	m := agree(t, a, log)
	if m.FinishReason != "stop" || m.ID != "msg_1" || a.Text() != "I ask.\n\nTwo." || !a.Produced() {
		t.Fatalf("message %+v, text %q", m, a.Text())
	}
	want := `[{"type":"step-start"},` +
		`{"type":"reasoning","text":"Let me see.","state":"done","providerMetadata":{"p":{"sig":"x"}}},` +
		`{"type":"text","text":"I ask.","state":"done"},` +
		`{"type":"tool-calculate","toolCallId":"c1","state":"output-available","input":{"expression":"1+1"},"output":{"result":"2"}},` +
		`{"type":"dynamic-tool","toolName":"mcp","toolCallId":"c2","state":"output-error","input":{},"errorText":"It did not work.","callProviderMetadata":{"p":{"id":"1"}}},` +
		`{"type":"step-start"},{"type":"text","text":"Two.","state":"done"},` +
		`{"type":"source-url","sourceId":"s","url":"https://example.test/","title":"Example"},` +
		`{"type":"file","mediaType":"image/png","url":"/api/attachments/` + a.Files()[0].ID.String() + `","providerMetadata":{"p":{"sig":"y"}}},` +
		`{"type":"data-note","id":"n","data":{"a":2}}]`
	if got := string(a.Parts()); got != want {
		t.Fatalf("parts\n%s\nwant\n%s", got, want)
	}
	if string(a.Metadata()) != `{"model":"demo:demo","usage":{"input":1,"output":2}}` {
		t.Fatalf("metadata %s", a.Metadata())
	}
	if !reflect.DeepEqual(log.ends, []stream.End{stream.EndComplete}) {
		t.Fatalf("log ends %v", log.ends)
	}
}

func TestBrokenReplies(t *testing.T) {
	t.Parallel()
	begin := func(a *stream.Assembler) error {
		return errors.Join(a.StartStep(),
			a.Apply(llm.ToolCall{ID: "done", Name: "x", Input: json.RawMessage(`{}`)}), a.ToolOutput("done", nil),
			a.Apply(llm.ToolCall{ID: "waiting", Name: "x", Input: json.RawMessage(`{}`)}),
			a.Apply(llm.ToolCallStart{ID: "half", Name: "x"}), a.Apply(llm.ToolInputDelta{ID: "half", Delta: `{"a`}),
			a.Apply(llm.TextDelta{Text: "Open"}))
	}
	states := func(a *stream.Assembler) string {
		var parts []struct{ State string }
		_ = json.Unmarshal(a.Parts(), &parts)
		return fmt.Sprint(parts)
	}
	t.Run("abort", func(t *testing.T) {
		t.Parallel()
		a, log := newAssembler(stream.Options{})
		must(t, begin(a), a.Abort(json.RawMessage(`{"status":"stopped"}`)))
		if m := agree(t, a, log); !m.Aborted || m.Metadata["status"] != "stopped" {
			t.Fatalf("%+v", m)
		}
		if got := states(a); got != "[{} {output-available} {output-error} {output-error} {done}]" {
			t.Fatal(got)
		}
	})
	t.Run("fail", func(t *testing.T) {
		t.Parallel()
		a, log := newAssembler(stream.Options{})
		must(t, begin(a), a.Fail("Sorry.", nil))
		if m := agree(t, a, log); !m.Failed || m.ErrorText != "Sorry." {
			t.Fatalf("%+v", m)
		}
	})
	t.Run("finish keeps waiting calls", func(t *testing.T) {
		t.Parallel()
		a, log := newAssembler(stream.Options{})
		must(t, begin(a), a.Finish(llm.FinishOther, nil))
		agree(t, a, log)
		if got := states(a); got != "[{} {output-available} {input-available} {output-error} {done}]" {
			t.Fatal(got)
		}
	})
	t.Run("fail before start", func(t *testing.T) {
		t.Parallel()
		a, log := newAssembler(stream.Options{})
		must(t, a.Fail("Sorry.", nil))
		if got := string(log.all); got != "data: {\"type\":\"error\",\"errorText\":\"Sorry.\"}\n\n" || a.Produced() {
			t.Fatal(got)
		}
	})
	t.Run("bad metadata still ends", func(t *testing.T) {
		t.Parallel()
		a, log := newAssembler(stream.Options{})
		if err := a.Finish(llm.FinishStop, json.RawMessage(`[1]`)); err == nil {
			t.Fatal("no error")
		}
		if m := agree(t, a, log); !m.Finished || len(log.ends) != 1 {
			t.Fatalf("%+v", m)
		}
	})
}

func TestMisuse(t *testing.T) {
	t.Parallel()
	a, log := newAssembler(stream.Options{MaxBytes: 20})
	is := func(err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Fatalf("got %v, want %v", err, want)
		}
	}
	must(t, a.Apply(llm.ToolCall{ID: "c", Name: "x", Input: json.RawMessage(`{}`)}))
	is(a.Apply(llm.ToolCall{ID: "c", Name: "x", Input: json.RawMessage(`{}`)}), stream.ErrDuplicateCall)
	is(a.Apply(llm.ToolCallStart{ID: "c", Name: "x"}), stream.ErrDuplicateCall)
	is(a.Apply(llm.ToolInputDelta{ID: "c", Delta: "x"}), stream.ErrUnknownCall)
	is(a.ToolOutput("d", nil), stream.ErrUnknownCall)
	is(a.ToolError("d", ""), stream.ErrUnknownCall)
	is(a.ToolOutput("c", json.RawMessage(`{`)), stream.ErrNotJSON)
	is(a.Apply(llm.TextDelta{Text: strings.Repeat("x", 19)}), stream.ErrTooLarge)
	must(t, a.Apply(llm.TextDelta{Text: strings.Repeat("x", 18)}), a.Abort(nil))
	is(a.Abort(nil), stream.ErrEnded)
	is(a.Apply(llm.TextDelta{Text: "x"}), stream.ErrEnded)
	agree(t, a, log)
}

func TestMalformedCall(t *testing.T) {
	t.Parallel()
	a, log := newAssembler(stream.Options{})
	must(t,
		a.Apply(llm.ToolCall{ID: "c", Name: "x", Input: json.RawMessage(`"{oops"`), Malformed: true}),
		a.Apply(llm.ToolCallStart{ID: "d", Name: "x"}),
		a.Apply(llm.ToolCall{ID: "d", Name: "x", Input: json.RawMessage(`{oops`)}))
	if calls := a.Calls(); len(calls) != 0 || a.Unreadable() != 2 {
		t.Fatalf("calls %v, unreadable %d", calls, a.Unreadable())
	}
	must(t, a.StartStep())
	if a.Unreadable() != 0 {
		t.Fatal("unreadable calls of an earlier step")
	}
	must(t, a.Finish(llm.FinishStop, nil))
	agree(t, a, log)
	if got := string(a.Parts()); !strings.Contains(got, `"state":"output-error","input":"{oops","errorText":"The model sent`) {
		t.Fatal(got)
	}
}

func TestHeldEnd(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(a *stream.Assembler) error{
		"finish": func(a *stream.Assembler) error {
			return a.Finish(llm.FinishStop, json.RawMessage(`{"status":"complete"}`))
		},
		"abort": func(a *stream.Assembler) error { return a.Abort(json.RawMessage(`{"status":"aborted"}`)) },
		"error": func(a *stream.Assembler) error { return a.Fail("Provider failed.", nil) },
	} {
		for _, errorText := range []string{"", "Not stored."} {
			a, log := newAssembler(stream.Options{HoldEnd: true})
			must(t, a.Apply(llm.TextDelta{Text: "Hello"}), end(a))
			m, err := streamtest.ReadMessage(log.all)
			must(t, err)
			if m.Finished || m.Aborted || m.Failed || len(log.ends) != 0 || m.Text() != "Hello" {
				t.Fatalf("%s: not held: %+v", name, m)
			}
			if parts := string(a.Parts()); !strings.Contains(parts, `"state":"done"`) {
				t.Fatalf("%s: %s", name, parts)
			}
			a.Release(errorText)
			a.Release("again")
			m, err = streamtest.ReadMessage(log.all)
			must(t, err)
			if (errorText != "") != (m.ErrorText == errorText && m.Failed) && name != "error" || len(log.ends) != 1 {
				t.Fatalf("%s released with %q: %+v", name, errorText, m)
			}
			if errorText == "" {
				agree(t, a, log)
			}
		}
	}
	a, log := newAssembler(stream.Options{})
	a.Release("too early")
	must(t, a.Finish(llm.FinishStop, nil))
	a.Release("too late")
	if m := agree(t, a, log); !m.Finished || m.Failed || len(log.ends) != 1 {
		t.Fatalf("%+v", m)
	}
}

func TestCompaction(t *testing.T) {
	t.Parallel()
	a, log := newAssembler(stream.Options{CompactBytes: 2000})
	must(t, a.StartStep(), a.Apply(llm.ReasoningDelta{Text: "Hm."}))
	for i := range 3000 {
		must(t, a.Apply(llm.TextDelta{Text: fmt.Sprintf("word%d ", i)}))
	}
	agree(t, a, log)
	must(t, a.Finish(llm.FinishStop, nil))
	agree(t, a, log)
	if log.compacted == 0 || log.compacted > 40 || len(log.late) > 2*len(a.Parts())+2000 {
		t.Fatalf("compacted %d times to %d bytes of %d; parts %d", log.compacted, len(log.late), len(log.all), len(a.Parts()))
	}
}

// drive tells a what the bytes say. It returns when they are used up or the reply has ended.
func drive(a *stream.Assembler, script []byte) {
	texts := []string{"", "a", "Grüße ", "\x00\"\\\n", "\xff\xfe", "<b>&</b> ", "\u2028", strings.Repeat("long ", 40)}
	values := []string{``, `null`, `{}`, `{"a":[1,{"__proto__":{"b":1}}]}`, `{"constructor":{"prototype":1},"x":"\u0000\ud800"}`, `[`, `1e999`, `"s"`}
	metas := []json.RawMessage{nil, nil, json.RawMessage(`{"p":{"k":"v"}}`), json.RawMessage(`{"p":{"__proto__":1}}`)}
	ids := []string{"c0", "c1", "c2", "c3"}
	for len(script) >= 2 {
		op, x := script[0], int(script[1])
		script = script[2:]
		text, value, meta, id := texts[x%8], json.RawMessage(values[x/8%8]), metas[x/64%4], ids[x%4]
		switch op % 20 {
		case 0:
			_ = a.Start()
		case 1:
			_ = a.StartStep()
		case 2:
			_ = a.FinishStep()
		case 3, 4, 5:
			_ = a.Apply(llm.TextDelta{Block: ids[x/8%2], Text: text, Meta: meta})
		case 6, 7:
			_ = a.Apply(llm.ReasoningDelta{Block: ids[x/8%2], Text: text, Meta: meta})
		case 8:
			_ = a.Apply(llm.ToolCallStart{ID: id, Name: ids[x/4%2]})
		case 9:
			_ = a.Apply(llm.ToolInputDelta{ID: id, Delta: text})
		case 10, 11:
			_ = a.Apply(llm.ToolCall{ID: id, Name: ids[x/4%2], Input: value, Malformed: x > 200, Meta: meta})
		case 12:
			_ = a.ToolOutput(id, value)
		case 13:
			_ = a.ToolError(id, text)
		case 14:
			_ = a.Apply(llm.Source{ID: id, URL: "https://example.test/" + ids[x/4%4], Title: text})
		case 15:
			_ = a.Data(id, []string{"", "i"}[x/4%2], value, x > 200)
		case 16:
			_ = a.Apply(llm.GeneratedFile{MediaType: "text/plain", Data: []byte(id), Meta: meta})
		case 17:
			_ = a.SetMetadata(value)
		case 18:
			_ = a.Apply(llm.Usage{})
		case 19:
			switch x % 16 {
			case 0:
				_ = a.Finish(llm.FinishStop, value)
			case 1:
				_ = a.Abort(value)
			case 2:
				_ = a.Fail(text, value)
			}
		}
	}
}

// checkScript tells the same to an assembler without and to one with coalescing and early compaction.
func checkScript(t *testing.T, script []byte) {
	t.Helper()
	for _, o := range []stream.Options{
		{Coalesce: -1, MaxBytes: 3000, Dynamic: func(tool string) bool { return tool == "c1" }},
		{CompactBytes: 300, Metadata: json.RawMessage(`{"a":{"b":1}}`)},
	} {
		a, log := newAssembler(o)
		drive(a, script)
		if o.Coalesce < 0 {
			agree(t, a, log)
		}
		if err := a.Abort(nil); err != nil && !errors.Is(err, stream.ErrEnded) {
			t.Fatal(err)
		}
		if len(log.ends) != 1 {
			t.Fatalf("log ended %d times", len(log.ends))
		}
		agree(t, a, log)
	}
}

func TestAnyOrder(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		script := make([]byte, 2*random.IntN(120))
		for i := range script {
			script[i] = byte(random.Uint32())
		}
		checkScript(t, script)
	}
}

func FuzzAnyOrder(f *testing.F) {
	f.Add([]byte{0, 0, 1, 0, 6, 1, 6, 2, 3, 1, 8, 0, 9, 1, 10, 16, 12, 16, 1, 0, 3, 2, 19, 0})
	f.Add([]byte{3, 1, 8, 1, 9, 7, 19, 1})
	f.Add([]byte{10, 16, 10, 17, 12, 24, 13, 1, 2, 0, 3, 1, 19, 2})
	f.Add([]byte{17, 16, 15, 40, 15, 28, 14, 1, 16, 3, 6, 129, 3, 131, 19, 16})
	f.Fuzz(checkScript)
}
