package tenant_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
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

// envInterleavings sets the number of operations of each of these tests; `make interleavings` asks for a million.
const envInterleavings = "TWOBRAINS_INTERLEAVINGS"

// TestInterleavings runs many users over few lanes of two replicas, with cancelled, panicking, failing and timed-out units of
// work, killed connections, schema changes, forgotten brains and recycled lanes in between. Every row that a user reads
// must be theirs, none may be missing, and no binding may stay on a connection.
func TestInterleavings(t *testing.T) {
	t.Parallel()
	newInterleaving(t).run(100_000)
}

// interleaving is a small world of users, and what happens to them.
type interleaving struct {
	*testdb.Database
	t       *testing.T
	kernels []*tenant.DB
	actors  []*actor
	mix     []*operation
	super   *superuser
	sockets sockets
}

// actor is a user and what the test knows of the rows they must have.
type actor struct {
	sync.Mutex
	user   auth.User
	schema string
	// certain are the rows that were committed, possible those whose connection was lost during the commit: the server may
	// still be at it when the user comes back on another connection.
	certain, possible map[uuid.UUID]bool
	// origin says which operation made a row, and in which of its attempts.
	origin map[uuid.UUID]string
	// Until then, a delete whose connection was lost may still take rows away.
	wary    time.Time
	columns int
}

// lateness is how long after the loss of its connection a statement can still come to an end: statement_timeout.
const lateness = 30 * time.Second

// operation is one thing that may happen, its share among all, and what it has cost.
type operation struct {
	name   string
	weight int
	run    func(ctx context.Context, db *tenant.DB, a *actor) error
	done   atomic.Int64
	took   atomic.Int64
}

// superuser is a connection that several goroutines take turns on.
type superuser struct {
	sync.Mutex
	conn *pgx.Conn
}

func (s *superuser) exec(ctx context.Context, sql string, args ...any) error {
	s.Lock()
	defer s.Unlock()
	_, err := s.conn.Exec(ctx, sql, args...)
	return err
}

// sockets are the client's ends of the connections, to be cut.
type sockets struct {
	sync.Mutex
	open []net.Conn
}

func (s *sockets) configure(cfg *pgx.ConnConfig) {
	dial := cfg.DialFunc
	cfg.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err == nil {
			s.Lock()
			// The six that count are among the last; those of cancel requests are here too.
			s.open = append(s.open[max(0, len(s.open)-11):], conn)
			s.Unlock()
		}
		return conn, err
	}
}

func (s *sockets) cut() {
	s.Lock()
	defer s.Unlock()
	if len(s.open) > 0 {
		_ = s.open[rand.IntN(len(s.open))].Close()
	}
}

func newInterleaving(t *testing.T, options ...testdb.Option) *interleaving {
	t.Helper()
	w := &interleaving{t: t}
	options = append(options, func(o *tenant.Options) {
		o.Lanes, o.UnitTimeout, o.ConfigureConn = 3, 20*time.Second, w.sockets.configure
	})
	w.Database = testdb.New(t, options...)
	recycling := append(slices.Clip(options), func(o *tenant.Options) { o.LaneUsers = 20 })
	w.kernels = []*tenant.DB{w.DB, w.Kernel(t, recycling...)}
	w.super = &superuser{conn: w.Superuser(t)}
	ids := authtest.NewIdentities(t)
	for range 64 {
		id := uuid.New()
		w.actors = append(w.actors, &actor{user: ids.User(t, id), schema: schemaOf(id), certain: map[uuid.UUID]bool{}, possible: map[uuid.UUID]bool{}, origin: map[uuid.UUID]string{}})
	}
	w.mix = w.operations()
	return w
}

func (w *interleaving) run(operations int) {
	w.t.Helper()
	if text := os.Getenv(envInterleavings); text != "" {
		n, err := strconv.Atoi(text)
		require.NoError(w.t, err)
		operations = n
	}
	// The seed chooses what happens; in which order it meets on the lanes is the scheduler's.
	seed, begin := rand.Uint64(), time.Now()
	w.t.Logf("%d operations, seed %d", operations, seed)
	var left atomic.Int64
	left.Store(int64(operations))
	var wg sync.WaitGroup
	for worker := range 8 {
		random := rand.New(rand.NewPCG(seed, uint64(worker)))
		wg.Go(func() {
			for left.Add(-1) >= 0 && !w.t.Failed() {
				if err := w.operate(w.t.Context(), random); err != nil {
					w.t.Errorf("seed %d: %v", seed, err)
				}
			}
		})
	}
	wg.Wait()
	for _, o := range w.mix {
		require.Positive(w.t, o.done.Load(), "%s never happened", o.name)
	}
	for _, a := range w.actors {
		require.NoError(w.t, retried(func() error { return w.read(w.t.Context(), w.kernels[0], a) }))
	}
	w.t.Logf("%d operations in %s:%s", operations, time.Since(begin).Round(time.Second), w.summary())
}

func (w *interleaving) operate(ctx context.Context, random *rand.Rand) error {
	total := 0
	for _, o := range w.mix {
		total += o.weight
	}
	db, a := w.kernels[random.IntN(len(w.kernels))], w.actors[random.IntN(len(w.actors))]
	n := random.IntN(total)
	for _, o := range w.mix {
		if n -= o.weight; n < 0 {
			return w.perform(ctx, o, db, a)
		}
	}
	return nil
}

func (w *interleaving) perform(ctx context.Context, o *operation, db *tenant.DB, a *actor) error {
	a.Lock()
	defer a.Unlock()
	begin := time.Now()
	err := o.run(ctx, db, a)
	o.done.Add(1)
	o.took.Add(int64(time.Since(begin)))
	if err != nil {
		return fmt.Errorf("%s of %s: %w", o.name, a.schema, err)
	}
	return nil
}

func (w *interleaving) summary() string {
	var text strings.Builder
	for _, o := range w.mix {
		n := o.done.Load()
		fmt.Fprintf(&text, " %s %d (%s)", o.name, n, time.Duration(o.took.Load()/max(n, 1)).Round(10*time.Microsecond))
	}
	return text.String()
}

// unit runs a unit of work of the actor's.
func (w *interleaving) unit(ctx context.Context, db *tenant.DB, a *actor, fn func(*tenant.Tx) error) error {
	brain, err := db.Open(ctx, a.user)
	if err != nil {
		return err
	}
	return brain.Tx(ctx, fn)
}

// conversation is a row of the private brain.
type conversation struct {
	ID    uuid.UUID
	Title string
}

// see compares what a statement met with what is known, and learns from it.
func (a *actor) see(met []conversation) error {
	left := maps.Clone(a.certain)
	for _, c := range met {
		if c.Title != a.schema {
			return fmt.Errorf("met a row of %s", c.Title)
		}
		if !a.certain[c.ID] && !a.possible[c.ID] {
			return fmt.Errorf("met a row that was never committed: %s", a.origin[c.ID])
		}
		delete(left, c.ID)
		delete(a.possible, c.ID)
		a.certain[c.ID] = true
	}
	if len(left) > 0 && time.Now().After(a.wary) {
		return fmt.Errorf("met %d rows, and %d are missing", len(met), len(left))
	}
	maps.Copy(a.possible, left)
	for id := range left {
		delete(a.certain, id)
	}
	return nil
}

// tolerate accepts what a killed connection does to the unit of work it carried. Nothing else.
func (w *interleaving) tolerate(err error) error {
	if err == nil || problem.HasCode(err, problem.CodeUnavailable) || tenant.HasState(err, "42501") {
		return nil
	}
	return err
}

// retried runs f again when a connection that was cut before fails it.
func retried(f func() error) (err error) {
	for range 3 {
		if err = f(); err == nil {
			return nil
		}
	}
	return err
}
