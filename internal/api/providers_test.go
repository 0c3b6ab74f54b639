package api_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"twobrains/internal/api/apitest"
	"twobrains/internal/llm/llmtest"
	"twobrains/internal/stream/streamtest"
)

// replayed is a provider whose replies were recorded in its own wire format.
type replayed struct {
	name, model, dir string
	// keyHeader carries a key, after prefix.
	keyHeader, prefix string
	// signature is what it must be given back of its reasoning, in every later request.
	signature string
}

var replayedProviders = []replayed{
	{"openai", "openai:gpt-6-luna", "openai/testdata/responses", "Authorization", "Bearer ", "gAAAA-encrypted-reasoning-1"},
	{"anthropic", "anthropic:claude-sonnet-5-5", "anthropic/testdata", "X-Api-Key", "", "EqQBCgIYAhIMTest+/Signature1=="},
	{"google", "google:gemini-3.8-flash", "google/testdata", "X-Goog-Api-Key", "", "EpwCCpkCAb4+9vsOne/AA=="},
}

func (p replayed) recording(t *testing.T, name string) llmtest.Answer {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("..", "llm", filepath.FromSlash(p.dir), name))
	if err != nil {
		t.Fatal(err)
	}
	return llmtest.Answer{Body: body}
}

// env points all providers to one replay server, with keys of the platform.
func providerEnv(url string) map[string]string {
	return map[string]string{
		"OPENAI_BASE_URL": url + "/v1", "ANTHROPIC_BASE_URL": url, "GOOGLE_BASE_URL": url, "TITLES": "false",
		"OPENAI_API_KEY": "sk-platform-canary", "ANTHROPIC_API_KEY": "sk-platform-canary", "GOOGLE_API_KEY": "sk-platform-canary",
	}
}

func ask(conversation, id, model, text string) string {
	return fmt.Sprintf(`{"id":%q,"modelId":%q,"reasoningEffort":"low","messages":[{"id":%q,"role":"user","parts":[{"type":"text","text":%q}]}]}`, conversation, model, id, text)
}

func reply(t *testing.T, answer apitest.Answer) *streamtest.Message {
	t.Helper()
	chunks, _, done, err := streamtest.ReadSSE(strings.NewReader(answer.Want(t, 200).Body))
	if err != nil || !done {
		t.Fatalf("read stream: done %v, %v", done, err)
	}
	m, err := streamtest.Build(chunks)
	if err != nil {
		t.Fatalf("build message: %v", err)
	}
	return m
}

// Two turns with reasoning and a tool: what a provider needs back of its reasoning is in every later request, after it
// was stored and read again. The second half of the turns uses the user's own key, which travels alone.
func TestConversationOverEachProvider(t *testing.T) {
	t.Parallel()
	for _, p := range replayedProviders {
		for _, source := range []string{"platform", "own"} {
			t.Run(p.name+" "+source, func(t *testing.T) {
				t.Parallel()
				text := p.recording(t, "text.sse")
				provider := llmtest.NewServer(t, p.recording(t, "reasoning-tools.sse"), text)
				s := apitest.Start(t, apitest.Options{Env: providerEnv(provider.URL)})
				u := s.NewUser()
				key := "sk-platform-canary"
				if source == "own" {
					key = "sk-own-canary-0123456789"
					u.Do(t, "PUT", "/api/settings/keys/"+p.name, `{"key":"`+key+`"}`).Want(t, 200)
				}
				m := reply(t, u.Do(t, "POST", "/api/ai", ask("c", "m1", p.model, "Weather in Paris?")))
				if m.Metadata["keySource"] != source || m.Metadata["reasoningEffort"] != "low" || !m.Finished {
					t.Fatalf("got %+v", m)
				}
				var kinds []string
				for _, part := range m.Parts {
					kinds = append(kinds, part["type"].(string))
				}
				if got := strings.ReplaceAll(strings.Join(kinds, " "), "reasoning reasoning", "reasoning"); got != "step-start reasoning tool-get_weather step-start text" {
					t.Errorf("parts: %s", got)
				}
				reply(t, u.Do(t, "POST", "/api/ai", ask("c", "m2", p.model, "And Rome?")))
				sent := provider.Requests()
				if len(sent) != 3 {
					t.Fatalf("%d requests", len(sent))
				}
				for i, request := range sent {
					if got := request.Header.Get(p.keyHeader); got != p.prefix+key {
						t.Errorf("request %d has key %q", i, got)
					}
					if all := fmt.Sprint(request.Header); strings.Count(all, "canary") != 1 || source == "own" && strings.Contains(all, "platform") {
						t.Errorf("request %d has headers %s", i, all)
					}
					if got := strings.Contains(string(request.Body), p.signature); got != (i > 0) {
						t.Errorf("request %d: signature %v: %s", i, got, request.Body)
					}
				}
				if !strings.Contains(string(sent[2].Body), "And Rome?") || !strings.Contains(string(sent[2].Body), "There is no such tool.") {
					t.Errorf("the third request: %s", sent[2].Body)
				}
				usage := scenario{path: "/api/usage", status: 200, has: []string{`"keySource":"` + source + `"`, `"messages":2`, `"used":2`}}
				if source == "own" {
					usage.has[2] = `"used":0`
				}
				usage.run(t, u)
				if strings.Contains(s.Log.String(), "canary") {
					t.Error("the log has a key")
				}
			})
		}
	}
}

func TestOwnKeyRefusedByItsProvider(t *testing.T) {
	t.Parallel()
	for _, p := range replayedProviders {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			provider := llmtest.NewServer(t, llmtest.Answer{
				Status: http.StatusUnauthorized, Header: map[string]string{"Content-Type": "application/json"},
				Body: []byte(`{"error":{"code":401,"status":"UNAUTHENTICATED","type":"authentication_error","message":"upstream prose about sk-own-canary-0123456789"}}`),
			})
			s := apitest.Start(t, apitest.Options{Env: providerEnv(provider.URL)})
			u := s.NewUser()
			u.Do(t, "PUT", "/api/settings/keys/"+p.name, `{"key":"sk-own-canary-0123456789"}`).Want(t, 200)
			m := reply(t, u.Do(t, "POST", "/api/ai", ask("c", "m1", p.model, "hello")))
			if !m.Failed || !strings.Contains(m.ErrorText, "did not accept your own key") {
				t.Errorf("got %+v", m)
			}
			if all := fmt.Sprint(m) + s.Log.String(); strings.Contains(all, "canary") || strings.Contains(all, "prose") {
				t.Error("the key or the provider's words got out")
			}
			scenario{path: "/api/usage", status: 200, has: []string{`"used":0`}}.run(t, u)
		})
	}
}
