package tenant

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
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
	conn, err := db.connectOwner(ctx, schema)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	_, version, err = db.provisionOn(ctx, conn, schema, id, manner{})
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
	if _, err := tx.Exec(ctx, sqlLockSchema, schema); err != nil {
		return false, 0, fmt.Errorf("lock schema: %w", err)
	}
	queries := publicdb.New()
	primary := db.opts.Keys.Primary()
	lock := lockOf(deriveKey(primary, schema))
	entry, err := queries.TenantLock(ctx, tx, id)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
	case err != nil:
		return false, 0, fmt.Errorf("read registry: %w", err)
	default:
		done, err := db.examine(ctx, tx, schema, lock, entry, how)
		if err != nil || done {
			return false, entry.Version, err
		}
	}
	if _, err := tx.Exec(ctx, "CREATE SCHEMA IF NOT EXISTS "+schema); err != nil {
		return false, 0, fmt.Errorf("create schema: %w", err)
	}
	if version, err = runTern(ctx, conn, schema, db.opts.TenantMigrations, nil); err != nil {
		return false, 0, err
	}
	if err := seal(ctx, tx, schema, sealBy(lock), db.appRole); err != nil {
		return false, 0, err
	}
	err = queries.TenantRegister(ctx, tx, publicdb.TenantRegisterParams{
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

// examine looks at a registered brain under its lock: done means that somebody else has just finished the work.
func (db *DB) examine(ctx context.Context, tx pgx.Tx, schema string, lock []byte, entry publicdb.TenantLockRow, how manner) (done bool, err error) {
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
	var exists bool
	if err := tx.QueryRow(ctx, sqlSchemaExists, schema).Scan(&exists); err != nil {
		return false, fmt.Errorf("look for schema: %w", err)
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

// fence waits for the units of work under way in a private brain and holds back the next ones. Each of them reads the
// version table first, so that no unit of work can wait for a changed table while the change waits for it: no deadlock.
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
		var in migrate.MigrationPgError
		if errors.As(cause, &in) {
			return fmt.Sprintf("migrate: %s: data exception (SQLSTATE %s)", in.MigrationName, pgErr.Code)
		}
		return fmt.Sprintf("data exception (SQLSTATE %s)", pgErr.Code)
	}
	return cause.Error()
}

// connectOwner opens a connection of the owner whose unqualified names mean the schema. The path is a startup parameter,
// because tern resets all settings after each migration.
func (db *DB) connectOwner(ctx context.Context, schema string) (*pgx.Conn, error) {
	return db.connectOwnerWith(ctx, schema, nil)
}

func (db *DB) connectOwnerWith(ctx context.Context, schema string, settings map[string]string) (*pgx.Conn, error) {
	cfg := db.ownerCfg.Copy()
	maps.Copy(cfg.RuntimeParams, settings)
	cfg.RuntimeParams["search_path"] = ownerPath(schema)
	cfg.RuntimeParams["application_name"] = "twobrains owner"
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect as owner: %w", err)
	}
	return conn, nil
}

func ownerPath(schema string) string {
	return strings.Join([]string{schema, lockSchema, "pg_catalog", "pg_temp"}, ", ")
}

// runTern migrates one schema to the newest version of the migrations, inside the caller's transaction, and returns the
// version it then has. A schema newer than the migrations stays as it is.
func runTern(ctx context.Context, conn *pgx.Conn, schema string, migrations fs.FS, onStart func(version int32, name string)) (int32, error) {
	m, err := migrate.NewMigratorEx(ctx, conn, schema+"."+versionTable, &migrate.MigratorOptions{DisableTx: true})
	if err != nil {
		return 0, fmt.Errorf("prepare migrations: %w", err)
	}
	if err := m.LoadMigrations(migrations); err != nil {
		return 0, fmt.Errorf("load migrations: %w", err)
	}
	// Tern resets all settings after each migration, so each sets the path for itself; a connection may then serve one
	// schema after another.
	for _, migration := range m.Migrations {
		migration.UpSQL = "SET LOCAL search_path = " + ownerPath(schema) + ";\n" + migration.UpSQL
	}
	if onStart != nil {
		m.OnStart = func(version int32, name, _, _ string) { onStart(version, name) }
	}
	err = m.Migrate(ctx)
	var newer migrate.BadVersionError
	if err != nil && !errors.As(err, &newer) {
		return 0, fmt.Errorf("migrate: %w", err)
	}
	version, err := m.GetCurrentVersion(ctx)
	if err != nil {
		return 0, fmt.Errorf("read version: %w", err)
	}
	return version, nil
}

// sealBy is the condition under which a private table shows or takes rows. The sub-select makes it one evaluation per
// statement; per row it costs five times a read.
func sealBy(lock []byte) string {
	return `(SELECT pg_catalog.sha256(pg_catalog.convert_to(pg_catalog.current_setting('twobrains.key', true), 'UTF8')) = '\x` +
		hex.EncodeToString(lock) + `'::bytea)`
}

// seal puts the condition on every table of a schema, replacing an earlier one, and grants the app what it needs. It names
// the tables, since GRANT ON ALL TABLES takes 59 ms at 124,000 relations.
func seal(ctx context.Context, tx pgx.Tx, schema, condition, app string) error {
	rows, err := tx.Query(ctx, sqlSchemaTables, schema)
	if err != nil {
		return fmt.Errorf("list tables: %w", err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("list tables: %w", err)
	}
	role := pgx.Identifier{app}.Sanitize()
	var ddl strings.Builder
	fmt.Fprintf(&ddl, "GRANT USAGE ON SCHEMA %s TO %s;\n", schema, role)
	for _, table := range tables {
		name := pgx.Identifier{schema, table}.Sanitize()
		privileges := "SELECT, INSERT, UPDATE, DELETE"
		if table == versionTable {
			privileges = "SELECT"
		}
		fmt.Fprintf(&ddl, "ALTER TABLE %[1]s ENABLE ROW LEVEL SECURITY;\nDROP POLICY IF EXISTS seal ON %[1]s;\n"+
			"CREATE POLICY seal ON %[1]s USING (%[2]s);\nGRANT %[3]s ON %[1]s TO %[4]s;\n", name, condition, privileges, role)
	}
	if _, err := tx.Exec(ctx, ddl.String()); err != nil {
		return fmt.Errorf("seal: %w", err)
	}
	return nil
}

// highestVersion is the number of migrations in a directory.
func highestVersion(migrations fs.FS) (int32, error) {
	paths, err := migrate.FindMigrations(migrations)
	if err != nil {
		return 0, err
	}
	if len(paths) == 0 {
		return 0, migrate.NoMigrationsFoundError{}
	}
	return int32(len(paths)), nil
}

func ptr[T any](v T) *T { return &v }
