package openai

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/openai/openai-go/v3/option"

	"twobrains/internal/llm"
)

// refuse is the middleware that turns answers without a reply into errors, before the SDK makes errors of its own that
// hold the request and the response.
func refuse(req *http.Request, next option.MiddlewareNext) (*http.Response, error) {
	res, err := next(req)
	if err != nil {
		return nil, connectionError(err)
	}
	isJSON := strings.HasPrefix(res.Header.Get("Content-Type"), "application/json")
	if res.StatusCode < 300 && !isJSON {
		return res, nil
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	_ = res.Body.Close()
	if err != nil && len(body) == 0 {
		body = nil
	}
	if res.StatusCode < 300 && parseFailure(body) == (wireError{}) {
		return nil, llm.NewError(llm.Failed, errors.New("the server answered without a stream"))
	}
	return nil, classify(res.StatusCode, res.Header, parseFailure(body))
}

// wireError is what the forms in which servers report errors have in common.
type wireError struct {
	message, kind, code string
}

// parseFailure reads {"error": {…}}, {"error": "…"}, and the same members at the top level. The zero value: no error.
func parseFailure(body []byte) wireError {
	type members struct {
		Message json.RawMessage `json:"message"`
		Type    json.RawMessage `json:"type"`
		Code    json.RawMessage `json:"code"`
	}
	var top struct {
		Error  json.RawMessage `json:"error"`
		Detail json.RawMessage `json:"detail"`
		Object string          `json:"object"`
		members
	}
	if json.Unmarshal(body, &top) != nil {
		return wireError{}
	}
	var inner members
	switch {
	case len(top.Error) > 0 && string(top.Error) != "null":
		if json.Unmarshal(top.Error, &inner) != nil {
			inner.Message = top.Error
		}
	case top.Object == "error" || (len(top.Message) > 0 && len(top.Code) > 0):
		inner = top.members
	case len(top.Detail) > 0:
		inner.Message = top.Detail
	default:
		return wireError{}
	}
	e := wireError{message: loose(inner.Message), kind: loose(inner.Type), code: loose(inner.Code)}
	if e == (wireError{}) {
		e.message = "unknown"
	}
	return e
}

// loose returns a JSON string's content, and the text of any other value.
func loose(value json.RawMessage) string {
	var s string
	if json.Unmarshal(value, &s) == nil {
		return s
	}
	return string(value)
}

var (
	// tooLong matches how servers say that the conversation does not fit: there is no code that all of them use.
	tooLong = regexp.MustCompile(`(?i)context.?(length|window|size)|maximum.context|prompt is too long|input is too long|too many (input )?tokens|reduce the length`)
	refused = regexp.MustCompile(`(?i)content.?(policy|filter)|content management policy|usage polic|moderation_|safety_v`)
	broke   = regexp.MustCompile(`(?i)insufficient_quota|billing|budget|credit`)
	// plain are codes and ids that are safe to log.
	plain = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)
)

// classify makes the error of a refusal. status is 0 for an error inside a stream, where a numeric code may stand for it.
func classify(status int, header http.Header, e wireError) *llm.Error {
	cause := describe(status, header, e)
	if n, err := strconv.Atoi(e.code); err == nil && status < 300 {
		status = n
	}
	words := e.code + " " + e.kind
	switch {
	case broke.MatchString(words) || status == http.StatusPaymentRequired:
		return llm.NewError(llm.RateLimited, cause).WithDetail("The budget at the model provider is used up.")
	case status == http.StatusUnauthorized || status == http.StatusForbidden || strings.Contains(words, "invalid_api_key"):
		return llm.NewError(llm.Auth, cause)
	case status == http.StatusTooManyRequests || strings.Contains(words, "rate_limit"):
		return llm.NewError(llm.RateLimited, cause).After(retryAfter(header))
	case tooLong.MatchString(words) || status == http.StatusRequestEntityTooLarge || (status < 500 && tooLong.MatchString(e.message)):
		return llm.NewError(llm.ContextTooLong, cause)
	case refused.MatchString(words) || (status == http.StatusBadRequest && refused.MatchString(e.message)):
		return llm.NewError(llm.Refused, cause)
	case status == http.StatusNotFound || strings.Contains(words, "model_not_found"):
		return llm.NewError(llm.Failed, cause).WithDetail("The model provider does not know this model.")
	case status == http.StatusServiceUnavailable || status == 529 || strings.Contains(words, "overloaded"):
		return llm.NewError(llm.Overloaded, cause).After(retryAfter(header))
	case status >= 300 && status < 500:
		return llm.NewError(llm.Failed, cause).WithDetail("The model provider did not accept the request.")
	}
	return llm.NewError(llm.Failed, cause).After(retryAfter(header))
}

// refusal is the cause of an *llm.Error that came by HTTP status.
type refusal struct {
	status int
	text   string
}

func (r refusal) Error() string { return r.text }

// describe says what is known in words that hold nothing of the provider's prose.
func describe(status int, header http.Header, e wireError) error {
	text := "error within the stream"
	if status != 0 {
		text = fmt.Sprintf("status %d", status)
	}
	for _, known := range []struct{ name, value string }{{"code", e.code}, {"type", e.kind}, {"request", header.Get("X-Request-Id")}} {
		if plain.MatchString(known.value) {
			text += ", " + known.name + " " + known.value
		}
	}
	return refusal{status: status, text: text}
}

// retryAfter reads the header in its forms: milliseconds, seconds, date. 0 where there is none, at most an hour.
func retryAfter(header http.Header) time.Duration {
	wait := time.Duration(0)
	if ms, err := strconv.ParseFloat(header.Get("Retry-After-Ms"), 64); err == nil {
		wait = time.Duration(min(ms, 3.6e6) * float64(time.Millisecond))
	} else if s, err := strconv.ParseFloat(header.Get("Retry-After"), 64); err == nil {
		wait = time.Duration(min(s, 3600) * float64(time.Second))
	} else if at, err := http.ParseTime(header.Get("Retry-After")); err == nil {
		wait = time.Until(at)
	}
	return min(max(wait, 0), time.Hour)
}

// retryable reports whether another try may help: the server could not be reached, or said so by its status. Who gave
// no answer in time is not asked again: it may be at work on the first request.
func retryable(e *llm.Error) bool {
	var r refusal
	if errors.As(e, &r) {
		switch r.status {
		case http.StatusTooManyRequests:
			return e.Detail == ""
		case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout, 529:
			return true
		}
		return false
	}
	var dial *net.OpError
	return errors.As(e, &dial) && dial.Op == "dial"
}

// connectionError is for failures below HTTP. The address of the request, which *url.Error holds, is left out.
func connectionError(err error) *llm.Error {
	var failure *llm.Error
	if errors.As(err, &failure) {
		return failure
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	e := llm.NewError(llm.Failed, err)
	var timeout net.Error
	var dial *net.OpError
	switch {
	case errors.As(err, &dial) && dial.Op == "dial":
		return e.WithDetail("The model provider cannot be reached.")
	case errors.As(err, &timeout) && timeout.Timeout():
		return e.WithDetail("The model provider did not answer in time.")
	}
	return e
}
