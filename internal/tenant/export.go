package tenant

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"twobrains/internal/auth"
	"twobrains/internal/publicdb"
)

// snapshotTimeout bounds one statement of a snapshot, and a pause between two.
const snapshotTimeout = "30min"

// Snapshot is a private brain, and the user's rows of the public one, as they were at one moment. It is a DBTX, for queries that
// read; nothing can be changed through it. It must not be used after the function it was given to has returned.
type Snapshot struct {
	db     *DB
	conn   *pgx.Conn
	id     uuid.UUID
	schema string
	// Version of the private brain: how many of its migrations it has had.
	Version int32
}

// Snapshot runs fn over what a user has in both brains at this moment, however long it takes: a read-only transaction at repeatable
// read, as the app's role, bound and proved like a unit of work, on a connection of its own that is closed afterwards. So nobody waits
// for it on the user's lane. What changes tables waits for it: a migration of this one brain. fn runs once; how many run at a time is
// the caller's to bound.
func (db *DB) Snapshot(ctx context.Context, user auth.User, fn func(*Snapshot) error) error {
	if user.IsZero() {
		return errors.New("take snapshot: no user")
	}
	return db.publicError(db.snapshot(ctx, user.ID(), fn))
}

// Snapshot is that of any user whom the registry knows; else ErrNoEntry.
func (f Fleet) Snapshot(ctx context.Context, id uuid.UUID, fn func(*Snapshot) error) error {
	if err := f.known(ctx, id); err != nil {
		return err
	}
	return f.db.snapshot(ctx, id, fn)
}

// known is ErrNoEntry unless the registry knows the user.
func (f Fleet) known(ctx context.Context, id uuid.UUID) error {
	conn, err := f.db.connectOwner(ctx, "public")
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	rows, err := publicdb.New().TenantRegistry(ctx, conn, publicdb.TenantRegistryParams{UserIds: []string{id.String()}})
	if err != nil {
		return fmt.Errorf("read registry: %w", err)
	}
	if len(rows) == 0 {
		return ErrNoEntry
	}
	return nil
}

func (db *DB) snapshot(ctx context.Context, id uuid.UUID, fn func(*Snapshot) error) error {
	s, err := db.takeSnapshot(ctx, id)
	if isStale(err) { // migrated or re-sealed elsewhere since it was opened here
		db.opened.Invalidate(schemaName(id))
		s, err = db.takeSnapshot(ctx, id)
	}
	if err != nil {
		return err
	}
	defer s.close()
	return fn(s)
}

func (db *DB) takeSnapshot(ctx context.Context, id uuid.UUID) (_ *Snapshot, err error) {
	s := &Snapshot{db: db, id: id, schema: schemaName(id)}
	o, ok := db.opened.GetIfPresent(s.schema)
	if !ok {
		if o, err = db.open(ctx, s.schema, id); err != nil {
			return nil, err
		}
	}
	if s.conn, err = db.connectApp(ctx); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if _, err = s.conn.Exec(ctx, sqlBeginSnapshot); err != nil {
		return nil, fmt.Errorf("begin snapshot: %w", err)
	}
	if _, err = s.conn.Exec(ctx, sqlBindSnapshot, s.schema+", pg_temp", o.key, snapshotTimeout); err != nil {
		return nil, fmt.Errorf("bind snapshot: %w", err)
	}
	var proved bool
	if err = s.conn.QueryRow(ctx, sqlProve, db.latest).Scan(&proved); err != nil {
		if HasState(err, stateNoTable) {
			err = fmt.Errorf("%w: %w", ErrMissing, err)
		}
		return nil, fmt.Errorf("prove snapshot: %w", err)
	}
	if err = s.conn.QueryRow(ctx, "SELECT version FROM "+versionTable).Scan(&s.Version); err != nil {
		return nil, fmt.Errorf("read version: %w", err)
	}
	return s, nil
}

// connectApp opens a connection of the app's role beside the lanes.
func (db *DB) connectApp(ctx context.Context) (*pgx.Conn, error) {
	l := db.lanes[0]
	cfg := l.pool.Config().ConnConfig.Copy()
	cfg.RuntimeParams = maps.Clone(cfg.RuntimeParams)
	if l.direct {
		cfg.RuntimeParams["application_name"] = "twobrains snapshot"
	}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect for a snapshot: %w", err)
	}
	if !l.direct {
		return conn, nameTypes(ctx, conn)
	}
	return conn, nil
}

func (s *Snapshot) close() {
	ctx, cancel := context.WithTimeout(context.Background(), rollbackTimeout)
	defer cancel()
	_ = s.conn.Close(ctx)
}

// UserID is the id of the user whose snapshot it is.
func (s *Snapshot) UserID() uuid.UUID { return s.id }

// Time is when the snapshot was taken, by the database's clock.
func (s *Snapshot) Time(ctx context.Context) (at time.Time, err error) {
	if err = s.conn.QueryRow(ctx, "SELECT transaction_timestamp()").Scan(&at); err != nil {
		return at, fmt.Errorf("read time of snapshot: %w", err)
	}
	return at.UTC(), nil
}

// Exec implements DBTX.
func (s *Snapshot) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	return s.conn.Exec(ctx, sql, args...)
}

// Query implements DBTX. Rows come as they are read: a large result is never in memory as a whole.
func (s *Snapshot) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return s.conn.Query(ctx, sql, args...)
}

// QueryRow implements DBTX.
func (s *Snapshot) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return s.conn.QueryRow(ctx, sql, args...)
}
