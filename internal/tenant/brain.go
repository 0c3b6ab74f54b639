package tenant

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"twobrains/internal/auth"
	"twobrains/internal/publicdb"
)

const rollbackTimeout = 2 * time.Second

// Brain is the private brain of one user, together with the user's rows of the public brain. It holds no connection and
// may be kept as long as the user is served.
type Brain struct {
	db     *DB
	schema string
	id     uuid.UUID
	lane   *lane
	opening
}

// UserID is the id of the user whose brain this is.
func (b *Brain) UserID() uuid.UUID { return b.id }

// Tx runs fn in one transaction over both brains and commits it if fn returns nil. Statements that fn queues travel
// together with what opens and with what commits the transaction, so that a unit whose statements do not depend on each
// other's results costs one round trip.
//
// fn may run again, once for each reason: after a change of the schema that made a prepared plan void, after a migration elsewhere, and when the
// connection was lost before anything was sent that commits. Errors of the database come as *problem.Error where they have a public face;
// what fn returns comes back as it is.
func (b *Brain) Tx(ctx context.Context, fn func(*Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, b.db.opts.UnitTimeout)
	defer cancel()
	start := time.Now()
	err := b.db.publicError(b.run(ctx, fn))
	b.db.metrics.unit(err, time.Since(start))
	return err
}

// Tx opens the private brain of a user and runs fn there, as Brain.Tx does.
func (db *DB) Tx(ctx context.Context, user auth.User, fn func(*Tx) error) error {
	brain, err := db.Open(ctx, user)
	if err != nil {
		return err
	}
	return brain.Tx(ctx, fn)
}

func (b *Brain) run(ctx context.Context, fn func(*Tx) error) error {
	return b.db.retry(func(bindFirst bool) (reason string, err error) {
		o, ok := b.db.opened.GetIfPresent(b.schema)
		if !ok {
			if o, err = b.db.open(ctx, b.schema, b.id); err != nil {
				return "", err
			}
		}
		bind := binding{schema: b.schema, key: o.key, version: b.db.latest, proof: proofDue, first: bindFirst}
		reason, err = b.db.attempt(ctx, b.lane, b.schema, bind, fn)
		if isStale(err) {
			b.db.opened.Invalidate(b.schema)
		}
		return reason, err
	})
}

// retry runs attempts until one succeeds, or fails for no reason to try again or for one that was tried already.
//
// Statements are prepared before a binding takes effect, so against the template. Where its columns have other types than
// the user's, a plan is void from the start: an attempt after retryPlan binds first.
func (db *DB) retry(attempt func(bindFirst bool) (reason string, err error)) error {
	var tried []string
	for {
		reason, err := attempt(slices.Contains(tried, retryPlan))
		if err == nil || reason == "" || slices.Contains(tried, reason) {
			return err
		}
		tried = append(tried, reason)
		db.metrics.retries.WithLabelValues(reason).Inc()
	}
}

// Why a unit of work may be run again.
const (
	retryPlan  = "plan"
	retryStale = "stale"
	retryLost  = "connection"
	retryUnfit = "unfit"
	// A unit of work and a migration of the same brain may each wait for a table that the other holds.
	retryDeadlock = "deadlock"
)

// binding is what a transaction is bound to.
type binding struct {
	schema, key string
	// version is what the schema must have at least.
	version int32
	proof   proof
	// first sends it alone, before anything is prepared.
	first bool
}

// attempt runs one transaction on a lane. The reason, if any, says that nothing was committed and why another attempt may
// succeed.
func (db *DB) attempt(ctx context.Context, l *lane, tag string, bind binding, fn func(*Tx) error) (reason string, err error) {
	conn, err := db.acquire(ctx, l, tag)
	if err != nil {
		return "", err
	}
	tx := &Tx{
		ctx: ctx, conn: conn, tag: "/* " + tag + " */ ", metrics: db.metrics,
		path: bind.schema + ", pg_temp", key: bind.key, version: bind.version, proof: bind.proof,
		// A pooler's backends keep no plans.
		shares: l.direct,
	}
	defer conn.Release()
	defer tx.rollback()
	committing := false
	if bind.first {
		err = tx.roundTrip(ctx, false)
	}
	if err == nil {
		err = fn(tx)
	}
	if err == nil {
		committing = true
		err = tx.commit()
	}
	cause := err
	if tx.failed != nil {
		cause = tx.failed
	}
	if tx.unproven(cause) {
		committed := err == nil
		tx.rollback()
		if failed := tx.verify(); failed != nil {
			if committed && tx.unmarked {
				// The binding is void now; while the unit ran it may have been good, and others of its statements took effect.
				return "", failed
			}
			err, cause = failed, failed
		}
	}
	if err == nil {
		return "", nil
	}
	switch {
	case HasState(cause, stateCachedPlanChanged):
		if !conn.Conn().IsClosed() {
			tx.rollback()
			_ = conn.Conn().DeallocateAll(ctx)
		}
		return retryPlan, err
	case isStale(cause):
		return retryStale, err
	case !tx.bound && tx.sent && isServerError(cause) && (l.direct || !isConnectionLost(cause)):
		// The connection is not as it should be, or a session setting was left behind on it. A backend answers in order, so that
		// nothing came after what failed; a pooler that lost the backend says so instead of answers that it may have had.
		_ = conn.Conn().Close(ctx)
		return retryUnfit, err
	case HasState(cause, stateDeadlock):
		return retryDeadlock, err
	case HasState(cause, stateReadOnly):
		_ = conn.Conn().Close(ctx)
		return retryLost, err
	case ctx.Err() == nil && conn.Conn().IsClosed() && (!committing || errors.Is(cause, errNotSent)):
		return retryLost, err
	}
	return "", err
}

// isStale reports whether err says that what is remembered of a brain does not hold. The app's privileges on one are taken away when
// its account is deleted.
func isStale(err error) bool {
	return HasState(err, stateUnbound) || HasState(err, stateBehind) || HasState(err, stateDenied) || errors.Is(err, ErrMissing)
}

// unproven reports whether the outcome of a unit may come of a void binding: it read nothing from behind the seal. Errors that
// lead to another attempt, which is proved in its turn, are left alone.
func (tx *Tx) unproven(cause error) bool {
	if tx.proof != proofDue || !tx.bound || tx.conn.Conn().IsClosed() || isStale(cause) {
		return false
	}
	return !HasState(cause, stateCachedPlanChanged) && !HasState(cause, stateDeadlock) && !HasState(cause, stateReadOnly)
}

// registration reads the registry's entry of the user: nil if there is none that the primary key opens. It is bound to the
// template, so that all users share its plan.
func (b *Brain) registration(ctx context.Context) (version *int32, err error) {
	queries := publicdb.New()
	var row *Result[int32]
	err = b.db.retry(func(bool) (string, error) {
		return b.db.attempt(ctx, b.lane, publicTag, binding{schema: templateSchema, key: b.key}, func(tx *Tx) error {
			row = Queue(tx, func(db DBTX) (int32, error) { return queries.TenantRegistration(ctx, db) })
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	if errors.Is(row.Err(), pgx.ErrNoRows) {
		return nil, nil
	}
	v := row.Value()
	return &v, nil
}

// publicTag marks statements that read nothing of a private brain.
const publicTag = "public"

// Public runs fn in a transaction that is bound to nobody: it reaches the tables of the public brain that belong to no
// user, and sees no row of any that do.
func (db *DB) Public(ctx context.Context, fn func(*Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, db.opts.UnitTimeout)
	defer cancel()
	return db.publicError(db.retry(func(bool) (string, error) {
		return db.attempt(ctx, db.laneOf(publicTag), publicTag, binding{schema: templateSchema}, fn)
	}))
}
