package api

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"twobrains/internal/admin"
	"twobrains/internal/problem"
)

// AdminSQLQuery is a query over the public brain.
type AdminSQLQuery struct {
	Query string `json:"query" minLength:"1" maxLength:"100000" doc:"One SELECT, VALUES, TABLE or WITH … SELECT over the schemas public and analytics." example:"SELECT * FROM analytics.usage('2026-01-01', '2026-01-31', 'Europe/Berlin')"`
}

// SQLPlan is how Postgres would go about a query.
type SQLPlan struct {
	Plan string `json:"plan" doc:"The lines of EXPLAIN."`
}

// SavedQuery is the wire form of admin.SavedQuery.
type SavedQuery struct {
	ID        string    `json:"id" format:"uuid"`
	Name      string    `json:"name"`
	Query     string    `json:"query"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// SavedQueryList is all saved queries.
type SavedQueryList struct {
	Queries []SavedQuery `json:"queries" doc:"By their names."`
}

// SavedQueryText is a query as it is to be kept.
type SavedQueryText struct {
	Name  string `json:"name" minLength:"1" maxLength:"100"`
	Query string `json:"query" minLength:"1" maxLength:"100000"`
}

// SavedQueryParam names one in a path.
type SavedQueryParam struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

func wireQuery(q admin.SavedQuery) SavedQuery {
	return SavedQuery{ID: q.ID.String(), Name: q.Name, Query: q.Query, UpdatedAt: q.UpdatedAt.UTC()}
}

func (s *Server) adminSQLRoutes() {
	const base, queries = "/api/admin/sql", "/api/admin/queries"
	type run struct{ Body AdminSQLQuery }
	codes := []problem.Code{problem.CodeSQL, problem.CodeConflict}
	registerAdmin(s, operation{
		id: "runAdminSQL", method: http.MethodPost, path: base, summary: "Query the public brain in SQL",
		description: "As an analyst reads it: without secrets, and no private brain. Limits as of the SQL of users. Each query is noted in the audit before it is run.",
		codes:       codes,
	}, func(ctx context.Context, a admin.Admin, in *run) (*struct{ Body SQLResult }, error) {
		if err := s.chargeSQL(ctx, a.User()); err != nil {
			return nil, err
		}
		result, err := s.admin.RunSQL(ctx, a, in.Body.Query)
		if err != nil {
			return nil, err
		}
		return &struct{ Body SQLResult }{wireSQL(result)}, nil
	})

	registerAdmin(s, operation{
		id: "planAdminSQL", method: http.MethodPost, path: base + "/plan", summary: "Tell how a query would be gone about",
		description: "It is not run.", codes: codes,
	}, func(ctx context.Context, a admin.Admin, in *run) (*struct{ Body SQLPlan }, error) {
		if err := s.chargeSQL(ctx, a.User()); err != nil {
			return nil, err
		}
		plan, err := s.admin.PlanSQL(ctx, a, in.Body.Query)
		return &struct{ Body SQLPlan }{SQLPlan{plan}}, err
	})

	registerAdmin(s, operation{
		id: "describeAdminSQL", method: http.MethodGet, path: base + "/schema", summary: "Describe what admins can query",
	}, func(ctx context.Context, a admin.Admin, _ *struct{}) (*struct{ Body SQLSchema }, error) {
		described, err := s.admin.DescribeSQL(ctx, a)
		return &struct{ Body SQLSchema }{SQLSchema{Tables: described.Tables, Functions: described.Functions}}, err
	})

	registerAdmin(s, operation{
		id: "listSavedQueries", method: http.MethodGet, path: queries, summary: "List saved queries", description: "All admins share them.",
	}, func(ctx context.Context, a admin.Admin, _ *struct{}) (*struct{ Body SavedQueryList }, error) {
		list, err := s.admin.SavedQueries(ctx, a)
		out := SavedQueryList{make([]SavedQuery, len(list))}
		for i, q := range list {
			out.Queries[i] = wireQuery(q)
		}
		return &struct{ Body SavedQueryList }{out}, err
	})

	registerAdmin(s, operation{
		id: "saveQuery", method: http.MethodPost, path: queries, summary: "Save a query", status: http.StatusCreated, codes: []problem.Code{problem.CodeConflict},
	}, func(ctx context.Context, a admin.Admin, in *struct{ Body SavedQueryText }) (*struct{ Body SavedQuery }, error) {
		q, err := s.admin.SaveQuery(ctx, a, in.Body.Name, in.Body.Query)
		return &struct{ Body SavedQuery }{wireQuery(q)}, err
	})

	registerAdmin(s, operation{
		id: "changeQuery", method: http.MethodPut, path: queries + "/{id}", summary: "Change a saved query", codes: []problem.Code{problem.CodeConflict},
	}, func(ctx context.Context, a admin.Admin, in *struct {
		SavedQueryParam
		Body SavedQueryText
	}) (*struct{ Body SavedQuery }, error) {
		q, err := s.admin.ChangeQuery(ctx, a, admin.SavedQuery{ID: in.ID, Name: in.Body.Name, Query: in.Body.Query})
		return &struct{ Body SavedQuery }{wireQuery(q)}, err
	})

	registerAdmin(s, operation{
		id: "removeQuery", method: http.MethodDelete, path: queries + "/{id}", summary: "Remove a saved query",
	}, func(ctx context.Context, a admin.Admin, in *SavedQueryParam) (*struct{}, error) {
		return nil, s.admin.RemoveQuery(ctx, a, in.ID)
	})
}
