package openai_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"twobrains/internal/llm"
	"twobrains/internal/llm/llmtest"
	"twobrains/internal/llm/openai"
	"twobrains/internal/secret"
)

func countingDial(dial func(context.Context, string, string) (net.Conn, error), n *int) func(context.Context, string, string) (net.Conn, error) {
	var count atomic.Int64
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		*n = int(count.Add(1))
		return dial(ctx, network, addr)
	}
}

// conversation is two turns with reasoning, parallel tools and a failed call; the second turn is in its tool loop.
func conversation() llm.Request {
	reasoning := func(text string) llm.Part {
		return llm.Reasoning{Text: text, Meta: llm.Metadata(`{"openai":{"reasoningField":"reasoning_content"}}`)}
	}
	call := func(id, input string) llm.ToolCall {
		return llm.ToolCall{ID: id, Name: "get_weather", Input: json.RawMessage(input)}
	}
	broken := call("c3", `"{\"city"`)
	broken.Malformed = true
	return llm.Request{
		Model:           "test-model",
		System:          "Be brief.",
		Effort:          llm.EffortOff,
		MaxOutputTokens: 100,
		User:            "u-pseudonym",
		Tools: []llm.Tool{
			{Name: "get_weather", Description: "Weather of a city.", InputSchema: json.RawMessage(`{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}`)},
			{Name: "get_time"},
		},
		Messages: []llm.Message{
			{Role: llm.RoleUser, Parts: []llm.Part{llm.Text{Text: "Weather in Paris & Rome <now>?"}, llm.Text{Text: "Please."}}},
			{Role: llm.RoleAssistant, Parts: []llm.Part{reasoning("Two calls."), llm.Text{Text: "Let me see."}, call("c1", `{"city":"Paris"}`), call("c2", `{"city":"Rome"}`)}},
			{Role: llm.RoleTool, Parts: []llm.Part{
				llm.ToolResult{CallID: "c1", Name: "get_weather", Output: json.RawMessage(`{"degrees":21}`)},
				llm.ToolResult{CallID: "c2", Name: "get_weather", Output: json.RawMessage(`"no such city"`), IsError: true},
			}},
			{Role: llm.RoleAssistant, Parts: []llm.Part{llm.Text{Text: "21 in Paris."}}},
			{Role: llm.RoleUser, Parts: []llm.Part{llm.Text{Text: "And Oslo?"}}},
			{Role: llm.RoleAssistant, Parts: []llm.Part{
				reasoning("One "), reasoning("call."),
				llm.Reasoning{Text: "Summary one.", Meta: llm.Metadata(`{"openai":{"itemId":"rs_1"}}`)},
				llm.Reasoning{Text: "Summary two.", Meta: llm.Metadata(`{"openai":{"itemId":"rs_1","encryptedContent":"gAAAA-1"}}`)},
				llm.Reasoning{Text: "Lost.", Meta: llm.Metadata(`{"openai":{"itemId":"rs_2"}}`)},
				llm.Reasoning{Text: "foreign", Meta: llm.Metadata(`{"anthropic":{"signature":"x"}}`)}, broken,
			}},
			{Role: llm.RoleTool, Parts: []llm.Part{llm.ToolResult{CallID: "c3", Name: "get_weather", Output: json.RawMessage(`"unreadable"`), IsError: true}}},
			{Role: llm.RoleAssistant, Parts: []llm.Part{
				llm.Text{Text: "First ", Meta: llm.Metadata(`{"openai":{"itemId":"msg_1","phase":"commentary"}}`)},
				llm.Text{Text: "and second.", Meta: llm.Metadata(`{"openai":{"itemId":"msg_1","phase":"commentary"}}`)},
				llm.File{MediaType: "image/png", Data: []byte("x"), Meta: llm.Metadata(`{"openai":{"itemId":"ig_1"}}`)},
				llm.File{MediaType: "image/png", Data: []byte("x"), Meta: llm.Metadata(`{"google":{"thoughtSignature":"s"}}`)},
				llm.Reasoning{Text: "Nothing follows.", Meta: llm.Metadata(`{"openai":{"itemId":"rs_3","encryptedContent":"gAAAA-3"}}`)},
			}},
			{Role: llm.RoleAssistant, Parts: []llm.Part{llm.Reasoning{Text: "nothing else"}}},
		},
	}
}

// TestRequests holds the bodies that are sent, byte for byte; -update is not offered on purpose: read the difference.
func TestRequests(t *testing.T) {
	t.Parallel()
	for golden, c := range map[string]struct {
		dialect openai.Dialect
		path    string
	}{
		"request-compatible.json": {openai.DialectAuto, "/some/v1/chat/completions"},
		"responses/request.json":  {openai.DialectOpenAI, "/some/v1/responses"},
	} {
		t.Run(golden, func(t *testing.T) {
			t.Parallel()
			server := llmtest.NewServer(t, llmtest.Recording(t, "text.sse"))
			p := newDialect(t, openai.Options{BaseURL: server.URL + "/some/v1", Key: secret.New("sk-test")}, c.dialect)
			llmtest.Collect(t.Context(), t, p, conversation())
			request := server.Requests()[0]
			if request.Method != http.MethodPost || request.Path != c.path {
				t.Errorf("%s %s", request.Method, request.Path)
			}
			var indented bytes.Buffer
			if err := json.Indent(&indented, request.Body, "", "  "); err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(filepath.Join("testdata", golden))
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
	for _, key := range []string{"sk-own", ""} {
		server := llmtest.NewServer(t, llmtest.Recording(t, "text.sse"))
		p := newProvider(t, openai.Options{BaseURL: server.URL + "/v1/", Key: secret.New(key)})
		if r := llmtest.Collect(t.Context(), t, p, llmtest.Ask()); r.Finish != llm.FinishStop {
			t.Fatalf("%+v", r)
		}
		request := server.Requests()[0]
		want := ""
		if key != "" {
			want = "Bearer " + key
		}
		if got := request.Header.Get("Authorization"); got != want || request.Path != "/v1/chat/completions" {
			t.Errorf("authorization %q at %s", got, request.Path)
		}
		for name, values := range request.Header {
			if strings.Contains(name+values[0], "env-") || name == "Openai-Organization" || name == "Openai-Project" || name == "X-Env" {
				t.Errorf("%s: %s", name, values)
			}
		}
	}
}

func TestUnsupportedParts(t *testing.T) {
	t.Parallel()
	for _, dialect := range []openai.Dialect{openai.DialectOpenAI, openai.DialectCompatible} {
		unsupportedParts(t, dialect)
	}
}

func unsupportedParts(t *testing.T, dialect openai.Dialect) {
	server := llmtest.NewServer(t, llmtest.Recording(t, "text.sse"))
	p := newDialect(t, openai.Options{BaseURL: server.URL}, dialect)
	text := llm.Text{Text: "Hi"}
	for name, message := range map[string]llm.Message{
		"call of the user":  {Role: llm.RoleUser, Parts: []llm.Part{llm.ToolCall{}}},
		"text of a tool":    {Role: llm.RoleTool, Parts: []llm.Part{text}},
		"result of a reply": {Role: llm.RoleAssistant, Parts: []llm.Part{llm.ToolResult{}}},
		"role":              {Role: "system", Parts: []llm.Part{text}},
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
