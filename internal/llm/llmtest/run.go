package llmtest

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"twobrains/internal/llm"
)

// Run is the conformance suite.
func Run(t *testing.T, a Adapter) {
	for name := range a.Lacks {
		if !slices.Contains([]string{"file", "sources", "image", "pdf", "text-file"}, name) {
			t.Errorf("no adapter may lack %q", name)
		}
	}
	replies(t, a)
	inputs(t, a)
	turns(t, a)
	failures(t, a)
	t.Run("connection", func(t *testing.T) {
		t.Parallel()
		connection(t, a)
	})
}

// replies are the recordings. Each is played at once, byte by byte, and with CRLF for LF.
func replies(t *testing.T, a Adapter) {
	used := llm.Usage{Input: 20, CachedInput: 8, Output: 12}
	call := func(r Result, i int, name, input string) bool {
		return i < len(r.Calls) && r.Calls[i].Name == name && string(r.Calls[i].Input) == input && !r.Calls[i].Malformed
	}
	for name, check := range map[string]func(r Result) bool{
		"text": func(r Result) bool {
			return r.Text == "Hello, wörld 😀!" && r.Usage == used && r.Finish == llm.FinishStop
		},
		"reasoning": func(r Result) bool {
			return r.Reasoning == "First this, then that." && r.Text == "Done." && r.Finish == llm.FinishStop &&
				r.Usage == llm.Usage{Input: 20, Output: 30, Reasoning: 18}
		},
		"tool": func(r Result) bool {
			return r.Text == "Let me see." && len(r.Calls) == 1 && call(r, 0, "get_weather", `{"city":"Paris"}`) &&
				r.Fragments[r.Calls[0].ID] == `{"city":"Paris"}` && r.Finish == llm.FinishToolCalls && r.Usage == used
		},
		"parallel-tools": func(r Result) bool {
			return len(r.Calls) == 2 && call(r, 0, "get_weather", `{"city":"Paris"}`) && call(r, 1, "get_weather", `{"city":"Rome"}`) &&
				r.Calls[0].ID != r.Calls[1].ID && r.Finish == llm.FinishToolCalls
		},
		"empty-arguments": func(r Result) bool { return len(r.Calls) == 1 && call(r, 0, "get_time", `{}`) },
		"malformed-arguments": func(r Result) bool {
			return len(r.Calls) == 1 && r.Calls[0].Malformed && string(r.Calls[0].Input) == `"{\"city\": Paris"`
		},
		"duplicate-start": func(r Result) bool { return len(r.Calls) == 1 && call(r, 0, "get_weather", `{"city":"Paris"}`) },
		"refusal":         func(r Result) bool { return r.Err == nil && r.Finish == llm.FinishContentFilter },
		"length":          func(r Result) bool { return r.Text == "Once upon a" && r.Finish == llm.FinishLength },
		"late-usage":      func(r Result) bool { return r.Text == "Hi." && r.Usage == used && r.Finish == llm.FinishStop },
		"no-usage":        func(r Result) bool { return r.Text == "Hi." && r.Usage.IsZero() && r.Finish == llm.FinishStop },
		"no-terminal-event": func(r Result) bool {
			return r.Text == "Hello, w" && llm.KindOf(r.Err) == llm.Interrupted
		},
		"error-overloaded": func(r Result) bool { return r.Text == "Hello" && llm.KindOf(r.Err) == llm.Overloaded },
		"error-rate-limit": func(r Result) bool { return llm.KindOf(r.Err) == llm.RateLimited },
		"reasoning-tools": func(r Result) bool {
			return r.Reasoning == "First this, then that." && len(r.Calls) == 1 && call(r, 0, "get_weather", `{"city":"Paris"}`) &&
				r.Finish == llm.FinishToolCalls && r.Usage == llm.Usage{Input: 20, Output: 30, Reasoning: 18}
		},
		"sources": func(r Result) bool {
			return r.Text == "As they say." && len(r.Sources) == 1 && r.Sources[0].ID != "" && r.Sources[0].URL == "https://example.com/" &&
				r.Sources[0].Title == "Example" && r.Finish == llm.FinishStop
		},
		"file": func(r Result) bool {
			return r.Text == "Here it is." && len(r.Files) == 1 && r.Files[0].MediaType == "image/png" && bytes.Equal(r.Files[0].Data, Image.Data) &&
				r.Finish == llm.FinishStop
		},
		"error-unknown": func(r Result) bool { return r.Text == "Hello" && llm.KindOf(r.Err) == llm.Failed },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a.lacks(t, name)
			body := a.recording(t, name+".sse")
			crlf := []byte(strings.ReplaceAll(string(body), "\n", "\r\n"))
			for form, answer := range map[string]Answer{"whole": {Body: body}, "bytes": {Body: body, Piece: 1}, "crlf": {Body: crlf}} {
				r := a.replay(t, answer)
				if !check(r) {
					t.Errorf("%s: %+v", form, r)
				}
				ownWords(t, r.Err)
			}
		})
	}
}
