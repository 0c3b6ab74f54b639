package anthropic_test

import (
	"context"
	"encoding/json"
	"iter"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"twobrains/internal/llm"
	"twobrains/internal/llm/anthropic"
	"twobrains/internal/llm/llmtest"
	"twobrains/internal/llm/wire"
	"twobrains/internal/secret"
)

// The environment is set before any client is made: nothing of it may show in a request.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{
		"ANTHROPIC_API_KEY": "env-key", "ANTHROPIC_AUTH_TOKEN": "env-token", "ANTHROPIC_BASE_URL": "http://127.0.0.1:1/env",
		"ANTHROPIC_CUSTOM_HEADERS": "X-Env: env-header", "ANTHROPIC_PROFILE": "env-profile", "ANTHROPIC_WORKSPACE_ID": "env-workspace",
		"ANTHROPIC_ORGANIZATION_ID": "env-org", "ANTHROPIC_FEDERATION_RULE_ID": "env-rule", "ANTHROPIC_IDENTITY_TOKEN": "env-identity",
		"ANTHROPIC_WEBHOOK_SIGNING_KEY": "env-hook", "ANTHROPIC_OPEN_TELEMETRY": "true",
		"ANTHROPIC_OPEN_TELEMETRY_TRACES_CONTENT_MODE": "content",
	} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}

func newProvider(t *testing.T, o anthropic.Options) *anthropic.Provider {
	t.Helper()
	if o.HTTPClient == nil {
		o.HTTPClient = wire.NewHTTPClient(wire.Timeouts{})
		t.Cleanup(o.HTTPClient.CloseIdleConnections)
	}
	o.RetryDelay = time.Millisecond
	p, err := anthropic.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// asModel asks for a model that thinks, whatever the request names.
type asModel struct {
	llm.Provider
	model string
}

func (p asModel) Stream(ctx context.Context, req llm.Request) iter.Seq2[llm.Event, error] {
	req.Model = p.model
	return p.Provider.Stream(ctx, req)
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for _, model := range []string{"claude-sonnet-5-5", "another-model"} {
		t.Run(model, func(t *testing.T) {
			t.Parallel()
			llmtest.Run(t, llmtest.Adapter{
				Dir: "testdata",
				New: func(t *testing.T, baseURL string, idle time.Duration) llm.Provider {
					return asModel{newProvider(t, anthropic.Options{BaseURL: baseURL, Key: secret.New("sk-ant-test"), IdleTimeout: idle}), model}
				},
				Long: func(text string) []byte {
					return []byte(`event: content_block_start` + "\n" + `data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":"` + text + `"}}` + "\n\n" +
						`data: {"type":"message_delta","delta":{"stop_reason":"end_turn"}}` + "\n\n" + `data: {"type":"message_stop"}` + "\n\n")
				},
				Image: func(t *testing.T, body []byte) {
					contains(t, body, `{"source":{"data":"`+llmtest.ImageBase64+`","media_type":"image/png","type":"base64"},"type":"image"}`)
				},
				PDF: func(t *testing.T, body []byte) {
					contains(t, body, `{"source":{"data":"JVBERi0xLjQKJSVFT0YK","media_type":"application/pdf","type":"base64"},"title":"paper.pdf","type":"document"}`)
				},
				TextFile: func(t *testing.T, body []byte) {
					contains(t, body, `{"source":{"data":"Buy milk.","media_type":"text/plain","type":"text"},"title":"notes.txt","type":"document"}`)
				},
				Turns: func(t *testing.T, second, third []byte) {
					thinking := `{"signature":"EqQBCgIYAhIMTest+/Signature1==","thinking":"First this, then that.","type":"thinking"},`
					call := `{"id":"toolu_01Ab1","input":{"city":"Paris"},"name":"get_weather","type":"tool_use"}`
					result := `"content":[{"text":"{\"degrees\":21}","type":"text"}],"type":"tool_result"}`
					contains(t, second, thinking+call, result)
					contains(t, third, call, result, `"Hello, wörld 😀!"`, `"And Rome?"`)
					if sent := strings.Contains(string(third), thinking+call); sent != (model == "claude-sonnet-5-5") {
						t.Errorf("thinking of an earlier turn sent: %t\n%s", sent, third)
					}
				},
				Lacks: map[string]string{"file": "the models make no files"},
			})
		})
	}
}

func contains(t *testing.T, body []byte, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(string(body), part) {
			t.Errorf("lacks %s\nin    %s", part, body)
		}
	}
}

func ask(t *testing.T, name string) llmtest.Result {
	t.Helper()
	server := llmtest.NewServer(t, llmtest.Recording(t, name+".sse"))
	return llmtest.Collect(t.Context(), t, newProvider(t, anthropic.Options{BaseURL: server.URL}), llmtest.Ask())
}

// TestReplies plays what the suite does not know of.
func TestReplies(t *testing.T) {
	t.Parallel()
	paris := func(r llmtest.Result) bool {
		return len(r.Calls) == 1 && string(r.Calls[0].Input) == `{"city":"Paris"}` && r.Fragments[r.Calls[0].ID] == `{"city":"Paris"}` &&
			r.Finish == llm.FinishToolCalls
	}
	for name, check := range map[string]func(r llmtest.Result) bool{
		"redacted": func(r llmtest.Result) bool {
			first, second := r.Parts[0].(llm.Reasoning), r.Parts[1].(llm.Reasoning)
			return paris(r) && len(r.Parts) == 3 && first.Text == "Look" && string(first.Meta) == `{"anthropic":{"model":"test-model","signature":"c2lnMQ=="}}` &&
				second.Text == "" && string(second.Meta) == `{"anthropic":{"model":"test-model","redactedData":"EmwKAhgBEgyRedacted+/=="}}`
		},
		"omitted": func(r llmtest.Result) bool {
			return len(r.Parts) == 2 && string(r.Parts[0].(llm.Reasoning).Meta) == `{"anthropic":{"model":"test-model","signature":"c2lnMQ=="}}`
		},
		"web-search": func(r llmtest.Result) bool {
			return r.Text == "I will look. Found." && len(r.Calls) == 0 && len(r.Sources) == 3 && r.Finish == llm.FinishStop &&
				r.Sources[0] == llm.Source{ID: "source-1", URL: "https://example.com/", Title: "Example"} &&
				r.Sources[1] == llm.Source{ID: "source-2", URL: "https://example.org/", Title: "Other"} &&
				r.Sources[2] == llm.Source{ID: "source-3", URL: "https://example.net/a"}
		},
		"pause":       func(r llmtest.Result) bool { return r.Text == "Hi." && r.Finish == llm.FinishOther },
		"window":      func(r llmtest.Result) bool { return r.Text == "Hi." && r.Finish == llm.FinishLength },
		"whole-input": paris,
		"unclosed":    paris,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if r := ask(t, name); !check(r) {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestReusedCallIDs(t *testing.T) {
	t.Parallel()
	server := llmtest.NewServer(t, llmtest.Recording(t, "tool.sse"))
	req := llmtest.Ask()
	req.Messages = append(req.Messages, llm.Message{Role: llm.RoleAssistant, Parts: []llm.Part{llm.ToolCall{ID: "toolu_01Ab1", Name: "get_weather", Input: json.RawMessage(`{}`)}}},
		llm.Message{Role: llm.RoleTool, Parts: []llm.Part{llm.ToolResult{CallID: "toolu_01Ab1", Output: json.RawMessage(`1`)}}})
	r := llmtest.Collect(t.Context(), t, newProvider(t, anthropic.Options{BaseURL: server.URL}), req)
	if len(r.Calls) != 1 || r.Calls[0].ID != "toolu_01Ab1_1" {
		t.Errorf("%+v", r.Calls)
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]struct {
		status int
		kind   llm.Kind
		detail string
	}{
		`{"type":"error","error":{"type":"authentication_error","message":"m"}}`:                                                                               {401, llm.Auth, ""},
		`{"type":"error","error":{"type":"permission_error","message":"m"}}`:                                                                                   {403, llm.Auth, ""},
		`{"type":"error","error":{"type":"billing_error","message":"m"}}`:                                                                                      {402, llm.RateLimited, wire.DetailBudget},
		`{"type":"error","error":{"type":"not_found_error","message":"m"}}`:                                                                                    {404, llm.Failed, wire.DetailModel},
		`{"type":"error","error":{"type":"rate_limit_error","message":"m"}}`:                                                                                   {429, llm.RateLimited, ""},
		`{"type":"error","error":{"type":"request_too_large","message":"m"}}`:                                                                                  {413, llm.ContextTooLong, ""},
		`{"type":"error","error":{"type":"overloaded_error","message":"m"}}`:                                                                                   {529, llm.Overloaded, ""},
		`{"type":"error","error":{"type":"api_error","message":"m"}}`:                                                                                          {500, llm.Failed, ""},
		`{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the API."}}`:                              {400, llm.RateLimited, wire.DetailBudget},
		`{"type":"error","error":{"type":"invalid_request_error","message":"You have reached your specified API usage limits. Access returns on 2026-12-01"}}`: {400, llm.RateLimited, wire.DetailBudget},
		`{"type":"error","error":{"type":"invalid_request_error","message":"input length and max_tokens exceed context limit: 190000 + 32000 > 200000"}}`:      {400, llm.ContextTooLong, ""},
		`{"type":"error","error":{"type":"invalid_request_error","message":"Output blocked by content filtering policy"}}`:                                     {400, llm.Refused, ""},
		`{"type":"error","error":{"type":"invalid_request_error","message":"messages: at least one message is required"}}`:                                     {400, llm.Failed, wire.DetailNotAccepted},
		`{"type":"error"}`: {500, llm.Failed, ""},
	} {
		t.Run(body, func(t *testing.T) {
			t.Parallel()
			server := llmtest.NewServer(t, llmtest.Answer{Status: want.status, Body: []byte(body), Header: map[string]string{
				"Content-Type": "application/json", "Request-Id": "req_011Test",
			}})
			r := llmtest.Collect(t.Context(), t, newProvider(t, anthropic.Options{BaseURL: server.URL, Retries: -1}), llmtest.Ask())
			failure, ok := r.Err.(*llm.Error) //nolint:errorlint // it is the error itself
			if !ok || failure.Kind != want.kind || failure.Detail != want.detail {
				t.Fatalf("%v, want %+v", r.Err, want)
			}
			if text := failure.Error(); !strings.Contains(text, "request req_011Test") || strings.Contains(text, "message") {
				t.Error(text)
			}
		})
	}
}

func TestConnectionIsReused(t *testing.T) {
	t.Parallel()
	server := llmtest.NewServer(t, llmtest.Recording(t, "text.sse"))
	client := wire.NewHTTPClient(wire.Timeouts{})
	t.Cleanup(client.CloseIdleConnections)
	var dials atomic.Int32
	transport := client.Transport.(*http.Transport)
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		dials.Add(1)
		return dial(ctx, network, address)
	}
	p := newProvider(t, anthropic.Options{BaseURL: server.URL, HTTPClient: client})
	for range 5 {
		llmtest.Collect(t.Context(), t, p, llmtest.Ask())
	}
	if n := dials.Load(); n != 1 {
		t.Errorf("%d connections for 5 requests in a row", n)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	if _, err := anthropic.New(anthropic.Options{BaseURL: "http://user:pass@x/"}); err == nil || strings.Contains(err.Error(), "pass@") {
		t.Errorf("%v", err)
	}
	p, err := anthropic.New(anthropic.Options{Key: secret.New("sk-canary")})
	if err != nil || p.String() != "anthropic provider at https://api.anthropic.com" {
		t.Errorf("%v %v", p, err)
	}
}
