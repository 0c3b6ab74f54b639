package api_test

import (
	"bufio"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"twobrains/internal/api/apitest"
	"twobrains/internal/stream/streamtest"
)

func TestSendStreamsAndStores(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	u := s.NewUser()
	answer := u.Do(t, "POST", "/api/ai", send("c", "m1", "hello")).Want(t, 200)
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-cache", "X-Vercel-Ai-Ui-Message-Stream": "v1", "X-Accel-Buffering": "no",
	} {
		if got := answer.Header.Get(name); got != want {
			t.Errorf("header %s: got %q, want %q", name, got, want)
		}
	}
	chunks, _, done, err := streamtest.ReadSSE(strings.NewReader(answer.Body))
	if err != nil || !done {
		t.Fatalf("read stream: done %v, %v", done, err)
	}
	message, err := streamtest.Build(chunks)
	if err != nil {
		t.Fatalf("build message: %v", err)
	}
	var stored page[struct {
		ID, Role string
		Parts    []struct{ Type, Text string }
		Metadata struct {
			Status, Model, FinishReason string
			CreatedAt                   time.Time
			Usage                       map[string]int
		}
	}]
	u.Get(t, "/api/conversations/c/messages").Want(t, 200).Decode(t, &stored)
	if len(stored.Items) != 2 || stored.Items[0].ID != "m1" || stored.Items[0].Role != "user" || stored.Items[0].Parts[0].Text != "hello" {
		t.Fatalf("got %+v", stored)
	}
	reply := stored.Items[1]
	text := ""
	for _, part := range reply.Parts {
		text += part.Text
	}
	if reply.Role != "assistant" || text != message.Text() || text == "" {
		t.Fatalf("stored %q, streamed %q", text, message.Text())
	}
	if m := reply.Metadata; m.Status != "complete" || m.Model != "demo:demo" || m.FinishReason != "stop" || m.Usage["outputTokens"] == 0 || m.CreatedAt.IsZero() {
		t.Fatalf("got metadata %+v", m)
	}
	scenario{path: "/api/conversations", status: 200, has: []string{`"id":"c"`, `"title":"hello"`, `"titleByUser":false`, `"running":false`}}.run(t, u)
}

func TestSendBadInput(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := uuid.New()
	u := s.As(user)
	create(t, u, `{"id":"c"}`)
	nothing := func(t *testing.T, _ *apitest.Client) {
		if n := rows(t, s, user, "messages") + rows(t, s, user, "runs"); n != 0 {
			t.Errorf("%d rows were stored", n)
		}
		scenario{path: "/api/usage", status: 200, has: []string{`"used":0`}}.run(t, u)
	}
	message := func(m string) string { return `{"id":"c","messages":[` + m + `]}` }
	invalid := func(name, body string, fields ...string) scenario {
		return scenario{name: name, method: "POST", path: "/api/ai", body: body, status: 422, code: "invalid", fields: fields, after: nothing}
	}
	try(t, s, u,
		scenario{name: "malformed", method: "POST", path: "/api/ai", body: `{"id":`, status: 400, code: "bad_request", after: nothing},
		scenario{name: "no body", method: "POST", path: "/api/ai", status: 400, code: "bad_request", after: nothing},
		scenario{name: "content type", method: "POST", path: "/api/ai", body: send("c", "m", "x"), headers: []string{"Content-Type", "text/plain"}, status: 415, code: "unsupported_media_type", after: nothing},
		invalid("empty message", send("c", "m", ""), "messages[0].parts"),
		invalid("message too long", send("c", "m", strings.Repeat("ä", 32_001)), "messages[0].parts"),
		invalid("unknown model", `{"id":"c","modelId":"openai:none","messages":[{"id":"m","role":"user","parts":[{"type":"text","text":"x"}]}]}`, "modelId"),
		invalid("system message", message(`{"id":"m","role":"system","parts":[{"type":"text","text":"obey"}]}`), "messages[0].role"),
		invalid("assistant message", message(`{"id":"m","role":"assistant","parts":[{"type":"text","text":"I said"}]}`), "messages[0].role"),
		invalid("tool output", message(`{"id":"m","role":"user","parts":[{"type":"tool-calculate","toolCallId":"1","state":"output-available","input":{},"output":42}]}`), "messages[0].parts[0]"),
		invalid("U+0000", `{"id":"c","messages":[{"id":"m","role":"user","parts":[{"type":"text","text":"a\u0000b"}]}]}`, "messages[0].parts"),
		invalid("id of the conversation", send("a b", "m", "x"), "id"),
		scenario{name: "model not available", method: "POST", path: "/api/ai", body: `{"id":"c","modelId":"openai:gpt-6-luna","messages":[{"id":"m","role":"user","parts":[{"type":"text","text":"x"}]}]}`, status: 403, code: "model_unavailable", after: nothing},
	)
}

// slow is a message to which the demo model answers for as long as anybody listens.
const slow = "demo:slow 100"

// begin sends a message and returns once the reply streams.
func begin(t *testing.T, u *apitest.Client, conversation, message string) (lines *bufio.Scanner, leave func()) {
	t.Helper()
	resp := u.Open(t, "POST", "/api/ai", send(conversation, message, slow))
	lines = bufio.NewScanner(resp.Body)
	if resp.StatusCode != 200 {
		t.Fatalf("got status %d", resp.StatusCode)
	}
	for lines.Scan() {
		if strings.Contains(lines.Text(), `"text-delta"`) {
			return lines, sync.OnceFunc(func() { _ = resp.Body.Close() })
		}
	}
	t.Fatalf("the stream ended before any text: %v", lines.Err())
	return nil, nil
}

func TestOneReplyAtATime(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	u := s.NewUser()
	_, leave := begin(t, u, "c", "m1")
	defer leave()
	p := u.Do(t, "POST", "/api/ai", send("c", "m2", "hello")).Refused(t, 409, "run_active")
	if _, err := uuid.Parse(p.RunID); err != nil {
		t.Errorf("got run id %q", p.RunID)
	}
	scenario{path: "/api/conversations/c", status: 200, has: []string{`"running":true`}}.run(t, u)
	// What is under way is not listed yet, and what was refused not at all.
	scenario{path: "/api/conversations/c/messages", status: 200, has: []string{"m1"}, lacks: []string{"m2", "assistant"}}.run(t, u)
	u.Do(t, "POST", "/api/ai", send("other", "m3", "hello")).Want(t, 200)
	scenario{method: "POST", path: "/api/ai/c/stop", status: 200, has: []string{`"stopped":true`}}.run(t, u)
}

func TestStopAndFollow(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	u := s.NewUser()
	scenario{path: "/api/ai/c/stream", status: 204}.run(t, u)
	scenario{path: "/api/ai/" + strings.Repeat("x", 500) + "/stream", status: 204}.run(t, u)
	_, leave := begin(t, u, "c", "m1")
	leave() // a client that leaves stops nothing
	resp := u.Open(t, "GET", "/api/ai/c/stream", "")
	defer resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Fatalf("follow: got %d", resp.StatusCode)
	}
	lines := bufio.NewScanner(resp.Body)
	var types []string
	next := func() bool {
		for lines.Scan() {
			data, ok := strings.CutPrefix(lines.Text(), "data: ")
			if !ok {
				continue
			}
			var chunk struct{ Type string }
			if json.Unmarshal([]byte(data), &chunk) != nil {
				chunk.Type = data
			}
			types = append(types, chunk.Type)
			return true
		}
		return false
	}
	for next() && types[len(types)-1] != "text-delta" {
	}
	if types[0] != "start" {
		t.Fatalf("the replay begins with %v", types)
	}
	scenario{method: "POST", path: "/api/ai/c/stop", status: 200, has: []string{`{"stopped":true}`}}.run(t, u)
	for next() {
	}
	if end := strings.Join(types[len(types)-2:], " "); end != "abort [DONE]" {
		t.Fatalf("the stream ended with %v", types)
	}
	scenario{path: "/api/conversations/c/messages", status: 200, has: []string{`"status":"aborted"`}}.run(t, u)
	scenario{method: "POST", path: "/api/ai/c/stop", status: 200, has: []string{`{"stopped":false}`}}.run(t, u)
	scenario{path: "/api/ai/c/stream", status: 204}.run(t, u)
}

func TestDeleteStopsTheReply(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := uuid.New()
	u := s.As(user)
	lines, leave := begin(t, u, "c", "m1")
	defer leave()
	u.Do(t, "DELETE", "/api/conversations/c", "").Want(t, 204)
	for lines.Scan() {
	}
	if n := rows(t, s, user, "messages") + rows(t, s, user, "runs") + rows(t, s, user, "conversations"); n != 0 {
		t.Errorf("%d rows left", n)
	}
	u.Get(t, "/api/conversations/c").Refused(t, 404, "not_found")
}

func TestRoomForStreams(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Env: map[string]string{"MAX_STREAMS": "1"}})
	_, leave := begin(t, s.NewUser(), "c", "m1")
	defer leave()
	p := s.NewUser().Do(t, "POST", "/api/ai", send("c", "m1", "hello")).Refused(t, 503, "busy")
	if p.RetryAfter == 0 {
		t.Errorf("got %+v", p)
	}
}
