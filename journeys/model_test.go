package journeys_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"twobrains/internal/console"
)

// ownKey is the only key that the provider of models and searches takes.
const ownKey = "sk-journey-0123456789"

// newProvider starts a server of OpenAI's chat completions and of Exa's searches. Its one model always has the same to say:
// it thinks, looks something up and explains, with a table and a program. What it looks up is on the web, or in the user's history if
// it is asked for that. A request without ownKey is refused.
func newProvider(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, `{"object":"list","data":[{"id":"writer","object":"model"}]}`)
	})
	mux.HandleFunc("POST /v1/chat/completions", complete)
	mux.HandleFunc("POST /search", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(w, findings)
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+ownKey && r.Header.Get("X-Api-Key") != ownKey {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = fmt.Fprint(w, `{"error":{"message":"no such key","type":"invalid_request_error","code":"invalid_api_key"}}`)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server
}

const (
	thoughts = "The amount grows by the same factor every year. I look up how that is usually put, then compare three rates."
	opening  = "Let me look up how this is usually put."
	findings = `{"results":[` +
		`{"title":"Compound interest, explained","url":"https://example.com/compound-interest","text":"Interest that earns interest."},` +
		`{"title":"Saving for ten years","url":"https://example.org/saving","text":"A = P(1+r)^n"}]}`
	closing = "Interest earns interest: at 5% a year, 1,000 dollars become **1,628.89** after ten years. The formula is $A = P(1+r)^n$.\n\n" +
		"| Rate | After 10 years | After 20 years |\n|---|---:|---:|\n| 3% | $1,343.92 | $1,806.11 |\n| 5% | $1,628.89 | $2,653.30 |\n| 7% | $1,967.15 | $3,869.68 |\n\n" +
		"```python\ndef grow(amount: float, rate: float, years: int) -> float:\n    \"\"\"What an amount becomes at a yearly rate.\"\"\"\n    return round(amount * (1 + rate) ** years, 2)\n```\n"
)

func complete(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Messages []struct {
			Role    string
			Content any
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil || len(request.Messages) == 0 {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	say := func(field, text string) {
		for word := range strings.SplitAfterSeq(text, " ") {
			send(w, map[string]any{field: word}, nil)
		}
	}
	last := request.Messages[len(request.Messages)-1]
	tool, arguments := "web_search", `{"query": "compound interest formula"}`
	if strings.Contains(fmt.Sprint(last.Content), "my history") {
		tool, arguments = console.ToolName, `{"query": "SELECT count(*) AS conversations FROM conversations"}`
	}
	if last.Role == "tool" {
		say("content", closing)
		send(w, map[string]any{}, "stop")
	} else {
		say("reasoning_content", thoughts)
		say("content", opening)
		send(w, map[string]any{"tool_calls": []any{map[string]any{
			"index": 0, "id": fmt.Sprintf("call_%d", len(request.Messages)), "type": "function",
			"function": map[string]any{"name": tool, "arguments": arguments},
		}}}, nil)
		send(w, map[string]any{}, "tool_calls")
	}
	_, _ = fmt.Fprint(w, "data: [DONE]\n\n")
}

func send(w http.ResponseWriter, delta map[string]any, finish any) {
	chunk, _ := json.Marshal(map[string]any{
		"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "writer",
		"choices": []any{map[string]any{"index": 0, "delta": delta, "finish_reason": finish}},
	})
	_, _ = fmt.Fprintf(w, "data: %s\n\n", chunk)
	_ = http.NewResponseController(w).Flush()
}
