package google_test

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"twobrains/internal/llm"
	"twobrains/internal/llm/google"
	"twobrains/internal/llm/llmtest"
	"twobrains/internal/llm/wire"
	"twobrains/internal/secret"
)

// The environment is set before any provider is made: nothing of it may show in a request.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{
		"GOOGLE_API_KEY": "env-key", "GEMINI_API_KEY": "env-gemini", "GOOGLE_GENAI_USE_VERTEXAI": "true", "GOOGLE_GENAI_USE_ENTERPRISE": "true",
		"GOOGLE_CLOUD_PROJECT": "env-project", "GOOGLE_CLOUD_LOCATION": "env-location", "GOOGLE_CLOUD_REGION": "env-region",
		"GOOGLE_GEMINI_BASE_URL": "http://127.0.0.1:1/env", "GOOGLE_VERTEX_BASE_URL": "http://127.0.0.1:1/env-vertex",
		"GOOGLE_APPLICATION_CREDENTIALS": "/env-credentials.json",
	} {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}

func newProvider(t *testing.T, o google.Options) *google.Provider {
	t.Helper()
	o.HTTPClient = wire.NewHTTPClient(wire.Timeouts{})
	t.Cleanup(o.HTTPClient.CloseIdleConnections)
	o.RetryDelay = time.Millisecond
	p, err := google.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// replay plays a recording to a provider and returns what it makes of it.
func replay(t *testing.T, answer llmtest.Answer) llmtest.Result {
	t.Helper()
	server := llmtest.NewServer(t, answer)
	return llmtest.Collect(t.Context(), t, newProvider(t, google.Options{BaseURL: server.URL}), llmtest.Ask())
}

func TestConformance(t *testing.T) {
	t.Parallel()
	llmtest.Run(t, llmtest.Adapter{
		Dir: "testdata",
		New: func(t *testing.T, baseURL string, idle time.Duration) llm.Provider {
			return newProvider(t, google.Options{BaseURL: baseURL, Key: secret.New("test-key"), IdleTimeout: idle})
		},
		Long: func(text string) []byte {
			return []byte(`data: {"candidates": [{"content": {"parts": [{"text": "` + text + `"}],"role": "model"},"finishReason": "STOP","index": 0}]}` + "\n\n")
		},
		Image:    holds(`{"inlineData":{"data":"` + llmtest.ImageBase64 + `","mimeType":"image/png"}},{"text":"What is this?"}`),
		PDF:      holds(`{"inlineData":{"data":"JVBERi0xLjQKJSVFT0YK","mimeType":"application/pdf"}},{"text":"What is this?"}`),
		TextFile: holds(`notes.txt`, `Buy milk.`, `{"text":"What is this?"}`),
		Turns: func(t *testing.T, second, third []byte) {
			call := `{"role":"model","parts":[{"functionCall":{"id":"zk3vQx1a","name":"get_weather","args":{"city":"Paris"}},"thoughtSignature":"EpwCCpkCAb4+9vsOne/AA=="}]},` +
				`{"role":"user","parts":[{"functionResponse":{"id":"zk3vQx1a","name":"get_weather","response":{"output":{"degrees":21}}}}]}`
			answer := `{"role":"model","parts":[{"text":"Hello, wörld 😀!"},{"text":"","thoughtSignature":"EpwCCpkCAb4+9vsOne/AA=="}]},{"role":"user","parts":[{"text":"And Rome?"}]}`
			holds(call)(t, second)
			holds(call, answer)(t, third)
		},
	})
}

// holds checks that a body has all of the pieces.
func holds(pieces ...string) func(t *testing.T, body []byte) {
	return func(t *testing.T, body []byte) {
		t.Helper()
		for _, piece := range pieces {
			if !strings.Contains(string(body), piece) {
				t.Errorf("%s\nis not in\n%s", piece, body)
			}
		}
	}
}

// TestOwnRecordings plays what only Google sends.
func TestOwnRecordings(t *testing.T) {
	t.Parallel()
	for name, check := range map[string]func(r llmtest.Result) bool{
		"parallel-tools-no-ids": func(r llmtest.Result) bool {
			return len(r.Calls) == 3 && r.Calls[0].ID == "call_1" && r.Calls[1].ID == "call_2" && r.Calls[2].ID == "call_3" &&
				string(r.Calls[2].Input) == `{"city":"Rome"}` && r.Finish == llm.FinishToolCalls
		},
		"signatures": func(r llmtest.Result) bool {
			return r.Reasoning == "Thinking." && r.Text == "Let me sée." && len(r.Calls) == 2 &&
				string(r.Calls[0].Input) == `{"city":"Paris","id":12345678901234567890}` && r.Finish == llm.FinishToolCalls
		},
		"prompt-blocked": func(r llmtest.Result) bool {
			return llm.KindOf(r.Err) == llm.Refused && strings.Contains(r.Err.Error(), "PROHIBITED_CONTENT") && r.Usage == llm.Usage{Input: 20}
		},
		"grounding": func(r llmtest.Result) bool {
			return reflect.DeepEqual(r.Sources, []llm.Source{
				{ID: "source-1", URL: "https://example.com/", Title: "Example"}, {ID: "source-2", URL: "https://maps.example.com/?cid=1", Title: "A place"},
			}) && r.Text == "As they say." && r.Finish == llm.FinishStop
		},
		"malformed-call": func(r llmtest.Result) bool { return r.Err == nil && r.Finish == llm.FinishOther && len(r.Calls) == 0 },
		"stop-in-every-chunk": func(r llmtest.Result) bool {
			return r.Text == "Hello, wörld." && r.Usage.Output == 12 && r.Finish == llm.FinishStop
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if r := replay(t, llmtest.Recording(t, name+".sse")); !check(r) {
				t.Errorf("%+v", r)
			}
		})
	}
}

// TestGeneratedImage sends an image back to the model that made it, and to no other.
func TestGeneratedImage(t *testing.T) {
	t.Parallel()
	server := llmtest.NewServer(t, llmtest.Recording(t, "file.sse"))
	p, req := newProvider(t, google.Options{BaseURL: server.URL}), llmtest.Ask()
	first := llmtest.Collect(t.Context(), t, p, req)
	req.Messages = append(req.Messages, llm.Message{Role: llm.RoleAssistant, Parts: first.Parts},
		llm.Message{Role: llm.RoleUser, Parts: []llm.Part{llm.Text{Text: "Bluer."}}})
	llmtest.Collect(t.Context(), t, p, req)
	req.Model = "another-model"
	llmtest.Collect(t.Context(), t, p, req)
	sent := server.Requests()
	back := `{"inlineData":{"data":"` + llmtest.ImageBase64 + `","mimeType":"image/png"},"thoughtSignature":"EpwCCpkCAb4+9vsOne/AA=="}`
	if !strings.Contains(string(sent[1].Body), back) || strings.Contains(string(sent[2].Body), "inlineData") {
		t.Errorf("%s\n%s", sent[1].Body, sent[2].Body)
	}
}

// TestFinishReasons holds what each of the API's words means, and that the two that are none end nothing.
func TestFinishReasons(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]llm.FinishReason{
		"STOP": llm.FinishStop, "MAX_TOKENS": llm.FinishLength, "CONTINUATION": llm.FinishLength,
		"SAFETY": llm.FinishContentFilter, "RECITATION": llm.FinishContentFilter, "BLOCKLIST": llm.FinishContentFilter,
		"PROHIBITED_CONTENT": llm.FinishContentFilter, "SPII": llm.FinishContentFilter, "IMAGE_SAFETY": llm.FinishContentFilter,
		"IMAGE_PROHIBITED_CONTENT": llm.FinishContentFilter, "IMAGE_RECITATION": llm.FinishContentFilter,
		"LANGUAGE": llm.FinishOther, "OTHER": llm.FinishOther, "NO_IMAGE": llm.FinishOther, "UNEXPECTED_TOOL_CALL": llm.FinishOther,
		"SOMETHING_NEW": llm.FinishOther, "FINISH_REASON_UNSPECIFIED": "", "": "",
	} {
		r := replay(t, llmtest.Answer{Body: []byte(`data: {"candidates":[{"content":{"parts":[{"text":"Hi"}]},"finishReason":"` + word + `"}]}` + "\n\n")})
		if r.Finish != want || (want == "") != (llm.KindOf(r.Err) == llm.Interrupted) {
			t.Errorf("%s: %+v", word, r)
		}
	}
}

// TestBlockedLate is for a block that comes when the reply has begun.
func TestBlockedLate(t *testing.T) {
	t.Parallel()
	r := replay(t, llmtest.Answer{Body: []byte(`data: {"candidates":[{"content":{"parts":[{"text":"Hi"}]}}]}` + "\n\n" +
		`data: {"promptFeedback":{"blockReason":"OTHER"}}` + "\n\n")})
	if r.Finish != llm.FinishContentFilter || r.Text != "Hi" {
		t.Errorf("%+v", r)
	}
}

// TestFinishesWithoutEnd: after finishReason a server has a few seconds for usage, then the reply is complete anyway.
func TestFinishesWithoutEnd(t *testing.T) {
	t.Parallel()
	for name, ending := range map[string]llmtest.Ending{"cut": llmtest.Cut, "stall": llmtest.Stall} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := llmtest.Recording(t, "no-usage.sse")
			answer.Then = ending
			server := llmtest.NewServer(t, answer)
			r := llmtest.Collect(t.Context(), t, newProvider(t, google.Options{BaseURL: server.URL, IdleTimeout: 100 * time.Millisecond}), llmtest.Ask())
			if r.Finish != llm.FinishStop || r.Text != "Hi." {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"localhost:1", "ftp://x", "http://", "http://user:pass@x", "https://x?key=pass", "https://x#f"} {
		if _, err := google.New(google.Options{BaseURL: base}); err == nil || strings.Contains(err.Error(), "pass") {
			t.Errorf("%q: %v", base, err)
		}
	}
	p, err := google.New(google.Options{Key: secret.New("AIza-canary")})
	if err != nil || strings.Contains(p.String(), "canary") || !strings.Contains(p.String(), google.DefaultBaseURL) {
		t.Errorf("%v %v", p, err)
	}
}
