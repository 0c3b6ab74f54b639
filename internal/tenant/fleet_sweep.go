package tenant

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"twobrains/internal/publicdb"
)

// SweepOptions say how the private brains that are behind are migrated.
type SweepOptions struct {
	// User, if set, is the only one, and is tried even if an earlier failure's time to wait is not over.
	User uuid.UUID
	// Parallel is the number of owner connections at work. Default 2: half of two processors is left to serving.
	Parallel int
	// Canary is the number of private brains, none of which has failed before, that are migrated first, one after
	// the other; a failure among them ends the sweep.
	Canary int
}

// Outcome of one private brain in a sweep.
type Outcome string

// The outcomes.
const (
	// SweepDone: migrated, re-sealed or both.
	SweepDone Outcome = "done"
	// SweepCurrent: there was nothing to do any more; a first access or another sweep did it.
	SweepCurrent Outcome = "current"
	// SweepFailed: recorded in the registry, as on first access.
	SweepFailed Outcome = "failed"
	// SweepWaiting: failed a while ago; not tried before its time.
	SweepWaiting Outcome = "waiting"
	// SweepBusy: its tables or its lock were held by others for too long, three times. Nothing is recorded.
	SweepBusy Outcome = "busy"
)

// Swept is what a sweep did to one private brain.
type Swept struct {
	UserID  uuid.UUID
	Schema  string
	Outcome Outcome
	// Version is the one it has now; 0 if it could not be brought to any.
	Version int32
	Canary  bool
	Took    time.Duration
	// Err is why, for failed, waiting and busy ones; RetryIn when the next try is due.
	Err     error
	RetryIn time.Duration
}

// Good reports whether the private brain is where it should be.
func (s Swept) Good() bool { return s.Outcome == SweepDone || s.Outcome == SweepCurrent }

// ErrCanary ends a sweep whose first private brains did not all succeed.
var ErrCanary = errors.New("a canary failed; the others were not touched")

// Limits of a sweep.
const (
	// A migration waits this long for units of work to release their tables: while it waits, that user's next ones wait behind
	// it.
	sweepLockTimeout = "2000"
	sweepTries       = 3
	// A connection's memory grows with every private brain it meets.
	sweepPerConn = 500
)

// Pending counts the private brains that a sweep would take.
func (f Fleet) Pending(ctx context.Context) (int64, error) {
	conn, err := f.db.connectOwner(ctx, "public")
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	n, err := publicdb.New().TenantPendingCount(ctx, conn, publicdb.TenantPendingCountParams{Latest: f.db.latest, PrimaryKeyID: f.db.opts.Keys.Primary().ID()})
	if err != nil {
		return 0, fmt.Errorf("count private brains: %w", err)
	}
	return n, nil
}

// Sweep migrates the private brains that are behind and re-seals those of an older master key, under the same locks and
// rules as a first access, while others serve. It yields each as it is finished. What was not finished when it ends, for
// whatever reason, is what another sweep finds. An error ends it: ErrCanary, ErrNotMigrated, or Postgres is away.
func (f Fleet) Sweep(ctx context.Context, o SweepOptions) iter.Seq2[Swept, error] {
	o.Parallel = cmp.Or(o.Parallel, 2)
	return func(yield func(Swept, error) bool) {
		if err := f.db.Check(ctx); err != nil {
			yield(Swept{}, err)
			return
		}
		s := &sweep{db: f.db, options: o, yield: yield}
		first := &ownerConn{db: f.db}
		defer first.close()
		var err error
		switch {
		case o.User != uuid.Nil:
			err = s.one(ctx, first)
		case o.Canary > 0:
			err = s.canaries(ctx, first)
		}
		if err == nil && o.User == uuid.Nil && !s.stopped {
			err = s.rest(ctx, first)
		}
		if err != nil && !s.stopped {
			yield(Swept{}, err)
		}
	}
}

type sweep struct {
	db      *DB
	options SweepOptions
	yield   func(Swept, error) bool
	stopped bool
}

func (s *sweep) report(result Swept) bool {
	s.stopped = s.stopped || !s.yield(result, nil)
	return !s.stopped
}

func (s *sweep) pending(ctx context.Context, conn *ownerConn, after uuid.UUID, failedToo bool, rows int) ([]publicdb.TenantPendingRow, error) {
	c, err := conn.get(ctx)
	if err != nil {
		return nil, err
	}
	list, err := publicdb.New().TenantPending(ctx, c, publicdb.TenantPendingParams{
		Latest: s.db.latest, PrimaryKeyID: s.db.opts.Keys.Primary().ID(), After: after, FailedToo: failedToo, MaxRows: int32(rows),
	})
	if err != nil {
		return nil, fmt.Errorf("list private brains: %w", err)
	}
	return list, nil
}

func (s *sweep) one(ctx context.Context, conn *ownerConn) error {
	c, err := conn.get(ctx)
	if err != nil {
		return err
	}
	entries, err := publicdb.New().TenantRegistry(ctx, c, publicdb.TenantRegistryParams{UserIds: []string{s.options.User.String()}})
	if err != nil {
		return fmt.Errorf("read registry: %w", err)
	}
	if len(entries) == 0 {
		return ErrNoEntry
	}
	result, err := s.migrate(ctx, conn, publicdb.TenantPendingRow{UserID: s.options.User, SchemaName: entries[0].SchemaName})
	if err == nil {
		s.report(result)
	}
	return err
}

func (s *sweep) canaries(ctx context.Context, conn *ownerConn) error {
	list, err := s.pending(ctx, conn, uuid.Nil, false, s.options.Canary)
	if err != nil {
		return err
	}
	for _, row := range list {
		result, err := s.migrate(ctx, conn, row)
		if err != nil {
			return err
		}
		result.Canary = true
		if !s.report(result) {
			return nil
		}
		if !result.Good() {
			return ErrCanary
		}
	}
	return nil
}

// rest lists on one connection, migrates on others and reports from the caller's goroutine.
func (s *sweep) rest(ctx context.Context, lister *ownerConn) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	work := make(chan publicdb.TenantPendingRow)
	results := make(chan Swept)
	group.Go(func() error {
		defer close(work)
		var after uuid.UUID
		for {
			list, err := s.pending(ctx, lister, after, true, fleetPage)
			if err != nil {
				return err
			}
			for _, row := range list {
				select {
				case work <- row:
					after = row.UserID
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			if len(list) < fleetPage {
				return nil
			}
		}
	})
	for range s.options.Parallel {
		group.Go(func() error {
			conn := &ownerConn{db: s.db}
			defer conn.close()
			for row := range work {
				result, err := s.migrate(ctx, conn, row)
				if err != nil {
					return err
				}
				select {
				case results <- result:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		})
	}
	ended := make(chan error, 1)
	go func() {
		ended <- group.Wait()
		close(results)
	}()
	for result := range results {
		if !s.stopped && !s.report(result) {
			cancel()
		}
	}
	return <-ended
}

// migrate brings one private brain up to date. An error is one of the sweep, not of the private brain.
func (s *sweep) migrate(ctx context.Context, conn *ownerConn, row publicdb.TenantPendingRow) (Swept, error) {
	start := time.Now()
	result := Swept{UserID: row.UserID, Schema: row.SchemaName}
	var err error
	for try := 1; ; try++ {
		result.Version, result.Outcome, err = s.attempt(ctx, conn, row)
		if ctx.Err() != nil {
			return result, ctx.Err()
		}
		if err == nil {
			s.db.failing.Invalidate(row.SchemaName)
			break
		}
		busy := HasState(err, stateLockNotAvailable) || HasState(err, stateDeadlock)
		if isConnectionLost(err) || isConnectError(err) {
			conn.close()
			if try == sweepTries {
				return result, err
			}
			continue
		}
		if busy && try < sweepTries {
			continue
		}
		result.Version, result.Err = 0, err
		var waiting *failedError
		switch {
		case busy:
			result.Outcome = SweepBusy
		case errors.As(err, &waiting):
			result.Outcome, result.Err, result.RetryIn = SweepWaiting, waiting.cause, waiting.retryIn
		default:
			result.Outcome, result.Err = SweepFailed, errors.New(failureText(err))
			result.RetryIn = backoff(s.db.recordFailure(ctx, row.SchemaName, row.UserID, err))
		}
		break
	}
	result.Took = time.Since(start)
	return result, nil
}

func (s *sweep) attempt(ctx context.Context, conn *ownerConn, row publicdb.TenantPendingRow) (int32, Outcome, error) {
	c, err := conn.get(ctx)
	if err != nil {
		return 0, "", err
	}
	if row.SchemaName != schemaName(row.UserID) {
		return 0, "", fmt.Errorf("the registry names schema %s, which is not this user's", row.SchemaName)
	}
	worked, version, err := s.db.provisionOn(ctx, c, row.SchemaName, row.UserID, manner{eager: s.options.User != uuid.Nil, fenced: true})
	if worked {
		return version, SweepDone, err
	}
	return version, SweepCurrent, err
}

// ownerConn is a connection of the owner that serves one private brain after another, and is replaced when it has met
// many. It saves the 5 ms of a new connection for each.
type ownerConn struct {
	db   *DB
	conn *pgx.Conn
	used int
}

func (o *ownerConn) get(ctx context.Context) (*pgx.Conn, error) {
	if o.conn != nil && (o.conn.IsClosed() || o.used >= sweepPerConn) {
		o.close()
	}
	if o.conn == nil {
		conn, err := o.db.connectOwnerWith(ctx, "pg_catalog", map[string]string{"lock_timeout": sweepLockTimeout})
		if err != nil {
			return nil, err
		}
		o.conn, o.used = conn, 0
	}
	o.used++
	return o.conn, nil
}

func (o *ownerConn) close() {
	if o.conn != nil {
		ctx, cancel := context.WithTimeout(context.Background(), rollbackTimeout)
		defer cancel()
		_ = o.conn.Close(ctx)
		o.conn = nil
	}
}
