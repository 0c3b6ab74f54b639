package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
)

// deleter is an MCP server with one tool that is not read-only. It says how often it was called for a path, so that a call that
// was made twice or without approval shows.
func deleter() http.Handler {
	type input struct {
		Path string `json:"path"`
	}
	type output struct {
		Path  string `json:"path"`
		Times int    `json:"times"`
	}
	var mu sync.Mutex
	times := map[string]int{}
	server := sdk.NewServer(&sdk.Implementation{Name: "files", Version: "1"}, nil)
	sdk.AddTool(server, &sdk.Tool{Name: "delete", Description: "Deletes a file."},
		func(_ context.Context, _ *sdk.CallToolRequest, in input) (*sdk.CallToolResult, output, error) {
			mu.Lock()
			defer mu.Unlock()
			times[in.Path]++
			return nil, output{in.Path, times[in.Path]}, nil
		})
	return sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return server }, nil)
}

// callTools is a model that speaks chat completions. "delete PATH PATH" makes it ask for the tool of that name once for each
// path; it answers results with as many words as there are, one every 100 ms, and all else with a word.
func callTools(w http.ResponseWriter, r *http.Request) {
	var request struct {
		Messages []struct {
			Role       string
			Content    json.RawMessage
			ToolCallID string `json:"tool_call_id"`
		}
		Tools []struct{ Function struct{ Name string } }
	}
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil || len(request.Messages) == 0 {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	last := request.Messages[len(request.Messages)-1]
	reply := completion{w: w, r: r}
	w.Header().Set("Content-Type", "text/event-stream")
	switch fields := strings.Fields(textOf(last.Content)); {
	case last.Role == "tool":
		for _, word := range strings.Fields("The tools have answered, so now all of it is done.") {
			reply.delta(map[string]any{"content": word + " "})
			reply.pause(100 * time.Millisecond)
		}
		reply.finish("stop")
	case len(fields) > 1 && fields[0] == "delete":
		var name string
		for _, tool := range request.Tools {
			if strings.HasSuffix(tool.Function.Name, "delete") {
				name = tool.Function.Name
			}
		}
		for i, path := range fields[1:] {
			input, _ := json.Marshal(map[string]string{"path": path})
			reply.delta(map[string]any{"tool_calls": []any{map[string]any{
				"index": i, "id": fmt.Sprintf("call_%d_%d", len(request.Messages), i), "type": "function",
				"function": map[string]any{"name": name, "arguments": string(input)},
			}}})
		}
		reply.finish("tool_calls")
	default:
		reply.delta(map[string]any{"content": "Yes."})
		reply.finish("stop")
	}
}

// textOf reads a message's content in both its forms.
func textOf(content json.RawMessage) string {
	var text string
	if json.Unmarshal(content, &text) == nil {
		return text
	}
	var parts []struct{ Text string }
	_ = json.Unmarshal(content, &parts)
	for _, part := range parts {
		text += part.Text
	}
	return text
}

type completion struct {
	w http.ResponseWriter
	r *http.Request
}

func (c completion) delta(delta map[string]any) { c.choice(delta, nil) }

func (c completion) finish(reason string) {
	c.choice(map[string]any{}, reason)
	_, _ = fmt.Fprint(c.w, "data: [DONE]\n\n")
}

func (c completion) choice(delta map[string]any, reason any) {
	chunk, _ := json.Marshal(map[string]any{
		"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "caller",
		"choices": []any{map[string]any{"index": 0, "delta": delta, "finish_reason": reason}},
	})
	_, _ = fmt.Fprintf(c.w, "data: %s\n\n", chunk)
	_ = http.NewResponseController(c.w).Flush()
}

func (c completion) pause(d time.Duration) {
	select {
	case <-time.After(d):
	case <-c.r.Context().Done():
	}
}
