package llmtest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"twobrains/internal/llm"
)

// secretWords stand in every error that the suite sends; none of them may come out again.
const secretWords = "SECRET-UPSTREAM-PROSE"

// ownWords checks that neither face of an error repeats the provider's prose.
func ownWords(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	var failure *llm.Error
	if !errors.As(err, &failure) {
		t.Errorf("not an *llm.Error: %v", err)
		return
	}
	for _, text := range []string{err.Error(), failure.Problem().Detail, failure.Problem().Error()} {
		if strings.Contains(text, secretWords) || strings.Contains(text, "http://") {
			t.Errorf("repeats what the provider said, or its address: %s", text)
		}
	}
}

// failures are refusals by status.
func failures(t *testing.T, a Adapter) {
	secret := []byte(`{"error":{"message":"` + secretWords + `","type":"x","code":null}}`)
	long := map[string]string{"Retry-After": "7"}
	for name, c := range map[string]struct {
		answer Answer
		kind   llm.Kind
		after  time.Duration
	}{
		"401":          {Answer{Status: 401, Body: secret}, llm.Auth, 0},
		"403":          {Answer{Status: 403, Body: secret}, llm.Auth, 0},
		"404":          {Answer{Status: 404, Body: secret}, llm.Failed, 0},
		"400":          {Answer{Status: 400, Body: secret}, llm.Failed, 0},
		"400 context":  {Answer{Status: 400, Body: a.recording(t, "context-length.json")}, llm.ContextTooLong, 0},
		"413":          {Answer{Status: 413, Body: secret}, llm.ContextTooLong, 0},
		"429":          {Answer{Status: 429, Body: secret, Header: long}, llm.RateLimited, 7 * time.Second},
		"429 bare":     {Answer{Status: 429}, llm.RateLimited, 0},
		"500":          {Answer{Status: 500, Body: secret}, llm.Failed, 0},
		"502 html":     {Answer{Status: 502, Body: []byte("<html>" + secretWords), Header: map[string]string{"Content-Type": "text/html"}}, llm.Failed, 0},
		"503":          {Answer{Status: 503, Body: secret, Header: long}, llm.Overloaded, 7 * time.Second},
		"529":          {Answer{Status: 529, Body: secret}, llm.Overloaded, 0},
		"200 no body":  {Answer{}, llm.Interrupted, 0},
		"200 html":     {Answer{Body: []byte("<html>" + secretWords + "</html>"), Header: map[string]string{"Content-Type": "text/html"}}, llm.Interrupted, 0},
		"200 garbage":  {Answer{Body: []byte("data: {\"oops\n\n")}, llm.Interrupted, 0},
		"200 error":    {Answer{Body: secret, Header: map[string]string{"Content-Type": "application/json"}}, llm.Failed, 0},
		"200 no SSE":   {Answer{Body: []byte(`{"x":1}`), Header: map[string]string{"Content-Type": "application/json"}}, llm.Failed, 0},
		"307 redirect": {Answer{Status: 307, Header: map[string]string{"Location": "http://127.0.0.1:1/"}}, llm.Failed, 0},
	} {
		t.Run("status "+name, func(t *testing.T) {
			t.Parallel()
			r := a.replay(t, c.answer)
			var failure *llm.Error
			if !errors.As(r.Err, &failure) || failure.Kind != c.kind || failure.RetryAfter != c.after {
				t.Errorf("%v (after %v), want %s after %v", r.Err, failure, c.kind, c.after)
			}
			ownWords(t, r.Err)
		})
	}
	t.Run("repeats before the first byte only", func(t *testing.T) {
		t.Parallel()
		text := Answer{Body: a.recording(t, "text.sse")}
		if r := a.replay(t, Answer{Status: 503}, Answer{Status: 500}, text); r.Finish != llm.FinishStop {
			t.Errorf("after two refusals: %+v", r)
		}
		server := NewServer(t, Answer{Body: text.Body[:len(text.Body)/2], Then: Cut}, text)
		r := Collect(t.Context(), t, a.New(t, server.URL, patient), Ask())
		if llm.KindOf(r.Err) != llm.Interrupted || len(server.Requests()) != 1 {
			t.Errorf("after a cut: %d requests, %+v", len(server.Requests()), r)
		}
		server = NewServer(t, Answer{Status: 401}, text)
		Collect(t.Context(), t, a.New(t, server.URL, patient), Ask())
		if len(server.Requests()) != 1 {
			t.Error("a refused key was tried again")
		}
	})
}
