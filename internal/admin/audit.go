package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"

	"twobrains/internal/publicdb"
	"twobrains/internal/tenant"
)

// Bounds of a page of the audit.
const (
	DefaultAudit = 50
	MaxAudit     = 200
)

// AuditFilter says which entries are wanted. The zero value is the newest of all.
type AuditFilter struct {
	// Before is the id of an entry; those that are older are given. 0: the newest.
	Before int64
	// Actor is the id of an admin, or who ran a command; empty: anybody.
	Actor string
	// Subject is the account that it was done to or about; nil: any, or none.
	Subject uuid.UUID
	// Action, "user.suspend", or all that begin with it and a dot, "user"; empty: any.
	Action string
	// Limit, 1 to MaxAudit; 0: DefaultAudit.
	Limit int
}

// Entry of the audit.
type Entry struct {
	ID int64
	At time.Time
	// Actor is "admin", or who ran a command or statement; ActorID is the admin's account.
	Actor   string
	ActorID *uuid.UUID
	Action  string
	// Subject is the account that it was done to or about; Object whose private brain was written by copying that one's.
	Subject, Object *uuid.UUID
	// Target is the id of what else it was done to.
	Target *string
	// Change has the columns that changed, {"before": {…}, "after": {…}}; nil: none.
	Change    json.RawMessage
	Detail    string
	RequestID *string
}

// Audit lists entries, the newest first; next is the Before of the page that follows, 0 after the last one.
func (s *Service) Audit(ctx context.Context, a Admin, f AuditFilter) (entries []Entry, next int64, err error) {
	limit := f.Limit
	if limit == 0 {
		limit = DefaultAudit
	}
	limit = min(max(limit, 1), MaxAudit)
	p := publicdb.AdminAuditParams{Before: f.Before, MaxRows: int32(limit) + 1}
	if p.Before <= 0 {
		p.Before = math.MaxInt64
	}
	if id, err := uuid.Parse(f.Actor); err == nil {
		p.ActorID = &id
	} else if f.Actor != "" {
		p.Actor = &f.Actor
	}
	if f.Subject != uuid.Nil {
		p.Subject = &f.Subject
	}
	if f.Action != "" {
		p.Action = &f.Action
	}
	var rows *tenant.Result[[]publicdb.AdminAuditRow]
	err = s.Tx(ctx, a, func(tx *tenant.Tx) error {
		rows = tenant.Queue(tx, func(db tenant.DBTX) ([]publicdb.AdminAuditRow, error) { return s.q.AdminAudit(ctx, db, p) }).Public()
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("read audit: %w", err)
	}
	for i, r := range rows.Value() {
		if i == limit {
			next = entries[limit-1].ID
			break
		}
		entries = append(entries, Entry{
			ID: r.ID, At: r.At, Actor: r.Actor, ActorID: r.ActorID, Action: r.Action, Subject: r.Subject, Object: r.Object, Target: r.Target,
			Change: r.Change, Detail: r.Detail, RequestID: r.RequestID,
		})
	}
	return entries, next, nil
}
