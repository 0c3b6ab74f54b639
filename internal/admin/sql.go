package admin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"twobrains/internal/console"
	"twobrains/internal/problem"
	"twobrains/internal/publicdb"
	"twobrains/internal/tenant"
)

// RunSQL runs an admin's query over the public brain, as an analyst reads it, and notes it before. Errors as of console.Console.Query.
func (s *Service) RunSQL(ctx context.Context, a Admin, sql string) (console.Result, error) {
	if err := s.Note(ctx, a, Note{Action: "sql.run", Detail: noted(sql)}); err != nil {
		return console.Result{}, err
	}
	return s.opts.Console.Query(ctx, a.user, sql)
}

// PlanSQL tells how Postgres would go about a query, which is not run, and notes it likewise.
func (s *Service) PlanSQL(ctx context.Context, a Admin, sql string) (string, error) {
	if err := s.Note(ctx, a, Note{Action: "sql.plan", Detail: noted(sql)}); err != nil {
		return "", err
	}
	return s.opts.Console.Plan(ctx, a.user, sql)
}

// DescribeSQL tells what can be queried.
func (s *Service) DescribeSQL(ctx context.Context, a Admin) (console.Description, error) {
	if a.IsZero() {
		return console.Description{}, errNotAdmin()
	}
	return s.opts.Console.Schema(ctx)
}

// noted is a query as the audit can hold it: what cannot be text is no query either.
func noted(sql string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(sql, "\ufffd"), "\x00", "\ufffd")
}

// SavedQuery is a query that admins keep; they share them.
type SavedQuery struct {
	ID          uuid.UUID
	Name, Query string
	UpdatedAt   time.Time
}

// maxQueryName is counted in characters.
const maxQueryName = 100

// SavedQueries lists them by name.
func (s *Service) SavedQueries(ctx context.Context, a Admin) ([]SavedQuery, error) {
	var rows *tenant.Result[[]publicdb.SavedQueryListRow]
	err := s.Tx(ctx, a, func(tx *tenant.Tx) error {
		rows = tenant.Queue(tx, func(db tenant.DBTX) ([]publicdb.SavedQueryListRow, error) { return s.q.SavedQueryList(ctx, db) }).Public()
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list saved queries: %w", err)
	}
	list := make([]SavedQuery, len(rows.Value()))
	for i, r := range rows.Value() {
		list[i] = SavedQuery(r)
	}
	return list, nil
}

// SaveQuery keeps a query under a name. Problems: CodeInvalid; CodeConflict: the name is taken.
func (s *Service) SaveQuery(ctx context.Context, a Admin, name, query string) (SavedQuery, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return SavedQuery{}, fmt.Errorf("make id: %w", err)
	}
	return s.writeQuery(ctx, a, SavedQuery{ID: id, Name: name, Query: query}, func(db tenant.DBTX, q SavedQuery) (time.Time, error) {
		return s.q.SavedQueryAdd(ctx, db, publicdb.SavedQueryAddParams{ID: q.ID, Name: q.Name, Query: q.Query})
	})
}

// ChangeQuery puts another in the place of the one with its id. Problems as of SaveQuery; CodeNotFound: there is none.
func (s *Service) ChangeQuery(ctx context.Context, a Admin, q SavedQuery) (SavedQuery, error) {
	return s.writeQuery(ctx, a, q, func(db tenant.DBTX, q SavedQuery) (time.Time, error) {
		return s.q.SavedQueryChange(ctx, db, publicdb.SavedQueryChangeParams{ID: q.ID, Name: q.Name, Query: q.Query})
	})
}

func (s *Service) writeQuery(ctx context.Context, a Admin, q SavedQuery, write func(tenant.DBTX, SavedQuery) (time.Time, error)) (SavedQuery, error) {
	invalid := problem.New(problem.CodeInvalid, "The query cannot be kept like this.")
	q.Name = strings.TrimSpace(q.Name)
	if n := utf8.RuneCountInString(q.Name); n < 1 || n > maxQueryName || strings.ContainsRune(q.Name, 0) {
		invalid.Field("name", fmt.Sprintf("must have 1 to %d characters", maxQueryName))
	}
	if len(q.Query) < 1 || len(q.Query) > console.MaxSQL || strings.ContainsRune(q.Query, 0) {
		invalid.Field("query", fmt.Sprintf("must have 1 to %d bytes", console.MaxSQL))
	}
	if len(invalid.Fields) > 0 {
		return SavedQuery{}, invalid
	}
	var at *tenant.Result[time.Time]
	err := s.Tx(ctx, a, func(tx *tenant.Tx) error {
		at = tenant.Queue(tx, func(db tenant.DBTX) (time.Time, error) { return write(db, q) }).Public()
		if _, err := at.Get(); errors.Is(err, pgx.ErrNoRows) {
			return errNoQuery()
		}
		return nil
	})
	if tenant.IsUnique(err) {
		return SavedQuery{}, problem.New(problem.CodeConflict, "There is a query of this name.").Because(err)
	}
	q.UpdatedAt = at.Value()
	return q, err
}

// RemoveQuery removes one. Problem CodeNotFound: there is none.
func (s *Service) RemoveQuery(ctx context.Context, a Admin, id uuid.UUID) error {
	return s.changeOne(ctx, a, errNoQuery, func(db tenant.DBTX) (int64, error) { return s.q.SavedQueryRemove(ctx, db, id) })
}

func errNoQuery() *problem.Error { return problem.New(problem.CodeNotFound, "There is no such query.") }
