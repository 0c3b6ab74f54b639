package api

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"twobrains/internal/auth"
	"twobrains/internal/console"
	"twobrains/internal/problem"
	"twobrains/internal/ratelimit"
)

// SQLQuery is a query as it comes in.
type SQLQuery struct {
	Query string `json:"query" minLength:"1" maxLength:"100000" doc:"One SELECT, VALUES, TABLE or WITH … SELECT in PostgreSQL's SQL over the tables of the caller's private brain." example:"SELECT title, updated_at FROM conversations ORDER BY updated_at DESC LIMIT 10"`
}

// SQLRows is a JSON array of rows, each an array with a value per column.
type SQLRows struct{ json.RawMessage }

// Schema says so in the description of the API.
func (SQLRows) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{}}}
}

// SQLResult is the wire form of console.Result.
type SQLResult struct {
	Columns    []console.Column `json:"columns"`
	Rows       SQLRows          `json:"rows" doc:"One array per row, one value per column: numbers that a double holds exactly, booleans, null, what jsonb holds, ISO 8601 times, {\"bytes\": n} for bytea; all else as text."`
	Truncated  bool             `json:"truncated" doc:"There is more than was returned."`
	DurationMS int64            `json:"durationMs"`
}

// SQLSchema describes what can be queried.
type SQLSchema struct {
	Tables    []console.Table `json:"tables"`
	Functions []string        `json:"functions" doc:"Names of the functions that a query may call."`
}

// sqlRoutes are about queries of users' own over their private brains.
func (s *Server) sqlRoutes() {
	const tag, base = "SQL", "/api/sql"
	type run struct{ Body SQLQuery }
	register(s, operation{
		id: "runSQL", method: http.MethodPost, path: base, tag: tag, summary: "Query the own private brain in SQL",
		description: "Reads, and nothing else: one query, in a read-only transaction, over the caller's own tables. A result has at most 10,000 rows and 10 MiB, " +
			"a query at most 5 seconds, unless the installation says otherwise. One of a user at a time.",
		codes: []problem.Code{problem.CodeSQL, problem.CodeConflict, problem.CodeNotFound},
	}, func(ctx context.Context, user auth.User, in *run) (*struct{ Body SQLResult }, error) {
		if err := s.chargeSQL(ctx, user); err != nil {
			return nil, err
		}
		result, err := s.console.Query(ctx, user, in.Body.Query)
		if err != nil {
			return nil, err
		}
		return &struct{ Body SQLResult }{wireSQL(result)}, nil
	})

	register(s, operation{
		id: "describeSQL", method: http.MethodGet, path: base + "/schema", tag: tag, summary: "Describe the tables of a private brain",
		description: "For completion. 404: this installation has no SQL console.",
		codes:       []problem.Code{problem.CodeNotFound},
	}, func(ctx context.Context, _ auth.User, _ *struct{}) (*struct{ Body SQLSchema }, error) {
		described, err := s.console.Schema(ctx)
		if err != nil {
			return nil, err
		}
		return &struct{ Body SQLSchema }{SQLSchema{Tables: described.Tables, Functions: described.Functions}}, nil
	})
}

func wireSQL(r console.Result) SQLResult {
	return SQLResult{Columns: r.Columns, Rows: SQLRows{r.Rows}, Truncated: r.Truncated, DurationMS: r.Duration.Milliseconds()}
}

// chargeSQL comes on top of what every request is charged.
func (s *Server) chargeSQL(ctx context.Context, user auth.User) error {
	rate := s.config.Limits.SQLPerUser
	if rate.Count <= 0 {
		return nil
	}
	limit := ratelimit.Limit{Name: "sql-user", Key: "user:" + user.ID().String(), Rate: rate.Count, Period: rate.Per}
	d, err := s.limiter.Allow(ctx, limit)
	if err != nil || d.Allowed {
		return err
	}
	s.metrics.limited.WithLabelValues(limit.Name).Inc()
	return problem.New(problem.CodeRateLimited, "Too many queries in a short time; wait a moment.").After(d.RetryAfter)
}
