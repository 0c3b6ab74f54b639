package tenant

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/tern/v2/migrate"

	"twobrains/internal/publicdb"
)

// analystRole reads the public brain without secrets. It cannot log in until Options.AnalystURL or an operator allows it to.
const analystRole = "twobrains_analyst"

//go:embed converge.sql
var sqlConverge string

// Step is one thing that Migrate did.
type Step struct {
	// Brain is "public" or "template".
	Brain   string
	Version int32
	Name    string
}

// State says how far the database is and how far this binary wants it.
type State struct {
	// Public and PublicTarget are versions of the public brain.
	Public, PublicTarget int32
	// Template is the version of the template schema; private brains follow it one by one, on first access.
	Template, TenantTarget int32
	Tenants                []publicdb.TenantCountsRow
}

// Ready reports whether a server of this binary may serve.
func (s State) Ready() bool { return s.Public >= s.PublicTarget && s.Template >= s.TenantTarget }

// Migrate brings the public brain, the template schema, roles and grants to what this binary needs, in one transaction:
// it happens whole or not at all. Run again it changes nothing; run in two places at once, one waits for the other. A dry
// run does it all and rolls back. Private brains are left to their first access.
func (db *DB) Migrate(ctx context.Context, dryRun bool, onStep func(Step)) error {
	// The public brain's migrations qualify every name; the template's do not.
	conn, err := db.connectOwner(ctx, templateSchema)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	tx, err := conn.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if _, err := tx.Exec(ctx, sqlMigrateLock); err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	if err := db.convergeRoles(ctx, tx); err != nil {
		return err
	}
	report := func(brain string) func(int32, string) {
		return func(version int32, name string) {
			if onStep != nil {
				onStep(Step{Brain: brain, Version: version, Name: name})
			}
		}
	}
	if err := migratePublic(ctx, conn, db.opts.PublicMigrations, report("public")); err != nil {
		return fmt.Errorf("public brain: %w", err)
	}
	if err := db.migrateTemplate(ctx, tx, report("template")); err != nil {
		return fmt.Errorf("template: %w", err)
	}
	if _, err := tx.Exec(ctx, sqlConvergeRoles, db.appRole, analystRole, db.consoleRole); err != nil {
		return fmt.Errorf("name roles: %w", err)
	}
	if _, err := tx.Exec(ctx, sqlConverge); err != nil {
		return fmt.Errorf("converge privileges: %w", err)
	}
	if err := hardenIfSuperuser(ctx, tx); err != nil {
		return err
	}
	if db.opts.Sync != nil {
		if err := db.opts.Sync(ctx, tx); err != nil {
			return fmt.Errorf("sync: %w", err)
		}
	}
	if dryRun {
		return nil
	}
	if err := tx.Commit(ctx); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// hardenIfSuperuser takes away what only a superuser can, where the owner's login is one.
func hardenIfSuperuser(ctx context.Context, tx pgx.Tx) error {
	var super bool
	if err := tx.QueryRow(ctx, "SELECT current_setting('is_superuser') = 'on'").Scan(&super); err != nil || !super {
		return err
	}
	if _, err := tx.Exec(ctx, sqlHarden); err != nil {
		return fmt.Errorf("harden: %w", err)
	}
	return nil
}

// migratePublic has tern migrate the public brain, inside the caller's transaction. A public brain newer than the migrations
// stays as it is.
func migratePublic(ctx context.Context, conn *pgx.Conn, migrations fs.FS, onStart func(version int32, name string)) error {
	m, err := migrate.NewMigratorEx(ctx, conn, "public."+versionTable, &migrate.MigratorOptions{DisableTx: true})
	if err != nil {
		return fmt.Errorf("prepare migrations: %w", err)
	}
	if err := m.LoadMigrations(migrations); err != nil {
		return fmt.Errorf("load migrations: %w", err)
	}
	// Tern resets all settings after each migration, so each sets the path for itself.
	for _, step := range m.Migrations {
		step.UpSQL = "SET LOCAL search_path = " + ownerPath("public") + ";\n" + step.UpSQL
	}
	m.OnStart = func(version int32, name, _, _ string) { onStart(version, name) }
	err = m.Migrate(ctx)
	var newer migrate.BadVersionError
	if err != nil && !errors.As(err, &newer) {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

func (db *DB) migrateTemplate(ctx context.Context, tx pgx.Tx, onStart func(int32, string)) error {
	var exists bool
	if err := tx.QueryRow(ctx, sqlSchemaExists, templateSchema).Scan(&exists); err != nil {
		return fmt.Errorf("look for schema: %w", err)
	}
	if _, err := db.migrateBrain(ctx, tx, templateSchema, exists, onStart); err != nil {
		return err
	}
	tables, err := listTables(ctx, tx, templateSchema)
	if err != nil {
		return err
	}
	return db.seal(ctx, tx, templateSchema, tables, "false", false)
}

// Status reads how far the database is. A database that was never migrated has version 0 everywhere.
func (db *DB) Status(ctx context.Context) (State, error) {
	s := State{PublicTarget: db.public, TenantTarget: db.latest}
	conn, err := db.connectOwner(ctx, "public")
	if err != nil {
		return s, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for schema, version := range map[string]*int32{"public": &s.Public, templateSchema: &s.Template} {
		err := conn.QueryRow(ctx, "SELECT version FROM "+schema+"."+versionTable).Scan(version)
		if err != nil && !HasState(err, stateNoTable) {
			return s, fmt.Errorf("read version of %s: %w", schema, err)
		}
	}
	if s.Public == 0 {
		return s, nil
	}
	s.Tenants, err = publicdb.New().TenantCounts(ctx, conn)
	if err != nil {
		return s, fmt.Errorf("count tenants: %w", err)
	}
	return s, nil
}

// ErrNotMigrated means that the database is older than this binary needs.
var ErrNotMigrated = errors.New("the database is not migrated: run `twobrains migrate up`")

// Check refuses a database on which the promises would not hold: one that is not migrated, or an app role that passes
// through every seal.
func (db *DB) Check(ctx context.Context) error {
	state, err := db.Status(ctx)
	if err != nil {
		return err
	}
	if !state.Ready() {
		return fmt.Errorf("%w (public brain at %d of %d, template at %d of %d)", ErrNotMigrated,
			state.Public, state.PublicTarget, state.Template, state.TenantTarget)
	}
	conn, err := db.connectOwner(ctx, "public")
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if err := checkRole(ctx, conn, db.appRole); err != nil || db.console == nil {
		return err
	}
	return checkRole(ctx, conn, db.consoleRole)
}

// Ping makes one round trip on a lane.
func (db *DB) Ping(ctx context.Context) error {
	conn, err := db.lanes[0].pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("acquire lane: %w", err)
	}
	defer conn.Release()
	return conn.Ping(ctx)
}

func (db *DB) convergeRoles(ctx context.Context, tx pgx.Tx) error {
	if db.appRole == db.ownerCfg.User {
		return fmt.Errorf("the app must not log in as the owner (%s): give it a role of its own", db.appRole)
	}
	if db.consoleRole == db.ownerCfg.User || db.consoleRole == db.appRole || db.consoleRole == analystRole {
		return fmt.Errorf("users' own SQL must not run as %s: give the console a role of its own", db.consoleRole)
	}
	for _, role := range []struct{ name, options string }{{db.appRole, "LOGIN"}, {analystRole, "NOLOGIN"}, {db.consoleRole, "NOLOGIN"}} {
		create := "CREATE ROLE " + pgx.Identifier{role.name}.Sanitize() + " " + role.options
		if err := pgx.BeginFunc(ctx, tx, func(sub pgx.Tx) error { return createRole(ctx, sub, role.name, create) }); err != nil {
			return fmt.Errorf("create role %s: %w", role.name, err)
		}
		if err := checkRole(ctx, tx, role.name); err != nil {
			return err
		}
	}
	for _, login := range []*pgx.ConnConfig{db.lanes[0].pool.Config().ConnConfig, db.console, db.analyst} {
		if login == nil {
			continue
		}
		if err := db.convergePassword(ctx, tx, login.User, login.Password); err != nil {
			return err
		}
	}
	return nil
}

// createRole does nothing if the role exists. Roles belong to the whole server, so another database's migrate may make it
// at the same moment.
func createRole(ctx context.Context, tx pgx.Tx, name, create string) error {
	var exists bool
	if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = $1)", name).Scan(&exists); err != nil || exists {
		return err
	}
	_, err := tx.Exec(ctx, create)
	return err
}

// convergePassword lets a role log in with the password of its URL, if it does not already. Only a SCRAM verifier leaves this
// process.
func (db *DB) convergePassword(ctx context.Context, tx pgx.Tx, role, password string) error {
	if password == "" {
		return nil
	}
	// By the owner's way to the server: a pooler in the app's way refuses in words of its own.
	cfg := db.ownerCfg.Copy()
	cfg.User, cfg.Password = role, password
	probe, err := pgx.ConnectConfig(ctx, cfg)
	if err == nil {
		return probe.Close(ctx)
	}
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) || pgErr.Code[:2] != "28" {
		// Anything but a refused password: the role may lack CONNECT yet, which says that the password was right.
		if errors.As(err, &pgErr) {
			return nil
		}
		return fmt.Errorf("connect as %s: %w", role, err)
	}
	verifier, err := scramVerifier(password)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "ALTER ROLE "+pgx.Identifier{role}.Sanitize()+" LOGIN PASSWORD '"+verifier+"'"); err != nil {
		return fmt.Errorf("set password of %s: %w", role, err)
	}
	return nil
}

type rowQuerier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func checkRole(ctx context.Context, conn rowQuerier, role string) error {
	var bypasses, creates bool
	if err := conn.QueryRow(ctx, sqlRoleFacts, role).Scan(&bypasses, &creates); err != nil {
		return fmt.Errorf("read role %s: %w", role, err)
	}
	if bypasses {
		return fmt.Errorf("role %s is a superuser or bypasses row-level security: no seal would hold for it", role)
	}
	if creates {
		return fmt.Errorf("role %s may create roles or databases: take that from it (ALTER ROLE %s NOCREATEROLE NOCREATEDB)", role, role)
	}
	return nil
}

// ConvergeSQL is the script that sets privileges; its text tells whether a migrated database is of today's making.
func ConvergeSQL() string { return sqlConverge }

//go:embed harden.sql
var sqlHarden string

// HardenSQL is for a superuser to run in the database, as one script: it takes from the app's role and the console's, and from
// all others but the owner and the analyst, what lets whole statements count, name and disturb what they cannot read.
func (db *DB) HardenSQL() string {
	literal := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	return "SELECT set_config('twobrains.app_role', " + literal(db.appRole) + ", false), set_config('twobrains.console_role', " +
		literal(db.consoleRole) + ", false);\n" + sqlHarden
}
