package wire

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"twobrains/internal/llm"
)

// Public sentences that say more than those of the kinds.
const (
	DetailBudget      = "The budget at the model provider is used up."
	DetailModel       = "The model provider does not know this model."
	DetailNotAccepted = "The model provider did not accept the request."
)

// Failure is a provider's own account of an error, by which it is sorted and of which nothing is shown.
type Failure struct {
	// Message is prose; it is only searched for the common ways to say that a conversation is too long or refused.
	Message string
	// Type and Code are short words. A code may also be a number, which stands for the status of errors in a stream.
	Type, Code string
	// Param is the member of the request that the provider objects to, where it says so.
	Param string
	// RetryAfter is for providers that state it in the body.
	RetryAfter time.Duration
}

// Refusals makes errors of what a provider says instead of a reply.
type Refusals struct {
	// Parse reads the body of a response, or an event of a stream; ok is false where it reports no error. It must take
	// any bytes.
	Parse func(body []byte) (f Failure, ok bool)
	// Sort, if set, is asked before the common rules, which apply where it returns the empty kind. status is 0 for an
	// error in a stream. An empty detail leaves the kind's own sentence.
	Sort func(status int, f Failure) (kind llm.Kind, detail string)
	// RequestID is the header that names a request for the log, such as "X-Request-Id".
	RequestID string
}

// Check passes on a response that is a stream, and turns every other into an *llm.Error, closing its body. Call it
// where the response is still as it came, as a middleware of an SDK, for SDKs make errors that hold requests and
// responses.
func (r Refusals) Check(res *http.Response, err error) (*http.Response, error) {
	if err != nil {
		return nil, ConnectionError(err)
	}
	isJSON := strings.HasPrefix(res.Header.Get("Content-Type"), "application/json")
	if res.StatusCode < 300 && !isJSON {
		return res, nil
	}
	body, _ := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	_ = res.Body.Close()
	f, ok := r.Parse(body)
	if res.StatusCode < 300 && !ok {
		return nil, llm.NewError(llm.Failed, errors.New("the server answered without a stream"))
	}
	return nil, r.classify(res.StatusCode, res.Header, f)
}

// InStream returns the error that an event of a stream reports, nil if it reports none.
func (r Refusals) InStream(data []byte) error {
	f, ok := r.Parse(data)
	if !ok {
		return nil
	}
	return r.Error(f)
}

// Error sorts a failure reported within a stream.
func (r Refusals) Error(f Failure) *llm.Error { return r.classify(0, nil, f) }

// What providers call things, in their codes, types and sentences: there is no code that all of them use.
var (
	tooLong    = regexp.MustCompile(`(?i)context.?(length|window|size)|maximum.context|prompt is too long|input is too long|too many (input )?tokens|reduce the length|request_too_large|input token count`)
	refused    = regexp.MustCompile(`(?i)content.?(policy|filter)|content management policy|usage polic|moderation_|safety_v`)
	broke      = regexp.MustCompile(`(?i)insufficient_quota|billing|budget|credit`)
	badKey     = regexp.MustCompile(`(?i)api_key_invalid|invalid_api_key|authentication_error|permission_error|permission_denied|unauthenticated`)
	tooMany    = regexp.MustCompile(`(?i)rate_limit|resource_exhausted`)
	noModel    = regexp.MustCompile(`(?i)model_not_found|not_found_error|^not_found`)
	overloaded = regexp.MustCompile(`(?i)overloaded|unavailable`)
	// plain are codes and ids that are safe to log.
	plain = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)
)

// classify makes the error of a refusal. status is 0 for an error inside a stream, where a numeric code may stand for it.
func (r Refusals) classify(status int, header http.Header, f Failure) *llm.Error {
	cause := r.describe(status, header, f)
	after := max(retryAfter(header), min(max(f.RetryAfter, 0), maxRetryAfter))
	if r.Sort != nil {
		if kind, detail := r.Sort(status, f); kind != "" {
			return llm.NewError(kind, cause).WithDetail(detail).After(after)
		}
	}
	if n, err := strconv.Atoi(f.Code); err == nil && status < 300 {
		status = n
	}
	words := f.Code + " " + f.Type
	switch {
	case broke.MatchString(words) || status == http.StatusPaymentRequired:
		return llm.NewError(llm.RateLimited, cause).WithDetail(DetailBudget)
	case status == http.StatusUnauthorized || status == http.StatusForbidden || badKey.MatchString(words):
		return llm.NewError(llm.Auth, cause)
	case status == http.StatusTooManyRequests || tooMany.MatchString(words):
		return llm.NewError(llm.RateLimited, cause).After(after)
	case tooLong.MatchString(words) || status == http.StatusRequestEntityTooLarge || (status < 500 && tooLong.MatchString(f.Message)):
		return llm.NewError(llm.ContextTooLong, cause)
	case refused.MatchString(words) || (status == http.StatusBadRequest && refused.MatchString(f.Message)):
		return llm.NewError(llm.Refused, cause)
	case status == http.StatusNotFound || noModel.MatchString(words):
		return llm.NewError(llm.Failed, cause).WithDetail(DetailModel)
	case status == http.StatusServiceUnavailable || status == statusOverloaded || overloaded.MatchString(words):
		return llm.NewError(llm.Overloaded, cause).After(after)
	case status >= 300 && status < 500:
		return llm.NewError(llm.Failed, cause).WithDetail(DetailNotAccepted)
	}
	return llm.NewError(llm.Failed, cause).After(after)
}

// describe says what is known in words that hold nothing of the provider's prose.
func (r Refusals) describe(status int, header http.Header, f Failure) error {
	text := "error within the stream"
	if status != 0 {
		text = fmt.Sprintf("status %d", status)
	}
	for _, known := range []struct{ name, value string }{{"code", f.Code}, {"type", f.Type}, {"request", header.Get(r.RequestID)}} {
		if plain.MatchString(known.value) {
			text += ", " + known.name + " " + known.value
		}
	}
	f.Message = ""
	return refusal{status: status, text: text, reported: f}
}
