package deletion_test

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"twobrains/internal/account/deletion"
	"twobrains/internal/auth"
	"twobrains/internal/auth/authtest"
	"twobrains/internal/job"
	"twobrains/internal/secret"
	"twobrains/internal/tenant"
	"twobrains/internal/testdb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 30 * time.Second

type bundle struct {
	*testdb.Database
	t        *testing.T
	kratos   *authtest.Server
	verifier *auth.Verifier
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{Database: testdb.New(t), t: t, kratos: authtest.Kratos(t)}
	var err error
	b.verifier, err = auth.NewVerifier(auth.Options{PublicURL: b.kratos.Public})
	require.NoError(t, err)
	t.Cleanup(b.verifier.Close)
	return b
}

// person signs somebody in, by a code that they get by mail.
func (b *bundle) person() (user auth.User, email, token string) {
	b.t.Helper()
	email = authtest.NewEmail()
	token = b.kratos.Login(b.t, email)
	user, _, err := b.verifier.Verify(b.t.Context(), authtest.Credential(b.t, token))
	require.NoError(b.t, err)
	return user, email, token
}

// replica is a process's part in deletions.
type replica struct {
	*deletion.Service
	db   *tenant.DB
	jobs *job.Queue
	stop func()
}

type change func(*deletion.Options, *auth.EraserOptions)

func withMails(_ *deletion.Options, o *auth.EraserOptions) {
	o.DatabaseURL = secret.New(os.Getenv(authtest.MailsVariable))
}

// replica makes another process. It does no jobs before start.
func (b *bundle) replica(changes ...change) *replica {
	b.t.Helper()
	r := &replica{db: b.Kernel(b.t), stop: func() {}}
	tickets := auth.NewTickets(b.Keys)
	var err error
	r.jobs, err = job.New(job.Options{
		DB: r.db, Tickets: tickets, InstanceID: uuid.New(), Lease: 2 * time.Second, Poll: 50 * time.Millisecond,
		Backoff: func(int) time.Duration { return 200 * time.Millisecond },
	})
	require.NoError(b.t, err)
	o := deletion.Options{DB: r.db, Jobs: r.jobs, Tickets: tickets, Keys: b.Keys, StopWait: 100 * time.Millisecond}
	e := auth.EraserOptions{AdminURL: b.kratos.Admin, Invalidations: auth.NewInvalidations(b.verifier, nil, "", nil)}
	for _, c := range changes {
		c(&o, &e)
	}
	o.Kratos, err = auth.NewEraser(e)
	require.NoError(b.t, err)
	b.t.Cleanup(o.Kratos.Close)
	r.Service, err = deletion.New(o)
	require.NoError(b.t, err)
	return r
}

func (r *replica) start(t *testing.T) *replica {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.jobs.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run jobs: %v", err)
		}
	})
	t.Cleanup(r.stop)
	return r
}

func (r *replica) until(t *testing.T, id uuid.UUID, what string, ok func(deletion.Receipt) bool) deletion.Receipt {
	t.Helper()
	for deadline := time.Now().Add(patience); ; <-time.After(20 * time.Millisecond) {
		receipt, err := r.Receipt(t.Context(), id)
		require.NoError(t, err)
		if ok(receipt) {
			return receipt
		}
		if time.Now().After(deadline) {
			t.Fatalf("not %s: %+v", what, receipt)
		}
	}
}

func (r *replica) finished(t *testing.T, id uuid.UUID) deletion.Receipt {
	t.Helper()
	return r.until(t, id, "finished", func(r deletion.Receipt) bool { return r.FinishedAt != nil })
}

func (b *bundle) exec(sql string, arguments ...any) {
	b.t.Helper()
	_, err := b.Superuser(b.t).Exec(b.t.Context(), sql, arguments...)
	require.NoError(b.t, err)
}

func (b *bundle) count(sql string, arguments ...any) (n int) {
	b.t.Helper()
	require.NoError(b.t, b.Superuser(b.t).QueryRow(b.t.Context(), sql, arguments...).Scan(&n))
	return n
}

// fill gives a user rows in both brains.
func (b *bundle) fill(db *tenant.DB, user auth.User) {
	b.t.Helper()
	require.NoError(b.t, use(b.t, db, user))
	id := user.ID()
	for _, sql := range []string{
		"INSERT INTO public.user_settings (user_id) VALUES ($1)",
		"INSERT INTO public.user_api_keys (user_id, provider, id, ciphertext, key_id, last_four) VALUES ($1, 'openai', gen_random_uuid(), 'x', 'test', 'abcd')",
		"INSERT INTO public.user_mcp_builtins (user_id, server, enabled) VALUES ($1, 'x', true)",
		"INSERT INTO public.quota_counters (user_id, day, day_used, month, month_used) VALUES ($1, '2026-01-02', 1, '2026-01-01', 1)",
		"INSERT INTO public.usage_events (user_id, quarter, model, key_source, outcome, messages, cost_microusd) VALUES ($1, 20455 * 96, 'a', 'platform', 'complete', 3, 7)",
		"INSERT INTO public.user_days VALUES ($1, 20455, 20455 * 96, 20455 * 96, NULL, 0, 3, 0, 7, 0)",
		"INSERT INTO public.user_quarters VALUES ($1, 20455 * 96, 3, 0, 7, 0, 0, 0)",
		"INSERT INTO public.usage_daily (user_id, day, model, key_source, messages, cost_microusd) VALUES ($1, '2026-01-02', 'a', 'platform', 3, 7), ($1, '2026-01-02', 'b', 'own', 1, 0)",
		`INSERT INTO public.shares (id, user_id, conversation_id, slot, title, snapshot, messages, expires_at) VALUES (left(md5($1::uuid::text), 22), $1::uuid, 'c', 1, '', '[]', 1, now() + interval '1 day')`,
		"INSERT INTO public.admins (user_id) VALUES ($1)",
		"INSERT INTO public.user_plans (user_id, messages_per_day) VALUES ($1, 5)",
		`INSERT INTO public.user_mcp_servers (user_id, id, slot, name, url, transport) VALUES ($1, gen_random_uuid(), 1, 'x', 'https://x.test', 'sse')`,
	} {
		b.exec(sql, id)
	}
}

// use does something in a user's private brain.
func use(t *testing.T, db *tenant.DB, user auth.User) error {
	t.Helper()
	return db.Tx(t.Context(), user, func(tx *tenant.Tx) error {
		_, err := tx.Exec(t.Context(), "INSERT INTO conversations (id) VALUES ($1)", uuid.NewString())
		return err
	})
}

func (b *bundle) nothingLeft(id uuid.UUID) {
	b.t.Helper()
	traces, err := b.DB.Fleet().Traces(b.t.Context(), id)
	require.NoError(b.t, err)
	require.Greater(b.t, len(traces), 20)
	for _, trace := range traces {
		if trace.Place == "id in audit_log" { // on purpose: that they were an admin, and had a plan of their own
			require.NotEmpty(b.t, trace.Kept)
			continue
		}
		require.Zero(b.t, trace.Found, trace.Place)
	}
}
