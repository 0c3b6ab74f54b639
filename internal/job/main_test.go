package job_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"twobrains/internal/auth"
	"twobrains/internal/auth/authtest"
	"twobrains/internal/job"
	"twobrains/internal/testdb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

type bundle struct {
	*testdb.Database
	t       *testing.T
	ids     *authtest.Identities
	tickets *auth.Tickets
}

func setup(t *testing.T) *bundle {
	t.Helper()
	d := testdb.New(t)
	return &bundle{Database: d, t: t, ids: authtest.NewIdentities(t), tickets: auth.NewTickets(d.Keys)}
}

func (b *bundle) user() auth.User { return b.ids.User(b.t, uuid.New()) }

// queue makes a queue as another process would have it.
func (b *bundle) queue(kinds ...job.Kind) *job.Queue {
	b.t.Helper()
	return b.queueWith(job.Options{}, kinds...)
}

func (b *bundle) queueWith(o job.Options, kinds ...job.Kind) *job.Queue {
	b.t.Helper()
	o.DB, o.Tickets, o.InstanceID = b.DB, b.tickets, uuid.New()
	if o.Lease == 0 {
		o.Lease = 2 * time.Second
	}
	o.Poll = 50 * time.Millisecond
	if o.Backoff == nil {
		o.Backoff = func(int) time.Duration { return 10 * time.Millisecond }
	}
	q, err := job.New(o)
	require.NoError(b.t, err)
	for _, k := range kinds {
		require.NoError(b.t, q.Register(k))
	}
	return q
}

// start runs a queue until the test ends, or until stop is called.
func (b *bundle) start(q *job.Queue) (stop func()) {
	b.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- q.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				b.t.Errorf("run: %v", err)
			}
		case <-time.After(patience):
			b.t.Error("the queue does not stop")
		}
	})
	b.t.Cleanup(stop)
	return stop
}

// until waits for a state of a job.
func (b *bundle) until(q *job.Queue, user auth.User, id uuid.UUID, what string, ok func(job.Job) bool) job.Job {
	b.t.Helper()
	var j job.Job
	for deadline := time.Now().Add(patience); ; <-time.After(10 * time.Millisecond) {
		var err error
		j, err = q.Get(b.t.Context(), user, id)
		require.NoError(b.t, err)
		if ok(j) {
			return j
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("not %s: %+v", what, j)
		}
	}
}

func (b *bundle) ended(q *job.Queue, user auth.User, id uuid.UUID) job.Job {
	b.t.Helper()
	return b.until(q, user, id, "ended", job.Job.Ended)
}

func (b *bundle) count(sql string, arguments ...any) (n int) {
	b.t.Helper()
	require.NoError(b.t, b.Superuser(b.t).QueryRow(b.t.Context(), sql, arguments...).Scan(&n))
	return n
}

func (b *bundle) exec(sql string, arguments ...any) {
	b.t.Helper()
	_, err := b.Superuser(b.t).Exec(b.t.Context(), sql, arguments...)
	require.NoError(b.t, err)
}

// waits is a Work that goes on until its context ends, and says why it did.
func waits(began chan<- struct{}, causes chan<- error) func(context.Context, *job.Run) (any, error) {
	return func(ctx context.Context, _ *job.Run) (any, error) {
		began <- struct{}{}
		<-ctx.Done()
		causes <- context.Cause(ctx)
		return nil, errors.New("interrupted")
	}
}
