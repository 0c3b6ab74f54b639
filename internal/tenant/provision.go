package tenant

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/tern/v2/migrate"
	"golang.org/x/sync/semaphore"

	"twobrains/internal/publicdb"
	"twobrains/internal/secret"
)

// versionTable is tern's table in each schema it migrates; in a private brain it is what the binding is proved by.
const versionTable = "schema_version"

// provision makes, migrates or re-seals a private brain, whichever is needed, and returns its version. Any number of
// requests and processes may call it for the same user at once: one does the work. A failure leaves no trace but its
// record in the registry, and is not tried again before its time.
func (db *DB) provision(ctx context.Context, schema string, id uuid.UUID, slots *semaphore.Weighted) (int32, error) {
	if f, ok := db.failing.GetIfPresent(schema); ok {
		if left := f.until.Sub(db.now()); left > 0 {
			return 0, &failedError{retryIn: left, cause: f.cause}
		}
		db.failing.Invalidate(schema)
	}
	if err := slots.Acquire(ctx, 1); err != nil {
		return 0, fmt.Errorf("%w: %w", errLaneBusy, err)
	}
	defer slots.Release(1)
	start := time.Now()
	version, err := db.provisionAlone(ctx, schema, id)
	db.metrics.provisioning.Observe(time.Since(start).Seconds())
	if err == nil {
		db.metrics.provisions.WithLabelValues("ok").Inc()
		return version, nil
	}
	db.metrics.provisions.WithLabelValues("failed").Inc()
	var waiting *failedError
	if errors.As(err, &waiting) {
		db.failing.Set(schema, failure{until: db.now().Add(waiting.retryIn), cause: waiting.cause})
		return 0, err
	}
	if isConnectionLost(err) || isConnectError(err) || ctx.Err() != nil {
		return 0, err
	}
	if errors.Is(err, ErrDeleted) {
		db.failing.Set(schema, failure{until: db.now().Add(rememberDeleted), cause: err})
		return 0, err
	}
	db.log.ErrorContext(ctx, "provisioning failed", "schema", schema, "error", failureText(err))
	failures := db.recordFailure(ctx, schema, id, err)
	retryIn := backoff(failures)
	db.failing.Set(schema, failure{until: db.now().Add(retryIn), cause: err})
	return 0, &failedError{retryIn: retryIn, cause: err}
}

// failure is what a process remembers of a provisioning that failed.
type failure struct {
	until time.Time
	cause error
}

// backoff doubles from two seconds to five minutes.
func backoff(failures int32) time.Duration {
	return min(time.Second<<min(max(failures, 1), 16), 5*time.Minute)
}

func (db *DB) provisionAlone(ctx context.Context, schema string, id uuid.UUID) (version int32, err error) {
	conn, err := db.owners.Acquire(ctx)
	if err != nil {
		return 0, fmt.Errorf("connect as owner: %w", err)
	}
	defer conn.Release()
	_, version, err = db.provisionOn(ctx, conn.Conn(), schema, id, manner{})
	return version, err
}

// manner is how the work is done when it is not a first access that does it.
type manner struct {
	// eager does not wait for the time of the next try after a failure.
	eager bool
	// fenced holds units of work back from the beginning, instead of from the first table that a migration changes.
	fenced bool
}

// provisionOn does the work on a connection of the owner, and tells whether there was any left to do.
func (db *DB) provisionOn(ctx context.Context, conn *pgx.Conn, schema string, id uuid.UUID, how manner) (worked bool, version int32, err error) {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return false, 0, fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	primary := db.opts.Keys.Primary()
	lock := lockOf(deriveKey(primary, schema))
	entry, exists, err := lockBrain(ctx, tx, schema, id)
	if err != nil {
		return false, 0, err
	}
	if entry != nil {
		done, err := db.examine(ctx, tx, schema, lock, *entry, exists, how)
		if err != nil || done {
			return false, entry.Version, err
		}
	}
	if version, err = db.migrateBrain(ctx, tx, schema, exists, nil); err != nil {
		return false, 0, err
	}
	var tables []sealedTable
	if known := db.newTables.Load(); known != nil && !exists {
		tables = *known
	} else if tables, err = listTables(ctx, tx, schema); err != nil {
		return false, 0, err
	}
	if !exists {
		db.newTables.Store(&tables)
	}
	// Under the same lock, what is sealed is sealed right.
	unsealedOnly := exists && entry != nil && entry.Version > 0 && bytes.Equal(entry.Lock, lock)
	if err := db.seal(ctx, tx, schema, tables, sealBy(lock), unsealedOnly); err != nil {
		return false, 0, err
	}
	err = publicdb.New().TenantRegister(ctx, tx, publicdb.TenantRegisterParams{
		UserID: id, SchemaName: schema, Lock: lock, KeyID: primary.ID(), Version: version,
	})
	if err != nil {
		return false, 0, fmt.Errorf("register: %w", err)
	}
	if err := tx.Commit(ctx); err != nil {
		return false, 0, fmt.Errorf("commit: %w", err)
	}
	return true, version, nil
}

// lockBrain takes the lock of a schema, then reads its entry in the registry (nil: none) and whether it exists. Each of the
// statements sees what was committed before it began, so after the wait. ErrDeleted: the account has a tombstone.
func lockBrain(ctx context.Context, tx pgx.Tx, schema string, id uuid.UUID) (entry *publicdb.TenantLockRow, exists bool, err error) {
	batch := &pgx.Batch{}
	batch.Queue(sqlLockSchema, schema)
	batch.Queue(sqlSchemaExists, schema).QueryRow(func(row pgx.Row) error { return row.Scan(&exists) })
	var deleted bool
	batch.Queue(sqlTombstone, digestOf(id)).QueryRow(func(row pgx.Row) error { return row.Scan(&deleted) })
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, false, fmt.Errorf("lock schema: %w", err)
	}
	if deleted {
		return nil, exists, ErrDeleted
	}
	row, err := publicdb.New().TenantLock(ctx, tx, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, exists, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read registry: %w", err)
	}
	return &row, exists, nil
}

// migrateBrain brings a private brain to the newest version, making it first if need be, and returns the version it then has.
// A brain newer than the migrations stays as it is. Tern reads the migrations; it does not run them, since its own questions
// to the database would cost more than they (docs/performance.md).
func (db *DB) migrateBrain(ctx context.Context, tx pgx.Tx, schema string, exists bool, onStart func(version int32, name string)) (version int32, err error) {
	versions := pgx.Identifier{schema, versionTable}.Sanitize()
	before := ""
	if !exists {
		before = "CREATE SCHEMA " + schema + ";\nCREATE TABLE " + versions + " (version int4 NOT NULL);\nINSERT INTO " + versions + " VALUES (0);\n"
	} else if err := tx.QueryRow(ctx, "SELECT version FROM "+versions).Scan(&version); err != nil {
		return 0, fmt.Errorf("read version: %w", err)
	}
	if version >= db.latest {
		return version, nil
	}
	for _, step := range db.steps[version:] {
		if onStart != nil {
			onStart(step.Sequence, step.Name)
		}
		// What a migration sets is not for the next one.
		sql := before + "SET LOCAL search_path = " + ownerPath(schema) + ";\n" + step.UpSQL +
			fmt.Sprintf("\n;RESET ALL;\nRESET SESSION AUTHORIZATION;\nUPDATE %s SET version = %d", versions, step.Sequence)
		if _, err := tx.Exec(ctx, sql); err != nil {
			return 0, &stepError{name: step.Name, cause: err}
		}
		before = ""
	}
	return db.latest, nil
}

// stepError is the failure of one migration.
type stepError struct {
	name  string
	cause error
}

func (e *stepError) Error() string { return "migrate: " + e.name + ": " + e.cause.Error() }
func (e *stepError) Unwrap() error { return e.cause }

// loadMigrations reads migrations as tern does: their order, their templates, their upward halves.
func loadMigrations(migrations fs.FS) ([]*migrate.Migration, error) {
	var m migrate.Migrator
	if err := m.LoadMigrations(migrations); err != nil {
		return nil, err
	}
	if len(m.Migrations) == 0 {
		return nil, migrate.NoMigrationsFoundError{}
	}
	return m.Migrations, nil
}

// examine looks at a registered brain under its lock: done means that somebody else has just finished the work.
func (db *DB) examine(ctx context.Context, tx pgx.Tx, schema string, lock []byte, entry publicdb.TenantLockRow, exists bool, how manner) (done bool, err error) {
	if entry.FailedAt != nil && !how.eager {
		if left := entry.FailedAt.Add(backoff(entry.Failures)).Sub(db.now()); left > 0 {
			return false, &failedError{retryIn: left, cause: errors.New("an earlier attempt failed")}
		}
	}
	if _, ok := db.keyOf(schema, entry.Lock); !ok {
		return false, fmt.Errorf("%w (made with master key %q)", ErrSealed, entry.KeyID)
	}
	if entry.Version == 0 {
		return false, nil
	}
	if !exists {
		return false, ErrMissing
	}
	if entry.Version >= db.latest && bytes.Equal(entry.Lock, lock) {
		return true, nil
	}
	if !how.fenced {
		return false, nil
	}
	return false, fence(ctx, tx, schema)
}

// fence holds back the units of work that begin by reading the version table, and waits for those under way. One that a row of its
// own proves does not read it: it may wait for a changed table while the change waits for it. The victim of that deadlock is
// tried again, be it the unit or the sweep.
func fence(ctx context.Context, tx pgx.Tx, schema string) error {
	var there bool
	if err := tx.QueryRow(ctx, sqlTableExists, schema, versionTable).Scan(&there); err != nil || !there {
		return err
	}
	if _, err := tx.Exec(ctx, "LOCK TABLE "+schema+"."+versionTable+" IN ACCESS EXCLUSIVE MODE"); err != nil {
		return fmt.Errorf("wait for units of work: %w", err)
	}
	return nil
}

// keyOf finds the master key of the ring from which a lock was made.
func (db *DB) keyOf(schema string, lock []byte) (secret.MasterKey, bool) {
	for _, master := range db.opts.Keys.Keys() {
		if bytes.Equal(lock, lockOf(deriveKey(master, schema))) {
			return master, true
		}
	}
	return secret.MasterKey{}, false
}

// recordFailure notes a failure in the registry and returns how many there have been since the last success.
func (db *DB) recordFailure(ctx context.Context, schema string, id uuid.UUID, cause error) (failures int32) {
	if errors.Is(cause, ErrDeleted) {
		return 1
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	conn, err := db.connectOwner(ctx, schema)
	if err == nil {
		defer func() { _ = conn.Close(ctx) }()
		primary := db.opts.Keys.Primary()
		failures, err = publicdb.New().TenantFail(ctx, conn, publicdb.TenantFailParams{
			UserID: id, SchemaName: schema, Lock: lockOf(deriveKey(primary, schema)), KeyID: primary.ID(), Failure: ptr(failureText(cause)),
		})
	}
	if err != nil {
		db.log.ErrorContext(ctx, "recording a failed provisioning", "schema", schema, "error", err)
		return 1
	}
	return failures
}

// failureText is a failure as it may be kept and shown. Data exceptions (class 22) quote the value that they stumbled on,
// which is content.
func failureText(cause error) string {
	var pgErr *pgconn.PgError
	if errors.As(cause, &pgErr) && strings.HasPrefix(pgErr.Code, "22") {
		var in *stepError
		if errors.As(cause, &in) {
			return fmt.Sprintf("migrate: %s: data exception (SQLSTATE %s)", in.name, pgErr.Code)
		}
		return fmt.Sprintf("data exception (SQLSTATE %s)", pgErr.Code)
	}
	return cause.Error()
}

// sealBy is the condition under which a private table shows or takes rows. The sub-select makes it one evaluation per
// statement; per row it costs five times a read. The cast, in place of convert_to, keeps it short: it is part of every plan.
func sealBy(lock []byte) string {
	return `(SELECT pg_catalog.sha256(pg_catalog.current_setting('twobrains.key', true)::bytea) = '\x` +
		hex.EncodeToString(lock) + `'::bytea)`
}

// listTables finds the tables of a schema.
func listTables(ctx context.Context, tx pgx.Tx, schema string) ([]sealedTable, error) {
	rows, err := tx.Query(ctx, sqlSchemaTables, schema)
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowToStructByPos[sealedTable])
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	return tables, nil
}

// seal puts the condition on every table of a schema, or on those that have none, replacing an earlier one, and grants the
// app what it needs and the console reading. It names the tables, since GRANT ON ALL TABLES takes 59 ms at 124,000 relations.
func (db *DB) seal(ctx context.Context, tx pgx.Tx, schema string, tables []sealedTable, condition string, unsealedOnly bool) error {
	role, reader := pgx.Identifier{db.appRole}.Sanitize(), pgx.Identifier{db.consoleRole}.Sanitize()
	var ddl strings.Builder
	fmt.Fprintf(&ddl, "GRANT USAGE ON SCHEMA %s TO %s, %s;\n", schema, role, reader)
	names := make([]string, len(tables))
	for i, table := range tables {
		names[i] = pgx.Identifier{schema, table.Name}.Sanitize()
	}
	for i, table := range tables {
		if table.Sealed && table.Closed && unsealedOnly {
			continue
		}
		name := names[i]
		privileges := "SELECT, INSERT, UPDATE, DELETE"
		if table.Name == versionTable {
			privileges = "SELECT"
		}
		if table.Sealed {
			fmt.Fprintf(&ddl, "DROP POLICY seal ON %s;\n", name)
		}
		fmt.Fprintf(&ddl, "ALTER TABLE %[1]s ENABLE ROW LEVEL SECURITY;\n"+
			"CREATE POLICY seal ON %[1]s USING (%[2]s);\nGRANT %[3]s ON %[1]s TO %[4]s;\n", name, condition, privileges, role)
	}
	// Of all: a private brain may be older than the console.
	if len(names) > 0 {
		fmt.Fprintf(&ddl, "GRANT SELECT ON %s TO %s", strings.Join(names, ", "), reader)
	}
	if _, err := tx.Exec(ctx, ddl.String()); err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	return nil
}

type sealedTable struct {
	Name string
	// Sealed says that the table has a policy named seal, Closed that policies hold for it.
	Sealed, Closed bool
}

func ptr[T any](v T) *T { return &v }
