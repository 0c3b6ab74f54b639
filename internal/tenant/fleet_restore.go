package tenant

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"twobrains/internal/publicdb"
)

// RestoreOptions say what a private brain is made anew from; User, Version and Load are required.
type RestoreOptions struct {
	User uuid.UUID
	// Version is that of the brain the rows come from: they are loaded into tables of that version, which are then migrated.
	Version int32
	// Replace allows that the user has a private brain with something in it, which is lost.
	Replace bool
	// Load fills the tables. Rows of the registry's kind, such as an audit, may be written through it too: all of it is one transaction.
	Load func(context.Context, *Restoring) error
}

var (
	// ErrNotEmpty means that a private brain has rows that would be lost.
	ErrNotEmpty = errors.New("the private brain is not empty")
	// ErrNewer means that rows come from a newer version than this binary knows.
	ErrNewer = errors.New("made by a newer version of this program")
	// ErrVersion means that a private brain has not the version that it should have.
	ErrVersion = errors.New("the private brain has another version")
)

// Restoring is a private brain in the making. It is a DBTX of the owner, whose unqualified names are the new tables.
type Restoring struct {
	pgx.Tx
	version int32
	tables  []table
}

// VersionTable is the table of a private brain that says which migrations it has had; every dump has it.
const VersionTable = versionTable

// restoringSuffix names the schema in which a brain is made. Nobody ever sees it: it is renamed in the transaction that makes it.
const restoringSuffix = "_restoring"

// restoreLockTimeout bounds how long the exchange waits for units of work of this user, who wait for it in turn.
const restoreLockTimeout = "10s"

// Restore makes a private brain from rows that come from elsewhere, and puts it in the place of the one that the user has, if any. It is
// one transaction: it ends whole or leaves everything as it was. Until its end, the user is served the old one; for the exchange at the
// end, of a few milliseconds, their units of work wait. Nobody else's do.
func (f Fleet) Restore(ctx context.Context, o RestoreOptions) error {
	db := f.db
	if o.Version < 1 || o.Version > db.latest {
		return fmt.Errorf("%w: private brain of version %d, this one knows %d", ErrNewer, o.Version, db.latest)
	}
	schema := schemaName(o.User)
	conn, err := db.connectOwner(ctx, "pg_catalog")
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	tx, err := conn.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	entry, exists, err := lockBrain(ctx, tx, schema, o.User)
	if err != nil {
		return err
	}
	if entry != nil && entry.Version > 0 {
		if _, ok := db.keyOf(schema, entry.Lock); !ok {
			return fmt.Errorf("%w (made with master key %q)", ErrSealed, entry.KeyID)
		}
	}
	if exists && !o.Replace {
		if err := checkEmpty(ctx, tx, schema); err != nil {
			return err
		}
	}
	version, err := db.rebuild(ctx, tx, schema+restoringSuffix, o)
	if err != nil {
		return err
	}
	if err := exchange(ctx, tx, schema, exists); err != nil {
		return err
	}
	tables, err := listTables(ctx, tx, schema)
	if err != nil {
		return err
	}
	primary := db.opts.Keys.Primary()
	lock := lockOf(deriveKey(primary, schema))
	if err := db.seal(ctx, tx, schema, tables, sealBy(lock), false); err != nil {
		return err
	}
	err = publicdb.New().TenantRegister(ctx, tx, publicdb.TenantRegisterParams{
		UserID: o.User, SchemaName: schema, Lock: lock, KeyID: primary.ID(), Version: version,
	})
	if err != nil {
		return fmt.Errorf("register: %w", err)
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	db.opened.Invalidate(schema)
	return nil
}

// AsOwner runs fn in a transaction of the owner, whose unqualified names mean nothing: tables of the public brain are named in full.
func (f Fleet) AsOwner(ctx context.Context, fn func(DBTX) error) error {
	conn, err := f.db.connectOwner(ctx, "pg_catalog")
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return fn(tx) })
}

// checkEmpty is ErrNotEmpty if any table but the version's has a row.
func checkEmpty(ctx context.Context, tx pgx.Tx, schema string) error {
	tables, err := listTables(ctx, tx, schema)
	if err != nil {
		return err
	}
	for _, t := range tables {
		if t.Name == versionTable {
			continue
		}
		var filled bool
		if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM "+quoted(schema, t.Name)+")").Scan(&filled); err != nil {
			return fmt.Errorf("look into table: %w", err)
		}
		if filled {
			return ErrNotEmpty
		}
	}
	return nil
}

// rebuild makes a schema of the rows' version, loads them and migrates it.
func (db *DB) rebuild(ctx context.Context, tx pgx.Tx, schema string, o RestoreOptions) (version int32, err error) {
	then := &DB{latest: o.Version, steps: db.steps[:o.Version]}
	if _, err := then.migrateBrain(ctx, tx, schema, false, nil); err != nil {
		return 0, err
	}
	if _, err := tx.Exec(ctx, "SET LOCAL search_path = "+ownerPath(schema)); err != nil {
		return 0, fmt.Errorf("set path: %w", err)
	}
	r := &Restoring{Tx: tx, version: o.Version}
	rows, err := tx.Query(ctx, sqlDescribeTables, schema)
	if err != nil {
		return 0, fmt.Errorf("describe tables: %w", err)
	}
	r.tables, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (t table, err error) {
		return t, row.Scan(&t.name, &t.options, &t.definitions, &t.columns, &t.before, &t.after)
	})
	if err != nil {
		return 0, fmt.Errorf("describe tables: %w", err)
	}
	if err := o.Load(ctx, r); err != nil {
		return 0, err
	}
	return db.migrateBrain(ctx, tx, schema, true, nil)
}

// exchange gives the new schema its name, in the place of the one that has it.
func exchange(ctx context.Context, tx pgx.Tx, schema string, exists bool) error {
	if _, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '"+restoreLockTimeout+"'"); err != nil {
		return fmt.Errorf("set lock timeout: %w", err)
	}
	if exists {
		if err := fence(ctx, tx, schema); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DROP SCHEMA "+schema+" CASCADE"); err != nil {
			return fmt.Errorf("drop replaced schema: %w", err)
		}
	}
	if _, err := tx.Exec(ctx, "ALTER SCHEMA "+schema+restoringSuffix+" RENAME TO "+schema); err != nil {
		return fmt.Errorf("rename schema: %w", err)
	}
	return nil
}

// ErrForeignTable means that rows are for a table or column that a private brain does not have.
var ErrForeignTable = errors.New("no such table or column in a private brain")

// Copy loads rows, in the text form of COPY, into columns of a table. Names are checked against the catalog: they may come from anywhere.
func (r *Restoring) Copy(ctx context.Context, name string, columns []string, rows io.Reader) (int64, error) {
	t, ok := r.find(name)
	if !ok || len(columns) == 0 {
		return 0, ErrForeignTable
	}
	for _, c := range columns {
		if !slices.Contains(t.columns, c) {
			return 0, ErrForeignTable
		}
	}
	tag, err := r.Conn().PgConn().CopyFrom(ctx, rows, "COPY "+t.name+" ("+strings.Join(columns, ", ")+") FROM STDIN")
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) { // it may quote the row
		return 0, fmt.Errorf("load table %s: SQLSTATE %s", name, pgErr.Code)
	}
	if err != nil {
		return 0, fmt.Errorf("load table %s: %w", name, err)
	}
	return tag.RowsAffected(), nil
}

func (r *Restoring) find(name string) (table, bool) {
	if i := slices.IndexFunc(r.tables, func(t table) bool { return t.name == name }); i >= 0 && name != versionTable {
		return r.tables[i], true
	}
	return table{}, false
}

// CopyBrain loads what another user has at one moment: the rows of all tables but the derived ones. That user's private brain must have
// the version of this one, else the error is ErrVersion.
func (r *Restoring) CopyBrain(ctx context.Context, from uuid.UUID, o DumpOptions) error {
	source := schemaName(from)
	var version int32
	if err := r.QueryRow(ctx, "SELECT version FROM "+quoted(source, versionTable)).Scan(&version); err != nil {
		return fmt.Errorf("read version: %w", err)
	}
	if version != r.version {
		return fmt.Errorf("%w: it has %d, not %d", ErrVersion, version, r.version)
	}
	filters := dumper{o: o, tables: r.tables, from: source + "."}
	var steps []string
	for i, t := range r.tables {
		if t.name == versionTable || slices.Contains(o.Derived, t.plain()) {
			continue
		}
		columns := strings.Join(filters.taken(t), ", ")
		steps = append(steps, fmt.Sprintf("t%d AS (INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %[3]s FROM %[4]s.%[2]s WHERE true%[5]s)",
			i, t.name, columns, source, filters.conditions(t)))
	}
	// One statement, so that all of it is of one moment, whatever that user does meanwhile.
	if _, err := r.Exec(ctx, "WITH "+strings.Join(steps, ",\n")+"\nSELECT"); err != nil {
		return fmt.Errorf("copy rows: %w", err)
	}
	return nil
}
