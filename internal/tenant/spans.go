package tenant

import (
	"context"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"twobrains/internal/tracing"
)

var systemPostgres = attribute.String("db.system.name", "postgresql")

// beginTrip begins the span of a round trip. It has the names that sqlc's queries bear, and no statement or argument.
func beginTrip(ctx context.Context, all []*queued) (context.Context, trace.Span) {
	if !tracing.Traced(ctx) {
		return ctx, trace.SpanFromContext(context.Background())
	}
	var names []string
	for _, q := range all {
		if name := queryName(q.sql); name != "" {
			names = append(names, name)
		}
	}
	return tracing.Call(ctx, "postgres", systemPostgres,
		attribute.Int("db.operation.batch.size", len(all)), attribute.StringSlice("twobrains.queries", names))
}

// queryName reads "-- name: ConversationGet :one"; empty for the kernel's own statements.
func queryName(sql string) string {
	_, rest, ok := strings.Cut(sql, "-- name: ")
	if !ok {
		return ""
	}
	name, _, _ := strings.Cut(rest, " ")
	return name
}
