package llmtest

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"twobrains/internal/llm"
)

// Adapter is what the suite needs to know of an adapter.
type Adapter struct {
	// Dir holds the recordings: a file NAME.sse for each case below, byte for byte in the provider's wire format, all
	// telling what the case expects; and context-length.json, the body of a 400.
	Dir string
	// New makes a provider for a replay server at baseURL that gives up on a reply after idle, and waits hardly at all
	// before it repeats a request.
	New func(t *testing.T, baseURL string, idle time.Duration) llm.Provider
	// Long makes a recording of a whole reply whose text comes in one event.
	Long func(text string) []byte
}

// Result is a reply as the suite compares it.
type Result struct {
	Text, Reasoning string
	Calls           []llm.ToolCall
	Fragments       map[string]string // of the calls' arguments, by id
	Sources         []llm.Source
	Usage           llm.Usage
	Finish          llm.FinishReason
	Err             error
}

// Collect reads a reply and checks what every reply must obey: one end, starts before deltas before calls, ids unique.
func Collect(ctx context.Context, t *testing.T, p llm.Provider, req llm.Request) Result {
	t.Helper()
	r := Result{Fragments: map[string]string{}}
	started, finished, called := map[string]bool{}, false, map[string]bool{}
	for event, err := range p.Stream(ctx, req) {
		if finished {
			t.Fatalf("%v, %v after the end", event, err)
		}
		if err != nil {
			if event != nil {
				t.Fatalf("event %v with error %v", event, err)
			}
			r.Err, finished = err, true
			continue
		}
		switch ev := event.(type) {
		case llm.TextDelta:
			r.Text += ev.Text
		case llm.ReasoningDelta:
			r.Reasoning += ev.Text
		case llm.ToolCallStart:
			if started[ev.ID] || ev.ID == "" || ev.Name == "" {
				t.Fatalf("bad start %+v", ev)
			}
			started[ev.ID] = true
		case llm.ToolInputDelta:
			if !started[ev.ID] || called[ev.ID] {
				t.Fatalf("delta outside its call %+v", ev)
			}
			r.Fragments[ev.ID] += ev.Delta
		case llm.ToolCall:
			if called[ev.ID] || ev.ID == "" || !json.Valid(ev.Input) {
				t.Fatalf("bad call %+v", ev)
			}
			called[ev.ID] = true
			r.Calls = append(r.Calls, ev)
		case llm.Source:
			r.Sources = append(r.Sources, ev)
		case llm.Usage:
			if !r.Usage.IsZero() {
				t.Fatal("usage twice")
			}
			r.Usage = ev
		case llm.Finish:
			r.Finish, finished = ev.Reason, true
		}
	}
	if !finished {
		t.Fatal("neither a finish nor an error")
	}
	return r
}

// Ask is the request that the suite sends.
func Ask() llm.Request {
	return llm.Request{
		Model:    "test-model",
		Messages: []llm.Message{{Role: llm.RoleUser, Parts: []llm.Part{llm.Text{Text: "Hi"}}}},
		Tools:    []llm.Tool{{Name: "get_weather", InputSchema: json.RawMessage(`{"type":"object","properties":{"city":{"type":"string"}}}`)}},
	}
}

// Run is the conformance suite.
func Run(t *testing.T, a Adapter) {
	replies(t, a)
	failures(t, a)
	t.Run("connection", func(t *testing.T) {
		t.Parallel()
		connection(t, a)
	})
}

func (a Adapter) recording(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(a.Dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

const patient = time.Minute

func (a Adapter) replay(t *testing.T, answers ...Answer) Result {
	t.Helper()
	return Collect(t.Context(), t, a.New(t, NewServer(t, answers...).URL, patient), Ask())
}

// replies are the recordings. Each is played at once, byte by byte, and with CRLF for LF.
func replies(t *testing.T, a Adapter) {
	used := llm.Usage{Input: 20, CachedInput: 8, Output: 12}
	call := func(r Result, i int, name, input string) bool {
		return i < len(r.Calls) && r.Calls[i].Name == name && string(r.Calls[i].Input) == input && !r.Calls[i].Malformed
	}
	for name, check := range map[string]func(r Result) bool{
		"text": func(r Result) bool {
			return r.Text == "Hello, wörld 😀!" && r.Usage == used && r.Finish == llm.FinishStop
		},
		"reasoning": func(r Result) bool {
			return r.Reasoning == "First this, then that." && r.Text == "Done." && r.Finish == llm.FinishStop &&
				r.Usage == llm.Usage{Input: 20, Output: 30, Reasoning: 18}
		},
		"tool": func(r Result) bool {
			return r.Text == "Let me see." && len(r.Calls) == 1 && call(r, 0, "get_weather", `{"city":"Paris"}`) &&
				r.Fragments[r.Calls[0].ID] == `{"city":"Paris"}` && r.Finish == llm.FinishToolCalls && r.Usage == used
		},
		"parallel-tools": func(r Result) bool {
			return len(r.Calls) == 2 && call(r, 0, "get_weather", `{"city":"Paris"}`) && call(r, 1, "get_weather", `{"city":"Rome"}`) &&
				r.Calls[0].ID != r.Calls[1].ID && r.Finish == llm.FinishToolCalls
		},
		"empty-arguments": func(r Result) bool { return len(r.Calls) == 1 && call(r, 0, "get_time", `{}`) },
		"malformed-arguments": func(r Result) bool {
			return len(r.Calls) == 1 && r.Calls[0].Malformed && string(r.Calls[0].Input) == `"{\"city\": Paris"`
		},
		"duplicate-start": func(r Result) bool { return len(r.Calls) == 1 && call(r, 0, "get_weather", `{"city":"Paris"}`) },
		"refusal":         func(r Result) bool { return r.Err == nil && r.Finish == llm.FinishContentFilter },
		"length":          func(r Result) bool { return r.Text == "Once upon a" && r.Finish == llm.FinishLength },
		"late-usage":      func(r Result) bool { return r.Text == "Hi." && r.Usage == used && r.Finish == llm.FinishStop },
		"no-usage":        func(r Result) bool { return r.Text == "Hi." && r.Usage.IsZero() && r.Finish == llm.FinishStop },
		"no-terminal-event": func(r Result) bool {
			return r.Text == "Hello, w" && llm.KindOf(r.Err) == llm.Interrupted
		},
		"error-overloaded": func(r Result) bool { return r.Text == "Hello" && llm.KindOf(r.Err) == llm.Overloaded },
		"error-rate-limit": func(r Result) bool { return llm.KindOf(r.Err) == llm.RateLimited },
		"error-unknown":    func(r Result) bool { return r.Text == "Hello" && llm.KindOf(r.Err) == llm.Failed },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := a.recording(t, name+".sse")
			crlf := []byte(strings.ReplaceAll(string(body), "\n", "\r\n"))
			for form, answer := range map[string]Answer{"whole": {Body: body}, "bytes": {Body: body, Piece: 1}, "crlf": {Body: crlf}} {
				r := a.replay(t, answer)
				if !check(r) {
					t.Errorf("%s: %+v", form, r)
				}
				ownWords(t, r.Err)
			}
		})
	}
}

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

func connection(t *testing.T, a Adapter) {
	text := a.recording(t, "text.sse")
	half := text[:len(text)/2]
	t.Run("nobody listens", func(t *testing.T) {
		t.Parallel()
		r := Collect(t.Context(), t, a.New(t, "http://127.0.0.1:1", patient), Ask())
		if llm.KindOf(r.Err) != llm.Failed {
			t.Errorf("%+v", r)
		}
		ownWords(t, r.Err)
	})
	t.Run("cut", func(t *testing.T) {
		t.Parallel()
		if r := a.replay(t, Answer{Body: half, Then: Cut}); llm.KindOf(r.Err) != llm.Interrupted || r.Text == "" {
			t.Errorf("%+v", r)
		}
	})
	t.Run("stall", func(t *testing.T) {
		t.Parallel()
		server := NewServer(t, Answer{Body: half, Then: Stall})
		r := Collect(t.Context(), t, a.New(t, server.URL, 50*time.Millisecond), Ask())
		if llm.KindOf(r.Err) != llm.Interrupted || r.Text == "" {
			t.Errorf("%+v", r)
		}
		server.WaitGone(t)
	})
	t.Run("stop", func(t *testing.T) {
		t.Parallel()
		stopped := errors.New("stopped by the user")
		server := NewServer(t, Answer{Body: half, Then: Stall})
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		var last error
		for event, err := range a.New(t, server.URL, patient).Stream(ctx, Ask()) {
			if _, ok := event.(llm.TextDelta); ok {
				cancel(stopped)
			}
			last = err
		}
		if !errors.Is(last, stopped) {
			t.Errorf("ended with %v", last)
		}
		server.WaitGone(t)
	})
	t.Run("leave", func(t *testing.T) {
		t.Parallel()
		server := NewServer(t, Answer{Body: half, Then: Stall})
		for _, err := range a.New(t, server.URL, patient).Stream(t.Context(), Ask()) {
			if err != nil {
				t.Error(err)
			}
			break
		}
		server.WaitGone(t)
	})
	t.Run("cancelled before", func(t *testing.T) {
		t.Parallel()
		server := NewServer(t, Answer{Body: text})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r := Collect(ctx, t, a.New(t, server.URL, patient), Ask())
		if !errors.Is(r.Err, context.Canceled) || len(server.Requests()) != 0 {
			t.Errorf("%d requests, %+v", len(server.Requests()), r)
		}
	})
	t.Run("10 MB in one event", func(t *testing.T) {
		t.Parallel()
		long := strings.Repeat("0123456789", 1<<20)
		if r := a.replay(t, Answer{Body: a.Long(long)}); r.Text != long || r.Finish != llm.FinishStop {
			t.Errorf("%d bytes, %s, %v", len(r.Text), r.Finish, r.Err)
		}
	})
}
