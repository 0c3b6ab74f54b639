package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"twobrains/internal/auth"
	"twobrains/internal/problem"
	"twobrains/internal/publicdb"
	"twobrains/internal/tenant"
)

// Run does jobs until ctx ends. It then ends those under way, gives them back for others to go on with, and returns when all have
// been.
func (q *Queue) Run(ctx context.Context) error {
	defer q.work.Wait()
	for {
		if err := q.look(ctx); err != nil && ctx.Err() == nil {
			q.log.Warn("looking for jobs", "error", err)
		}
		// Not all processes at the same moment.
		wait := time.NewTimer(q.opts.Poll/2 + rand.N(q.opts.Poll)) //nolint:gosec // no secret
		select {
		case <-ctx.Done():
			wait.Stop()
			return nil
		case <-q.wake:
		case <-wait.C:
		}
		wait.Stop()
	}
}

// Wake has Run look for jobs now.
func (q *Queue) Wake() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// Do does one job here and now, unless it is not due or somebody else has it: done says that this process has taken it, and err how
// that ended. It is for commands, which serve nothing.
func (q *Queue) Do(ctx context.Context, id uuid.UUID) (done bool, err error) {
	due, err := q.due(ctx, 1000)
	if err != nil {
		return false, err
	}
	for _, t := range due {
		if t.JobID == id && q.take(t) {
			return q.serve(ctx, t)
		}
	}
	return false, nil
}

// rest is why a ticket is left alone: it could not be used.
type rest struct {
	until    time.Time
	failures int
}

// maxResting bounds what is remembered of tickets that could not be used.
const maxResting = 10_000

// look takes as many jobs as there is room for.
func (q *Queue) look(ctx context.Context) error {
	for ctx.Err() == nil {
		room := q.room()
		if room == 0 {
			return nil
		}
		due, err := q.due(ctx, room*4)
		if err != nil {
			return err
		}
		taken := false
		for _, t := range due {
			if !q.take(t) {
				continue
			}
			taken = true
			q.work.Go(func() {
				_, _ = q.serve(ctx, t)
				q.Wake() // there is room again
			})
		}
		if !taken {
			return nil
		}
	}
	return nil
}

func (q *Queue) room() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.opts.Workers - len(q.busy)
}

// due reads the tickets that this process may take.
func (q *Queue) due(ctx context.Context, limit int) (due []publicdb.JobsDueRow, err error) {
	q.mu.Lock()
	without := []string{}
	for id := range q.busy {
		without = append(without, id.String())
	}
	maps.DeleteFunc(q.resting, func(_ uuid.UUID, r rest) bool { return r.until.Add(time.Hour).Before(q.now()) })
	for id, r := range q.resting {
		if q.now().Before(r.until) {
			without = append(without, id.String())
		}
	}
	kinds := slices.DeleteFunc(slices.Clone(q.names), func(name string) bool { return q.full(name) })
	q.mu.Unlock()
	err = q.opts.DB.Public(ctx, func(tx *tenant.Tx) error {
		due, err = q.queries.JobsDue(ctx, tx, publicdb.JobsDueParams{Kinds: kinds, Without: without, MaxRows: int32(limit)})
		return err
	})
	return due, err
}

// full says whether no more of a kind may be taken; q.mu is held.
func (q *Queue) full(kind string) bool {
	n := 0
	for _, other := range q.busy {
		if other == kind {
			n++
		}
	}
	return n >= q.kinds[kind].Parallel
}

func (q *Queue) take(t publicdb.JobsDueRow) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, has := q.busy[t.JobID]; has || len(q.busy) >= q.opts.Workers || q.full(t.Kind) {
		return false
	}
	q.busy[t.JobID] = t.Kind
	return true
}

// serve does what a ticket is for.
func (q *Queue) serve(ctx context.Context, t publicdb.JobsDueRow) (done bool, err error) {
	defer func() {
		q.mu.Lock()
		delete(q.busy, t.JobID)
		q.mu.Unlock()
	}()
	r, err := q.claim(ctx, t)
	if err != nil {
		if ctx.Err() == nil && q.leave(t.JobID) == 1 {
			q.log.Error("taking a job", "job", t.JobID, "kind", t.Kind, "error", err)
		}
		return false, err
	}
	if r == nil { // somebody was faster
		return false, nil
	}
	q.mu.Lock()
	delete(q.resting, t.JobID)
	q.mu.Unlock()
	return true, q.perform(ctx, r)
}

// leave has a ticket that could not be used tried ever less often, and returns how often that was so.
func (q *Queue) leave(id uuid.UUID) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.resting) > maxResting {
		clear(q.resting)
	}
	r := q.resting[id]
	r.failures++
	r.until = q.now().Add(q.opts.Backoff(r.failures))
	q.resting[id] = r
	return r.failures
}

// claim is let in by the ticket and takes the job; nil: it is not to be had.
func (q *Queue) claim(ctx context.Context, t publicdb.JobsDueRow) (*Run, error) {
	r := &Run{queue: q}
	ticket := auth.Ticket{KeyID: t.KeyID, Ciphertext: t.Ciphertext}
	var err error
	if q.kinds[t.Kind].OfDeleted {
		if r.Account, err = q.opts.Tickets.RedeemDeletion(ticket, t.JobID); err != nil {
			return nil, err
		}
		r.unit = ofDeleted{q.opts.DB.Condemned(r.Account)}
	} else {
		if r.User, err = q.opts.Tickets.RedeemJob(ticket, t.JobID); err != nil {
			return nil, err
		}
		brain, err := q.opts.DB.Open(ctx, r.User)
		if err != nil {
			return nil, err
		}
		r.Account, r.unit = r.User.ID(), ofUser{brain}
	}
	var row publicdb.JobClaimRow
	err = r.unit.run(ctx, func(db tenant.DBTX) error {
		row, err = q.queries.JobClaim(ctx, db, publicdb.JobClaimParams{ID: t.JobID, InstanceID: &q.opts.InstanceID, Seconds: q.opts.Lease.Seconds()})
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r.Attempt = int(row.Attempt)
	r.Job = jobOf(publicdb.JobGetRow{
		ID: row.ID, Kind: row.Kind, Name: row.Name, State: row.State, Arguments: row.Arguments, Checkpoint: row.Checkpoint, Result: row.Result,
		Phase: row.Phase, Progress: row.Progress, Total: row.Total, Failures: row.Failures, ErrorCode: row.ErrorCode, Cancelling: row.Cancelling,
		CreatedAt: row.CreatedAt, StartedAt: row.StartedAt, UpdatedAt: row.UpdatedAt, FinishedAt: row.FinishedAt,
	})
	r.current, r.saved = r.Progress, r.Progress
	return r, nil
}

// perform works at a job that was taken, and writes down how that ended.
func (q *Queue) perform(ctx context.Context, r *Run) error {
	working, end := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { end(ErrStopping) })
	over, attended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(attended)
		r.attend(working, end, over)
	}()
	began := time.Now()
	q.metrics.running.WithLabelValues(r.Kind).Inc()
	result, err := q.guarded(working, r)
	close(over)
	<-attended
	stop()
	cause := context.Cause(working)
	end(nil)
	q.metrics.running.WithLabelValues(r.Kind).Dec()
	q.metrics.seconds.WithLabelValues(r.Kind).Observe(time.Since(began).Seconds())
	outcome := q.judge(r, result, err, cause)
	q.metrics.ended.WithLabelValues(r.Kind, outcome.name).Inc()
	if outcome.write != nil {
		q.settle(ctx, r, outcome)
	}
	return err
}

func (q *Queue) guarded(ctx context.Context, r *Run) (result any, err error) {
	defer func() {
		if p := recover(); p != nil {
			q.log.Error("job panicked", "job", r.ID, "kind", r.Kind, "panic", p, "stack", string(debug.Stack()))
			err = errors.New("job panicked")
		}
	}()
	if r.Cancelling {
		return nil, ErrCancelled
	}
	return q.kinds[r.Kind].Work(ctx, r)
}

// outcome is how a taking ended: its name for the metrics, and what notes it.
type outcome struct {
	name  string
	write func(ctx context.Context, db tenant.DBTX) (int64, error)
}

func (q *Queue) judge(r *Run, result any, err, cause error) outcome {
	var later *laterError
	var permanent *permanentError
	switch {
	case err == nil:
		text, err := json.Marshal(result)
		if err != nil {
			return q.failed(r, fmt.Errorf("write result: %w", err))
		}
		return outcome{"done", r.end(Done, text, nil)}
	case errors.Is(err, ErrLost), errors.Is(cause, ErrLost):
		q.log.Warn("a job was taken away", "job", r.ID, "kind", r.Kind)
		return outcome{name: "lost"}
	case errors.Is(err, ErrCancelled), errors.Is(cause, ErrCancelled):
		return outcome{"cancelled", r.end(Cancelled, nil, nil)}
	case errors.As(err, &later):
		return outcome{"later", r.putBack(later.after, nil)}
	case errors.Is(cause, ErrStopping):
		return outcome{"handed_over", r.putBack(0, nil)}
	case errors.As(err, &permanent):
		return q.failed(r, err)
	}
	if limit := q.kinds[r.Kind].MaxFailures; limit > 0 && r.Failures+1 >= limit {
		return q.failed(r, err)
	}
	q.log.Warn("a job did not succeed and will be tried again", "job", r.ID, "kind", r.Kind, "failures", r.Failures+1, "error", err)
	return outcome{"retry", r.putBack(q.opts.Backoff(r.Failures+1), err)}
}

func (q *Queue) failed(r *Run, err error) outcome {
	q.log.Error("a job has failed", "job", r.ID, "kind", r.Kind, "failures", r.Failures+1, "error", err)
	return outcome{"failed", r.end(Failed, nil, err)}
}

func (r *Run) end(state State, result json.RawMessage, err error) func(context.Context, tenant.DBTX) (int64, error) {
	return func(ctx context.Context, db tenant.DBTX) (int64, error) {
		return r.queue.queries.JobEnd(ctx, db, publicdb.JobEndParams{
			ID: r.ID, InstanceID: r.queue.opts.InstanceID, Attempt: int32(r.Attempt), State: string(state), Result: textOf(result), ErrorCode: codeOf(err),
		})
	}
}

func (r *Run) putBack(after time.Duration, err error) func(context.Context, tenant.DBTX) (int64, error) {
	return func(ctx context.Context, db tenant.DBTX) (int64, error) {
		return r.queue.queries.JobPutBack(ctx, db, publicdb.JobPutBackParams{
			ID: r.ID, InstanceID: r.queue.opts.InstanceID, Attempt: int32(r.Attempt), Seconds: after.Seconds(), ErrorCode: codeOf(err),
		})
	}
}

func codeOf(err error) *string {
	if err == nil {
		return nil
	}
	code := string(problem.From(err).Code)
	return &code
}

// settlePatience bounds how long a process that stops tries to write down how its jobs ended.
const settlePatience = 5 * time.Second

// settle writes down how a taking ended. What cannot be written before the lease ends does not count: the job is done again.
func (q *Queue) settle(ctx context.Context, r *Run, o outcome) {
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), q.opts.Lease)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(settlePatience, cancel) })
	defer stop()
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		// A job of a deleted account ends with its rows gone: then there is nothing to write.
		err := r.unit.run(within, func(db tenant.DBTX) error {
			_, err := o.write(within, db)
			return err
		})
		if err == nil {
			return
		}
		if within.Err() != nil {
			q.log.Warn("how a job ended could not be stored; it will be done again", "job", r.ID, "kind", r.Kind, "error", err)
			return
		}
		select {
		case <-time.After(wait):
		case <-within.Done():
		}
	}
}
