package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"twobrains/internal/auth"
	"twobrains/internal/publicdb"
	"twobrains/internal/tenant"
)

// stateLost is raised by JobHold when the job is not this process's any more.
const stateLost = "TB301"

// Why the context of a Work ends: its context.Cause.
var (
	// ErrCancelled: the user does not want the job any more.
	ErrCancelled = errors.New("job is cancelled")
	// ErrLost: another process has the job, or this one cannot be sure to have it.
	ErrLost = errors.New("job was taken away")
	// ErrStopping: the process stops; another one goes on with the job.
	ErrStopping = errors.New("process stops")
)

// Permanent marks an error that trying again would not mend: the job has failed.
func Permanent(err error) error { return &permanentError{err} }

type permanentError struct{ error }

func (e *permanentError) Unwrap() error { return e.error }

// Later is what a Work returns that wants to go on after a while, which is no failure.
func Later(d time.Duration) error { return &laterError{d} }

type laterError struct{ after time.Duration }

func (e *laterError) Error() string { return fmt.Sprintf("goes on in %s", e.after) }

// Run is one taking of a job.
type Run struct {
	// Job is as it was when it was taken; Save brings its checkpoint and progress up to date.
	Job
	// User is the job's. They have an id and nothing else; zero where the kind is OfDeleted.
	User auth.User
	// Account is the id of User, or of who was it.
	Account uuid.UUID
	// Attempt counts the takings of the job, from 1.
	Attempt int

	queue *Queue
	unit  unit

	mu      sync.Mutex
	current Progress
	saved   Progress
}

// unit runs a transaction in which the job's rows can be seen: as its user, or as the owner.
type unit interface {
	run(ctx context.Context, fn func(tenant.DBTX) error) error
}

type ofUser struct{ brain *tenant.Brain }

func (u ofUser) run(ctx context.Context, fn func(tenant.DBTX) error) error {
	return u.brain.Tx(ctx, func(tx *tenant.Tx) error { return fn(tx) })
}

type ofDeleted struct{ condemned *tenant.Condemned }

func (u ofDeleted) run(ctx context.Context, fn func(tenant.DBTX) error) error {
	return u.condemned.Tx(ctx, fn)
}

// Read reads the arguments.
func (r *Run) Read(arguments any) error {
	if err := json.Unmarshal(r.Arguments, arguments); err != nil {
		return Permanent(fmt.Errorf("read arguments: %w", err))
	}
	return nil
}

// Resume reads where an earlier taking of the job has come to, and says whether one has come anywhere.
func (r *Run) Resume(checkpoint any) (bool, error) {
	if len(r.Checkpoint) == 0 {
		return false, nil
	}
	if err := json.Unmarshal(r.Checkpoint, checkpoint); err != nil {
		return false, Permanent(fmt.Errorf("read checkpoint: %w", err))
	}
	return true, nil
}

// Report tells the user how far the job is, within a second or two. It costs next to nothing.
func (r *Run) Report(p Progress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.current = p
}

// Save stores where to go on if this taking does not come to its end. Its error wraps ErrLost if the job was taken away.
func (r *Run) Save(ctx context.Context, checkpoint any) error {
	text, err := json.Marshal(checkpoint)
	if err != nil {
		return fmt.Errorf("write checkpoint: %w", err)
	}
	if _, err := r.keep(ctx, true, text); err != nil {
		return err
	}
	r.Checkpoint = text
	return nil
}

// Hold makes a transaction void unless the job is this taking's until it commits: for writes that only one process may do. db is a
// transaction of the job's user, which does it as its first statement.
func (r *Run) Hold(ctx context.Context, db tenant.DBTX) error {
	_, err := r.hold(ctx, db)
	return err
}

func (r *Run) hold(ctx context.Context, db tenant.DBTX) (cancelling bool, err error) {
	row, err := r.queue.queries.JobHold(ctx, db, publicdb.JobHoldParams{
		ID: r.ID, InstanceID: r.queue.opts.InstanceID, Attempt: int32(r.Attempt), Seconds: r.queue.opts.Lease.Seconds(),
	})
	if tenant.HasState(err, stateLost) {
		err = fmt.Errorf("%w: %w", ErrLost, err)
	}
	return row.Cancelling, err
}

// keep renews the lease, and stores what there is to store.
func (r *Run) keep(ctx context.Context, setCheckpoint bool, checkpoint json.RawMessage) (cancelling bool, err error) {
	r.mu.Lock()
	p := r.current
	changed := setCheckpoint || p != r.saved
	r.mu.Unlock()
	err = r.unit.run(ctx, func(db tenant.DBTX) (err error) {
		if cancelling, err = r.hold(ctx, db); err != nil || !changed {
			return err
		}
		return r.queue.queries.JobSave(ctx, db, publicdb.JobSaveParams{
			ID: r.ID, Phase: p.Phase, Progress: p.Done, Total: p.Total, SetCheckpoint: setCheckpoint, Checkpoint: textOf(checkpoint),
		})
	})
	if err != nil {
		return false, err
	}
	r.mu.Lock()
	r.saved = p
	r.mu.Unlock()
	return cancelling, nil
}

// textOf is JSON as a parameter: bytes would travel as bytea where statements are not prepared.
func textOf(value json.RawMessage) *string {
	if value == nil {
		return nil
	}
	text := string(value)
	return &text
}

// attend renews the lease until the work is over, and ends the work when the lease is lost or the user wants no more of it.
func (r *Run) attend(ctx context.Context, end context.CancelCauseFunc, over <-chan struct{}) {
	lease := r.queue.opts.Lease
	tick := time.NewTicker(min(lease/6, time.Second))
	defer tick.Stop()
	for kept := time.Now(); ; {
		select {
		case <-over:
			return
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		r.mu.Lock()
		changed := r.current != r.saved
		r.mu.Unlock()
		if !changed && time.Since(kept) < lease/3 {
			continue
		}
		asked := time.Now()
		within, stop := context.WithTimeout(ctx, lease/3)
		cancelling, err := r.keep(within, false, nil)
		stop()
		switch {
		case errors.Is(err, ErrLost), err != nil && time.Since(kept) > lease:
			end(ErrLost)
			return
		case err != nil:
			continue
		case cancelling:
			end(ErrCancelled)
			return
		}
		kept = asked
	}
}

// IsLater reports whether err is a Later.
func IsLater(err error) bool {
	var later *laterError
	return errors.As(err, &later)
}
