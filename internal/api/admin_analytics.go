package api

import (
	"context"
	"net/http"
	"time"

	"twobrains/internal/admin"
)

// AdminOverview is the wire form of admin.Overview.
type AdminOverview struct {
	Users        int64      `json:"users" doc:"Accounts that have been used."`
	BrainsBehind int64      `json:"brainsBehind" doc:"Private brains at an older version than this server's: they are migrated when their users come."`
	BrainsFailed int64      `json:"brainsFailed" doc:"Private brains that could not be opened when they were last."`
	ActiveToday  int64      `json:"activeToday" doc:"Users who have begun a reply on this UTC day."`
	RunsUnderWay int64      `json:"runsUnderWay" doc:"Replies under way."`
	Instances    int64      `json:"instances" doc:"Servers that are alive."`
	FoldedAt     *time.Time `json:"foldedAt" doc:"When the reports were last brought up to date."`
	Waiting      int64      `json:"waiting" doc:"Runs that they do not have yet."`
}

// AdminReport is the wire form of admin.Report.
type AdminReport struct {
	Since    string           `json:"since" format:"date"`
	Until    string           `json:"until" format:"date"`
	Zone     string           `json:"zone"`
	Rows     []map[string]any `json:"rows" doc:"The columns of the function of this name in the schema analytics, in camel case."`
	FoldedAt *time.Time       `json:"foldedAt" doc:"When the report was last brought up to date."`
	Waiting  int64            `json:"waiting" doc:"Runs that it does not have yet."`
}

func (s *Server) adminAnalyticsRoutes() {
	registerAdmin(s, operation{
		id: "getOverview", method: http.MethodGet, path: "/api/admin/overview", summary: "Count what there is now",
	}, func(ctx context.Context, a admin.Admin, _ *struct{}) (*struct{ Body AdminOverview }, error) {
		o, err := s.admin.Overview(ctx, a)
		return &struct{ Body AdminOverview }{AdminOverview(o)}, err
	})

	registerAdmin(s, operation{
		id: "getReport", method: http.MethodGet, path: "/api/admin/analytics/{report}", summary: "Report on all users",
		description: "By local days of a time zone. docs/analytics.md describes the columns. At most 1100 days can be asked for.",
	}, func(ctx context.Context, a admin.Admin, in *struct {
		Report string    `path:"report" enum:"active-users,retention,usage,top-users,outcomes,first-token,quota-hits,accounts"`
		Since  time.Time `query:"since" timeFormat:"2006-01-02" format:"date" doc:"First day; without, 29 days before until."`
		Until  time.Time `query:"until" timeFormat:"2006-01-02" format:"date" doc:"Last day; without, today."`
		Zone   string    `query:"zone" maxLength:"64" doc:"Name in the tz database; without, UTC." example:"Europe/Berlin"`
	}) (*struct{ Body AdminReport }, error) {
		r, err := s.admin.Report(ctx, a, in.Report, admin.Span{Since: in.Since, Until: in.Until, Zone: in.Zone})
		if err != nil {
			return nil, err
		}
		return &struct{ Body AdminReport }{AdminReport{
			Since: r.Since.Format(time.DateOnly), Until: r.Until.Format(time.DateOnly), Zone: r.Zone, Rows: r.Rows, FoldedAt: r.FoldedAt, Waiting: r.Waiting,
		}}, nil
	})
}
