package google_test

import (
	"strings"
	"testing"
	"time"

	"twobrains/internal/llm"
	"twobrains/internal/llm/llmtest"
	"twobrains/internal/llm/wire"
)

// TestFailures holds how the API's own errors are sorted, as responses and as events of a stream.
func TestFailures(t *testing.T) {
	t.Parallel()
	info := func(reason string) string {
		return `,"details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"` + reason + `","domain":"googleapis.com"},{"@type":"type.googleapis.com/google.rpc.LocalizedMessage","locale":"en-US"}]`
	}
	retry := `,"details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"36.5s"}]`
	for name, c := range map[string]struct {
		status  int
		members string
		kind    llm.Kind
		detail  string
		after   time.Duration
	}{
		"wrong key":    {400, `"code":400,"message":"SECRET","status":"INVALID_ARGUMENT"` + info("API_KEY_INVALID"), llm.Auth, "", 0},
		"blocked key":  {403, `"code":403,"message":"SECRET","status":"PERMISSION_DENIED"` + info("API_KEY_SERVICE_BLOCKED"), llm.Auth, "", 0},
		"no key":       {401, `"code":401,"message":"SECRET","status":"UNAUTHENTICATED"` + info("CREDENTIALS_MISSING"), llm.Auth, "", 0},
		"denied":       {403, `"code":403,"message":"SECRET","status":"PERMISSION_DENIED"`, llm.Auth, "", 0},
		"quota":        {429, `"code":429,"message":"You exceeded your current quota, please check your plan and billing details. SECRET","status":"RESOURCE_EXHAUSTED"` + retry, llm.RateLimited, "", 36500 * time.Millisecond},
		"no credits":   {429, `"code":429,"message":"Your prepayment credits are depleted. SECRET","status":"RESOURCE_EXHAUSTED"`, llm.RateLimited, wire.DetailBudget, 0},
		"too long":     {400, `"code":400,"message":"The input token count (2) exceeds the maximum number of tokens allowed (1). SECRET","status":"INVALID_ARGUMENT"`, llm.ContextTooLong, "", 0},
		"too large":    {400, `"code":400,"message":"Request payload size exceeds the limit: 20971520 bytes. SECRET","status":"INVALID_ARGUMENT"`, llm.ContextTooLong, "", 0},
		"bad argument": {400, `"code":400,"message":"Function call is missing a thought_signature in functionCall parts. SECRET","status":"INVALID_ARGUMENT"`, llm.Failed, wire.DetailNotAccepted, 0},
		"location":     {400, `"code":400,"message":"User location is not supported for the API use. SECRET","status":"FAILED_PRECONDITION"`, llm.Failed, wire.DetailNotAccepted, 0},
		"no model":     {404, `"code":404,"message":"models/x is not found for API version v1beta. SECRET","status":"NOT_FOUND"`, llm.Failed, wire.DetailModel, 0},
		"overloaded":   {503, `"code":503,"message":"The model is overloaded. SECRET","status":"UNAVAILABLE"`, llm.Overloaded, "", 0},
		"internal":     {500, `"code":500,"message":"SECRET","status":"INTERNAL"`, llm.Failed, "", 0},
		"deadline":     {504, `"code":504,"message":"SECRET","status":"DEADLINE_EXCEEDED"`, llm.Failed, "", 0},
		"odd members":  {400, `"code":null,"message":["SECRET"],"status":7,"details":[{"retryDelay":"soon"}]`, llm.Failed, wire.DetailNotAccepted, 0},
		"empty":        {400, ``, llm.Failed, wire.DetailNotAccepted, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := `{"error":{` + c.members + `}}`
			answers := map[string]llmtest.Answer{
				"object": {Status: c.status, Body: []byte(body), Header: map[string]string{"Content-Type": "application/json; charset=UTF-8"}},
				"array":  {Status: c.status, Body: []byte("[" + body + "\n]"), Header: map[string]string{"Content-Type": "application/json"}},
				"stream": {Body: []byte("data: " + body + "\n\n")},
			}
			for form, answer := range answers {
				r := replay(t, answer)
				face := llm.Error{}
				if e, ok := r.Err.(*llm.Error); ok { //nolint:errorlint // Stream promises an *llm.Error itself
					face = *e
				}
				known := form != "stream" || strings.Contains(c.members, `"code":4`) || strings.Contains(c.members, `"code":5`)
				if face.Kind != c.kind || face.RetryAfter != c.after || (known && face.Detail != c.detail) || strings.Contains(r.Err.Error(), "SECRET") {
					t.Errorf("%s: %+v, %v", form, face, r.Err)
				}
			}
		})
	}
}

// TestErrorAsPlainJSON: within a stream the API at times reports an error outside of any event.
func TestErrorAsPlainJSON(t *testing.T) {
	t.Parallel()
	answer := llmtest.Recording(t, "no-terminal-event.sse")
	answer.Body = append(answer.Body, "{\n  \"error\": {\n    \"code\": 503,\n    \"message\": \"SECRET\",\n    \"status\": \"UNAVAILABLE\"\n  }\n}\n"...)
	if r := replay(t, answer); llm.KindOf(r.Err) != llm.Interrupted || r.Text != "Hello, w" || strings.Contains(r.Err.Error(), "SECRET") {
		t.Errorf("%+v", r)
	}
}
