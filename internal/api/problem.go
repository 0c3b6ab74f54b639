package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"twobrains/internal/problem"
)

// Problem is the body of every answer that is not a success: RFC 9457, media type application/problem+json.
type Problem struct {
	Type      string          `json:"type" doc:"urn:twobrains:problem: and the code." example:"urn:twobrains:problem:not_found"`
	Title     string          `json:"title" doc:"What kind of problem this is, in words that never change." example:"Not found"`
	Status    int             `json:"status" doc:"The HTTP status." example:"404"`
	Detail    string          `json:"detail" doc:"One sentence about this case, safe to show." example:"There is no such conversation."`
	Code      string          `json:"code" doc:"The stable identifier to branch on." example:"not_found"`
	RequestID string          `json:"requestId" doc:"Names the request in the server's log." example:"0b8d6a9c-6d0f-4a42-9a38-0d5a0c7f2f52"`
	Errors    []problem.Field `json:"errors,omitempty" doc:"The members of the request that are invalid."`
	// RetryAfter is also the header of that name.
	RetryAfter int    `json:"retryAfter,omitempty" doc:"Seconds after which a retry may succeed." example:"2"`
	RunID      string `json:"runId,omitempty" doc:"With run_active: the run that is under way."`
	// SQL is what Postgres says of a query, in words that may repeat the caller's own rows.
	SQL *problem.SQL `json:"sql,omitempty" doc:"With sql_error: what is wrong with the query, and where."`
}

const problemJSON = "application/problem+json"

// Error makes a Problem an error for huma.
func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

// GetStatus tells huma the status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType tells huma the media type.
func (p *Problem) ContentType(string) string { return problemJSON }

// TransformSchema lists the codes in the description of the API.
func (p *Problem) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	var codes []any
	for code := range problem.Codes() {
		codes = append(codes, string(code))
	}
	slices.SortFunc(codes, func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
	s.Properties["code"].Enum = codes
	return s
}

// fail answers with a problem.
func fail(c *fiber.Ctx, err error) error {
	p := describe(c, err)
	body, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("write problem: %w", err)
	}
	c.Response().ResetBody()
	c.Status(p.Status)
	c.Set(fiber.HeaderContentType, problemJSON)
	return c.Send(body)
}

// describe gives an error its public face, notes it for the log and sets the headers that go with it.
func describe(c *fiber.Ctx, err error) *Problem {
	x := exchangeOf(c)
	var server *fiber.Error
	if errors.As(err, &server) {
		err = fromStatus(server.Code)
	}
	e := problem.From(err)
	if e.Code == problem.CodeInternal && errors.Is(err, context.DeadlineExceeded) {
		e = problem.New(problem.CodeUnavailable, "This took too long; try again in a moment.").After(2 * time.Second).Because(err)
	}
	x.err = e
	info := e.Code.Info()
	p := &Problem{
		Type:      "urn:twobrains:problem:" + string(e.Code),
		Title:     info.Title,
		Status:    info.Status,
		Detail:    e.Detail,
		Code:      string(e.Code),
		RequestID: x.id,
		Errors:    e.Fields,
		RunID:     e.RunID,
		SQL:       e.SQL,
	}
	if e.RetryAfter > 0 {
		p.RetryAfter = int(max(1, math.Ceil(e.RetryAfter.Seconds())))
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(p.RetryAfter))
	}
	if info.Status == http.StatusUnauthorized {
		c.Set(fiber.HeaderWWWAuthenticate, `Bearer realm="twobrains"`)
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return p
}

// fromStatus turns what Fiber and the HTTP server refuse by themselves into our words. Theirs may quote the request.
func fromStatus(status int) *problem.Error {
	switch status {
	case http.StatusNotFound:
		return problem.New(problem.CodeNotFound, "There is nothing at this address.")
	case http.StatusMethodNotAllowed:
		return problem.New(problem.CodeMethodNotAllowed, "This address does not take that method.")
	case http.StatusRequestEntityTooLarge:
		return problem.New(problem.CodeTooLarge, "The body is too large.")
	case http.StatusRequestHeaderFieldsTooLarge:
		return problem.New(problem.CodeTooLarge, "The headers are too large.")
	case http.StatusUnsupportedMediaType:
		return errNotJSON()
	case http.StatusRequestTimeout:
		return problem.New(problem.CodeBadRequest, "The request did not arrive in time.")
	case http.StatusInternalServerError:
		return problem.New(problem.CodeInternal, "Something went wrong on our side.")
	}
	return problem.New(problem.CodeBadRequest, "The request cannot be read.")
}

func errNotJSON() *problem.Error {
	return problem.New(problem.CodeUnsupportedMediaType, "Send the body as application/json, in UTF-8 and without Content-Encoding.")
}

// huma's errors are package variables; they are set once, before any API is made.
func init() {
	huma.NewError = func(status int, _ string, errs ...error) huma.StatusError {
		return &Problem{Status: status}
	}
	huma.NewErrorWithContext = func(ctx huma.Context, status int, _ string, errs ...error) huma.StatusError {
		return describe(fiberOf(ctx), fromHuma(status, errs))
	}
	huma.DefaultArrayNullable = false
}

// fromHuma reads what huma found wrong with a request, or the error that a handler returned.
func fromHuma(status int, errs []error) error {
	switch status {
	case http.StatusInternalServerError:
		return errors.Join(errs...)
	case http.StatusBadRequest:
		return problem.New(problem.CodeBadRequest, "The body must be a JSON document.").Because(errors.Join(errs...))
	case http.StatusUnprocessableEntity:
		invalid := problem.New(problem.CodeInvalid, "The request has members that are not acceptable.")
		for _, err := range errs {
			var detail *huma.ErrorDetail
			if errors.As(err, &detail) { // never its value
				invalid.Field(memberPath(detail.Location), detail.Message)
			}
		}
		return invalid
	}
	return fromStatus(status)
}

// memberPath names a member as clients know it: parameters and members of the body by their own name.
func memberPath(location string) string {
	for _, prefix := range []string{"body.", "query.", "path.", "header."} {
		if member, ok := strings.CutPrefix(location, prefix); ok {
			return member
		}
	}
	return location
}
