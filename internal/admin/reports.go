package admin

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"twobrains/internal/console"
	"twobrains/internal/problem"
	"twobrains/internal/tenant"
)

// reports are the functions of the schema analytics by the names that the API has for them.
var reports = map[string]string{
	"active-users": "active_users", "retention": "retention", "usage": "usage", "top-users": "top_users",
	"outcomes": "outcomes", "first-token": "first_token", "quota-hits": "quota_hits", "accounts": "accounts",
}

// ReportNames lists the reports there are.
func ReportNames() []string {
	return []string{"active-users", "retention", "usage", "top-users", "outcomes", "first-token", "quota-hits", "accounts"}
}

// Span is a range of local days, both ends included, in a zone of the tz database.
type Span struct {
	Since, Until time.Time
	Zone         string
}

const (
	// defaultSpan and maxSpan are in days; the latter is that of analytics.span.
	defaultSpan = 30
	maxSpan     = 1100
	// maxReportRows is more than a year of a hundred models has.
	maxReportRows = 50_000
)

// Report is what a function of analytics returns.
type Report struct {
	Span
	// Rows by the names of their columns in camel case; days as 2006-01-02.
	Rows []map[string]any
	// FoldedAt is when the journal was last folded into what reports read, Waiting how many rows of it have not been.
	FoldedAt *time.Time
	Waiting  int64
}

// Report makes a report over a span; where that lacks ends, over the last 30 days until today. Problems: CodeInvalid with the field;
// CodeNotFound where there is no login of the analyst, or no such report.
func (s *Service) Report(ctx context.Context, a Admin, name string, span Span) (r Report, err error) {
	function, ok := reports[name]
	switch {
	case a.IsZero():
		return r, errNotAdmin()
	case !ok:
		return r, problem.New(problem.CodeNotFound, "There is no such report.")
	}
	if r.Span, err = s.span(span); err != nil {
		return r, err
	}
	err = s.opts.DB.Analyst(ctx, func(db tenant.DBTX) error {
		// Not by sqlc, which does not know what functions return as tables.
		rows, err := db.Query(ctx, "SELECT * FROM analytics."+function+"($1::date, $2::date, $3::text) LIMIT $4", r.Since, r.Until, r.Zone, maxReportRows)
		if err != nil {
			return err
		}
		if r.Rows, err = pgx.CollectRows(rows, rowOfReport); err != nil {
			return err
		}
		return db.QueryRow(ctx, "SELECT folded_at, waiting FROM analytics.freshness").Scan(&r.FoldedAt, &r.Waiting)
	})
	if tenant.HasState(err, "22023") { // what a zone is, Postgres says
		return r, problem.New(problem.CodeInvalid, "The report cannot be given like this.").Field("zone", "is no time zone that reports can be in").Because(err)
	}
	return r, analystError(err)
}

// span fills in what was left out, and refuses what cannot be asked for.
func (s *Service) span(span Span) (Span, error) {
	invalid := problem.New(problem.CodeInvalid, "The report cannot be given like this.")
	if span.Zone == "" {
		span.Zone = "UTC"
	}
	zone, err := time.LoadLocation(span.Zone)
	if err != nil || span.Zone == "Local" || len(span.Zone) > 64 {
		return span, invalid.Field("zone", "must be the name of a time zone, such as Europe/Berlin")
	}
	if span.Until.IsZero() {
		y, m, d := s.opts.Clock().In(zone).Date()
		span.Until = time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	if span.Since.IsZero() {
		span.Since = span.Until.AddDate(0, 0, 1-defaultSpan)
	}
	days := int(span.Until.Sub(span.Since).Hours()/24) + 1
	switch {
	case span.Since.Year() < 1971:
		invalid.Field("since", "must not be before 1971")
	case span.Until.Year() > 9999:
		invalid.Field("until", "must not be after 9999")
	case days < 1:
		invalid.Field("until", "must not be before since")
	case days > maxSpan:
		invalid.Field("since", fmt.Sprintf("must not be more than %d days before until", maxSpan))
	}
	if len(invalid.Fields) > 0 {
		return span, invalid
	}
	return span, nil
}

func rowOfReport(row pgx.CollectableRow) (map[string]any, error) {
	values, err := row.Values()
	if err != nil {
		return nil, err
	}
	fields := row.FieldDescriptions()
	m := make(map[string]any, len(fields))
	for i, f := range fields {
		switch v := values[i].(type) {
		case time.Time:
			m[camel(f.Name)] = v.Format(time.DateOnly)
		case [16]byte:
			m[camel(f.Name)] = uuid.UUID(v).String()
		case pgtype.Numeric:
			n, err := v.Float64Value()
			if err != nil {
				return nil, err
			}
			if n.Valid && !math.IsNaN(n.Float64) {
				m[camel(f.Name)] = n.Float64
			} else {
				m[camel(f.Name)] = nil
			}
		default:
			m[camel(f.Name)] = v
		}
	}
	return m, nil
}

// camel makes cost_microusd into costMicrousd.
func camel(name string) string {
	words := strings.Split(name, "_")
	for i, w := range words[1:] {
		words[i+1] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, "")
}

// Overview is the platform at this moment.
type Overview struct {
	Users int64
	// BrainsBehind are at an older version than this program's, BrainsFailed could not be opened when they were last.
	BrainsBehind, BrainsFailed int64
	// ActiveToday counts users who have begun a run on this UTC day.
	ActiveToday int64
	// RunsUnderWay on all instances, and how many of those there are.
	RunsUnderWay, Instances int64
	FoldedAt                *time.Time
	Waiting                 int64
}

const sqlOverview = `SELECT count(*), count(*) FILTER (WHERE version < $1 AND version > 0), count(*) FILTER (WHERE failed_at IS NOT NULL),
  (SELECT count(*) FROM public.user_days WHERE day = floor(extract(epoch FROM now()) / 86400)::integer),
  (SELECT count(*) FROM public.run_tickets),
  (SELECT count(*) FROM public.instances WHERE heartbeat_at > now() - make_interval(secs => $2)),
  (SELECT folded_at FROM analytics.freshness), (SELECT waiting FROM analytics.freshness)
FROM public.tenants`

// Overview counts. Problem CodeNotFound where there is no login of the analyst.
func (s *Service) Overview(ctx context.Context, a Admin) (o Overview, err error) {
	if a.IsZero() {
		return o, errNotAdmin()
	}
	err = s.opts.DB.Analyst(ctx, func(db tenant.DBTX) error {
		return db.QueryRow(ctx, sqlOverview, s.opts.DB.Fleet().LatestVersion(), s.opts.InstanceTimeout.Seconds()).Scan(
			&o.Users, &o.BrainsBehind, &o.BrainsFailed, &o.ActiveToday, &o.RunsUnderWay, &o.Instances, &o.FoldedAt, &o.Waiting)
	})
	return o, analystError(err)
}

func analystError(err error) error {
	if errors.Is(err, tenant.ErrNoAnalyst) {
		return console.NoAnalyst().Because(err)
	}
	if err != nil {
		return fmt.Errorf("ask as analyst: %w", err)
	}
	return nil
}
