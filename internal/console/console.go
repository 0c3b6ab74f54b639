// Package console answers queries that users write in SQL, over their own private brain and nothing else.
//
// What keeps users apart is below: the kernel runs the text on a login of its own, through the seals, in a read-only transaction, as
// what can only be a query (tenant.Brain.Console). Above it, this package refuses what a query has no business with (guard),
// bounds how many run at once, how long they run and how much they return, and turns rows into JSON.
package console

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"golang.org/x/sync/semaphore"

	"twobrains/internal/auth"
	"twobrains/internal/problem"
	"twobrains/internal/tenant"
)

// Options of a Console; DB is required. With Analyst it answers admins' queries over the public brain instead: the text runs on the
// analyst's login (tenant.DB.AnalystQuery), which reads that without secrets, and no private brain.
type Options struct {
	DB      *tenant.DB
	Analyst bool
	// Timeout of a query. Default 5 s.
	Timeout time.Duration
	// MaxRows and MaxBytes (of JSON) of a result. Defaults 10,000 and 10 MiB.
	MaxRows, MaxBytes int
	// MaxRowBytes is the longest row that is read, in bytes as it comes from Postgres; it should have room for the largest attachment.
	// Default 32 MiB, and at least MaxBytes.
	MaxRowBytes int
	// Queries run at once in this process. Default 4.
	Queries int
	// Patience is how long a query waits for its turn. Default 2 s.
	Patience time.Duration
	// Clock is time.Now unless a test says otherwise.
	Clock func() time.Time
}

// Console runs queries. It is safe for concurrent use.
type Console struct {
	opts  Options
	slots *semaphore.Weighted
	now   func() time.Time
	// unguarded leaves the guard out: for the tests of what is below it.
	unguarded bool

	mu      sync.Mutex
	running map[uuid.UUID]bool

	words vocabularyCache
}

// New makes a Console.
func New(o Options) *Console {
	if o.Timeout <= 0 {
		o.Timeout = 5 * time.Second
	}
	if o.MaxRows <= 0 {
		o.MaxRows = 10_000
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 10 << 20
	}
	if o.MaxRowBytes <= 0 {
		o.MaxRowBytes = 32 << 20
	}
	if o.Queries <= 0 {
		o.Queries = 4
	}
	if o.Patience <= 0 {
		o.Patience = 2 * time.Second
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	o.MaxRowBytes = max(o.MaxRowBytes, o.MaxBytes)
	return &Console{opts: o, slots: semaphore.NewWeighted(int64(o.Queries)), now: o.Clock, running: map[uuid.UUID]bool{}}
}

// Column of a result.
type Column struct {
	Name string `json:"name"`
	// Type as Postgres writes it: "timestamp with time zone".
	Type string `json:"type"`
}

// Result of a query.
type Result struct {
	Columns []Column
	// Rows is a JSON array of arrays, one value per column (see encoder).
	Rows json.RawMessage
	// Count is the number of rows.
	Count int
	// Truncated: there is more than the limits let through.
	Truncated bool
	Duration  time.Duration
}

// limits of one query.
type limits struct{ rows, bytes int }

// Query runs a query of the user's. Errors are *problem.Error: CodeSQL with what is wrong with the query, CodeConflict while another
// of the same user runs, CodeBusy while too many others do, CodeNotFound where there is no console.
func (c *Console) Query(ctx context.Context, user auth.User, sql string) (Result, error) {
	return c.query(ctx, user, sql, limits{rows: c.opts.MaxRows, bytes: c.opts.MaxBytes})
}

func (c *Console) query(ctx context.Context, user auth.User, sql string, l limits) (Result, error) {
	leave, err := c.admit(ctx, user, sql)
	if err != nil {
		return Result{}, err
	}
	defer leave()
	ask := c.opts.DB.AnalystQuery
	if !c.opts.Analyst {
		brain, err := c.opts.DB.Open(ctx, user)
		if err != nil {
			return Result{}, err
		}
		ask = brain.Console
	}
	result, start := Result{}, time.Now()
	rows := newEncoder(l.bytes)
	result.Truncated, err = ask(ctx, c.ask(sql, l.rows), tenant.ConsoleRows{
		Columns: func(columns []tenant.ConsoleColumn) {
			oids := make([]uint32, len(columns))
			result.Columns = make([]Column, len(columns))
			for i, column := range columns {
				oids[i], result.Columns[i] = column.OID, Column{Name: column.Name, Type: column.Type}
			}
			rows.setColumns(oids)
		},
		Row: rows.add,
	})
	if err != nil {
		return Result{}, publicError(err)
	}
	result.Rows, result.Count, result.Duration = rows.finish(), rows.rows, time.Since(start)
	return result, nil
}

func (c *Console) ask(sql string, rows int) tenant.ConsoleQuery {
	return tenant.ConsoleQuery{SQL: sql, MaxRows: rows, MaxRowBytes: c.opts.MaxRowBytes, Timeout: c.opts.Timeout}
}

// Plan tells how Postgres would go about a query of an analyst's, which is not run. Errors as of Query.
func (c *Console) Plan(ctx context.Context, user auth.User, sql string) (string, error) {
	leave, err := c.admit(ctx, user, sql)
	if err != nil {
		return "", err
	}
	defer leave()
	plan, err := c.opts.DB.AnalystPlan(ctx, c.ask(sql, 0))
	return plan, publicError(err)
}

// admit judges a query, and waits for its turn.
func (c *Console) admit(ctx context.Context, user auth.User, sql string) (leave func(), err error) {
	if err := c.exists(); err != nil {
		return nil, err
	}
	if !c.unguarded {
		v, err := c.vocabulary(ctx)
		if err != nil {
			return nil, err
		}
		if err := c.check(sql, v); err != nil {
			return nil, publicError(err)
		}
	}
	return c.enter(ctx, user.ID())
}

// exists is CodeNotFound where this installation has no such console.
func (c *Console) exists() error {
	switch {
	case c.opts.Analyst && !c.opts.DB.HasAnalyst():
		return NoAnalyst()
	case !c.opts.Analyst && !c.opts.DB.HasConsole():
		return errNone()
	}
	return nil
}

// enter waits for a turn: one query of a user at a time, and so many of all.
func (c *Console) enter(ctx context.Context, user uuid.UUID) (leave func(), err error) {
	c.mu.Lock()
	taken := c.running[user]
	c.running[user] = true
	c.mu.Unlock()
	if taken {
		return nil, problem.New(problem.CodeConflict, "Another query of yours is still running.").After(time.Second)
	}
	free := func() {
		c.mu.Lock()
		delete(c.running, user)
		c.mu.Unlock()
	}
	wait, cancel := context.WithTimeout(ctx, c.opts.Patience)
	defer cancel()
	if err := c.slots.Acquire(wait, 1); err != nil {
		free()
		return nil, problem.New(problem.CodeBusy, "Many queries are running; try again in a moment.").After(time.Second).Because(err)
	}
	return func() {
		c.slots.Release(1)
		free()
	}, nil
}

func errNone() error {
	return problem.New(problem.CodeNotFound, "This installation has no SQL console.")
}

// NoAnalyst is what is said where questions about all users cannot be asked.
func NoAnalyst() *problem.Error {
	return problem.New(problem.CodeNotFound, "This installation has no login of the analyst: set DATABASE_ANALYST_URL and migrate.")
}

// publicError gives what Postgres or the guard says its public face: it is about the user's own text and rows.
func publicError(err error) error {
	var refused *tenant.ConsoleError
	switch {
	case errors.As(err, &refused):
		p := problem.New(problem.CodeSQL, sentence(refused.Message))
		p.SQL = &problem.SQL{State: refused.State, Position: refused.Position, Hint: refused.Hint}
		return p
	case errors.Is(err, tenant.ErrNoConsole):
		return errNone()
	case errors.Is(err, tenant.ErrNoAnalyst):
		return NoAnalyst()
	}
	return err
}

// sentence makes a sentence of a message of Postgres's.
func sentence(message string) string {
	r, size := utf8.DecodeRuneInString(message)
	if size == 0 {
		return "The query cannot be run."
	}
	return string(unicode.ToUpper(r)) + message[size:] + "."
}
