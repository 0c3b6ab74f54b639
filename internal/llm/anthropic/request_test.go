package anthropic_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"twobrains/internal/llm"
	"twobrains/internal/llm/anthropic"
	"twobrains/internal/llm/llmtest"
	"twobrains/internal/secret"
)

func signed(model, text, signature string) llm.Reasoning {
	return llm.Reasoning{Text: text, Meta: llm.Metadata(`{"anthropic": {"signature": "` + signature + `", "model": "` + model + `"}}`)}
}

func call(id, input string) llm.ToolCall {
	return llm.ToolCall{ID: id, Name: "get_weather", Input: json.RawMessage(input)}
}

func result(id, output string) llm.ToolResult {
	return llm.ToolResult{CallID: id, Name: "get_weather", Output: json.RawMessage(output)}
}

func say(role llm.Role, parts ...llm.Part) llm.Message { return llm.Message{Role: role, Parts: parts} }

// conversation has two turns with thinking and tools; the second is still within its loop.
func conversation(model string, effort llm.Effort) llm.Request {
	failed, malformed := result("c2", `"no such city"`), call("c3", `"{\"city\": Os"`)
	failed.IsError, malformed.Malformed = true, true
	unreadable := result("c3", `"unreadable"`)
	unreadable.IsError = true
	return llm.Request{
		Model:  model,
		System: "Be brief.",
		Effort: effort,
		User:   "pseudonym",
		Tools: []llm.Tool{
			{Name: "get_weather", Description: "The weather.", InputSchema: json.RawMessage(`{"type":"object","properties":{"city":{"type":"string"}},"required":["city"],"additionalProperties":false}`)},
			{Name: "get_time"},
			{Name: "get_news", InputSchema: json.RawMessage(`{"properties":{}}`)},
		},
		Messages: []llm.Message{
			say(llm.RoleUser, llm.Text{Text: "Weather in Paris & Rome <now>?"}, llm.Text{Text: " \n"}, llm.Text{Text: "Please."}),
			say(llm.RoleAssistant,
				signed(model, "Two calls.", "c2lnMQ=="),
				llm.Reasoning{Meta: llm.Metadata(`{"anthropic":{"redactedData":"cmVk","model":"` + model + `"}}`)},
				llm.Text{Text: "Let me see."}, call("c1", `{"unit": "C", "city": "Paris", "days": 1.0}`), call("c2", `{"city":"Rome"}`)),
			say(llm.RoleTool, result("c1", `{"degrees": 21, "at": "<noon>"}`), failed),
			say(llm.RoleAssistant, signed(model, "", "c2lnMg=="), llm.Text{Text: "21 in Paris."}, signed(model, "broken off", "c2lnMw==")),
			say(llm.RoleUser, llm.Text{Text: "And Oslo?"}),
			say(llm.RoleAssistant,
				signed(model, "One call.", "c2lnNA=="),
				llm.Reasoning{Text: "foreign", Meta: llm.Metadata(`{"openai":{"signature":"x"}}`)},
				llm.Reasoning{Text: "unsigned", Meta: llm.Metadata(`{"anthropic":{"model":"` + model + `"}}`)},
				signed("claude-of-another-kind", "of another model", "c2lnNQ=="),
				malformed, llm.ToolCall{ID: "functions.get_time:0", Name: "get_time", Input: json.RawMessage(`{}`)}),
			say(llm.RoleTool, unreadable),
			say(llm.RoleTool, llm.ToolResult{CallID: "functions.get_time:0", Name: "get_time", Output: json.RawMessage(`""`)}),
			say(llm.RoleAssistant, llm.Reasoning{Text: "nothing else"}),
		},
	}
}

// TestRequests holds the bodies that are sent, byte for byte; -update is not offered on purpose: read the difference.
func TestRequests(t *testing.T) {
	t.Parallel()
	for golden, c := range map[string]struct {
		model  string
		effort llm.Effort
		beta   string
	}{
		"adaptive":      {"claude-opus-5-5", llm.EffortMedium, "thinking-binding-controls-2026-08-01"},
		"between-tools": {"claude-sonnet-5-5", llm.EffortOff, ""},
		"budget":        {"claude-haiku-4-5", llm.EffortLow, "thinking-binding-controls-2026-08-01"},
		"disabled":      {"claude-haiku-5-5", llm.EffortOff, ""},
	} {
		t.Run(golden, func(t *testing.T) {
			t.Parallel()
			server := llmtest.NewServer(t, llmtest.Recording(t, "text.sse"))
			p := newProvider(t, anthropic.Options{BaseURL: server.URL + "/some", Key: secret.New("sk-ant-test")})
			if r := llmtest.Collect(t.Context(), t, p, conversation(c.model, c.effort)); r.Finish != llm.FinishStop {
				t.Fatalf("%+v", r)
			}
			request := server.Requests()[0]
			if request.Method != http.MethodPost || request.Path != "/some/v1/messages" || request.Header.Get("Anthropic-Beta") != c.beta {
				t.Errorf("%s %s, beta %q", request.Method, request.Path, request.Header.Get("Anthropic-Beta"))
			}
			var indented bytes.Buffer
			if err := json.Indent(&indented, request.Body, "", "  "); err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(filepath.Join("testdata", "request-"+golden+".json"))
			if err != nil || indented.String()+"\n" != string(want) {
				t.Errorf("sent (%v)\n%s", err, indented.String())
			}
		})
	}
}

// TestNothingFromTheEnvironment holds that requests carry what they were given and nothing that the server's own
// environment says (TestMain fills it).
func TestNothingFromTheEnvironment(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"sk-ant-own", ""} {
		server := llmtest.NewServer(t, llmtest.Recording(t, "text.sse"))
		p := newProvider(t, anthropic.Options{BaseURL: server.URL + "/", Key: secret.New(key)})
		if r := llmtest.Collect(t.Context(), t, p, llmtest.Ask()); r.Finish != llm.FinishStop {
			t.Fatalf("%+v", r)
		}
		request := server.Requests()[0]
		if got := request.Header.Get("X-Api-Key"); got != key || request.Path != "/v1/messages" {
			t.Errorf("key %q at %s", got, request.Path)
		}
		if version := request.Header.Get("Anthropic-Version"); version != "2023-06-01" {
			t.Errorf("version %q", version)
		}
		for name, values := range request.Header {
			if strings.Contains(name+values[0], "env-") || name == "Authorization" || name == "X-Env" || name == "Traceparent" || name == "Anthropic-Workspace-Id" {
				t.Errorf("%s: %s", name, values)
			}
		}
		if bytes.Contains(request.Body, []byte("env-")) {
			t.Errorf("%s", request.Body)
		}
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	for want, file := range map[string]llm.File{
		`{"source":{"url":"https://example.com/a.png","type":"url"},"type":"image"}`:                                     {MediaType: "image/png", URL: "https://example.com/a.png"},
		`{"source":{"url":"https://example.com/a.pdf","type":"url"},"title":"a.pdf","type":"document"}`:                  {MediaType: "application/pdf", URL: "https://example.com/a.pdf", Name: "a.pdf"},
		`{"source":{"data":"{}","media_type":"text/plain","type":"text"},"title":"a.json","type":"document"}`:            {MediaType: "application/json", Data: []byte("{}"), Name: "a.json"},
		`{"source":{"data":"a,b","media_type":"text/plain","type":"text"},"type":"document"}`:                            {MediaType: "text/csv", Data: []byte("a,b")},
		`{"source":{"data":"\u003ca/\u003e","media_type":"text/plain","type":"text"},"title":"a.rss","type":"document"}`: {MediaType: "application/rss+xml", Data: []byte("<a/>"), Name: "a.rss"},
	} {
		t.Run(file.MediaType, func(t *testing.T) {
			t.Parallel()
			server := llmtest.NewServer(t, llmtest.Recording(t, "text.sse"))
			r := llmtest.Collect(t.Context(), t, newProvider(t, anthropic.Options{BaseURL: server.URL}), llmtest.AskAbout(file))
			if r.Finish != llm.FinishStop {
				t.Fatalf("%+v", r)
			}
			contains(t, server.Requests()[0].Body, want)
		})
	}
}

func TestUnsupportedParts(t *testing.T) {
	t.Parallel()
	server := llmtest.NewServer(t, llmtest.Recording(t, "text.sse"))
	p := newProvider(t, anthropic.Options{BaseURL: server.URL})
	text := llm.Text{Text: "Hi"}
	for name, message := range map[string]llm.Message{
		"vector image":       say(llm.RoleUser, llm.File{MediaType: "image/svg+xml", Data: []byte("<svg/>")}),
		"sound":              say(llm.RoleUser, llm.File{MediaType: "audio/mpeg", Data: []byte("x")}),
		"text by URL":        say(llm.RoleUser, llm.File{MediaType: "text/plain", URL: "https://example.com/a.txt"}),
		"image by plain URL": say(llm.RoleUser, llm.File{MediaType: "image/png", URL: "http://example.com/a.png"}),
		"blank text file":    say(llm.RoleUser, llm.File{MediaType: "text/plain", Data: []byte(" \n")}),
		"call of the user":   say(llm.RoleUser, text, llm.ToolCall{}),
		"text of a tool":     say(llm.RoleTool, text),
		"result of a reply":  say(llm.RoleAssistant, llm.ToolResult{}),
		"role":               say("system", text),
	} {
		r := llmtest.Collect(t.Context(), t, p, llm.Request{Model: "m", Messages: []llm.Message{message}})
		if llm.KindOf(r.Err) != llm.Invalid {
			t.Errorf("%s: %v", name, r.Err)
		}
	}
	req := llmtest.Ask()
	req.Tools[0].InputSchema = json.RawMessage(`[]`)
	if r := llmtest.Collect(t.Context(), t, p, req); llm.KindOf(r.Err) != llm.Invalid {
		t.Errorf("schema: %v", r.Err)
	}
	if n := len(server.Requests()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}
