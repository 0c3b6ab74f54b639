package exa_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"twobrains/internal/llm"
	"twobrains/internal/secret"
	"twobrains/internal/tool"
	"twobrains/internal/tool/exa"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// replay is a stand-in for Exa's API that answers what it is told.
func replay(t *testing.T, status int, body string) (_ tool.Tool, request *atomic.Pointer[string]) {
	t.Helper()
	request = &atomic.Pointer[string]{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		request.Store(new(r.Method + " " + r.URL.Path + " " + r.Header.Get("X-Api-Key") + " " + string(text)))
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return searcher(t, server.URL, 0), request
}

func searcher(t *testing.T, base string, timeout time.Duration) tool.Tool {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return exa.New(exa.Options{BaseURL: base + "/", Timeout: timeout, HTTPClient: &http.Client{Transport: transport}}).Tool(secret.New("canary"))
}

const found = `{"requestId":"x","resolvedSearchType":"neural","results":[
	{"id":"1","title":"The Go Blog","url":"https://go.dev/blog/","publishedDate":"2026-02-10T00:00:00.000Z","author":"Gophers","score":0.3,"text":"Go 1.26 is\u0000 out."},
	{"id":"2","title":null,"url":"https://go.dev/doc/","text":null},
	{"id":"3","title":"again","url":"https://go.dev/blog/"},
	{"id":"4","title":"script","url":"javascript:alert(1)"},
	{"id":"5","url":"https://u:p@example.com/"}],"costDollars":{"total":0.005}}`

func TestSearch(t *testing.T) {
	t.Parallel()
	search, request := replay(t, 200, found)
	require.Equal(t, exa.Name, search.Name)
	require.True(t, json.Valid(search.InputSchema))
	result, err := search.Run(t.Context(), []byte(`{"query":" go release ","count":3,"domains":["Go.dev"]}`))
	require.NoError(t, err)
	require.Equal(t, `POST /search canary {"contents":{"text":{"maxCharacters":3000}},"includeDomains":["go.dev"],"numResults":3,"query":"go release","type":"auto"}`, *request.Load())
	require.JSONEq(t, "{\"results\":[{\"url\":\"https://go.dev/blog/\",\"title\":\"The Go Blog\",\"published\":\"2026-02-10T00:00:00.000Z\",\"author\":\"Gophers\",\"text\":\"Go 1.26 is\uFFFD out.\"},{\"url\":\"https://go.dev/doc/\"}]}", string(result.Output))
	require.Equal(t, []llm.Source{
		{ID: "source-1", URL: "https://go.dev/blog/", Title: "The Go Blog"},
		{ID: "source-2", URL: "https://go.dev/doc/"},
	}, result.Sources)

	search, _ = replay(t, 200, `{"results":[]}`)
	result, err = search.Run(t.Context(), []byte(`{"query":"nothing"}`))
	require.NoError(t, err)
	require.JSONEq(t, `{"results":[]}`, string(result.Output))
	require.Empty(t, result.Sources)
}

func TestLargeResults(t *testing.T) {
	t.Parallel()
	var list []string
	for i := range 15 {
		list = append(list, fmt.Sprintf(`{"url":"https://example.com/%d","title":%q,"text":%q}`, i, strings.Repeat("t", 1000), strings.Repeat("\x01", 20_000)))
	}
	search, _ := replay(t, 200, strings.ReplaceAll(`{"results":[`+strings.Join(list, ",")+`]}`, `\x01`, `\u0001`))
	result, err := search.Run(t.Context(), []byte(`{"query":"x"}`))
	require.NoError(t, err)
	require.Len(t, result.Sources, 10)
	require.LessOrEqual(t, len(result.Output), tool.MaxOutput)
	require.Contains(t, string(result.Output), " …")
}

func TestFailures(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status     int
		body, want string
	}{
		{401, `{"error":"canary is no key"}`, "Exa refused the key for the web search. Check it in the settings."},
		{403, ``, "Exa refused the key for the web search. Check it in the settings."},
		{402, ``, "The Exa account of the key has no credit left."},
		{429, `canary`, "Exa limits searches with this key. Try again later."},
		{500, `canary`, "The web search failed."},
		{503, ``, "The web search failed."},
		{400, `canary`, "Exa did not accept the search."},
		{302, ``, "Exa did not accept the search."},
		{200, `<html>canary</html>`, "The web search gave an answer that cannot be read."},
		{200, ``, "The web search gave an answer that cannot be read."},
		{200, `{"canary":1}`, "The web search gave an answer that cannot be read."},
		{200, `{"results":"canary"}`, "The web search gave an answer that cannot be read."},
		{200, strings.Repeat("[", 1<<20), "The web search gave an answer that cannot be read."},
		{200, strings.Repeat(" ", 10<<20), "The web search answered too much."},
	} {
		search, _ := replay(t, test.status, test.body)
		_, err := search.Run(t.Context(), []byte(`{"query":"x"}`))
		require.EqualError(t, err, test.want)
		var safe tool.Error
		require.ErrorAs(t, err, &safe)
	}
}

func TestUnanswered(t *testing.T) {
	t.Parallel()
	quiet := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-quiet }))
	_, err := searcher(t, server.URL, 50*time.Millisecond).Run(t.Context(), []byte(`{"query":"x"}`))
	require.EqualError(t, err, "The web search did not answer in time.")
	close(quiet)
	server.Close()
	_, err = searcher(t, server.URL, 0).Run(t.Context(), []byte(`{"query":"x"}`))
	require.EqualError(t, err, "The web search cannot be reached.")
}

func TestBadArguments(t *testing.T) {
	t.Parallel()
	search, request := replay(t, 200, found)
	for input, want := range map[string]string{
		`{}`:                        "The query must not be empty.",
		`{"query":"  "}`:            "The query must not be empty.",
		`{"query":5}`:               "The arguments must be query, a text; count, a number; and domains, a list of texts.",
		`[]`:                        "The arguments must be query, a text; count, a number; and domains, a list of texts.",
		`{"query":"x","count":0}`:   "The count must be from 1 to 10.",
		`{"query":"x","count":11}`:  "The count must be from 1 to 10.",
		`{"query":"x","count":1.5}`: "The arguments must be query, a text; count, a number; and domains, a list of texts.",
		`{"query":"x","domains":["https://a.com/"]}`:                              "A domain must be a name such as example.com.",
		`{"query":"` + strings.Repeat("x", 1001) + `"}`:                           "The query must have at most 1000 characters.",
		`{"query":"x","domains":[` + strings.Repeat(`"a.com",`, 20) + `"a.com"]}`: "At most 20 domains can be named.",
	} {
		_, err := search.Run(t.Context(), []byte(input))
		require.EqualError(t, err, want, input)
	}
	require.Nil(t, request.Load())
}
