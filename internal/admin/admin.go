// Package admin is what the people who run the platform may do from the app: look after users, plans and models, and read what was
// done. Who is an admin stands in the public brain behind the seal, where only the command line puts it; an Admin is made by Admit alone,
// so whoever holds one has been through a session and that table. It does not replace the database's own judgement: rows that admins
// write are open to nobody else by policy, what concerns other accounts goes through functions that ask again, and each of them opens
// nothing private. Every act leaves an entry in the audit, in the transaction that does it or before it.
package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"twobrains/internal/auth"
	"twobrains/internal/console"
	"twobrains/internal/problem"
	"twobrains/internal/publicdb"
	"twobrains/internal/tenant"
)

// Admin is a user who administers the platform, for one request. Only Admit makes one; the zero value is nobody.
type Admin struct {
	user    auth.User
	request string
}

// User is who it is.
func (a Admin) User() auth.User { return a.user }

// ID is the user's.
func (a Admin) ID() uuid.UUID { return a.user.ID() }

// IsZero reports whether a is nobody.
func (a Admin) IsZero() bool { return a.user.IsZero() }

// errNotAdmin is what Admit says of everybody else. It is a CodeNotFound: that there is anything to administer is not told.
func errNotAdmin() *problem.Error {
	return problem.New(problem.CodeNotFound, "There is nothing at this address.")
}

// Is reports whether a user is an admin.
func (s *Service) Is(ctx context.Context, user auth.User) (bool, error) {
	var row *tenant.Result[bool]
	err := s.db.Tx(ctx, user, func(tx *tenant.Tx) error {
		row = tenant.Queue(tx, func(db tenant.DBTX) (bool, error) { return s.q.AdminAdmit(ctx, db) }).Public()
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("ask who is an admin: %w", err)
	}
	return row.Value(), nil
}

// Admit makes an admin of a user who is one: in one round trip, and so that one who is revoked is so at once. Problem CodeNotFound: the
// user is not.
func (s *Service) Admit(ctx context.Context, user auth.User) (Admin, error) {
	if user.IsZero() {
		return Admin{}, errNotAdmin()
	}
	is, err := s.Is(ctx, user)
	switch {
	case problem.HasCode(err, problem.CodeAccountDeleted):
		return Admin{}, errNotAdmin()
	case err != nil:
		return Admin{}, err
	case !is:
		return Admin{}, errNotAdmin()
	}
	return Admin{user: user, request: s.opts.Request(ctx)}, nil
}

// SQLSTATEs that the database refuses with.
const (
	stateNotAdmin   = "TB403"
	stateNoAccount  = "TB404"
	stateDenied     = "42501"
	stateForeignKey = "23503"
)

// uniquePlanDefault is the index that lets one plan be the default one.
const uniquePlanDefault = "plans_default"

// Tx runs fn in one transaction that is bound to the admin, as tenant.Brain.Tx does. What it changes of the tables that admins write is
// noted in the audit by the database, under the admin's name and the request's id. Queries of the public brain are best queued with
// Public. Problem CodeNotFound: not an admin any more, or there is no such account.
func (s *Service) Tx(ctx context.Context, a Admin, fn func(*tenant.Tx) error) error {
	if a.IsZero() {
		return errNotAdmin()
	}
	err := s.db.Tx(ctx, a.user, func(tx *tenant.Tx) error {
		tenant.QueueExec(tx, func(db tenant.DBTX) error { return s.q.AdminRequest(ctx, db, a.request) }).Public()
		return fn(tx)
	})
	switch {
	case tenant.HasState(err, stateNotAdmin), tenant.HasState(err, stateDenied):
		return errNotAdmin().Because(err)
	case tenant.HasState(err, stateNoAccount):
		return errNoAccount().Because(err)
	}
	return err
}

// Note is an entry of the audit.
type Note struct {
	// Action is a noun and a verb, "user.view": 50 characters at most.
	Action string
	// Subject is the account that it is done to or about; nil: none.
	Subject uuid.UUID
	// Target is what else it is done to, 300 characters at most; empty: nothing.
	Target string
	// Detail is in words, of which 100,000 characters are kept. Analysts do not read it.
	Detail string
}

// QueueNote puts an entry into the audit, in the transaction that the entry is about.
func (s *Service) QueueNote(ctx context.Context, tx *tenant.Tx, a Admin, n Note) {
	p := publicdb.AdminNoteParams{Action: n.Action, Detail: n.Detail, Request: &a.request}
	if n.Subject != uuid.Nil {
		p.Subject = &n.Subject
	}
	if n.Target != "" {
		p.Target = &n.Target
	}
	tenant.QueueExec(tx, func(db tenant.DBTX) error { return s.q.AdminNote(ctx, db, p) }).Public()
}

// Note puts an entry into the audit at once: before an act that the database does not do itself.
func (s *Service) Note(ctx context.Context, a Admin, n Note) error {
	err := s.Tx(ctx, a, func(tx *tenant.Tx) error {
		s.QueueNote(ctx, tx, a, n)
		return nil
	})
	if err != nil {
		return fmt.Errorf("note in the audit: %w", err)
	}
	return nil
}

func errNoAccount() *problem.Error {
	return problem.New(problem.CodeNotFound, "There is no such account.")
}

// Options configure a Service. DB, Kratos and Models are required.
type Options struct {
	DB     *tenant.DB
	Kratos *auth.Directory
	// Request names the request that a context belongs to, for the audit; nil: it has no name.
	Request func(context.Context) string
	// Models are those of this installation.
	Models *ModelWatch
	// Signal asks the process that makes a reply to stop it, without any certainty; nil: it learns of it later.
	Signal func(ctx context.Context, runID string) error
	// Configured are the limits of who has no plan.
	Configured Limits
	Logger     *slog.Logger
	// Clock is time.Now unless a test says otherwise.
	Clock func() time.Time
	// Console runs admins' SQL over the public brain.
	Console *console.Console
	// InstanceTimeout is how long a server may give no sign of life before it counts as dead.
	InstanceTimeout time.Duration
}

// Service is what admins do. It is safe for concurrent use.
type Service struct {
	opts Options
	db   *tenant.DB
	q    *publicdb.Queries
	// shown is what is remembered of the announcements.
	shown shown
}

// New makes a Service.
func New(o Options) (*Service, error) {
	if o.DB == nil || o.Kratos == nil || o.Models == nil {
		return nil, errors.New("make administration: a database, Kratos and models are required")
	}
	if o.Signal == nil {
		o.Signal = func(context.Context, string) error { return nil }
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Request == nil {
		o.Request = func(context.Context) string { return "" }
	}
	return &Service{opts: o, db: o.DB, q: publicdb.New()}, nil
}
