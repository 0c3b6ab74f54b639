// Package job does work for users in the background: durably, again after failures, and on another process when the one that had it
// dies. A job belongs to a user and stands in the public brain under their seal. Servers find it by its ticket, which names nobody;
// the user whose job it is comes out of that ticket, by package auth, and out of nothing else.
//
// It is no ready-made queue, such as River, for three reasons: that wants a pool of its own, where only the kernel holds pools; it
// keeps the user's id in plain among the arguments, where every server's login could read whose jobs there are; and it notices a dead
// worker after minutes to an hour, where this one's lease ends within half a minute.
//
// A job may run more than once, so whoever writes a Kind makes every step harmless to repeat, and notes with Run.Save where to go on.
package job

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"twobrains/internal/auth"
	"twobrains/internal/problem"
	"twobrains/internal/publicdb"
	"twobrains/internal/tenant"
)

// State of a job.
type State string

// The states. Waiting and Running ones have not ended.
const (
	Waiting   State = "waiting"
	Running   State = "running"
	Done      State = "done"
	Failed    State = "failed"
	Cancelled State = "cancelled"
)

// Job is what its user may know of a job.
type Job struct {
	ID   uuid.UUID
	Kind string
	// Name tells jobs of a kind apart that may be under way at the same time; mostly empty.
	Name       string
	State      State
	Arguments  json.RawMessage
	Checkpoint json.RawMessage
	Result     json.RawMessage
	Progress
	// Failures counts the attempts that failed, and ErrorCode says why the last one did: a problem.Code.
	Failures  int
	ErrorCode string
	// Cancelling: it is to be cancelled and has not ended yet.
	Cancelling           bool
	CreatedAt, UpdatedAt time.Time
	StartedAt, EndedAt   *time.Time
}

// Ended reports whether nothing is done for it any more.
func (j Job) Ended() bool { return j.EndedAt != nil }

// Progress says how far a job is.
type Progress struct {
	// Phase is a word of the kind's own, 50 bytes at most.
	Phase string
	// Done of Total, in units of the kind's own; Total 0: not known.
	Done, Total int64
}

// Kind is a sort of job.
type Kind struct {
	// Name is stored with each job; 50 bytes at most.
	Name string
	// Work does the job or what is left of it. ctx ends when the job is cancelled, was taken away or the process stops; Work then
	// returns soon, with any error. Another error has it tried again, unless Permanent says no. The result is kept as JSON.
	Work func(ctx context.Context, r *Run) (result any, err error)
	// Parallel is how many of the kind a process does at once; 0: as many as it has workers.
	Parallel int
	// MaxFailures is after how many failed attempts the job has failed. Default 10; below 0 it is tried for ever.
	MaxFailures int
	// Keep is how many ended jobs of the kind a user keeps. Default 5.
	Keep int
	// OfDeleted: the user is one whose account is being deleted. Nobody can be them any more, so Run.User is zero, and the books are
	// kept as the owner.
	OfDeleted bool
}

// Options configure a Queue. DB, Tickets and InstanceID are required.
type Options struct {
	DB      *tenant.DB
	Tickets *auth.Tickets
	// InstanceID names this process in the leases it holds.
	InstanceID uuid.UUID
	// Workers is how many jobs a process does at once. Default 2.
	Workers int
	// Lease is how long a process that gives no sign of life keeps a job; it gives three in that time. Default 30 s.
	Lease time.Duration
	// Poll is how often other processes' jobs are looked for. Default 5 s.
	Poll time.Duration
	// Backoff is the wait after so many failures. Default: two seconds, doubling to ten minutes.
	Backoff func(failures int) time.Duration
	// Clock is time.Now unless a test says otherwise. When jobs are due and leases end, the database's clock decides.
	Clock      func() time.Time
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Queue keeps and does jobs. It is safe for concurrent use.
type Queue struct {
	opts    Options
	log     *slog.Logger
	now     func() time.Time
	queries *publicdb.Queries
	metrics *metrics
	kinds   map[string]Kind
	names   []string
	wake    chan struct{}

	mu sync.Mutex
	// busy are the jobs that this process has, by kind; resting those that it leaves alone for a while.
	busy    map[uuid.UUID]string
	resting map[uuid.UUID]rest
	work    sync.WaitGroup
}

// New makes a Queue. It can do nothing before kinds are registered, and does nothing before Run.
func New(opts Options) (*Queue, error) {
	if opts.DB == nil || opts.Tickets == nil || opts.InstanceID == uuid.Nil {
		return nil, errors.New("make job queue: database, tickets and instance id are required")
	}
	opts = withDefaults(opts)
	return &Queue{
		opts: opts, log: opts.Logger, now: opts.Clock, queries: publicdb.New(), metrics: newMetrics(opts.Registerer),
		kinds: map[string]Kind{}, wake: make(chan struct{}, 1), busy: map[uuid.UUID]string{}, resting: map[uuid.UUID]rest{},
	}, nil
}

// Register has the Queue do a kind of jobs. It comes before everything else.
func (q *Queue) Register(k Kind) error {
	if k.Name == "" || len(k.Name) > 50 || k.Work == nil {
		return fmt.Errorf("register kind %q of jobs: it needs a name and a Work", k.Name)
	}
	if _, twice := q.kinds[k.Name]; twice {
		return fmt.Errorf("register kind %q of jobs: there is one of that name", k.Name)
	}
	k.Parallel = cmp.Or(k.Parallel, q.opts.Workers)
	k.MaxFailures = cmp.Or(k.MaxFailures, 10)
	k.Keep = cmp.Or(k.Keep, 5)
	q.kinds[k.Name] = k
	q.names = append(q.names, k.Name)
	return nil
}

// Request is a job to be done.
type Request struct {
	Kind string
	// Name: a user has one job of a kind and name at a time. 100 bytes at most.
	Name string
	// Arguments become JSON, which the user may see: no secrets.
	Arguments any
	// After is how long it is put off.
	After time.Duration
}

// Add queues, in a transaction of the user's brain, what adds a job. If the user has one of that kind and name that has not ended, it
// is that one. Wake, once the transaction is over, spares the job a wait.
func (q *Queue) Add(ctx context.Context, tx *tenant.Tx, user auth.User, r Request) (*Added, error) {
	kind, ok := q.kinds[r.Kind]
	if !ok || kind.OfDeleted {
		return nil, fmt.Errorf("add job: no kind %q", r.Kind)
	}
	arguments := []byte("{}")
	if r.Arguments != nil {
		var err error
		if arguments, err = json.Marshal(r.Arguments); err != nil {
			return nil, fmt.Errorf("add job: write arguments: %w", err)
		}
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("add job: %w", err)
	}
	ticket, err := q.opts.Tickets.IssueJob(user, id)
	if err != nil {
		return nil, fmt.Errorf("add job: %w", err)
	}
	a := &Added{id: id}
	tenant.QueueExec(tx, func(db tenant.DBTX) error {
		return q.queries.JobForget(ctx, db, publicdb.JobForgetParams{Kind: r.Kind, Keep: int32(kind.Keep)})
	})
	a.row = tenant.Queue(tx, func(db tenant.DBTX) (publicdb.JobAddRow, error) {
		return q.queries.JobAdd(ctx, db, publicdb.JobAddParams{ID: id, Kind: r.Kind, Name: r.Name, Arguments: string(arguments)})
	})
	tenant.QueueExec(tx, func(db tenant.DBTX) error {
		return q.queries.JobTicketAdd(ctx, db, publicdb.JobTicketAddParams{
			ID: id, Ciphertext: ticket.Ciphertext, KeyID: ticket.KeyID, Seconds: r.After.Seconds(),
		})
	})
	return a, nil
}

// Added is a job that a transaction has added.
type Added struct {
	id  uuid.UUID
	row *tenant.Result[publicdb.JobAddRow]
}

// Job returns it, for use after the transaction, and says whether it is new.
func (a *Added) Job() (job Job, created bool) {
	row := a.row.Value()
	return jobOf(publicdb.JobGetRow(row)), row.ID == a.id
}

// Enqueue is Add in a transaction of its own, and Wake.
func (q *Queue) Enqueue(ctx context.Context, user auth.User, r Request) (job Job, created bool, err error) {
	var added *Added
	err = q.opts.DB.Tx(ctx, user, func(tx *tenant.Tx) error {
		added, err = q.Add(ctx, tx, user, r)
		return err
	})
	if err != nil {
		return Job{}, false, err
	}
	q.Wake()
	job, created = added.Job()
	return job, created, nil
}

// Get returns a user's job; problem.CodeNotFound if there is none.
func (q *Queue) Get(ctx context.Context, user auth.User, id uuid.UUID) (Job, error) {
	var row *tenant.Result[publicdb.JobGetRow]
	err := q.opts.DB.Tx(ctx, user, func(tx *tenant.Tx) error {
		row = tenant.Queue(tx, func(db tenant.DBTX) (publicdb.JobGetRow, error) { return q.queries.JobGet(ctx, db, id) })
		return nil
	})
	if err != nil {
		return Job{}, err
	}
	if errors.Is(row.Err(), pgx.ErrNoRows) {
		return Job{}, errNoJob()
	}
	return jobOf(row.Value()), nil
}

// List returns a user's jobs of a kind, newest first.
func (q *Queue) List(ctx context.Context, user auth.User, kind string, limit int) ([]Job, error) {
	var rows *tenant.Result[[]publicdb.JobListRow]
	err := q.opts.DB.Tx(ctx, user, func(tx *tenant.Tx) error {
		rows = tenant.Queue(tx, func(db tenant.DBTX) ([]publicdb.JobListRow, error) {
			return q.queries.JobList(ctx, db, publicdb.JobListParams{Kind: kind, MaxRows: int32(min(max(limit, 1), 1000))})
		})
		return nil
	})
	if err != nil {
		return nil, err
	}
	jobs := make([]Job, len(rows.Value()))
	for i, row := range rows.Value() {
		jobs[i] = jobOf(publicdb.JobGetRow(row))
	}
	return jobs, nil
}

// Cancel ends a user's job: at once if nobody works at it, else as soon as who does notices. problem.CodeNotFound if there is none
// that has not ended.
func (q *Queue) Cancel(ctx context.Context, user auth.User, id uuid.UUID) error {
	var row *tenant.Result[string]
	err := q.opts.DB.Tx(ctx, user, func(tx *tenant.Tx) error {
		row = tenant.Queue(tx, func(db tenant.DBTX) (string, error) { return q.queries.JobCancel(ctx, db, id) })
		return nil
	})
	if err == nil && errors.Is(row.Err(), pgx.ErrNoRows) {
		err = errNoJob()
	}
	return err
}

func errNoJob() error { return problem.New(problem.CodeNotFound, "There is no such job.") }

func jobOf(r publicdb.JobGetRow) Job {
	j := Job{
		ID: r.ID, Kind: r.Kind, Name: r.Name, State: State(r.State), Arguments: r.Arguments, Checkpoint: r.Checkpoint, Result: r.Result,
		Progress: Progress{Phase: r.Phase, Done: r.Progress, Total: r.Total}, Failures: int(r.Failures), Cancelling: r.Cancelling && r.FinishedAt == nil,
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, StartedAt: r.StartedAt, EndedAt: r.FinishedAt,
	}
	if r.ErrorCode != nil {
		j.ErrorCode = *r.ErrorCode
	}
	return j
}

func withDefaults(o Options) Options {
	o.Workers = cmp.Or(o.Workers, 2)
	o.Lease = cmp.Or(o.Lease, 30*time.Second)
	o.Poll = cmp.Or(o.Poll, 5*time.Second)
	if o.Backoff == nil {
		o.Backoff = func(failures int) time.Duration { return min(time.Second<<min(max(failures, 1), 16), 10*time.Minute) }
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}
