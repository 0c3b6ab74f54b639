package llm

import (
	"errors"
	"fmt"
	"time"

	"twobrains/internal/problem"
)

// Kind sorts the failures of providers by what can be done about them.
type Kind string

const (
	// Auth says that the key is missing, wrong or may not use the model.
	Auth Kind = "auth"
	// RateLimited stands for too many requests or tokens for this key, or its budget is spent.
	RateLimited Kind = "rate_limited"
	// Overloaded says that the provider has no capacity now.
	Overloaded Kind = "overloaded"
	// ContextTooLong says that the conversation does not fit the model.
	ContextTooLong Kind = "context_too_long"
	// Refused says that the provider's content rules stopped the request.
	Refused Kind = "refused"
	// Interrupted says that the reply broke off: cut connection, stall, end without the terminal event.
	Interrupted Kind = "interrupted"
	// Failed is anything else that went wrong at the provider or on the way to it.
	Failed Kind = "failed"
	// Invalid says that the adapter cannot express the request (for example a file), found before the provider was called.
	Invalid Kind = "invalid"
)

// Error is a failure of a provider. Its text and its cause are for the log and hold no upstream prose, body, header or
// query, only statuses and short codes; Problem gives what callers may see.
type Error struct {
	Kind Kind
	// Detail replaces the public sentence of the kind. In our own words only.
	Detail string
	// RetryAfter is the provider's wish, 0 if it gave none.
	RetryAfter time.Duration

	cause error
}

// NewError makes an error of the kind; the cause may be nil.
func NewError(kind Kind, cause error) *Error { return &Error{Kind: kind, cause: cause} }

// WithDetail sets the public sentence and returns e.
func (e *Error) WithDetail(detail string) *Error {
	e.Detail = detail
	return e
}

// After sets RetryAfter and returns e.
func (e *Error) After(d time.Duration) *Error {
	e.RetryAfter = d
	return e
}

// Error is for the log.
func (e *Error) Error() string {
	if e.cause == nil {
		return "model provider: " + string(e.Kind)
	}
	return fmt.Sprintf("model provider: %s: %v", e.Kind, e.cause)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// faces gives each kind its code and sentence.
var faces = map[Kind]struct {
	code   problem.Code
	detail string
}{
	Auth:           {problem.CodeProviderAuth, "The model provider did not accept the key for this model."},
	RateLimited:    {problem.CodeProviderRate, "The model provider limits requests now. Try again in a moment."},
	Overloaded:     {problem.CodeProviderOverloaded, "The model provider is overloaded. Try again in a moment."},
	ContextTooLong: {problem.CodeContextTooLong, "This conversation is too long for the model."},
	Refused:        {problem.CodeProviderRefused, "The model provider refused this request under its content rules."},
	Interrupted:    {problem.CodeProviderInterrupted, "The reply broke off. What came before is kept."},
	Failed:         {problem.CodeProviderFailed, "The model provider could not answer. Try again or choose another model."},
	Invalid:        {problem.CodeInvalid, "This model cannot take this request."},
}

// Problem returns the public face: a code of package problem and a sentence of our own.
func (e *Error) Problem() *problem.Error {
	face, ok := faces[e.Kind]
	if !ok {
		face = faces[Failed]
	}
	detail := face.detail
	if e.Detail != "" {
		detail = e.Detail
	}
	return problem.New(face.code, detail).Because(e).After(e.RetryAfter)
}

// As lets problem.From and errors.As find the public face in any chain that holds e.
func (e *Error) As(target any) bool {
	p, ok := target.(**problem.Error)
	if ok {
		*p = e.Problem()
	}
	return ok
}

// KindOf returns the kind of the first *Error in err's chain, and "" if there is none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ""
}
