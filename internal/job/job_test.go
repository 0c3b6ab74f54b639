package job_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/job"
	"twobrains/internal/problem"
	"twobrains/internal/tenant"
)

func TestJobIsDone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	user := b.user()
	proceed := make(chan struct{})
	q := b.queue(job.Kind{Name: "count", Work: func(ctx context.Context, r *job.Run) (any, error) {
		var to struct{ To int64 }
		if err := r.Read(&to); err != nil {
			return nil, err
		}
		if r.User.ID() != user.ID() || r.Account != user.ID() || r.User.SessionID() != "" {
			return nil, job.Permanent(errors.New("another user"))
		}
		r.Report(job.Progress{Phase: "counting", Done: 1, Total: to.To})
		<-proceed
		return map[string]int64{"counted": to.To}, nil
	}})
	j, created, err := q.Enqueue(t.Context(), user, job.Request{Kind: "count", Arguments: map[string]int{"to": 3}})
	require.NoError(t, err)
	require.True(t, created)
	require.Equal(t, job.Waiting, j.State)
	again, created, err := q.Enqueue(t.Context(), user, job.Request{Kind: "count"})
	require.NoError(t, err)
	require.False(t, created)
	require.Equal(t, j.ID, again.ID)
	b.start(q)
	j = b.until(q, user, j.ID, "counting", func(j job.Job) bool { return j.Phase == "counting" })
	require.Equal(t, job.Running, j.State)
	require.Equal(t, job.Progress{Phase: "counting", Done: 1, Total: 3}, j.Progress)
	_, created, err = q.Enqueue(t.Context(), user, job.Request{Kind: "count", Name: "another", After: time.Hour})
	require.NoError(t, err)
	require.True(t, created)
	close(proceed)
	j = b.ended(q, user, j.ID)
	require.Equal(t, job.Done, j.State)
	require.JSONEq(t, `{"counted":3}`, string(j.Result))

	all, err := q.List(t.Context(), user, "count", 10)
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, job.Waiting, all[0].State, "put off")
	_, err = q.Get(t.Context(), b.user(), j.ID)
	require.True(t, problem.HasCode(err, problem.CodeNotFound))
	require.Equal(t, 1, b.count("SELECT count(*) FROM public.job_tickets"))
	_, _, err = q.Enqueue(t.Context(), user, job.Request{Kind: "unknown"})
	require.Error(t, err)
}

func TestEndedJobsAreForgotten(t *testing.T) {
	t.Parallel()
	b := setup(t)
	user := b.user()
	q := b.queue(job.Kind{Name: "quick", Keep: 2, Work: func(context.Context, *job.Run) (any, error) { return nil, nil }})
	b.start(q)
	for range 6 {
		j, _, err := q.Enqueue(t.Context(), user, job.Request{Kind: "quick"})
		require.NoError(t, err)
		b.ended(q, user, j.ID)
	}
	require.Equal(t, 3, b.count("SELECT count(*) FROM public.account_jobs"))
}

func TestFailures(t *testing.T) {
	t.Parallel()
	unavailable := problem.New(problem.CodeUnavailable, "Not now.")
	for name, c := range map[string]struct {
		work             func(attempt int) error
		state            job.State
		code             problem.Code
		failures, taking int
	}{
		"mends":     {func(n int) error { return map[bool]error{true: unavailable}[n < 3] }, job.Done, "", 2, 3},
		"lasts":     {func(int) error { return unavailable }, job.Failed, problem.CodeUnavailable, 3, 4},
		"permanent": {func(int) error { return job.Permanent(problem.New(problem.CodeInvalid, "No.")) }, job.Failed, problem.CodeInvalid, 0, 1},
		"later":     {func(n int) error { return map[bool]error{true: job.Later(time.Millisecond)}[n < 8] }, job.Done, "", 0, 8},
		"panics":    {func(int) error { panic("no") }, job.Failed, problem.CodeInternal, 3, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			user := b.user()
			var takings atomic.Int64
			q := b.queue(job.Kind{Name: "work", MaxFailures: 4, Work: func(_ context.Context, r *job.Run) (any, error) {
				takings.Add(1)
				return nil, c.work(r.Attempt)
			}})
			b.start(q)
			j, _, err := q.Enqueue(t.Context(), user, job.Request{Kind: "work"})
			require.NoError(t, err)
			j = b.ended(q, user, j.ID)
			require.Equal(t, c.state, j.State)
			require.EqualValues(t, c.taking, takings.Load())
			require.Equal(t, c.failures, j.Failures)
			require.Equal(t, string(c.code), j.ErrorCode)
			require.Zero(t, b.count("SELECT count(*) FROM public.job_tickets"))
		})
	}
}

// A process that had a job gives no sign of life: another one goes on, where the first had come to.
func TestTakenOverFromDeadProcess(t *testing.T) {
	t.Parallel()
	b := setup(t)
	user := b.user()
	q := b.queue(job.Kind{Name: "work", Work: func(_ context.Context, r *job.Run) (any, error) {
		var at struct{ Step int }
		resumed, err := r.Resume(&at)
		return map[string]any{"resumed": resumed, "step": at.Step, "attempt": r.Attempt}, err
	}})
	j, _, err := q.Enqueue(t.Context(), user, job.Request{Kind: "work"})
	require.NoError(t, err)
	b.exec("UPDATE public.job_tickets SET leased_by = gen_random_uuid(), leased_until = now() + interval '1 second', attempt = 1")
	b.exec(`UPDATE public.account_jobs SET state = 'running', checkpoint = '{"step": 7}'`)
	began := time.Now()
	b.start(q)
	j = b.ended(q, user, j.ID)
	require.JSONEq(t, `{"resumed":true,"step":7,"attempt":2}`, string(j.Result))
	require.Greater(t, time.Since(began), 500*time.Millisecond, "taken from a process that was alive")
}

// Who was taken for dead notices, and writes nothing any more.
func TestLostJob(t *testing.T) {
	t.Parallel()
	b := setup(t)
	user := b.user()
	began, causes := make(chan struct{}, 1), make(chan error, 1)
	held := make(chan error, 1)
	work := waits(began, causes)
	q := b.queue(job.Kind{Name: "work", Work: func(ctx context.Context, r *job.Run) (any, error) {
		_, err := work(ctx, r)
		held <- errors.Join(b.DB.Tx(context.WithoutCancel(ctx), r.User, func(tx *tenant.Tx) error { return r.Hold(context.WithoutCancel(ctx), tx) }))
		if saved := r.Save(context.WithoutCancel(ctx), "mine"); !errors.Is(saved, job.ErrLost) {
			held <- fmt.Errorf("saved: %w", saved)
		}
		return nil, err
	}})
	stop := b.start(q)
	j, _, err := q.Enqueue(t.Context(), user, job.Request{Kind: "work"})
	require.NoError(t, err)
	<-began
	b.exec("UPDATE public.job_tickets SET leased_by = gen_random_uuid(), attempt = attempt + 1, leased_until = now() + interval '1 hour'")
	require.ErrorIs(t, <-causes, job.ErrLost)
	require.ErrorIs(t, <-held, job.ErrLost)
	stop()
	require.Empty(t, held)
	j, err = q.Get(t.Context(), user, j.ID)
	require.NoError(t, err)
	require.Equal(t, job.Running, j.State, "it is another process's")
	require.Empty(t, j.Checkpoint)
}

func TestCancel(t *testing.T) {
	t.Parallel()
	b := setup(t)
	user := b.user()
	began, causes := make(chan struct{}, 1), make(chan error, 1)
	q := b.queue(job.Kind{Name: "work", Work: waits(began, causes)})
	waiting, _, err := q.Enqueue(t.Context(), user, job.Request{Kind: "work"})
	require.NoError(t, err)
	require.True(t, problem.HasCode(q.Cancel(t.Context(), b.user(), waiting.ID), problem.CodeNotFound))
	require.NoError(t, q.Cancel(t.Context(), user, waiting.ID))
	require.Equal(t, job.Cancelled, b.ended(q, user, waiting.ID).State)
	require.True(t, problem.HasCode(q.Cancel(t.Context(), user, waiting.ID), problem.CodeNotFound))

	b.start(q)
	running, created, err := q.Enqueue(t.Context(), user, job.Request{Kind: "work"})
	require.NoError(t, err)
	require.True(t, created)
	<-began
	require.NoError(t, q.Cancel(t.Context(), user, running.ID))
	require.ErrorIs(t, <-causes, job.ErrCancelled)
	require.Equal(t, job.Cancelled, b.ended(q, user, running.ID).State)
}

// A process that stops gives its jobs to the others, at once.
func TestHandedOver(t *testing.T) {
	t.Parallel()
	b := setup(t)
	user := b.user()
	began, causes := make(chan struct{}, 1), make(chan error, 1)
	first := b.queueWith(job.Options{Lease: time.Hour}, job.Kind{Name: "work", Work: waits(began, causes)})
	stop := b.start(first)
	j, _, err := first.Enqueue(t.Context(), user, job.Request{Kind: "work"})
	require.NoError(t, err)
	<-began
	stop()
	require.ErrorIs(t, <-causes, job.ErrStopping)
	second := b.queue(job.Kind{Name: "work", Work: func(context.Context, *job.Run) (any, error) { return "done", nil }})
	b.start(second)
	j = b.ended(second, user, j.ID)
	require.Equal(t, job.Done, j.State)
	require.Zero(t, j.Failures)
}

// Many jobs, few workers on several processes: each is done once, none at the same time as more of its kind than allowed.
func TestManyProcesses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const jobs, processes = 40, 3
	var mu sync.Mutex
	done := map[uuid.UUID]int{}
	var queues []*job.Queue
	for range processes {
		var now, most atomic.Int64
		q := b.queueWith(job.Options{Workers: 3}, job.Kind{Name: "work", Parallel: 2, Work: func(ctx context.Context, r *job.Run) (any, error) {
			defer now.Add(-1)
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			if err := b.DB.Tx(ctx, r.User, func(tx *tenant.Tx) error { return r.Hold(ctx, tx) }); err != nil {
				return nil, err
			}
			mu.Lock()
			defer mu.Unlock()
			done[r.ID]++
			return nil, nil
		}})
		t.Cleanup(func() { require.LessOrEqual(t, most.Load(), int64(2)) })
		queues = append(queues, q)
		b.start(q)
	}
	for i := range jobs {
		_, _, err := queues[i%processes].Enqueue(t.Context(), b.user(), job.Request{Kind: "work"})
		require.NoError(t, err)
	}
	for deadline := time.Now().Add(patience); b.count("SELECT count(*) FROM public.job_tickets") > 0; <-time.After(20 * time.Millisecond) {
		require.True(t, time.Now().Before(deadline), "not done in time")
	}
	mu.Lock()
	defer mu.Unlock()
	require.Len(t, done, jobs)
	for id, n := range done {
		require.Equal(t, 1, n, id)
	}
}

// A ticket that is no good is tried ever less often, and holds nobody up.
func TestBadTicket(t *testing.T) {
	t.Parallel()
	b := setup(t)
	user, other := b.user(), b.user()
	q := b.queue(job.Kind{Name: "work", Work: func(context.Context, *job.Run) (any, error) { return nil, nil }})
	bad, _, err := q.Enqueue(t.Context(), user, job.Request{Kind: "work"})
	require.NoError(t, err)
	good, _, err := q.Enqueue(t.Context(), other, job.Request{Kind: "work"})
	require.NoError(t, err)
	// Another's ticket does not fit.
	b.exec("UPDATE public.job_tickets t SET ciphertext = o.ciphertext FROM public.job_tickets o WHERE t.job_id = $1 AND o.job_id = $2", bad.ID, good.ID)
	b.start(q)
	require.Equal(t, job.Done, b.ended(q, other, good.ID).State)
	j, err := q.Get(t.Context(), user, bad.ID)
	require.NoError(t, err)
	require.Equal(t, job.Waiting, j.State)
}

// What the app's login can do to others' jobs, bound to somebody or to nobody: see that there are some.
func TestSeal(t *testing.T) {
	t.Parallel()
	b := setup(t)
	alice, bob := b.user(), b.user()
	q := b.queue(job.Kind{Name: "work", Work: func(context.Context, *job.Run) (any, error) { return nil, nil }})
	_, _, err := q.Enqueue(t.Context(), bob, job.Request{Kind: "work"})
	require.NoError(t, err)
	app := b.App(t)
	attempts := []string{
		"UPDATE public.job_tickets SET leased_by = gen_random_uuid(), leased_until = 'infinity'", "DELETE FROM public.job_tickets",
		"UPDATE public.account_jobs SET state = 'failed', finished_at = now()", "DELETE FROM public.account_jobs",
	}
	for _, sql := range attempts {
		tag, err := app.Exec(t.Context(), sql)
		require.NoError(t, err)
		require.Zero(t, tag.RowsAffected(), sql)
		require.NoError(t, b.DB.Tx(t.Context(), alice, func(tx *tenant.Tx) error {
			tag, err := tx.Exec(t.Context(), sql)
			require.Zero(t, tag.RowsAffected(), sql)
			return err
		}))
	}
	var n int
	require.NoError(t, app.QueryRow(t.Context(), "SELECT count(*) FROM public.job_tickets").Scan(&n))
	require.Equal(t, 1, n)
	require.NoError(t, app.QueryRow(t.Context(), "SELECT count(*) FROM public.account_jobs").Scan(&n))
	require.Zero(t, n)
	for _, sql := range []string{
		"INSERT INTO public.job_tickets (job_id, kind, ciphertext, key_id) SELECT gen_random_uuid(), 'work', 'x', 'k'",
		"INSERT INTO public.deletions (id, digest, requested_by, step) VALUES (gen_random_uuid(), sha256('x'), 'user', 'runs')",
	} {
		_, err := app.Exec(t.Context(), sql)
		require.True(t, tenant.HasState(err, "42501"), "%s: %v", sql, err)
	}
}
