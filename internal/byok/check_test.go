package byok

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"twobrains/internal/problem"
	"twobrains/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) }

const canary = "sk-canary-0123456789-tail"

// good are the providers' answers to a good key, and refusals in their own form.
var good = map[string]struct{ header, value, request, answer, refusal string }{
	"openai": {"Authorization", "Bearer " + canary, "GET /models", `{"object":"list","data":[{"id":"gpt-5","object":"model","created":1,"owned_by":"openai"}]}`,
		`{"error":{"message":"Incorrect API key provided: sk-canary","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}`},
	"anthropic": {"X-Api-Key", canary, "GET /v1/models?limit=1", `{"data":[{"type":"model","id":"claude","display_name":"Claude","created_at":"2026-01-01T00:00:00Z"}],"has_more":true,"first_id":"claude","last_id":"claude"}`,
		`{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key sk-canary"}}`},
	"google": {"X-Goog-Api-Key", canary, "GET /v1beta/models?pageSize=1", `{"models":[{"name":"models/gemini"}],"nextPageToken":"x"}`,
		`{"error":{"code":400,"message":"API key not valid sk-canary","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID","domain":"googleapis.com"}]}}`},
	"exa": {"X-Api-Key", canary, "POST /search", `{"requestId":"r","results":[{"id":"https://example.test","url":"https://example.test","title":"t"}]}`,
		`{"requestId":"r","error":"Invalid API key sk-canary","tag":"INVALID_API_KEY"}`},
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, p := range Providers(BaseURLs{}) {
		wire, ok := good[p.ID]
		require.True(t, ok, p.ID)
		badKey := http.StatusUnauthorized
		if p.ID == "google" {
			badKey = http.StatusBadRequest
		}
		for _, c := range []struct {
			name   string
			status int
			body   string
			code   problem.Code // empty: the key is good
		}{
			{"good", 200, wire.answer, ""},
			{"wrong key", badKey, wire.refusal, problem.CodeProviderAuth},
			{"401", 401, wire.refusal, problem.CodeProviderAuth},
			{"403", 403, wire.refusal, problem.CodeProviderAuth},
			{"402", 402, wire.refusal, problem.CodeProviderRate},
			{"429", 429, wire.refusal, problem.CodeProviderRate},
			{"500", 500, wire.refusal, problem.CodeProviderFailed},
			{"503", 503, wire.refusal, problem.CodeProviderOverloaded},
			{"other 400", 400, `{"error":{"message":"sk-canary"}}`, problem.CodeProviderFailed},
			{"404", 404, "sk-canary", problem.CodeProviderFailed},
			{"redirect", 302, "", problem.CodeProviderFailed},
			{"HTML", 200, "<html>sk-canary</html>", problem.CodeProviderFailed},
			{"another object", 200, `{"ok":true}`, problem.CodeProviderFailed},
			{"list no list", 200, `{"data":"x","models":{},"results":null}`, problem.CodeProviderFailed},
			{"array", 200, `[]`, problem.CodeProviderFailed},
			{"cut", 200, wire.answer[:len(wire.answer)/2], problem.CodeProviderFailed},
			{"endless", 200, `{"x":"` + strings.Repeat("a", maxAnswer+1) + `"}`, problem.CodeProviderFailed},
		} {
			t.Run(p.ID+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
				t.Cleanup(elsewhere.Close)
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					body, _ := io.ReadAll(r.Body)
					if got := r.Method + " " + r.URL.RequestURI(); got != wire.request || r.Header.Get(wire.header) != wire.value {
						t.Errorf("got %s, %s: %q", got, wire.header, r.Header.Get(wire.header))
					}
					for name, values := range r.Header {
						if name != wire.header && strings.Contains(strings.Join(values, " "), "canary") {
							t.Errorf("the key is in %s, too", name)
						}
					}
					if strings.Contains(r.URL.String()+string(body), "canary") {
						t.Error("the key is in the address or the body")
					}
					w.Header().Set("Content-Type", "application/json")
					w.Header().Set("Retry-After", "7")
					if c.status == 302 {
						w.Header().Set("Location", elsewhere.URL)
					}
					w.WriteHeader(c.status)
					_, _ = io.WriteString(w, c.body)
				}))
				t.Cleanup(server.Close)
				at := p
				at.BaseURL = server.URL
				err := check(t.Context(), newHTTPClient(), at, secret.New(canary))
				if c.code == "" {
					require.NoError(t, err)
					return
				}
				e := problem.From(err)
				require.Equal(t, c.code, e.Code, "%v", err)
				require.NotContains(t, err.Error()+e.Error()+e.Detail, "canary")
				if c.status == 429 || c.status == 503 {
					require.Equal(t, 7*time.Second, e.RetryAfter)
				}
			})
		}
	}
}

func TestCheckUnreached(t *testing.T) {
	t.Parallel()
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(silent.Close)
	half := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"data":`)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(half.Close)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for name, c := range map[string]struct{ url, says string }{
		"silent":       {silent.URL, "did not answer in time"},
		"half":         {half.URL, "did not answer in time"},
		"gone":         {gone.URL, "cannot be reached"},
		"no base URL":  {"http://user:canary@%zz", "cannot be reached"},
		"other scheme": {"ftp://user:canary@127.0.0.1", "cannot be reached"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		p := Providers(BaseURLs{OpenAI: c.url})[0]
		err := check(ctx, newHTTPClient(), p, secret.New(canary))
		cancel()
		e := problem.From(err)
		require.Equal(t, problem.CodeProviderFailed, e.Code, name)
		require.Contains(t, e.Detail, c.says, name)
		require.NotContains(t, e.Error(), "canary", name)
	}
}
