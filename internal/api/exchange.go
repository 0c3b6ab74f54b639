package api

import (
	"context"
	"log/slog"
	"regexp"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"twobrains/internal/admin"
	"twobrains/internal/auth"
	"twobrains/internal/problem"
)

// exchange is what is known of one request and its answer while it is being served. It belongs to the request's
// goroutine; only the id, which never changes, is read elsewhere (by the logger, through contexts).
type exchange struct {
	id    string
	start time.Time
	user  auth.User
	// admin is there once the gate of /api/admin has let the request through.
	admin admin.Admin
	// route is the pattern that matched, if it is not Fiber's own.
	route string
	// err is what the answer is about, if it is a problem.
	err *problem.Error
	// span is the request's in traces.
	span trace.Span
}

type exchangeKey struct{}

const requestIDHeader = "X-Request-Id"

var saneRequestID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// newExchange keeps the caller's request id if it is a sane one: whoever stands before us can then find our log lines.
func newExchange(c *fiber.Ctx, now time.Time) *exchange {
	id := c.Get(requestIDHeader)
	if !saneRequestID.MatchString(id) {
		id = uuid.NewString()
	}
	x := &exchange{id: id, start: now, span: noop.Span{}}
	c.Locals(exchangeKey{}, x)
	// Not the connection's context: a client that goes away cancels nothing. Time limits do.
	c.SetUserContext(context.WithValue(context.Background(), exchangeKey{}, x))
	c.Set(requestIDHeader, id)
	return x
}

// exchangeOf returns the exchange of a request; requests that never reached the routes get one here.
func exchangeOf(c *fiber.Ctx) *exchange {
	if x, ok := c.Locals(exchangeKey{}).(*exchange); ok {
		return x
	}
	return newExchange(c, time.Now())
}

// userOf returns the user of the request that a context belongs to.
func userOf(ctx context.Context) auth.User {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	if x == nil {
		return auth.User{}
	}
	return x.user
}

// adminOf returns the admin of the request that a context belongs to; the zero value behind any other path than the gate's.
func adminOf(ctx context.Context) admin.Admin {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	if x == nil {
		return admin.Admin{}
	}
	return x.admin
}

// requestOf names the request that a context belongs to.
func requestOf(ctx context.Context) string {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	if x == nil {
		return ""
	}
	return x.id
}

// NewLogger makes the server's logger: JSON or text lines, each with the id of the request it belongs to.
func NewLogger(handler slog.Handler) *slog.Logger { return slog.New(requestHandler{handler}) }

type requestHandler struct{ slog.Handler }

func (h requestHandler) Handle(ctx context.Context, r slog.Record) error {
	if x, ok := ctx.Value(exchangeKey{}).(*exchange); ok {
		r.AddAttrs(slog.String("requestId", x.id))
	}
	if span := trace.SpanContextFromContext(ctx); span.IsSampled() {
		r.AddAttrs(slog.String("traceId", span.TraceID().String()))
	}
	return h.Handler.Handle(ctx, r)
}

func (h requestHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return requestHandler{h.Handler.WithAttrs(attrs)}
}

func (h requestHandler) WithGroup(name string) slog.Handler {
	return requestHandler{h.Handler.WithGroup(name)}
}
