package deletion_test

import (
	"context"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/account/deletion"
	"twobrains/internal/auth"
	"twobrains/internal/auth/authtest"
	"twobrains/internal/job"
	"twobrains/internal/problem"
	"twobrains/internal/tenant"
)

func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first, second := b.replica(withMails), b.replica(withMails)
	user, email, token := b.person()
	other, otherEmail, _ := b.person()
	b.fill(first.db, user)
	b.fill(second.db, other)
	require.NoError(t, use(t, second.db, user))
	require.NotZero(t, b.kratos.Mails(t, email))
	traces, err := b.DB.Fleet().Traces(t.Context(), user.ID())
	require.NoError(t, err)
	found := map[string]int64{}
	for _, trace := range traces {
		found[trace.Place] = trace.Found
	}
	require.EqualValues(t, 1, found["schema"])
	require.Greater(t, found["objects"], int64(5))
	require.EqualValues(t, 2, found["rows of usage_daily"])
	require.EqualValues(t, 1, found["id in tenants"])
	require.EqualValues(t, 1, found["rows of shares"])

	receipt, err := first.Request(t.Context(), user, " "+email)
	require.NoError(t, err)
	first.start(t)
	receipt = second.finished(t, receipt.ID)
	require.Equal(t, deletion.Done, receipt.Step)
	require.Len(t, receipt.Steps, len(deletion.Steps()))
	require.Equal(t, deletion.MailsPurged, receipt.Mails)

	b.nothingLeft(user.ID())
	require.Zero(t, b.kratos.Mails(t, email))
	require.NotZero(t, b.kratos.Mails(t, otherEmail))
	_, _, err = b.verifier.Verify(t.Context(), authtest.Credential(t, token))
	require.True(t, problem.HasCode(err, problem.CodeUnauthenticated), "%v", err)
	require.Equal(t, 4+4, b.count("SELECT sum(messages) FROM public.usage_daily"), "totals stay")
	require.Equal(t, 14, b.count("SELECT sum(cost_microusd) FROM public.usage_daily"))
	require.Equal(t, 2, b.count("SELECT count(*) FROM public.usage_daily WHERE user_id = $1", uuid.Nil))
	require.Equal(t, 14, b.count("SELECT sum(cost_microusd) FROM public.usage_events"), "the journal's, too")
	require.Equal(t, 1, b.count("SELECT count(*) FROM public.usage_events WHERE user_id = $1", uuid.Nil))
	require.Equal(t, 1, b.count("SELECT sum(accounts) FROM public.departed_signups"))
	require.Zero(t, b.count("SELECT count(*) FROM public.deletions WHERE addresses_ciphertext IS NOT NULL"))
	for _, r := range []*replica{first, second} {
		require.True(t, problem.HasCode(use(t, r.db, user), problem.CodeAccountDeleted))
		require.NoError(t, use(t, r.db, other))
	}
	b.nothingLeft(user.ID())

	// The second to go is added to the heap.
	receipt, err = second.Request(t.Context(), other, otherEmail)
	require.NoError(t, err)
	first.jobs.Wake()
	second.finished(t, receipt.ID)
	require.Equal(t, 2, b.count("SELECT count(*) FROM public.usage_daily"))
	require.Equal(t, 6, b.count("SELECT messages FROM public.usage_daily WHERE model = 'a' AND user_id = $1", uuid.Nil))

	// Who comes back is somebody new.
	again := b.kratos.Login(t, email)
	back, _, err := b.verifier.Verify(t.Context(), authtest.Credential(t, again))
	require.NoError(t, err)
	require.NotEqual(t, user.ID(), back.ID())
	require.NoError(t, use(t, second.db, back))
}

// From the tombstone on every process refuses the user, whatever it remembers, and makes nothing for them.
func TestRefusedAtOnceEverywhere(t *testing.T) {
	t.Parallel()
	b := setup(t)
	replicas := []*replica{b.replica(), b.replica(), b.replica()}
	user, email, _ := b.person()
	brains := make([]*tenant.Brain, 2)
	for i, r := range replicas[:2] { // the third one has never met them
		require.NoError(t, use(t, r.db, user))
		var err error
		brains[i], err = r.db.Open(t.Context(), user)
		require.NoError(t, err)
	}
	// A unit of work is under way meanwhile: it does not commit.
	open, proceed, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	opened := sync.OnceFunc(func() { close(open) })
	go func() {
		ended <- replicas[1].db.Tx(context.Background(), user, func(tx *tenant.Tx) error {
			if _, err := tx.Exec(context.Background(), "INSERT INTO conversations (id) VALUES ('under way')"); err != nil {
				return err
			}
			opened()
			<-proceed
			_, err := tx.Exec(context.Background(), "INSERT INTO conversations (id) VALUES ('late')")
			return err
		})
	}()
	<-open
	begin := time.Now()
	_, err := replicas[0].Request(t.Context(), user, email)
	require.NoError(t, err)
	require.Less(t, time.Since(begin), 5*time.Second, "the tombstone waits for nobody")
	close(proceed)
	require.True(t, problem.HasCode(<-ended, problem.CodeAccountDeleted))
	for i, r := range replicas {
		require.True(t, problem.HasCode(use(t, r.db, user), problem.CodeAccountDeleted), i)
		_, err := r.db.Open(t.Context(), user)
		require.True(t, problem.HasCode(err, problem.CodeAccountDeleted), "%v", err)
		require.True(t, problem.HasCode(r.db.Snapshot(t.Context(), user, func(*tenant.Snapshot) error { return nil }), problem.CodeAccountDeleted), i)
	}
	for _, brain := range brains {
		err := brain.Tx(t.Context(), func(tx *tenant.Tx) error {
			_, err := tx.Exec(t.Context(), "INSERT INTO public.user_settings (user_id) SELECT user_id FROM public.tenants")
			return err
		})
		require.True(t, problem.HasCode(err, problem.CodeAccountDeleted), "%v", err)
	}
	require.Zero(t, b.count("SELECT count(*) FROM public.tenants"))
	require.Zero(t, b.count("SELECT count(*) FROM public.user_settings"))
	require.Zero(t, b.count("SELECT count(*) FROM "+schemaOf(user)+".conversations WHERE id IN ('under way', 'late')"))
}

func schemaOf(user auth.User) string { return "u_" + strings.ReplaceAll(user.ID().String(), "-", "") }

func TestRefusedRequests(t *testing.T) {
	t.Parallel()
	b := setup(t)
	user, email, _ := b.person()
	late := b.replica(func(o *deletion.Options, _ *auth.EraserOptions) {
		o.Clock = func() time.Time { return time.Now().Add(11 * time.Minute) }
	})
	_, err := late.Request(t.Context(), user, email)
	require.True(t, problem.HasCode(err, problem.CodeReauthenticationRequired), "%v", err)
	r := b.replica()
	for _, confirm := range []string{"", "yes", "x" + email} {
		_, err = r.Request(t.Context(), user, confirm)
		require.True(t, problem.HasCode(err, problem.CodeInvalid), "%v", err)
	}
	_, err = r.Request(t.Context(), auth.User{}, "")
	require.Error(t, err)
	_, err = r.Receipt(t.Context(), uuid.New())
	require.True(t, problem.HasCode(err, problem.CodeNotFound))
	require.Zero(t, b.count("SELECT count(*) FROM public.deletions"))
	require.NoError(t, use(t, r.db, user))
	// Nothing is done past the seals for somebody who has no tombstone.
	require.ErrorIs(t, r.db.Condemned(user.ID()).Drop(t.Context()), tenant.ErrNoDeletion)
	require.NoError(t, use(t, r.db, user))
}

func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	user, email, _ := b.person()
	replicas := []*replica{b.replica(), b.replica()}
	b.fill(replicas[0].db, user)
	receipts := make([]uuid.UUID, 8)
	var all sync.WaitGroup
	for i := range receipts {
		all.Go(func() {
			r, err := replicas[i%2].Request(t.Context(), user, email)
			if err != nil {
				t.Error(err)
			}
			receipts[i] = r.ID
		})
	}
	all.Wait()
	for _, id := range receipts {
		require.Equal(t, receipts[0], id)
	}
	require.Equal(t, 1, b.count("SELECT count(*) FROM public.job_tickets"))
	replicas[0].start(t)
	replicas[1].start(t)
	replicas[0].finished(t, receipts[0])
	require.Equal(t, 1, b.count("SELECT count(*) FROM public.deletions"))
	b.nothingLeft(user.ID())
	r, err := replicas[1].Request(t.Context(), user, email) // by a session that this process still remembers
	require.NoError(t, err)
	require.Equal(t, receipts[0], r.ID)
	require.NotNil(t, r.FinishedAt)
}

// Somebody who has signed up and never opened anything.
func TestNothingThere(t *testing.T) {
	t.Parallel()
	b := setup(t)
	user, email, _ := b.person()
	r := b.replica().start(t)
	receipt, err := r.Request(t.Context(), user, email)
	require.NoError(t, err)
	require.Equal(t, deletion.MailsKept, r.finished(t, receipt.ID).Mails)
	b.nothingLeft(user.ID())
	require.NotZero(t, b.kratos.Mails(t, email))
}

// unreachable is a Kratos that is away.
type unreachable struct{}

func (unreachable) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, os.ErrDeadlineExceeded
}

// Kratos is away, and comes back: the deletion waits with its step, and the receipt says why.
func TestKratosAway(t *testing.T) {
	t.Parallel()
	b := setup(t)
	user, email, _ := b.person()
	away := b.replica(func(_ *deletion.Options, o *auth.EraserOptions) { o.Transport = unreachable{} })
	b.fill(away.db, user)
	receipt, err := away.Request(t.Context(), user, email)
	require.NoError(t, err)
	away.start(t)
	receipt = away.until(t, receipt.ID, "waiting for Kratos", func(r deletion.Receipt) bool { return r.ErrorCode != "" })
	require.Equal(t, string(problem.CodeUnavailable), receipt.ErrorCode)
	require.Equal(t, deletion.StepIdentity, receipt.Step)
	require.Equal(t, 1, b.count("SELECT count(*) FROM pg_namespace WHERE nspname = $1", schemaOf(user)), "what comes later waits")
	away.stop()
	back := b.replica(withMails).start(t)
	receipt = back.finished(t, receipt.ID)
	require.Equal(t, deletion.MailsPurged, receipt.Mails)
	require.Empty(t, receipt.ErrorCode)
	b.nothingLeft(user.ID())
	require.Zero(t, b.kratos.Mails(t, email))
}

// An export reads the private brain for as long as it takes; a migration holds its lock. The deletion waits for them, and nothing
// comes of them afterwards.
func TestWhileOthersWork(t *testing.T) {
	t.Parallel()
	b := setup(t)
	user, email, _ := b.person()
	r := b.replica(withMails)
	b.fill(r.db, user)
	ended := make(chan error, 1)
	require.NoError(t, r.jobs.Register(job.Kind{Name: "export", Work: func(ctx context.Context, run *job.Run) (any, error) {
		err := r.db.Snapshot(ctx, run.User, func(s *tenant.Snapshot) error {
			var n int
			if err := s.QueryRow(ctx, "SELECT count(*) FROM conversations").Scan(&n); err != nil {
				return err
			}
			<-ctx.Done()
			return context.Cause(ctx)
		})
		ended <- context.Cause(ctx)
		return nil, err
	}}))
	r.start(t)
	export, _, err := r.jobs.Enqueue(t.Context(), user, job.Request{Kind: "export"})
	require.NoError(t, err)
	for deadline := time.Now().Add(patience); ; <-time.After(10 * time.Millisecond) {
		j, err := r.jobs.Get(t.Context(), user, export.ID)
		require.NoError(t, err)
		if j.State == job.Running {
			break
		}
		require.True(t, time.Now().Before(deadline))
	}
	// A migration, for a moment.
	migration, err := b.Owner(t).Begin(t.Context())
	require.NoError(t, err)
	_, err = migration.Exec(t.Context(), "SELECT pg_advisory_xact_lock(hashtextextended($1, 42))", schemaOf(user))
	require.NoError(t, err)
	time.AfterFunc(500*time.Millisecond, func() { _ = migration.Commit(context.Background()) })

	receipt, err := r.Request(t.Context(), user, email)
	require.NoError(t, err)
	require.ErrorIs(t, <-ended, job.ErrLost)
	r.finished(t, receipt.ID)
	b.nothingLeft(user.ID())
}

// A process dies at any point of any step: what is done again harms nothing. Going back by one step after each stands for a death
// before the step was noted.
func TestStepsCanBeRepeated(t *testing.T) {
	t.Parallel()
	b := setup(t)
	steps := deletion.Steps()
	for i, step := range steps[:len(steps)-1] {
		user, email, _ := b.person()
		r := b.replica(withMails)
		b.fill(r.db, user)
		receipt, err := r.Request(t.Context(), user, email)
		require.NoError(t, err)
		// The step that comes after cannot be noted, until it was done again from the one before.
		b.exec("CREATE OR REPLACE FUNCTION public.no_note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '53100'; END $$")
		b.exec(`CREATE TRIGGER no_note BEFORE UPDATE ON public.deletions FOR EACH ROW WHEN (NEW.step = '` + string(steps[i+1]) + `') EXECUTE FUNCTION public.no_note()`)
		r.start(t)
		for deadline := time.Now().Add(patience); b.count("SELECT failures FROM public.account_jobs WHERE user_id = $1", user.ID()) < 2; <-time.After(20 * time.Millisecond) {
			require.True(t, time.Now().Before(deadline), step)
		}
		got, err := r.Receipt(t.Context(), receipt.ID)
		require.NoError(t, err)
		require.Equal(t, step, got.Step)
		r.stop()
		b.exec("DROP TRIGGER no_note ON public.deletions")
		if i > 0 {
			b.exec("UPDATE public.deletions SET step = $1 WHERE id = $2", string(steps[i-1]), receipt.ID)
		}
		b.exec("UPDATE public.job_tickets SET due_at = now()")
		second := b.replica(withMails).start(t)
		require.Equal(t, deletion.MailsPurged, second.finished(t, receipt.ID).Mails)
		second.stop()
		b.nothingLeft(user.ID())
		require.Zero(t, b.kratos.Mails(t, email), step)
	}
	require.Equal(t, 4*(len(steps)-1), b.count("SELECT sum(messages) FROM public.usage_daily"))
}
