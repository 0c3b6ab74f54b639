package api

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"twobrains/internal/admin"
	"twobrains/internal/problem"
)

// AuditList is a page of the audit.
type AuditList struct {
	Entries    []AuditEntry `json:"entries" doc:"The newest first."`
	NextBefore *int64       `json:"nextBefore" doc:"What to give as before for the page that follows; null: this is the last."`
}

// AuditEntry is the wire form of admin.Entry.
type AuditEntry struct {
	ID        int64     `json:"id"`
	At        time.Time `json:"at"`
	Actor     string    `json:"actor" doc:"admin, or who ran a command or statement."`
	ActorID   *string   `json:"actorId" format:"uuid" doc:"The admin's account; null: it was a command or a statement of the owner."`
	Action    string    `json:"action" example:"user.suspend"`
	Subject   *string   `json:"subject" format:"uuid" doc:"The account that it was done to or about."`
	Object    *string   `json:"object" format:"uuid" doc:"The account whose private brain was written by copying the subject's."`
	Target    *string   `json:"target" doc:"What else it was done to: the id of a plan, a model, a query, an announcement."`
	Change    *object   `json:"change" doc:"The columns that changed: before and after."`
	Detail    string    `json:"detail" doc:"In words."`
	RequestID *string   `json:"requestId" doc:"Names the request in the server's log."`
}

func (s *Server) adminAuditRoutes() {
	registerAdmin(s, operation{
		id: "listAudit", method: http.MethodGet, path: "/api/admin/audit", summary: "Read what admins and operators did",
		codes: []problem.Code{problem.CodeInvalid},
	}, func(ctx context.Context, a admin.Admin, in *struct {
		Before  int64  `query:"before" minimum:"1" required:"false" doc:"Entries older than the one with this id."`
		Actor   string `query:"actor" maxLength:"200" doc:"The id of an admin, or who ran a command."`
		Subject string `query:"subject" format:"uuid" required:"false"`
		Action  string `query:"action" maxLength:"50" doc:"An action (user.suspend), or all of a kind (user)."`
		Limit   int    `query:"limit" default:"50" minimum:"1" maximum:"200"`
	}) (*struct{ Body AuditList }, error) {
		filter := admin.AuditFilter{Before: in.Before, Actor: in.Actor, Action: in.Action, Limit: in.Limit}
		if in.Subject != "" {
			filter.Subject = uuid.MustParse(in.Subject) // it has the format
		}
		entries, next, err := s.admin.Audit(ctx, a, filter)
		out := AuditList{Entries: make([]AuditEntry, len(entries))}
		if next > 0 {
			out.NextBefore = &next
		}
		for i, e := range entries {
			out.Entries[i] = AuditEntry{
				ID: e.ID, At: e.At.UTC(), Actor: e.Actor, ActorID: text(e.ActorID), Action: e.Action, Subject: text(e.Subject), Object: text(e.Object),
				Target: e.Target, Detail: e.Detail, RequestID: e.RequestID,
			}
			if e.Change != nil {
				out.Entries[i].Change = &object{e.Change}
			}
		}
		return &struct{ Body AuditList }{out}, err
	})
}

// text writes an id, or none.
func text(id *uuid.UUID) *string {
	if id == nil {
		return nil
	}
	written := id.String()
	return &written
}
