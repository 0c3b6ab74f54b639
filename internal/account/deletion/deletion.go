// Package deletion deletes accounts: so that nobody can be them from one moment on, and nothing is left of them in the end, whatever
// fails in between.
//
// The first step is a tombstone, set in one transaction with the job that does the rest (package tenant, Condemn). The other steps can
// each be done any number of times; the tombstone's row says which one is next, so any server goes on where another one died. It is the
// receipt as well, and does not say whose account it was.
package deletion

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"twobrains/internal/auth"
	"twobrains/internal/job"
	"twobrains/internal/problem"
	"twobrains/internal/secret"
	"twobrains/internal/tenant"
)

// Kind of the job.
const Kind = "deletion"

// Step is a part of a deletion.
type Step string

// The steps, in their order.
const (
	// StepRuns stops replies that are still being made.
	StepRuns Step = "runs"
	// StepIdentity removes identity and sessions from Kratos.
	StepIdentity Step = "identity"
	// StepSchema drops the private brain.
	StepSchema Step = "schema"
	// StepRows removes the rows of the public brain; what was used goes into one heap with that of all deleted accounts.
	StepRows Step = "rows"
	// StepMails removes the mails that Kratos keeps.
	StepMails Step = "mails"
	// StepReceipt forgets the last that names the account.
	StepReceipt Step = "receipt"
	// Done is what comes after the last one.
	Done Step = "done"
)

var order = []Step{StepRuns, StepIdentity, StepSchema, StepRows, StepMails, StepReceipt, Done}

// Steps lists them in their order, Done excluded.
func Steps() []Step { return order[:len(order)-1] }

// What became of the mails that were sent to the account.
const (
	MailsPurged = "purged"
	// MailsKept: nothing lets us into Kratos's database, so its operator removes them.
	MailsKept = "kept"
)

// Options configure a Service. DB, Jobs, Tickets, Keys and Kratos are required.
type Options struct {
	DB      *tenant.DB
	Jobs    *job.Queue
	Tickets *auth.Tickets
	// Keys seal the addresses of accounts until their mails are gone.
	Keys   *secret.KeyRing
	Kratos *auth.Eraser
	// Stop ends the replies of a user and waits until they are accounted for; nil: there are none.
	Stop func(ctx context.Context, user auth.User) error
	// Signal asks the process that makes a reply to stop it, without any certainty; nil: it learns of it later.
	Signal func(ctx context.Context, runID string) error
	// StopWait is how long processes take at most to learn that they are to stop a reply. Default 10 s.
	StopWait time.Duration
	// FreshFor is how long after signing in a session may ask for a deletion. Default 10 minutes.
	FreshFor time.Duration
	Clock    func() time.Time
	Logger   *slog.Logger
}

// Service deletes accounts. It is safe for concurrent use.
type Service struct {
	opts Options
	log  *slog.Logger
	now  func() time.Time
}

// New makes a Service and registers its kind of job.
func New(o Options) (*Service, error) {
	if o.DB == nil || o.Jobs == nil || o.Tickets == nil || o.Keys == nil || o.Kratos == nil {
		return nil, errors.New("make deletion service: database, jobs, tickets, keys and Kratos are required")
	}
	o.StopWait, o.FreshFor = cmp.Or(o.StopWait, 10*time.Second), cmp.Or(o.FreshFor, 10*time.Minute)
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	s := &Service{opts: o, log: o.Logger, now: o.Clock}
	return s, o.Jobs.Register(job.Kind{Name: Kind, Work: s.work, MaxFailures: -1, OfDeleted: true})
}

// Receipt is what may be known of a deletion by whoever has its id.
type Receipt struct {
	ID          uuid.UUID
	RequestedAt time.Time
	// Step is the one under way, or Done.
	Step  Step
	Steps []StepDone
	// Mails is MailsPurged or MailsKept once it is known.
	Mails string
	// ErrorCode says why the step under way could not be done yet: a problem.Code.
	ErrorCode  string
	FinishedAt *time.Time
}

// StepDone is a step that was done.
type StepDone struct {
	Step Step
	At   time.Time
}

// stopPatience bounds how long a request waits for replies to be stopped before the account is closed all the same.
const stopPatience = 8 * time.Second

// errNotFresh asks for a new sign-in.
func errNotFresh(limit time.Duration) error {
	return problem.Newf(problem.CodeReauthenticationRequired, "Sign in again to delete the account: the last time must not be longer ago than %d minutes.", int(limit.Minutes()))
}

// Request deletes the account of a user, who confirms it by the address of their account (its id, if it has none). From when it
// returns nobody can use the account. Problems: CodeReauthenticationRequired if they signed in too long ago, CodeInvalid if the
// confirmation does not fit. If the account is being deleted already, that is the receipt.
func (s *Service) Request(ctx context.Context, user auth.User, confirm string) (Receipt, error) {
	if user.IsZero() {
		return Receipt{}, errors.New("delete account: no user")
	}
	since := s.now().Sub(user.AuthenticatedAt())
	if user.AuthenticatedAt().IsZero() || since > s.opts.FreshFor {
		return Receipt{}, errNotFresh(s.opts.FreshFor)
	}
	if !strings.EqualFold(strings.TrimSpace(confirm), cmp.Or(user.Email(), user.ID().String())) {
		return Receipt{}, problem.New(problem.CodeInvalid, "The confirmation does not fit.").Field("confirm", "must be the e-mail address of the account")
	}
	if s.opts.Stop != nil {
		// What replies have used so far is counted while there is somebody to count it for.
		stopping, cancel := context.WithTimeout(ctx, stopPatience)
		if err := s.opts.Stop(stopping, user); err != nil && !problem.HasCode(err, problem.CodeAccountDeleted) {
			s.log.Warn("stopping the replies of an account that is to be deleted", "error", err)
		}
		cancel()
	}
	d, created, err := s.condemn(ctx, user.ID(), "user")
	if err != nil {
		return Receipt{}, err
	}
	if created {
		s.opts.Kratos.Forget(user.ID())
		s.opts.Jobs.Wake()
	}
	return receiptOf(d)
}

// ByOperator closes an account for its deletion; created is false if that had been done before. The job is there for any server;
// Perform does it at once.
func (s *Service) ByOperator(ctx context.Context, account uuid.UUID) (r Receipt, created bool, err error) {
	d, created, err := s.condemn(ctx, account, "operator")
	if err != nil {
		return Receipt{}, false, err
	}
	if created {
		s.opts.Kratos.Forget(account)
	}
	r, err = receiptOf(d)
	return r, created, err
}

func (s *Service) condemn(ctx context.Context, account uuid.UUID, by string) (tenant.Deletion, bool, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return tenant.Deletion{}, false, fmt.Errorf("name job: %w", err)
	}
	ticket, err := s.opts.Tickets.IssueDeletion(account, id)
	if err != nil {
		return tenant.Deletion{}, false, err
	}
	return s.opts.DB.Condemn(ctx, account, tenant.Condemnation{By: by, Step: string(order[0]), Job: id, Kind: Kind, Ticket: ticket})
}

// Perform goes on with the deletion of an account until it is finished or ctx ends, beside the servers that may do so as well.
func (s *Service) Perform(ctx context.Context, account uuid.UUID, onStep func(Receipt)) (Receipt, error) {
	condemned := s.opts.DB.Condemned(account)
	for last := Step(""); ; {
		d, err := condemned.Deletion(ctx)
		if err != nil {
			return Receipt{}, err
		}
		r, err := receiptOf(d)
		if err != nil || r.FinishedAt != nil {
			return r, err
		}
		if r.Step != last && onStep != nil {
			onStep(r)
		}
		last = r.Step
		id, err := condemned.Job(ctx, Kind)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return r, err
		}
		// Without a job somebody has just finished it.
		if done, failed := s.opts.Jobs.Do(ctx, id); err == nil && failed == nil && done {
			continue
		}
		select {
		case <-time.After(500 * time.Millisecond):
		case <-ctx.Done():
			return r, ctx.Err()
		}
	}
}

// Receipt returns what is known of a deletion. Problem CodeNotFound: there is no such receipt.
func (s *Service) Receipt(ctx context.Context, id uuid.UUID) (Receipt, error) {
	d, err := s.opts.DB.Receipt(ctx, id)
	if errors.Is(err, tenant.ErrNoDeletion) {
		return Receipt{}, problem.New(problem.CodeNotFound, "There is no such receipt.")
	}
	if err != nil {
		return Receipt{}, err
	}
	return receiptOf(d)
}

func receiptOf(d tenant.Deletion) (Receipt, error) {
	r := Receipt{ID: d.Receipt, RequestedAt: d.RequestedAt, Step: Step(d.Step), Mails: d.Mails, ErrorCode: d.ErrorCode, FinishedAt: d.FinishedAt}
	var at map[Step]time.Time
	if err := json.Unmarshal(d.Steps, &at); err != nil {
		return Receipt{}, fmt.Errorf("read steps: %w", err)
	}
	for _, step := range Steps() {
		if t, done := at[step]; done {
			r.Steps = append(r.Steps, StepDone{step, t.UTC()})
		}
	}
	return r, nil
}
