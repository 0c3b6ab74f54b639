package anthropic

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	sdk "github.com/anthropics/anthropic-sdk-go"

	"twobrains/internal/llm"
)

func TestThinking(t *testing.T) {
	t.Parallel()
	const adaptive, low, medium, high = `{"display":"summarized","type":"adaptive"}`, "low", "medium", "high"
	for _, c := range []struct {
		models []string
		effort llm.Effort
		config string
		level  string
		replay replay
	}{
		{[]string{"claude-fable-5-1", "claude-mythos-5-1", "claude-opus-5-5", "claude-sonnet-5-5", "claude-opus-5", "claude-sonnet-5", "claude-haiku-5-5", "claude-next-7"}, "", adaptive, "", replayAll},
		{[]string{"claude-fable-5-1", "claude-mythos-5-1", "claude-opus-5-5"}, llm.EffortOff, adaptive, low, replayAll},
		{[]string{"claude-sonnet-5-5"}, llm.EffortOff, `{"type":"between_tools"}`, "", replayTurn},
		{[]string{"claude-opus-5", "claude-sonnet-5", "claude-haiku-5-5", "glm-6"}, llm.EffortOff, `{"type":"disabled"}`, "", replayNone},
		{[]string{"claude-fable-5-1", "claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5", "claude-opus-4-8", "claude-sonnet-4-6", "glm-6"}, llm.EffortLow, adaptive, low, replayAll},
		{[]string{"claude-opus-5-5", "claude-opus-4-6"}, llm.EffortMedium, adaptive, medium, replayAll},
		{[]string{"claude-opus-5-5", "claude-opus-4-7"}, llm.EffortHigh, adaptive, high, replayAll},
		{[]string{"claude-opus-4-8", "claude-sonnet-4-6", "claude-opus-4-5", "claude-haiku-4-5-20251001"}, "", `null`, "", replayNone},
		{[]string{"claude-opus-4-8", "claude-sonnet-4-6", "claude-opus-4-5", "claude-haiku-4-5-20251001"}, llm.EffortOff, `null`, "", replayNone},
		{[]string{"claude-opus-4-5", "claude-sonnet-4-5", "claude-haiku-4-5-20251001", "claude-3-7-sonnet-20250219"}, llm.EffortLow, `{"budget_tokens":2048,"type":"enabled"}`, "", replayAll},
		{[]string{"claude-haiku-4-5"}, llm.EffortMedium, `{"budget_tokens":8192,"type":"enabled"}`, "", replayAll},
		{[]string{"claude-haiku-4-5"}, llm.EffortHigh, `{"budget_tokens":16000,"type":"enabled"}`, "", replayAll},
		{[]string{"glm-6"}, "", `null`, "", replayTurn},
	} {
		for _, model := range c.models {
			p := planOf(llm.Request{Model: model, Effort: c.effort})
			if got := string(encode(t, p.config)); got != c.config || string(p.effort) != c.level || p.replay != c.replay {
				t.Errorf("%s, %q: %s %q %d", model, c.effort, got, p.effort, p.replay)
			}
		}
	}
}

func encode(t *testing.T, config sdk.ThinkingConfigParamUnion) []byte {
	t.Helper()
	data, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestBudget: the budget stays under the limit, and a turn that began without thinking goes on without.
func TestBudget(t *testing.T) {
	t.Parallel()
	req := llm.Request{Model: "claude-haiku-4-5", Effort: llm.EffortHigh}
	for limit, want := range map[int]int64{100_000: 16_384, 10_000: 5_000, 2_048: 1_024, 2_047: 0, 1: 0} {
		req.MaxOutputTokens = limit
		got := int64(0)
		if budget := planOf(req).config.GetBudgetTokens(); budget != nil {
			got = *budget
		}
		if got != want || got >= int64(limit) {
			t.Errorf("%d: %d", limit, got)
		}
	}
	req.MaxOutputTokens = 0
	reply := func(parts ...llm.Part) llm.Message { return llm.Message{Role: llm.RoleAssistant, Parts: parts} }
	own := llm.Reasoning{Text: "x", Meta: llm.Metadata(`{"anthropic":{"model":"claude-haiku-4-5","signature":"x"}}`)}
	user, toolCall := llm.Message{Role: llm.RoleUser}, llm.ToolCall{ID: "c", Name: "t"}
	for name, c := range map[string]struct {
		messages []llm.Message
		thinks   bool
	}{
		"first turn":           {[]llm.Message{user}, true},
		"earlier turn without": {[]llm.Message{user, reply(toolCall), user}, true},
		"loop with":            {[]llm.Message{user, reply(own, toolCall), {Role: llm.RoleTool}}, true},
		"loop, thinking once":  {[]llm.Message{user, reply(own, toolCall), {Role: llm.RoleTool}, reply(toolCall), {Role: llm.RoleTool}}, true},
		"loop without":         {[]llm.Message{user, reply(toolCall), {Role: llm.RoleTool}}, false},
		"loop of another":      {[]llm.Message{user, reply(llm.Reasoning{Text: "x"}, toolCall), {Role: llm.RoleTool}}, false},
	} {
		req.Messages = c.messages
		if got := planOf(req).config.OfEnabled != nil; got != c.thinks {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for bodies, want := range map[[2]string]llm.Usage{
		{`{}`, `{}`}: {},
		{`{"input_tokens":25,"output_tokens":1}`, `{"output_tokens":15}`}:                                                                                         {Input: 25, Output: 15},
		{`{"input_tokens":9,"cache_read_input_tokens":8,"cache_creation_input_tokens":3,"output_tokens":1}`, `{"output_tokens":2}`}:                               {Input: 20, CachedInput: 8, Output: 2},
		{`{"input_tokens":9,"cache_read_input_tokens":8}`, `{"input_tokens":1,"cache_read_input_tokens":0,"cache_creation_input_tokens":null,"output_tokens":2}`}: {Input: 1, Output: 2},
		{`{"input_tokens":-1}`, `{"output_tokens":5,"output_tokens_details":{"thinking_tokens":9}}`}:                                                              {Output: 5, Reasoning: 5},
		{`{"output_tokens":5,"output_tokens_details":{"thinking_tokens":2}}`, `{"output_tokens_details":null}`}:                                                   {Output: 5, Reasoning: 2},
	} {
		var sum usage
		for _, body := range bodies {
			var u usage
			if err := json.Unmarshal([]byte(body), &u); err != nil {
				t.Fatal(err)
			}
			sum.update(u)
		}
		if got := sum.normal(); got != want {
			t.Errorf("%s: %+v", bodies, got)
		}
	}
}

func TestCanonical(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"b": 1, "a": {"d": 12345678901234567890, "c": 1.0}}`: `{"a":{"c":1.0,"d":12345678901234567890},"b":1}`,
		` [ "<&>" ] `: `["<&>"]`, `"x"`: `"x"`, `{`: `{`, ``: ``,
	} {
		if got := string(canonical(json.RawMessage(in))); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
}

// FuzzEvents feeds arbitrary events: never a panic, and the events that come out keep the port's promises.
func FuzzEvents(f *testing.F) {
	for _, name := range []string{"tool", "parallel-tools", "redacted", "web-search", "duplicate-start", "whole-input", "error-unknown"} {
		data, err := os.ReadFile("testdata/" + name + ".sse")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		started, called, ended := map[string]bool{}, map[string]bool{}, false
		r := newReply(llm.Request{Model: "m"}, func(event llm.Event) {
			if ended {
				t.Fatalf("%+v after the end", event)
			}
			switch ev := event.(type) {
			case llm.ToolCallStart:
				if started[ev.ID] || ev.ID == "" || ev.Name == "" {
					t.Fatalf("%+v", ev)
				}
				started[ev.ID] = true
			case llm.ToolInputDelta:
				if !started[ev.ID] || called[ev.ID] {
					t.Fatal("delta outside its call")
				}
			case llm.ToolCall:
				if !started[ev.ID] || called[ev.ID] || !json.Valid(ev.Input) || (!ev.Malformed && ev.Input[0] != '{') {
					t.Fatalf("%+v", ev)
				}
				called[ev.ID] = true
			case llm.Finish:
				ended = true
			}
		})
		for line := range bytes.SplitSeq(data, []byte("\n")) {
			if r.ended {
				break
			}
			_ = r.event(bytes.TrimPrefix(line, []byte("data: ")))
		}
		if ended && len(started) != len(called) {
			t.Fatalf("%d calls began, %d were made", len(started), len(called))
		}
	})
}
