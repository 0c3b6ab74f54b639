package google_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"twobrains/internal/llm"
	"twobrains/internal/llm/google"
	"twobrains/internal/llm/llmtest"
	"twobrains/internal/secret"
)

// conversation is two turns with thoughts, files, parallel tools and a failed call; the second turn is in its tool loop.
func conversation(model string) llm.Request {
	sign := func(signatures string) llm.Metadata {
		return llm.Metadata(`{"google":{"model":"gemini-3.8-flash","signatures":[` + signatures + `]}}`)
	}
	call := func(id, input, signatures string) llm.ToolCall {
		c := llm.ToolCall{ID: id, Name: "get_weather", Input: json.RawMessage(input)}
		if signatures != "" {
			c.Meta = sign(signatures)
		}
		return c
	}
	broken := call("c3", `"{\"city"`, "")
	broken.Malformed = true
	foreign := llm.Metadata(`{"anthropic":{"signature":"x"},"openai":{"id":"rs_1"}}`)
	return llm.Request{
		Model:           model,
		System:          "Be brief.",
		Effort:          llm.EffortLow,
		MaxOutputTokens: 100,
		User:            "u-pseudonym",
		Tools: []llm.Tool{
			{Name: "get_weather", Description: "Weather of a city.", InputSchema: json.RawMessage(`{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}`)},
			{Name: "get_time"},
		},
		Messages: []llm.Message{
			{Role: llm.RoleUser, Parts: []llm.Part{
				llm.Text{Text: "Weather in Paris & Rome <now>?"}, llm.Text{},
				llm.File{MediaType: "image/PNG", Name: "map.png", Data: []byte("png")}, llm.File{MediaType: "application/pdf", Data: []byte("pdf"), URL: "https://example.com/x.pdf"},
				llm.File{MediaType: "text/csv; charset=utf-8", Name: "a.csv", Data: []byte("a,b")},
			}},
			{Role: llm.RoleAssistant, Parts: []llm.Part{
				llm.Reasoning{Text: "A summary."}, llm.Reasoning{Text: "Two calls.", Meta: sign(`{"thoughtSignature":"AAA=","from":0,"to":10}`)},
				llm.Text{Text: "Lét me see.", Meta: sign(`{"thoughtSignature":"BBB=","from":0,"to":4},{"thoughtSignature":"CCC=","from":12,"to":12}`)},
				call("c1", `{"city":"Paris","id":12345678901234567890}`, `{"thoughtSignature":"DDD="}`), call("c2", `{"city":"Rome"}`, ""),
			}},
			{Role: llm.RoleTool, Parts: []llm.Part{
				llm.ToolResult{CallID: "c1", Name: "get_weather", Output: json.RawMessage(`{"degrees":21}`)},
				llm.ToolResult{CallID: "c2", Output: json.RawMessage(`"no such city"`), IsError: true},
			}},
			{Role: llm.RoleAssistant, Parts: []llm.Part{
				llm.Text{Text: "21 in Paris.", Meta: sign(`{"thoughtSignature":"EEE=","from":3,"to":99}`)}, llm.Text{Meta: sign(`{"thoughtSignature":"FFF="}`)}, llm.Text{Meta: foreign},
			}},
			{Role: llm.RoleUser, Parts: []llm.Part{llm.Text{Text: "And Oslo?"}}},
			{Role: llm.RoleAssistant, Parts: []llm.Part{
				llm.Reasoning{Text: "foreign", Meta: foreign}, broken, call("c4", `{}`, ""), llm.File{MediaType: "image/png", Data: []byte("foreign"), Meta: foreign},
			}},
			{Role: llm.RoleTool, Parts: []llm.Part{
				llm.ToolResult{CallID: "c3", Name: "get_weather", Output: json.RawMessage(`"unreadable"`), IsError: true},
				llm.ToolResult{CallID: "c4", Name: "get_weather"},
			}},
			{Role: llm.RoleAssistant, Parts: []llm.Part{llm.Reasoning{Text: "nothing else"}}},
		},
	}
}

func golden(t *testing.T, name string, body []byte) {
	t.Helper()
	var indented bytes.Buffer
	if err := json.Indent(&indented, body, "", "  "); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil || indented.String()+"\n" != string(want) {
		t.Errorf("sent (%v)\n%s", err, indented.String())
	}
}

// TestRequests holds the bodies that are sent, byte for byte; -update is not offered on purpose: read the difference.
// The second model is another than the one that gave the signatures.
func TestRequests(t *testing.T) {
	t.Parallel()
	for model, name := range map[string]string{"gemini-3.8-flash": "request-same-model.json", "gemini-2.5-pro": "request-other-model.json"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := llmtest.NewServer(t, llmtest.Recording(t, "text.sse"))
			p := newProvider(t, google.Options{BaseURL: server.URL + "/some/", Key: secret.New("test-key")})
			llmtest.Collect(t.Context(), t, p, conversation(model))
			request := server.Requests()[0]
			if request.Method != http.MethodPost || request.Path != "/some/v1beta/models/"+model+":streamGenerateContent" {
				t.Errorf("%s %s", request.Method, request.Path)
			}
			golden(t, name, request.Body)
		})
	}
}

// TestSignaturesComeBack plays a reply and sends back the parts that its events make.
func TestSignaturesComeBack(t *testing.T) {
	t.Parallel()
	server := llmtest.NewServer(t, llmtest.Recording(t, "signatures.sse"), llmtest.Recording(t, "text.sse"))
	p := newProvider(t, google.Options{BaseURL: server.URL})
	req := llmtest.Ask()
	req.Model = "gemini-3.8-flash"
	reply := llmtest.Collect(t.Context(), t, p, req)
	results := llm.Message{Role: llm.RoleTool}
	for _, call := range reply.Calls {
		results.Parts = append(results.Parts, llm.ToolResult{CallID: call.ID, Name: call.Name, Output: json.RawMessage(`1`)})
	}
	req.Messages = append(req.Messages, llm.Message{Role: llm.RoleAssistant, Parts: reply.Parts}, results)
	llmtest.Collect(t.Context(), t, p, req)
	golden(t, "request-signatures.json", server.Requests()[1].Body)
}

// TestNothingFromTheEnvironment holds that requests carry what they were given and nothing that the server's own
// environment says (TestMain fills it), and that the key is in a header of its own alone.
func TestNothingFromTheEnvironment(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"own-key", ""} {
		server := llmtest.NewServer(t, llmtest.Recording(t, "text.sse"))
		p := newProvider(t, google.Options{BaseURL: server.URL, Key: secret.New(key)})
		if r := llmtest.Collect(t.Context(), t, p, llmtest.Ask()); r.Finish != llm.FinishStop {
			t.Fatalf("%+v", r)
		}
		request := server.Requests()[0]
		if got := request.Header.Get("X-Goog-Api-Key"); got != key || request.Path != "/v1beta/models/test-model:streamGenerateContent" {
			t.Errorf("key %q at %s", got, request.Path)
		}
		request.Header.Del("X-Goog-Api-Key")
		for name, values := range request.Header {
			if all := name + strings.Join(values, " "); strings.Contains(all, "env-") || strings.Contains(all, "own-key") || name == "Authorization" {
				t.Errorf("%s: %s", name, values)
			}
		}
		if strings.Contains(string(request.Body), "env-") {
			t.Errorf("%s", request.Body)
		}
	}
}

func TestUnsupportedRequests(t *testing.T) {
	t.Parallel()
	server := llmtest.NewServer(t, llmtest.Recording(t, "text.sse"))
	p := newProvider(t, google.Options{BaseURL: server.URL})
	text := llm.Text{Text: "Hi"}
	user := func(parts ...llm.Part) llm.Message { return llm.Message{Role: llm.RoleUser, Parts: parts} }
	for name, message := range map[string]llm.Message{
		"file elsewhere":    user(text, llm.File{MediaType: "image/png", URL: "https://example.com/x.png"}),
		"GIF":               user(text, llm.File{MediaType: "image/gif", Data: []byte("x")}),
		"archive":           user(text, llm.File{MediaType: "application/zip", Data: []byte("x")}),
		"no type":           user(text, llm.File{Data: []byte("x")}),
		"call of the user":  user(llm.ToolCall{}),
		"nothing":           user(llm.Text{}),
		"text of a tool":    {Role: llm.RoleTool, Parts: []llm.Part{text}},
		"unknown call":      {Role: llm.RoleTool, Parts: []llm.Part{llm.ToolResult{CallID: "c"}}},
		"result of a reply": {Role: llm.RoleAssistant, Parts: []llm.Part{llm.ToolResult{}}},
		"role":              {Role: "system", Parts: []llm.Part{text}},
	} {
		r := llmtest.Collect(t.Context(), t, p, llm.Request{Model: "m", Messages: []llm.Message{message}})
		if llm.KindOf(r.Err) != llm.Invalid {
			t.Errorf("%s: %v", name, r.Err)
		}
	}
	for _, schema := range []string{`[]`, `null`, `{`} {
		req := llmtest.Ask()
		req.Tools[0].InputSchema = json.RawMessage(schema)
		if r := llmtest.Collect(t.Context(), t, p, req); llm.KindOf(r.Err) != llm.Invalid {
			t.Errorf("schema %s: %v", schema, r.Err)
		}
	}
	for _, model := range []string{"", "..", "../x", "models/../../x", "models/"} {
		req := llmtest.Ask()
		req.Model = model
		if r := llmtest.Collect(t.Context(), t, p, req); llm.KindOf(r.Err) != llm.Invalid {
			t.Errorf("model %q: %v", model, r.Err)
		}
	}
	if n := len(server.Requests()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func TestModelPaths(t *testing.T) {
	t.Parallel()
	for model, path := range map[string]string{
		"models/gemini-3.8-flash": "/v1beta/models/gemini-3.8-flash:streamGenerateContent",
		"tunedModels/mine":        "/v1beta/tunedModels/mine:streamGenerateContent",
		"a?b#c":                   "/v1beta/models/a?b#c:streamGenerateContent",
	} {
		server := llmtest.NewServer(t, llmtest.Recording(t, "text.sse"))
		req := llmtest.Ask()
		req.Model = model
		llmtest.Collect(t.Context(), t, newProvider(t, google.Options{BaseURL: server.URL}), req)
		if got := server.Requests()[0].Path; got != path {
			t.Errorf("%s: %s", model, got)
		}
	}
}
