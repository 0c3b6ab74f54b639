// Package tracing says how long the parts of a request took, in spans of OpenTelemetry: each round trip to Postgres, commands of Redis,
// calls of Kratos, of models and of tools. No span holds content: no statement, path, name or text that a user wrote.
//
// Who begins a part finds the trace in its context, and where there is none nothing is made: no global state, and no cost but a look.
package tracing

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"twobrains/internal/problem"
)

// scope names these spans' instrumentation.
const scope = "twobrains"

// Provider makes traces and takes them to a collector. Shutdown sends what is left.
type Provider = sdk.TracerProvider

// NewProvider makes a Provider that speaks OTLP over HTTP to the collector with that base URL. All else is read from OpenTelemetry's own
// variables by its library: headers, certificates (OTEL_EXPORTER_OTLP_*), what share is traced (OTEL_TRACES_SAMPLER*), what the service is
// called (OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES).
func NewProvider(ctx context.Context, collector, version string) (*Provider, error) {
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(strings.TrimRight(collector, "/")+"/v1/traces"))
	if err != nil {
		return nil, err
	}
	host, _ := os.Hostname() // a name less is no reason not to start
	about, err := resource.New(ctx,
		resource.WithAttributes(
			attribute.String("service.name", "twobrains"), attribute.String("service.version", version),
			attribute.String("host.name", host)),
		resource.WithFromEnv())
	if err != nil && !errors.Is(err, resource.ErrPartialResource) {
		return nil, err
	}
	return sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(about)), nil
}

// Request begins the span of a request that this server answers. From a trusted header it goes on with the caller's trace. A nil provider
// makes none.
func Request(ctx context.Context, p trace.TracerProvider, name, parent string) (context.Context, trace.Span) {
	if p == nil {
		return ctx, noop.Span{}
	}
	if parent != "" {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": parent})
	}
	return p.Tracer(scope).Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer))
}

// Begin begins a part of what ctx is about. End it with End.
func Begin(ctx context.Context, name string, attributes ...attribute.KeyValue) (context.Context, trace.Span) {
	return begin(ctx, name, trace.SpanKindInternal, attributes)
}

// Call is Begin for a call of another service.
func Call(ctx context.Context, name string, attributes ...attribute.KeyValue) (context.Context, trace.Span) {
	return begin(ctx, name, trace.SpanKindClient, attributes)
}

func begin(ctx context.Context, name string, kind trace.SpanKind, attributes []attribute.KeyValue) (context.Context, trace.Span) {
	over := trace.SpanFromContext(ctx)
	if !over.SpanContext().IsSampled() {
		return ctx, noop.Span{}
	}
	return over.TracerProvider().Tracer(scope).Start(ctx, name, trace.WithSpanKind(kind), trace.WithAttributes(attributes...))
}

// Traced reports whether spans are made below ctx: for who has to work for their attributes.
func Traced(ctx context.Context) bool { return trace.SpanContextFromContext(ctx).IsSampled() }

// Detach returns a context with nothing of ctx but its trace.
func Detach(ctx context.Context) context.Context {
	return trace.ContextWithSpan(context.Background(), trace.SpanFromContext(ctx))
}

// End ends a span. Of an error it keeps what kind it is, never what it says.
func End(span trace.Span, err error) {
	if err != nil && span.IsRecording() {
		span.SetStatus(codes.Error, "")
		span.SetAttributes(attribute.String("error.type", kindOf(err)))
	}
	span.End()
}

func kindOf(err error) string {
	var ours *problem.Error
	var postgres *pgconn.PgError
	switch {
	case errors.As(err, &ours):
		return string(ours.Code)
	case errors.As(err, &postgres):
		return postgres.Code
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "canceled"
	}
	return "_OTHER"
}

// Transport makes a span of each request that goes through it, named after whom it asks: of a stream, until its head is there. It has no
// address, since some are users' own, and tells those who are asked nothing of the trace.
func Transport(next http.RoundTripper, peer string) http.RoundTripper { return transport{next, peer} }

type transport struct {
	next http.RoundTripper
	peer string
}

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !Traced(r.Context()) {
		return t.next.RoundTrip(r)
	}
	_, span := Call(r.Context(), t.peer+" "+r.Method, attribute.String("http.request.method", r.Method))
	resp, err := t.next.RoundTrip(r)
	if err == nil {
		span.SetAttributes(attribute.Int("http.response.status_code", resp.StatusCode))
		if resp.StatusCode >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
		}
	}
	End(span, err)
	return resp, err
}

// CloseIdleConnections passes http.Client's wish on.
func (t transport) CloseIdleConnections() {
	if c, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}
