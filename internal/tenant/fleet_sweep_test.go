package tenant_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
	"twobrains/internal/testdb"
)

const nextMigration = "ALTER TABLE conversations ADD COLUMN extra text; CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY);"

// fleet makes private brains and a kernel that is a migration ahead of them.
func fleet(t *testing.T, b *testBundle, size int, migration string) (brains []*tenant.Brain, next *tenant.DB) {
	t.Helper()
	for range size {
		brains = append(brains, b.newUser(t))
	}
	next = b.Kernel(t, func(o *tenant.Options) { o.TenantMigrations = withMigration(t, migration) })
	require.NoError(t, next.Migrate(t.Context(), false, nil))
	return brains, next
}

// sweep runs one to its end and gives its results by outcome.
func sweep(t *testing.T, db *tenant.DB, o tenant.SweepOptions) (by map[tenant.Outcome][]tenant.Swept, err error) {
	t.Helper()
	by = map[tenant.Outcome][]tenant.Swept{}
	for s, e := range db.Fleet().Sweep(t.Context(), o) {
		if e != nil {
			err = e
			continue
		}
		by[s.Outcome] = append(by[s.Outcome], s)
	}
	return by, err
}

func pending(t *testing.T, db *tenant.DB) int {
	t.Helper()
	n, err := db.Fleet().Pending(t.Context())
	require.NoError(t, err)
	return int(n)
}

func TestFleetSweep(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const size = 60
	brains, next := fleet(t, b, size, nextMigration)
	b.addConversation(t, brains[7], "c", "kept")
	require.Equal(t, size, pending(t, next))

	// Cut after a few: those under way are finished or rolled back, nothing is lost, the next sweep does the rest.
	finished := 0
	for s, err := range next.Fleet().Sweep(t.Context(), tenant.SweepOptions{Parallel: 3, Canary: 2}) {
		require.NoError(t, err)
		require.Equal(t, tenant.SweepDone, s.Outcome)
		require.Equal(t, finished < 2, s.Canary)
		if finished++; finished == 20 {
			break
		}
	}
	left := pending(t, next)
	require.LessOrEqual(t, left, size-20)
	require.GreaterOrEqual(t, left, size-20-2*3)
	require.Empty(t, doctor(t, next), "half swept")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var ended error
	for _, err := range next.Fleet().Sweep(ctx, tenant.SweepOptions{Parallel: 3}) {
		cancel()
		ended = err
	}
	require.ErrorIs(t, ended, context.Canceled)

	by, err := sweep(t, next, tenant.SweepOptions{Parallel: 3, Canary: 1})
	require.NoError(t, err)
	require.NotEmpty(t, by[tenant.SweepDone])
	require.Len(t, by, 1)
	require.Zero(t, pending(t, next))
	by, err = sweep(t, next, tenant.SweepOptions{Canary: 3})
	require.NoError(t, err)
	require.Empty(t, by, "nothing left to do")
	require.Empty(t, doctor(t, next))
	require.Equal(t, []string{"kept"}, b.titles(t, brains[7]))
	require.Equal(t, []string{"kept"}, b.titles(t, b.open(t, next, brains[7].UserID())))
}

func TestFleetSweepReseals(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var brains []*tenant.Brain
	for range 5 {
		brains = append(brains, b.newUser(t))
	}
	b.addConversation(t, brains[0], "c", "kept")
	rotated := b.Kernel(t, func(o *tenant.Options) { o.Keys = testdb.Keys(t, "new", "test") })
	by, err := sweep(t, rotated, tenant.SweepOptions{})
	require.NoError(t, err)
	require.Len(t, by[tenant.SweepDone], 5)
	onlyNew := b.Kernel(t, func(o *tenant.Options) { o.Keys = testdb.Keys(t, "new") })
	require.Empty(t, doctor(t, onlyNew))
	require.Equal(t, []string{"kept"}, b.titles(t, b.open(t, onlyNew, brains[0].UserID())))

	// A ring without the key that they are sealed with: each fails, as its first access would.
	stranger := b.Kernel(t, func(o *tenant.Options) { o.Keys = testdb.Keys(t, "stranger") })
	by, err = sweep(t, stranger, tenant.SweepOptions{Canary: 1})
	require.ErrorIs(t, err, tenant.ErrCanary)
	require.Len(t, by[tenant.SweepFailed], 1)
	require.Equal(t, []string{"kept"}, b.titles(t, b.open(t, onlyNew, brains[0].UserID())), "untouched")
}

// brokenFor fails for a user until a table named mended exists.
func brokenFor(id uuid.UUID) string {
	return nextMigration + fmt.Sprintf(` DO $$ BEGIN
		IF current_schema() = '%s' AND NOT EXISTS (SELECT FROM pg_class WHERE relname = 'mended') THEN RAISE EXCEPTION 'broken for this user'; END IF;
	END $$;`, schemaOf(id))
}

func TestFleetSweepSkipsWhoFails(t *testing.T) {
	t.Parallel()
	b := setup(t)
	alice := b.newUser(t)
	b.addConversation(t, alice, "c", "alice's")
	const others = 12
	_, next := fleet(t, b, others, brokenFor(alice.UserID()))

	by, err := sweep(t, next, tenant.SweepOptions{Parallel: 2})
	require.NoError(t, err)
	require.Len(t, by[tenant.SweepDone], others)
	require.Len(t, by[tenant.SweepFailed], 1)
	failed := by[tenant.SweepFailed][0]
	require.Equal(t, alice.UserID(), failed.UserID)
	require.ErrorContains(t, failed.Err, "broken for this user")
	require.Positive(t, failed.RetryIn)
	_, failures := tenantVersion(t, b, alice)
	require.Equal(t, 1, failures, "recorded like a failed first access")
	_, err = next.Open(t.Context(), b.ids.User(t, alice.UserID()))
	require.Error(t, err)
	_, failures = tenantVersion(t, b, alice)
	require.Equal(t, 1, failures, "whose time to wait holds for first accesses too")

	by, err = sweep(t, next, tenant.SweepOptions{Canary: 1})
	require.NoError(t, err)
	require.Len(t, by[tenant.SweepWaiting], 1, "and for sweeps")
	require.Empty(t, doctor(t, next), "behind, not broken")

	// One that is named is tried at once.
	by, err = sweep(t, next, tenant.SweepOptions{User: alice.UserID()})
	require.NoError(t, err)
	require.Len(t, by[tenant.SweepFailed], 1)
	_, err = b.Superuser(t).Exec(t.Context(), "CREATE TABLE public.mended ()")
	require.NoError(t, err)
	by, err = sweep(t, next, tenant.SweepOptions{User: alice.UserID()})
	require.NoError(t, err)
	require.Len(t, by[tenant.SweepDone], 1)
	by, err = sweep(t, next, tenant.SweepOptions{User: alice.UserID()})
	require.NoError(t, err)
	require.Len(t, by[tenant.SweepCurrent], 1)
	require.Equal(t, []string{"alice's"}, b.titles(t, b.open(t, next, alice.UserID())))
	_, err = sweep(t, next, tenant.SweepOptions{User: uuid.New()})
	require.ErrorIs(t, err, tenant.ErrNoEntry)
}

func TestFleetSweepStopsAtTheCanary(t *testing.T) {
	t.Parallel()
	b := setup(t)
	brains, next := fleet(t, b, 6, nextMigration+` DO $$ BEGIN
		IF current_schema() <> 'brain_template' THEN EXECUTE 'SELECT ''a secret''::integer'; END IF;
	END $$;`)
	require.NotEmpty(t, brains)
	by, err := sweep(t, next, tenant.SweepOptions{Canary: 3})
	require.ErrorIs(t, err, tenant.ErrCanary)
	require.Len(t, by, 1)
	require.Len(t, by[tenant.SweepFailed], 1)
	require.Equal(t, 6, pending(t, next))
	failed := by[tenant.SweepFailed][0]
	require.ErrorContains(t, failed.Err, "22P02")
	require.NotContains(t, failed.Err.Error(), "secret", "a data exception quotes content")
	d, err := next.Fleet().Show(t.Context(), failed.UserID)
	require.NoError(t, err)
	require.Equal(t, failed.Err.Error(), d.Failure)
}

// Two sweeps, and users who write all the time with the older and the newer binary: every private brain is migrated once,
// no write is refused or lost.
func TestFleetSweepsWhileServing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	const size = 24
	brains, next := fleet(t, b, size, nextMigration)
	var wg, writers sync.WaitGroup
	var done atomic.Bool
	var writes [size]int
	for w := range 3 {
		writers.Go(func() {
			for i := w; !done.Load(); i = (i + 3) % size {
				brain := brains[i]
				if i%2 == 1 {
					var err error
					if brain, err = next.Open(ctx, b.ids.User(t, brain.UserID())); err != nil {
						t.Errorf("open: %v", err)
						return
					}
				}
				err := brain.Tx(ctx, func(tx *tenant.Tx) error {
					_, err := b.tenant.MessageSend(ctx, tx, tenantdb.MessageSendParams{
						ConversationID: "c", ID: uuid.NewString(), Role: "user", Parts: json.RawMessage("[]"), Metadata: json.RawMessage("{}"), Status: "complete", Now: time.Now(),
					})
					return err
				})
				if err != nil {
					t.Errorf("write: %v", err)
					return
				}
				writes[i]++
			}
		})
	}
	var swept atomic.Int64
	for range 2 {
		wg.Go(func() {
			for s, err := range next.Fleet().Sweep(ctx, tenant.SweepOptions{Parallel: 2}) {
				if err != nil || !s.Good() {
					t.Errorf("sweep: %v %+v", err, s)
					return
				}
				if s.Outcome == tenant.SweepDone {
					swept.Add(1)
				}
			}
		})
	}
	wg.Wait()
	done.Store(true)
	writers.Wait()
	require.LessOrEqual(t, swept.Load(), int64(size))
	require.Zero(t, pending(t, next))
	require.Empty(t, doctor(t, next))
	super := b.Superuser(t)
	for i, brain := range brains {
		var seq int
		require.NoError(t, super.QueryRow(ctx, "SELECT coalesce(max(last_seq), 0) FROM "+schemaOf(brain.UserID())+".conversations").Scan(&seq))
		require.Equal(t, writes[i], seq)
	}
}

// A private brain whose tables somebody holds for long is left for later: nothing recorded, the sweep goes on.
func TestFleetSweepLeavesTheBusy(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	brains, next := fleet(t, b, 3, nextMigration)
	tx, err := b.Superuser(t).Begin(ctx)
	require.NoError(t, err)
	_, err = tx.Exec(ctx, "LOCK TABLE "+schemaOf(brains[1].UserID())+".conversations IN ACCESS SHARE MODE")
	require.NoError(t, err)
	by, err := sweep(t, next, tenant.SweepOptions{})
	require.NoError(t, err)
	require.Len(t, by[tenant.SweepDone], 2, "%+v", by)
	require.Len(t, by[tenant.SweepBusy], 1)
	require.NoError(t, tx.Rollback(ctx))
	_, failures := tenantVersion(t, b, brains[1])
	require.Zero(t, failures)
	by, err = sweep(t, next, tenant.SweepOptions{})
	require.NoError(t, err)
	require.Len(t, by[tenant.SweepDone], 1)
}
