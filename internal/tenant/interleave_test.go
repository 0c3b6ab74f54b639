package tenant_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"twobrains/internal/auth"
	"twobrains/internal/auth/authtest"
	"twobrains/internal/problem"
	"twobrains/internal/tenant"
	"twobrains/internal/testdb"
)

// actor is a user and what the test knows of the rows they must have.
type actor struct {
	sync.Mutex
	user   auth.User
	schema string
	// rows is their number; unsure says that the last append may or may not have been committed.
	rows    int
	unsure  bool
	columns int
}

type interleaving struct {
	*testdb.Database
	kernels []*tenant.DB
	actors  []*actor
	super   *pgxPoolOfOne
	done    map[string]*atomic.Int64
}

// pgxPoolOfOne is a superuser connection that several goroutines take turns on.
type pgxPoolOfOne struct {
	sync.Mutex
	conn *pgx.Conn
}

func (p *pgxPoolOfOne) exec(ctx context.Context, sql string, args ...any) error {
	p.Lock()
	defer p.Unlock()
	_, err := p.conn.Exec(ctx, sql, args...)
	return err
}

var errDeliberate = errors.New("deliberate")

// TestInterleavings runs many users over few lanes of two replicas, with cancelled, panicking, failing and timed-out units of
// work, killed connections, schema changes, forgotten brains and recycled lanes in between. Every row that a user reads
// must be theirs, none may be missing, and no binding may stay on a connection. TWOBRAINS_INTERLEAVINGS sets the number of
// operations.
func TestInterleavings(t *testing.T) {
	t.Parallel()
	w := newInterleaving(t)
	operations := 20_000
	if text := os.Getenv("TWOBRAINS_INTERLEAVINGS"); text != "" {
		n, err := strconv.Atoi(text)
		require.NoError(t, err)
		operations = n
	}
	seed := rand.Uint64()
	t.Logf("%d operations, seed %d", operations, seed)
	var left atomic.Int64
	left.Store(int64(operations))
	var wg sync.WaitGroup
	for worker := range 8 {
		random := rand.New(rand.NewPCG(seed, uint64(worker)))
		wg.Go(func() {
			for left.Add(-1) >= 0 && !t.Failed() {
				if err := w.operate(t.Context(), random); err != nil {
					t.Errorf("seed %d: %v", seed, err)
				}
			}
		})
	}
	wg.Wait()
	for name, n := range w.done {
		require.Positive(t, n.Load(), "%s never happened", name)
	}
	for _, a := range w.actors {
		require.NoError(t, w.read(t.Context(), w.kernels[0], a))
	}
}

func newInterleaving(t *testing.T) *interleaving {
	t.Helper()
	few := func(o *tenant.Options) {
		o.Lanes, o.LaneUsers, o.UnitTimeout = 3, 25, 20*time.Second
	}
	w := &interleaving{Database: testdb.New(t, few), done: map[string]*atomic.Int64{}}
	w.kernels = []*tenant.DB{w.DB, w.Kernel(t, few)}
	w.super = &pgxPoolOfOne{conn: w.Superuser(t)}
	ids := authtest.NewIdentities(t)
	for range 60 {
		id := uuid.New()
		w.actors = append(w.actors, &actor{user: ids.User(t, id), schema: schemaOf(id)})
	}
	for name := range w.kinds() {
		w.done[name] = &atomic.Int64{}
	}
	return w
}

type operation struct {
	weight int
	run    func(ctx context.Context, db *tenant.DB, a *actor) error
}

func (w *interleaving) kinds() map[string]operation {
	return map[string]operation{
		"read":      {400, w.read},
		"append":    {300, w.append},
		"settings":  {100, w.settings},
		"fail":      {60, w.fail},
		"swallow":   {20, w.swallow},
		"panic":     {30, w.panics},
		"timeout":   {10, w.timeout},
		"cancelled": {30, w.cancelled},
		"unbound":   {30, w.unbound},
		"forget":    {30, w.forget},
		"kill":      {4, w.kill},
		"schema":    {4, w.changeSchema},
		"leftover":  {10, w.leftover},
	}
}

func (w *interleaving) operate(ctx context.Context, random *rand.Rand) error {
	kinds := w.kinds()
	total := 0
	for _, k := range kinds {
		total += k.weight
	}
	n := random.IntN(total)
	db, a := w.kernels[random.IntN(len(w.kernels))], w.actors[random.IntN(len(w.actors))]
	for name, k := range kinds {
		if n -= k.weight; n < 0 {
			a.Lock()
			defer a.Unlock()
			w.done[name].Add(1)
			if err := k.run(ctx, db, a); err != nil {
				return fmt.Errorf("%s of %s: %w", name, a.schema, err)
			}
			return nil
		}
	}
	return nil
}

func (w *interleaving) unit(ctx context.Context, db *tenant.DB, a *actor, fn func(*tenant.Tx) error) error {
	brain, err := db.Open(ctx, a.user)
	if err != nil {
		return err
	}
	return brain.Tx(ctx, fn)
}

func (w *interleaving) read(ctx context.Context, db *tenant.DB, a *actor) error {
	var titles []string
	err := w.unit(ctx, db, a, func(tx *tenant.Tx) error {
		rows, err := tx.Query(ctx, "SELECT title FROM conversations")
		if err != nil {
			return err
		}
		titles, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		return w.tolerate(err)
	}
	for _, title := range titles {
		if title != a.schema {
			return fmt.Errorf("read a row of %s", title)
		}
	}
	if a.unsure && len(titles) == a.rows+1 {
		a.rows++
	}
	a.unsure = false
	if len(titles) != a.rows {
		return fmt.Errorf("read %d rows, want %d", len(titles), a.rows)
	}
	return nil
}

func insert(ctx context.Context, a *actor, tx *tenant.Tx) {
	tenant.QueueExec(tx, func(db tenant.DBTX) error {
		_, err := db.Exec(ctx, "INSERT INTO conversations (id, title) VALUES (gen_random_uuid(), $1)", a.schema)
		return err
	})
}

func (w *interleaving) append(ctx context.Context, db *tenant.DB, a *actor) error {
	if a.unsure {
		return w.read(ctx, db, a)
	}
	err := w.unit(ctx, db, a, func(tx *tenant.Tx) error {
		insert(ctx, a, tx)
		return nil
	})
	if err == nil {
		a.rows++
		return nil
	}
	a.unsure = true
	return w.tolerate(err)
}

// settings writes and reads a public row without naming the user.
func (w *interleaving) settings(ctx context.Context, db *tenant.DB, a *actor) error {
	var seen []string
	err := w.unit(ctx, db, a, func(tx *tenant.Tx) error {
		tenant.QueueExec(tx, func(db tenant.DBTX) error {
			_, err := db.Exec(ctx, `INSERT INTO public.user_settings (user_id, custom_instructions) SELECT user_id, schema_name FROM public.tenants
				ON CONFLICT (user_id) DO UPDATE SET custom_instructions = excluded.custom_instructions`)
			return err
		})
		rows, err := tx.Query(ctx, "SELECT custom_instructions FROM public.user_settings")
		if err != nil {
			return err
		}
		seen, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		return w.tolerate(err)
	}
	if len(seen) != 1 || seen[0] != a.schema {
		return fmt.Errorf("settings seen: %v", seen)
	}
	return nil
}

func (w *interleaving) fail(ctx context.Context, db *tenant.DB, a *actor) error {
	err := w.unit(ctx, db, a, func(tx *tenant.Tx) error {
		insert(ctx, a, tx)
		tenant.QueueExec(tx, func(db tenant.DBTX) error { _, err := db.Exec(ctx, "SELECT 1/0"); return err })
		return nil
	})
	if err == nil {
		return errors.New("a failing unit of work succeeded")
	}
	return nil
}

func (w *interleaving) swallow(ctx context.Context, db *tenant.DB, a *actor) error {
	err := w.unit(ctx, db, a, func(tx *tenant.Tx) error {
		insert(ctx, a, tx)
		_, _ = tx.Exec(ctx, "SELECT 1/0")
		return nil
	})
	if err == nil {
		return errors.New("a swallowed failure was committed")
	}
	return nil
}

func (w *interleaving) panics(ctx context.Context, db *tenant.DB, a *actor) (err error) {
	panicked := func() (panicked bool) {
		defer func() { panicked = recover() != nil }()
		err = w.unit(ctx, db, a, func(tx *tenant.Tx) error {
			insert(ctx, a, tx)
			if err := tx.Flush(); err != nil {
				return err
			}
			panic("deliberate")
		})
		return false
	}()
	switch {
	case panicked:
		return nil
	case err == nil:
		return errors.New("the panic was swallowed")
	}
	return w.tolerate(err)
}

func (w *interleaving) timeout(ctx context.Context, db *tenant.DB, a *actor) error {
	brain, err := db.Open(ctx, a.user)
	if err != nil {
		return w.tolerate(err)
	}
	short, cancel := context.WithTimeout(ctx, 3*time.Millisecond)
	defer cancel()
	err = brain.Tx(short, func(tx *tenant.Tx) error {
		insert(short, a, tx)
		_, err := tx.Exec(short, "SELECT pg_sleep(5)")
		return err
	})
	if err == nil {
		return errors.New("outlived its deadline")
	}
	return nil
}

func (w *interleaving) cancelled(ctx context.Context, db *tenant.DB, a *actor) error {
	brain, err := db.Open(ctx, a.user)
	if err != nil {
		return w.tolerate(err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	err = brain.Tx(cancelled, func(tx *tenant.Tx) error {
		insert(cancelled, a, tx)
		cancel()
		return errDeliberate
	})
	cancel()
	if err == nil {
		return errors.New("a unit of work that gave up was committed")
	}
	return nil
}

// unbound looks for a binding that was left behind.
func (w *interleaving) unbound(ctx context.Context, db *tenant.DB, _ *actor) error {
	var key *string
	var path string
	var visible int
	err := db.Public(ctx, func(tx *tenant.Tx) error {
		return tx.QueryRow(ctx, `SELECT current_setting('twobrains.key', true), current_setting('search_path'),
			(SELECT count(*) FROM conversations) + (SELECT count(*) FROM public.user_settings)`).Scan(&key, &path, &visible)
	})
	if err != nil {
		return w.tolerate(err)
	}
	if (key != nil && *key != "") || path != "brain_template, pg_temp" || visible != 0 {
		return fmt.Errorf("a binding is left: path %q, %d rows visible", path, visible)
	}
	return nil
}

func (w *interleaving) forget(_ context.Context, db *tenant.DB, a *actor) error {
	db.Forget(a.user)
	return nil
}

func (w *interleaving) kill(ctx context.Context, _ *tenant.DB, _ *actor) error {
	return w.super.exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE usename = 'twobrains_app' AND datname = $1 ORDER BY random() LIMIT 1`, w.Name)
}

// changeSchema changes the columns of the user's table, behind the back of every prepared plan.
func (w *interleaving) changeSchema(ctx context.Context, _ *tenant.DB, a *actor) error {
	a.columns++
	sql := fmt.Sprintf("ALTER TABLE %s.conversations ADD COLUMN extra%d text", a.schema, a.columns)
	if a.columns > 3 {
		sql = fmt.Sprintf("ALTER TABLE %[1]s.conversations ALTER COLUMN title TYPE varchar(%[2]d), DROP COLUMN IF EXISTS extra1", a.schema, 200+a.columns)
	}
	err := w.super.exec(ctx, sql)
	if tenant.HasState(err, "42P01") || tenant.HasState(err, "3F000") {
		a.columns--
		return nil // not provisioned yet
	}
	return err
}

// leftover is what code with a mistake may leave on a connection: settings for the session instead of the transaction.
func (w *interleaving) leftover(ctx context.Context, db *tenant.DB, a *actor) error {
	err := w.unit(ctx, db, a, func(tx *tenant.Tx) error {
		_, err := tx.Exec(ctx, "SELECT set_config('twobrains.key', 'left over', false), set_config('row_security', 'off', false)")
		return err
	})
	return w.tolerate(err)
}

// tolerate accepts what a killed connection does to the unit of work it carried, and the refusal (42501) of sealed tables
// on a connection where somebody has turned row security off. Nothing else.
func (w *interleaving) tolerate(err error) error {
	if err == nil || problem.HasCode(err, problem.CodeUnavailable) || tenant.HasState(err, "42501") {
		return nil
	}
	return err
}
