package demo_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"twobrains/internal/llm"
	"twobrains/internal/llm/demo"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// request builds a conversation from turns, the user's first, the assistant's second and so on.
func request(turns ...string) llm.Request {
	req := llm.Request{Model: demo.Model}
	for i, turn := range turns {
		role := llm.RoleUser
		if i%2 == 1 {
			role = llm.RoleAssistant
		}
		req.Messages = append(req.Messages, llm.Message{Role: role, Parts: []llm.Part{llm.Text{Text: turn}}})
	}
	for _, tool := range demo.Tools() {
		req.Tools = append(req.Tools, tool.Tool)
	}
	return req
}

type reply struct {
	text, reasoning string
	calls           []llm.ToolCall
	sources         int
	usage           llm.Usage
	finish          llm.FinishReason
	err             error
	events          []llm.Event
}

func ask(ctx context.Context, t *testing.T, req llm.Request) reply {
	t.Helper()
	var r reply
	for event, err := range demo.New(demo.Options{}).Stream(ctx, req) {
		if r.finish != "" || r.err != nil {
			t.Fatalf("%v %v after the end", event, err)
		}
		if r.err = err; err != nil {
			continue
		}
		r.events = append(r.events, event)
		switch ev := event.(type) {
		case llm.TextDelta:
			r.text += ev.Text
		case llm.ReasoningDelta:
			r.reasoning += ev.Text
		case llm.ToolCall:
			r.calls = append(r.calls, ev)
		case llm.Source:
			r.sources++
		case llm.Usage:
			r.usage = ev
		case llm.Finish:
			r.finish = ev.Reason
		}
	}
	if r.finish == "" && r.err == nil {
		t.Fatal("neither finish nor error")
	}
	return r
}

func TestConversation(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		turns    []string
		contains []string
	}{
		"introduction": {[]string{"Hi there"}, []string{"demo model", "“Hi there”", "demo:long"}},
		"name given":   {[]string{"My name is Ada."}, []string{"Nice to meet you, Ada"}},
		"name recalled": {[]string{"my name is Grüße", "Nice", "and now?", "Yes", "What is my name?"},
			[]string{"Your name is Grüße"}},
		"name unknown": {[]string{"What is my name?"}, []string{"have not told me"}},
		"memory":       {[]string{"First things", "Yes", "Second", "Yes", "Do you remember?"}, []string{"2 of yours and 2 replies", "“First things”"}},
		"counting":     {[]string{"one", "Yes", "two", "Yes", "three"}, []string{"“three”", "message number 3", "the 2 before it"}},
		"no tools":     {[]string{"Use a tool"}, []string{"calculator"}},
		"time":         {[]string{"What time is it?"}, []string{"no clock"}},
		"unknown word": {[]string{"demo:demo"}, []string{"demo model"}},
		"nothing":      {[]string{""}, []string{"You wrote: nothing."}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			req := request(c.turns...)
			r := ask(t.Context(), t, req)
			for _, want := range c.contains {
				if !strings.Contains(r.text, want) {
					t.Errorf("%q does not contain %q", r.text, want)
				}
			}
			if r.err != nil || r.usage.Output == 0 || r.usage.Input < r.usage.CachedInput {
				t.Errorf("%+v", r)
			}
			if again := ask(t.Context(), t, req); fmt.Sprint(again.events) != fmt.Sprint(r.events) {
				t.Error("the same request was answered differently")
			}
		})
	}
}

func TestReasoning(t *testing.T) {
	t.Parallel()
	req := request("Think about the sea.")
	r := ask(t.Context(), t, req)
	if _, first := r.events[0].(llm.ReasoningDelta); !first || r.reasoning == "" || r.usage.Reasoning == 0 || r.usage.Reasoning >= r.usage.Output {
		t.Fatalf("%+v", r)
	}
	req.Effort = llm.EffortOff
	if r := ask(t.Context(), t, req); r.reasoning != "" {
		t.Fatalf("reasoning although it is off: %q", r.reasoning)
	}
	low, high := request("Hi"), request("Hi")
	low.Effort, high.Effort = llm.EffortLow, llm.EffortHigh
	if l, h := ask(t.Context(), t, low), ask(t.Context(), t, high); l.reasoning == "" || len(h.reasoning) <= len(l.reasoning) {
		t.Fatalf("low %q, high %q", l.reasoning, h.reasoning)
	}
}

func TestToolRoundTrip(t *testing.T) {
	t.Parallel()
	req := request("Please calculate 12 * (3 + 4) for me")
	r := ask(t.Context(), t, req)
	if len(r.calls) != 1 || r.finish != llm.FinishToolCalls || string(r.calls[0].Input) != `{"expression":"12 * (3 + 4)"}` {
		t.Fatalf("%+v", r)
	}
	fragments := ""
	for _, event := range r.events {
		if delta, ok := event.(llm.ToolInputDelta); ok {
			fragments += delta.Delta
		}
	}
	if fragments != string(r.calls[0].Input) {
		t.Fatalf("fragments %q", fragments)
	}
	output, err := demo.Tools()[0].Run(t.Context(), r.calls[0].Input)
	if err != nil {
		t.Fatal(err)
	}
	req.Messages = append(req.Messages,
		llm.Message{Role: llm.RoleAssistant, Parts: []llm.Part{llm.Text{Text: r.text}, r.calls[0]}},
		llm.Message{Role: llm.RoleTool, Parts: []llm.Part{llm.ToolResult{CallID: r.calls[0].ID, Name: "calculate", Output: output}}})
	if r := ask(t.Context(), t, req); r.text != "`12 * (3 + 4)` = **84**" || r.finish != llm.FinishStop {
		t.Fatalf("%+v", r)
	}
	req.Messages[2].Parts[0] = llm.ToolResult{CallID: r.calls[0].ID, Name: "calculate", Output: json.RawMessage(`"out of order"`), IsError: true}
	if r := ask(t.Context(), t, req); !strings.Contains(r.text, "could not do `12 * (3 + 4)`: out of order") {
		t.Fatalf("%+v", r)
	}
	req.Messages = append(req.Messages, request("ok", "", "calculate 1+1").Messages[0], request("calculate 1+1").Messages[0])
	if second := ask(t.Context(), t, req); len(second.calls) != 1 || second.calls[0].ID == r.calls[0].ID {
		t.Fatalf("ids must be new in the conversation: %+v", second.calls)
	}
}

func TestCommands(t *testing.T) {
	t.Parallel()
	for text, check := range map[string]func(r reply) bool{
		"demo:error":              func(r reply) bool { return llm.KindOf(r.err) == llm.Failed && r.text != "" },
		"demo:error rate_limited": func(r reply) bool { return llm.KindOf(r.err) == llm.RateLimited },
		"demo:error nonsense":     func(r reply) bool { return llm.KindOf(r.err) == llm.Failed },
		"demo:refuse":             func(r reply) bool { return llm.KindOf(r.err) == llm.Refused && r.text == "" },
		"demo:cut":                func(r reply) bool { return llm.KindOf(r.err) == llm.Interrupted && r.text != "" },
		"demo:length":             func(r reply) bool { return r.finish == llm.FinishLength },
		"demo:filter":             func(r reply) bool { return r.finish == llm.FinishContentFilter },
		"demo:empty":              func(r reply) bool { return r.finish == llm.FinishStop && r.text == "" && r.usage.Output == 0 },
		"demo:long 321":           func(r reply) bool { return len(strings.Fields(r.text)) == 321 && r.usage.Output == 321 },
		"demo:long 99999999":      func(r reply) bool { return len(strings.Fields(r.text)) == 20_000 },
		"demo:source":             func(r reply) bool { return r.sources == 2 },
		"demo:parallel":           func(r reply) bool { return len(r.calls) == 3 && r.calls[0].ID != r.calls[1].ID },
		"demo:badcall":            func(r reply) bool { return len(r.calls) == 1 && r.calls[0].Malformed && json.Valid(r.calls[0].Input) },
		"think DEMO:LENGTH":       func(r reply) bool { return r.finish == llm.FinishLength && r.reasoning != "" },
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			if r := ask(t.Context(), t, request(text)); !check(r) {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	req := request("Hi")
	req.Model = "other"
	if r := ask(t.Context(), t, req); llm.KindOf(r.err) != llm.Failed {
		t.Errorf("unknown model: %+v", r)
	}
	req = request("Hi")
	req.Messages[0].Parts = append(req.Messages[0].Parts, llm.File{MediaType: "image/png"})
	if r := ask(t.Context(), t, req); llm.KindOf(r.err) != llm.Invalid {
		t.Errorf("file: %+v", r)
	}
	req = request("demo:long 100")
	req.MaxOutputTokens = 10
	if r := ask(t.Context(), t, req); r.finish != llm.FinishLength || r.usage.Output != 10 {
		t.Errorf("limit: %+v", r)
	}
}

func TestTiming(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		n := 0
		for _, err := range demo.New(demo.Options{Delay: demo.DefaultDelay}).Stream(t.Context(), request("demo:long 100")) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if took := time.Since(start); took != 100*demo.DefaultDelay || n != 102 {
			t.Fatalf("%d events in %v", n, took)
		}
		start = time.Now()
		ask(t.Context(), t, request("demo:slow 1000"))
		if took := time.Since(start); took < 10*time.Second {
			t.Fatalf("slow reply took %v", took)
		}
	})
}

func TestStops(t *testing.T) {
	t.Parallel()
	stopped := errors.New("stopped")
	for _, text := range []string{"demo:stall", "demo:slow 10000"} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(25*time.Second, func() { cancel(stopped) })
			r := ask(ctx, t, request(text))
			if !errors.Is(r.err, stopped) || r.text == "" {
				t.Fatalf("%s: %+v", text, r)
			}
		})
	}
	n := 0
	for _, err := range demo.New(demo.Options{}).Stream(t.Context(), request("demo:parallel think")) {
		if n++; n == 3 || err != nil {
			break
		}
	}
}

func TestCalculate(t *testing.T) {
	t.Parallel()
	run := demo.Tools()[0].Run
	for expression, want := range map[string]string{
		"1+1": "2", "2+3*4": "14", "(2+3)*4": "20", "-2^2": "-4", "2^3^2": "512", "2^-1": "0.5", "7%4": "3", "0.1+0.2": "0.3",
		" 1 / 4 ": "0.25", "--3": "3", "+3": "3", "10/4*2": "5", "1e3": "", "24*60*60": "86400", "0*-1": "0", "9007199254740991+0": "9.00719925474099e+15",
	} {
		output, err := run(t.Context(), json.RawMessage(fmt.Sprintf(`{"expression":%q}`, expression)))
		var got struct{ Expression, Result string }
		if err == nil {
			if err := json.Unmarshal(output, &got); err != nil || got.Expression != expression {
				t.Errorf("%s: %s %v", expression, output, err)
			}
		}
		if got.Result != want || (want == "") != (err != nil) {
			t.Errorf("%s = %q %v, want %q", expression, got.Result, err, want)
		}
	}
	for _, input := range []string{
		`{}`, `[]`, `null`, `{"expression":1}`, `{"expression":"1","x":1}`, `{"expression":"1"} {}`, `{"expression":""}`,
		`{"expression":"1/0"}`, `{"expression":"1%0"}`, `{"expression":"2^99999"}`, `{"expression":"(1"}`, `{"expression":"1)"}`, `{"expression":"1 1"}`,
		`{"expression":"a"}`, `{"expression":"1+"}`, `{"expression":"."}`, `{"expression":"(-8)^0.5"}`,
		`{"expression":"` + strings.Repeat("(", 100) + `"}`, `{"expression":"` + strings.Repeat("-", 150) + `1"}`, `{"expression":"` + strings.Repeat("1", 201) + `"}`,
	} {
		if output, err := run(t.Context(), json.RawMessage(input)); err == nil {
			t.Errorf("%.40s: %s", input, output)
		}
	}
}

func FuzzCalculate(f *testing.F) {
	for _, seed := range []string{"1+2*(3-4)/5%6^7", "((((", "-.5", "1..2", "9^9^9^9"} {
		f.Add(seed)
	}
	run := demo.Tools()[0].Run
	f.Fuzz(func(t *testing.T, expression string) {
		input, _ := json.Marshal(map[string]string{"expression": expression})
		output, err := run(t.Context(), input)
		if (err == nil) != json.Valid(output) {
			t.Fatalf("%q: %s %v", expression, output, err)
		}
	})
}

func TestTools(t *testing.T) {
	t.Parallel()
	tools := demo.Tools()
	if len(tools) != 1 || tools[0].Name != "calculate" || tools[0].Run == nil || !json.Valid(tools[0].InputSchema) {
		t.Errorf("%+v", tools)
	}
}
