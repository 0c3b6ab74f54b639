package api

import (
	"github.com/gofiber/fiber/v2"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"

	"twobrains/internal/tracing"
)

// traceHeader names the caller's trace (W3C Trace Context). It counts from trusted proxies only.
const traceHeader = "traceparent"

// trace begins the span of a request. All that is done for it, a reply that outlives it too, is below.
func (s *Server) trace(c *fiber.Ctx, x *exchange) {
	ctx, span := tracing.Request(c.UserContext(), s.tracer, "request", c.Get(traceHeader))
	x.span = span
	c.SetUserContext(ctx)
}

// endTrace says what came of a request: its route's pattern and its id, no path and no user.
func endTrace(x *exchange, method, route string, status int) {
	if !x.span.IsRecording() {
		return
	}
	x.span.SetName(method + " " + route)
	x.span.SetAttributes(
		attribute.String("http.request.method", method), attribute.String("http.route", route),
		attribute.Int("http.response.status_code", status), attribute.String("twobrains.request_id", x.id))
	if x.err != nil {
		x.span.SetAttributes(attribute.String("error.type", string(x.err.Code)))
	}
	if status >= fiber.StatusInternalServerError {
		x.span.SetStatus(codes.Error, "")
	}
	x.span.End()
}
