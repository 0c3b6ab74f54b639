// Package problem is the closed set of errors that this service tells its callers about: a stable code, a status, a
// public sentence, and apart from them the internal cause, which is logged and never sent. The wire form is RFC 9457
// (application/problem+json), rendered by package api.
package problem

import (
	"errors"
	"fmt"
	"time"
)

// Field names one invalid member of a request and says what is wrong with it.
type Field struct {
	// Path of the member, dotted, with indexes in brackets: "messages[0].parts[1].text".
	Path string `json:"path"`
	// Message is safe to show: it never repeats the value.
	Message string `json:"message"`
}

// Error is a failure with a public face. Detail, Fields, RetryAfter and RunID may be sent; the cause may not.
type Error struct {
	Code       Code
	Detail     string
	Fields     []Field
	RetryAfter time.Duration
	// RunID accompanies CodeRunActive: the run that is under way.
	RunID string
	// SQL accompanies CodeSQL.
	SQL *SQL

	cause error
}

// SQL is what Postgres says of a query besides its message.
type SQL struct {
	// State is the SQLSTATE.
	State string `json:"sqlstate" example:"42703"`
	// Position in the query, in characters from 1; absent: none in particular.
	Position int `json:"position,omitempty" doc:"Character of the query that it is about, from 1."`
	// Hint of Postgres's, for a person.
	Hint string `json:"hint,omitempty"`
}

// New makes an error of the given code. The detail is public: one plain sentence without names, values or upstream text.
func New(code Code, detail string) *Error {
	return &Error{Code: code, Detail: detail}
}

// Newf is New with a formatted detail; the arguments become public.
func Newf(code Code, format string, args ...any) *Error {
	return New(code, fmt.Sprintf(format, args...))
}

// Because attaches the internal cause, for the log.
func (e *Error) Because(cause error) *Error {
	e.cause = cause
	return e
}

// After says when a retry may succeed. It becomes the Retry-After header, rounded up to whole seconds.
func (e *Error) After(d time.Duration) *Error {
	e.RetryAfter = d
	return e
}

// Field adds one invalid member.
func (e *Error) Field(path, message string) *Error {
	e.Fields = append(e.Fields, Field{Path: path, Message: message})
	return e
}

// Error includes the cause: for logs, not for callers.
func (e *Error) Error() string {
	if e.cause != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Detail, e.cause)
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Detail)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// Is makes errors.Is match on the code: errors.Is(err, problem.New(problem.CodeNotFound, "")).
func (e *Error) Is(target error) bool {
	var t *Error
	return errors.As(target, &t) && t.Code == e.Code && t.Detail == ""
}

// From finds the public face of any error; what has none is an internal error, its cause kept for the log.
func From(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return New(CodeInternal, "Something went wrong on our side.").Because(err)
}

// HasCode reports whether err carries the code.
func HasCode(err error, code Code) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}
