package api_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"

	"twobrains/internal/api/apitest"
)

const keyCanary = "sk-canary-0123456789-tail"

// keyServer is a provider that takes keyCanary alone, and a server that believes it to be all four.
func keyServer(t *testing.T) *apitest.Server {
	t.Helper()
	provider := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ") + r.Header.Get("X-Api-Key") + r.Header.Get("X-Goog-Api-Key")
		if key != keyCanary {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = fmt.Fprintf(w, `{"error":{"message":"prose of the provider about %s"}}`, key)
			return
		}
		_, _ = io.WriteString(w, `{"data":[],"models":[],"results":[]}`)
	}))
	t.Cleanup(provider.Close)
	env := map[string]string{"OPENAI_BASE_URL": provider.URL + "/v1", "ANTHROPIC_BASE_URL": provider.URL, "GOOGLE_BASE_URL": provider.URL, "EXA_BASE_URL": provider.URL}
	return apitest.Start(t, apitest.Options{Env: env})
}

func TestOwnKeys(t *testing.T) {
	t.Parallel()
	s := keyServer(t)
	u := s.NewUser()
	const base = "/api/settings/keys"
	never := []string{"canary", "0123456789", "prose"}
	body := `{"key":"` + keyCanary + `"}`
	step := func(sc scenario) {
		t.Helper()
		sc.lacks = append(sc.lacks, never...)
		sc.run(t, u)
	}
	step(scenario{path: base, status: 200, has: []string{`{"items":[]}`}})
	step(scenario{method: "POST", path: base + "/openai/test", status: 404, code: "not_found"})
	for _, provider := range []string{"openai", "anthropic", "google", "exa"} {
		step(scenario{method: "POST", path: base + "/" + provider + "/test", body: body, status: 204})
		step(scenario{method: "PUT", path: base + "/" + provider, body: body, status: 200, has: []string{`"lastFour":"tail"`, `"lastUsedAt":null`, `"readable":true`}})
		step(scenario{method: "POST", path: base + "/" + provider + "/test", status: 204})
		step(scenario{method: "POST", path: base + "/" + provider + "/test", body: `{"key":"sk-wrong-canary-1"}`, status: 502, code: "provider_auth"})
	}
	step(scenario{path: base, status: 200, has: []string{`"provider":"anthropic"`, `"provider":"exa"`, `"name":"Google"`}})
	scenario{path: base, status: 200, has: []string{`{"items":[]}`}}.run(t, s.NewUser())
	scenario{method: "DELETE", path: base + "/exa", status: 404, code: "not_found"}.run(t, s.NewUser())
	step(scenario{method: "DELETE", path: base + "/exa", status: 204})
	step(scenario{method: "DELETE", path: base + "/exa", status: 404, code: "not_found"})
	if _, err := s.Database.Superuser(t).Exec(t.Context(), "UPDATE public.user_api_keys SET key_id = 'lost' WHERE provider = 'google'"); err != nil {
		t.Fatal(err)
	}
	step(scenario{method: "POST", path: base + "/google/test", status: 409, code: "secret_unreadable", has: []string{"enter it again"}})
	step(scenario{path: base, status: 200, has: []string{`"readable":false`}})
	for _, text := range never {
		if strings.Contains(s.Log.String(), text) {
			t.Errorf("the log has %q", text)
		}
	}
}

func TestOwnKeysBadInput(t *testing.T) {
	t.Parallel()
	s := keyServer(t)
	u := s.NewUser()
	const path = "/api/settings/keys/openai"
	for _, method := range []string{"PUT", "POST"} {
		to := path
		if method == "POST" {
			to += "/test"
		}
		for _, bad := range []struct {
			name, body, code string
			status           int
			fields           []string
		}{
			{"short", `{"key":"canary1"}`, "invalid", 422, []string{"key"}},
			{"long", `{"key":"` + strings.Repeat("canary", 100) + `"}`, "invalid", 422, []string{"key"}},
			{"space", `{"key":"sk canary 123"}`, "invalid", 422, []string{"key"}},
			{"newline", `{"key":"sk-canary-123\n"}`, "invalid", 422, []string{"key"}},
			{"umlaut", `{"key":"sk-canäry-canary"}`, "invalid", 422, []string{"key"}},
			{"no string", `{"key":["canary-canary"]}`, "invalid", 422, []string{"key"}},
			{"no key", `{}`, "invalid", 422, []string{"body"}},
			{"unknown member", `{"key":"sk-canary-123","provider":"exa"}`, "invalid", 422, []string{"provider"}},
			{"no JSON", `{"key":"canary`, "bad_request", 400, nil},
		} {
			scenario{name: method + " " + bad.name, method: method, path: to, body: bad.body, status: bad.status, code: bad.code, fields: bad.fields, lacks: []string{"canary"}}.runAs(t, u)
		}
	}
	try(t, s, u,
		scenario{name: "put to nobody", method: "PUT", path: "/api/settings/keys/nobody", body: `{"key":"sk-canary-123"}`, status: 404, code: "unknown_provider"},
		scenario{name: "put to mcp", method: "PUT", path: "/api/settings/keys/mcp", body: `{"key":"sk-canary-123"}`, status: 404, code: "unknown_provider"},
		scenario{name: "test at nobody", method: "POST", path: "/api/settings/keys/nobody/test", body: `{"key":"sk-canary-123"}`, status: 404, code: "unknown_provider"},
		scenario{name: "put nothing", method: "PUT", path: path, status: 400, code: "bad_request"},
		scenario{name: "form", method: "PUT", path: path, body: "key=sk-canary-123", headers: []string{"Content-Type", "application/x-www-form-urlencoded"}, status: 415, code: "unsupported_media_type"},
	)
	s.Anonymous().Do(t, "PUT", path, `{"key":"sk-canary-123"}`).Refused(t, 401, "unauthenticated")
	u.Get(t, "/api/settings/keys").Want(t, 200)
	if strings.Contains(s.Log.String(), "canary") {
		t.Error("the log has a key")
	}
}

func TestOwnKeysLimit(t *testing.T) {
	t.Parallel()
	s := keyServer(t)
	u := s.As(uuid.New())
	body := `{"key":"` + keyCanary + `"}`
	for range 20 {
		u.Do(t, "POST", "/api/settings/keys/openai/test", body).Want(t, 204)
	}
	if p := u.Do(t, "POST", "/api/settings/keys/openai/test", body).Refused(t, 429, "rate_limited"); p.RetryAfter < 1 {
		t.Errorf("got %+v", p)
	}
	u.Get(t, "/api/settings/keys").Want(t, 200)
	s.NewUser().Do(t, "POST", "/api/settings/keys/openai/test", body).Want(t, 204)
}
