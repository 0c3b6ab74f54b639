package openai_test

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"twobrains/internal/llm"
	"twobrains/internal/llm/llmtest"
	"twobrains/internal/llm/openai"
	"twobrains/internal/llm/wire"
	"twobrains/internal/secret"
)

// The environment is set before any client is made: nothing of it may show in a request.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{
		"OPENAI_API_KEY": "env-key", "OPENAI_ADMIN_KEY": "env-admin", "OPENAI_ORG_ID": "env-org", "OPENAI_PROJECT_ID": "env-project",
		"OPENAI_BASE_URL": "http://127.0.0.1:1/env", "OPENAI_CUSTOM_HEADERS": "X-Env: env-header", "OPENAI_WEBHOOK_SECRET": "env-hook",
	} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}

func newProvider(t *testing.T, o openai.Options) *openai.Provider {
	t.Helper()
	return newDialect(t, o, openai.DialectAuto)
}

func newDialect(t *testing.T, o openai.Options, dialect openai.Dialect) *openai.Provider {
	t.Helper()
	o.HTTPClient = wire.NewHTTPClient(wire.Timeouts{})
	t.Cleanup(o.HTTPClient.CloseIdleConnections)
	o.RetryDelay = time.Millisecond
	p, err := openai.NewDialect(o, dialect)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestCompatibleServers plays what only servers other than OpenAI send.
func TestCompatibleServers(t *testing.T) {
	t.Parallel()
	twoCalls := func(r llmtest.Result) bool {
		return len(r.Calls) == 2 && string(r.Calls[0].Input) == `{"city":"Paris"}` && string(r.Calls[1].Input) == `{"city":"Rome"}` &&
			r.Calls[0].ID != r.Calls[1].ID && r.Finish == llm.FinishToolCalls
	}
	for name, check := range map[string]func(r llmtest.Result) bool{
		"compatible-ollama-tools": twoCalls,
		"compatible-no-ids":       twoCalls,
		"compatible-vllm-reasoning": func(r llmtest.Result) bool {
			return r.Reasoning == "First this, then that." && r.Text == "Done." && r.Usage == llm.Usage{Input: 20, Output: 30}
		},
		"compatible-error-null":    func(r llmtest.Result) bool { return r.Text == "Hi." && r.Finish == llm.FinishStop },
		"compatible-vllm-error":    func(r llmtest.Result) bool { return r.Text == "Hi" && llm.KindOf(r.Err) == llm.Failed },
		"compatible-content-parts": func(r llmtest.Result) bool { return r.Text == "Hi." && r.Finish == llm.FinishStop },
		"compatible-openrouter-error": func(r llmtest.Result) bool {
			return r.Text == "Hi" && llm.KindOf(r.Err) == llm.Failed && !strings.Contains(r.Err.Error(), "SECRET")
		},
		"azure-filter-results": func(r llmtest.Result) bool { return r.Text == "Hi." && r.Finish == llm.FinishStop },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := llmtest.NewServer(t, llmtest.Recording(t, name+".sse"))
			r := llmtest.Collect(t.Context(), t, newProvider(t, openai.Options{BaseURL: server.URL}), llmtest.Ask())
			if !check(r) {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestReusedCallIDs(t *testing.T) {
	t.Parallel()
	server := llmtest.NewServer(t, llmtest.Recording(t, "tool.sse"))
	req := llmtest.Ask()
	req.Messages = append(req.Messages, llm.Message{Role: llm.RoleAssistant, Parts: []llm.Part{llm.ToolCall{ID: "call_Ab1", Name: "get_weather", Input: json.RawMessage(`{}`)}}},
		llm.Message{Role: llm.RoleTool, Parts: []llm.Part{llm.ToolResult{CallID: "call_Ab1", Output: json.RawMessage(`1`)}}})
	r := llmtest.Collect(t.Context(), t, newProvider(t, openai.Options{BaseURL: server.URL}), req)
	if len(r.Calls) != 1 || r.Calls[0].ID != "call_Ab1_1" {
		t.Errorf("%+v", r.Calls)
	}
}

// TestFinishesWithoutEnd: after finish_reason a server has a few seconds for usage, then the reply is complete anyway.
func TestFinishesWithoutEnd(t *testing.T) {
	t.Parallel()
	answer := llmtest.Recording(t, "no-usage.sse")
	for name, ending := range map[string]llmtest.Ending{"cut": llmtest.Cut, "stall": llmtest.Stall} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			unended := answer
			unended.Then = ending
			server := llmtest.NewServer(t, unended)
			r := llmtest.Collect(t.Context(), t, newProvider(t, openai.Options{BaseURL: server.URL, IdleTimeout: 100 * time.Millisecond}), llmtest.Ask())
			if r.Finish != llm.FinishStop || r.Text != "Hi." {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestConnectionIsReused(t *testing.T) {
	t.Parallel()
	server := llmtest.NewServer(t, llmtest.Recording(t, "text.sse"))
	client := wire.NewHTTPClient(wire.Timeouts{})
	t.Cleanup(client.CloseIdleConnections)
	dials := 0
	transport := client.Transport.(*http.Transport)
	dial := transport.DialContext
	transport.DialContext = countingDial(dial, &dials)
	p, err := openai.New(openai.Options{BaseURL: server.URL, HTTPClient: client})
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		llmtest.Collect(t.Context(), t, p, llmtest.Ask())
	}
	if dials != 1 {
		t.Errorf("%d connections for 5 requests in a row", dials)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"localhost:11434/v1", "ftp://x/v1", "http://", "http://user:pass@x/v1", "https://x/v1?a=b", "https://x/v1#f", "http://x\n/"} {
		if _, err := openai.New(openai.Options{BaseURL: base}); err == nil || strings.Contains(err.Error(), "pass") {
			t.Errorf("%q: %v", base, err)
		}
	}
	p, err := openai.New(openai.Options{Key: secret.New("sk-canary")})
	if err != nil || strings.Contains(p.String(), "canary") {
		t.Errorf("%v %v", p, err)
	}
}
