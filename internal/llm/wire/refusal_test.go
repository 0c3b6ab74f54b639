package wire_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"twobrains/internal/llm"
	"twobrains/internal/llm/wire"
)

// refusals reads {"message", "type", "code", "after"}.
var refusals = wire.Refusals{
	Parse: func(body []byte) (f wire.Failure, ok bool) {
		var sent struct {
			Message, Type, Code string
			After               time.Duration
		}
		err := json.Unmarshal(body, &sent)
		return wire.Failure{Message: sent.Message, Type: sent.Type, Code: sent.Code, Param: "input", RetryAfter: sent.After}, err == nil && sent != struct {
			Message, Type, Code string
			After               time.Duration
		}{}
	},
	Sort: func(status int, f wire.Failure) (llm.Kind, string) {
		if f.Code == "own" && status == 400 {
			return llm.Refused, "In our words."
		}
		return "", ""
	},
	RequestID: "X-Request-Id",
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		body   string
		kind   llm.Kind
		detail string
		after  time.Duration
	}{
		{400, `{"code":"own"}`, llm.Refused, "In our words.", 0},
		{500, `{"code":"own"}`, llm.Failed, "", 0},
		{400, `{"message":"prompt is too long: 3 tokens"}`, llm.ContextTooLong, "", 0},
		{500, `{"message":"prompt is too long: 3 tokens"}`, llm.Failed, "", 0},
		{400, `{"message":"m","type":"billing_error"}`, llm.RateLimited, wire.DetailBudget, 0},
		{402, `{"message":"m"}`, llm.RateLimited, wire.DetailBudget, 0},
		{404, `{"message":"m"}`, llm.Failed, wire.DetailModel, 0},
		{422, `{"message":"m"}`, llm.Failed, wire.DetailNotAccepted, 0},
		{429, `{"code":"RESOURCE_EXHAUSTED","after":3000000000}`, llm.RateLimited, "", 3 * time.Second},
		{400, `{"code":"API_KEY_INVALID"}`, llm.Auth, "", 0},
		{503, `{"code":"UNAVAILABLE"}`, llm.Overloaded, "", 0},
		{500, ``, llm.Failed, "", 0},
		{200, `{"x":1}`, llm.Failed, "", 0},
	} {
		_, err := refusals.Check(answer(c.status, map[string]string{"Content-Type": "application/json", "X-Request-Id": "req_1"}, strings.NewReader(c.body)), nil)
		var e *llm.Error
		if !errors.As(err, &e) || e.Kind != c.kind || e.Detail != c.detail || e.RetryAfter != c.after {
			t.Errorf("%d %s: %+v", c.status, c.body, e)
		}
		if text := fmt.Sprintf("%v %+v %#v", err, err, errors.Unwrap(err)); strings.Contains(text, "prompt is too long") {
			t.Errorf("prose: %s", text)
		}
	}
	for body, kind := range map[string]llm.Kind{
		`{"type":"overloaded_error"}`: llm.Overloaded, `{"type":"rate_limit_error"}`: llm.RateLimited, `{"type":"authentication_error"}`: llm.Auth,
		`{"type":"request_too_large"}`: llm.ContextTooLong, `{"type":"api_error"}`: llm.Failed, `{"code":"503"}`: llm.Overloaded, `{"x":1}`: "",
	} {
		if got := llm.KindOf(refusals.InStream([]byte(body))); got != kind {
			t.Errorf("in a stream, %s: %q", body, got)
		}
	}
}

func TestReported(t *testing.T) {
	t.Parallel()
	err := fmt.Errorf("post: %w", refusals.InStream([]byte(`{"message":"secret","type":"t","code":"c"}`)))
	if f := wire.Reported(err); f != (wire.Failure{Type: "t", Code: "c", Param: "input"}) {
		t.Errorf("%+v", f)
	}
	if f := wire.Reported(errors.New("other")); f != (wire.Failure{}) {
		t.Errorf("%+v", f)
	}
	if text := err.Error(); text != "post: model provider: failed: error within the stream, code c, type t" {
		t.Error(text)
	}
}

func TestRetryAfterIsBounded(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]time.Duration{"1.5": 1500 * time.Millisecond, "1e9": time.Hour, "-3": 0, "NaN": 0, "soon": 0, "Thu, 01 Jan 2015 00:00:00 GMT": 0} {
		_, err := refusals.Check(answer(429, map[string]string{"Retry-After": value}, strings.NewReader("")), nil)
		var e *llm.Error
		if !errors.As(err, &e) || e.RetryAfter != want {
			t.Errorf("%s: %v", value, e.RetryAfter)
		}
	}
}

func TestConnectionError(t *testing.T) {
	t.Parallel()
	known := llm.NewError(llm.Auth, nil)
	if wire.ConnectionError(fmt.Errorf("x: %w", known)) != known {
		t.Error("a known error was wrapped")
	}
	dial := &url.Error{Op: "Post", URL: "http://secret.example/v1?key=canary", Err: &net.OpError{Op: "dial", Err: errors.New("refused")}}
	if e := wire.ConnectionError(dial); e.Detail == "" || strings.Contains(e.Error(), "secret") {
		t.Errorf("%v", e)
	}
}
