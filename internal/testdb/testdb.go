// Package testdb gives every test a database of its own on the real Postgres of the test run, migrated by the code under
// test. A database is cloned from a template that is made once per state of the migrations.
package testdb

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"twobrains/internal/secret"
	"twobrains/internal/tenant"
	"twobrains/tern"
)

// EnvPostgres names a superuser URL of the server that tests use. `make test` sets it.
const EnvPostgres = "TWOBRAINS_TEST_POSTGRES"

const (
	ownerRole, ownerPassword = "twobrains_owner", "owner-in-tests"
	appRole, appPassword     = "twobrains_app", "app-in-tests"
	consoleRole, consolePass = "twobrains_console", "console-in-tests"
	analystRole, analystPass = "twobrains_analyst", "analyst-in-tests"
	// lockNumber serialises the making of templates and roles across test binaries.
	lockNumber = 7205759403792795
)

// Database is a migrated database of one test.
type Database struct {
	// DB is a kernel on it, closed with the test.
	DB *tenant.DB
	// Name, and the URLs of the logins.
	Name                                  string
	URL, OwnerURL, ConsoleURL, AnalystURL secret.Secret
	SuperuserURL                          string
	Keys                                  *secret.KeyRing
	options                               tenant.Options
}

// Option changes the kernel's options before it is made.
type Option func(*tenant.Options)

// New clones a fresh database. It is dropped after the test; after a failed one it is kept and its URL logged.
func New(t testing.TB, options ...Option) *Database {
	t.Helper()
	super := superuserURL(t)
	d := create(t, super, ensureTemplate(t, super), options)
	// Privileges on the database itself and settings per database are not cloned.
	if err := d.DB.Migrate(t.Context(), false, nil); err != nil {
		t.Fatalf("migrate clone: %v", err)
	}
	return d
}

// NewEmpty makes a database that nothing has migrated yet, for other migrations than the product's.
func NewEmpty(t testing.TB, options ...Option) *Database {
	t.Helper()
	super := superuserURL(t)
	ensureTemplate(t, super)
	return create(t, super, "template1", options)
}

func create(t testing.TB, super, template string, options []Option) *Database {
	t.Helper()
	name := "tb_test_" + randomHex(6)
	execSuper(t, super, fmt.Sprintf("CREATE DATABASE %s TEMPLATE %s OWNER %s", name, template, ownerRole))
	d := &Database{
		Name:         name,
		URL:          secret.New(withLogin(super, appRole, appPassword, name)),
		OwnerURL:     secret.New(withLogin(super, ownerRole, ownerPassword, name)),
		ConsoleURL:   secret.New(withLogin(super, consoleRole, consolePass, name)),
		AnalystURL:   secret.New(withLogin(super, analystRole, analystPass, name)),
		SuperuserURL: withDatabase(super, name),
		Keys:         Keys(t, "test"),
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("database kept: psql %s", d.SuperuserURL)
			return
		}
		execSuper(t, super, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
	})
	d.options = tenant.Options{
		URL: d.URL, OwnerURL: d.OwnerURL, ConsoleURL: d.ConsoleURL, AnalystURL: d.AnalystURL, Keys: d.Keys,
		PublicMigrations: tern.Public(), TenantMigrations: tern.Tenant(), Lanes: 4,
	}
	d.DB = d.Kernel(t, options...)
	return d
}

// Kernel makes another kernel on the same database, as a second replica would.
func (d *Database) Kernel(t testing.TB, options ...Option) *tenant.DB {
	t.Helper()
	opts := d.options
	for _, o := range options {
		o(&opts)
	}
	db, err := tenant.New(opts)
	if err != nil {
		t.Fatalf("make kernel: %v", err)
	}
	t.Cleanup(db.Close)
	return db
}

// Superuser opens a connection that passes every seal, to look at what is really there.
func (d *Database) Superuser(t testing.TB) *pgx.Conn { return connect(t, d.SuperuserURL) }

// App opens a connection of the app's role outside the kernel, as an attacker on it would have.
func (d *Database) App(t testing.TB) *pgx.Conn { return connect(t, d.URL.Reveal()) }

// Console opens a connection of the console's role outside the kernel, bound to nobody.
func (d *Database) Console(t testing.TB) *pgx.Conn { return connect(t, d.ConsoleURL.Reveal()) }

// Owner opens a connection of the owner.
func (d *Database) Owner(t testing.TB) *pgx.Conn { return connect(t, d.OwnerURL.Reveal()) }

// Keys makes a key ring of random keys with the ids given, the first one primary.
func Keys(t testing.TB, ids ...string) *secret.KeyRing {
	t.Helper()
	var text string
	for i, id := range ids {
		if i > 0 {
			text += ","
		}
		sum := sha256.Sum256([]byte("a test key named " + id))
		text += id + ":" + base64.StdEncoding.EncodeToString(sum[:])
	}
	ring, err := secret.ParseKeyRing(secret.New(text))
	if err != nil {
		t.Fatalf("make key ring: %v", err)
	}
	return ring
}

func ensureTemplate(t testing.TB, super string) string {
	t.Helper()
	name := "tb_template_" + migrationsHash(t)
	conn := connect(t, super)
	ctx := t.Context()
	must := func(sql string, args ...any) {
		t.Helper()
		if _, err := conn.Exec(ctx, sql, args...); err != nil {
			t.Fatalf("prepare template: %v", err)
		}
	}
	must("SELECT pg_advisory_lock($1)", int64(lockNumber))
	defer must("SELECT pg_advisory_unlock($1)", int64(lockNumber))
	var exists bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1 AND datistemplate)", name).Scan(&exists); err != nil {
		t.Fatalf("look for template: %v", err)
	}
	if exists {
		return name
	}
	must("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)")
	must("DO $$ BEGIN CREATE ROLE " + ownerRole + "; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
	must("ALTER ROLE " + ownerRole + " LOGIN CREATEROLE NOSUPERUSER PASSWORD '" + ownerPassword + "'")
	must("CREATE DATABASE " + name + " OWNER " + ownerRole)
	db, err := tenant.New(tenant.Options{
		URL:              secret.New(withLogin(super, appRole, appPassword, name)),
		OwnerURL:         secret.New(withLogin(super, ownerRole, ownerPassword, name)),
		ConsoleURL:       secret.New(withLogin(super, consoleRole, consolePass, name)),
		AnalystURL:       secret.New(withLogin(super, analystRole, analystPass, name)),
		Keys:             Keys(t, "test"),
		PublicMigrations: tern.Public(), TenantMigrations: tern.Tenant(), Lanes: 1,
	})
	if err != nil {
		t.Fatalf("make kernel: %v", err)
	}
	if err := db.Migrate(ctx, false, nil); err != nil {
		t.Fatalf("migrate template: %v", err)
	}
	db.Close()
	must("ALTER DATABASE " + name + " IS_TEMPLATE true")
	return name
}

func superuserURL(t testing.TB) string {
	t.Helper()
	super := os.Getenv(EnvPostgres)
	if super == "" {
		t.Fatalf("%s is not set; run: make test (or: go run ./cmd/dev test -- go test ./...)", EnvPostgres)
	}
	return super
}

func migrationsHash(t testing.TB) string {
	t.Helper()
	h := sha256.New()
	for _, fsys := range []fs.FS{tern.Public(), tern.Tenant()} {
		err := fs.WalkDir(fsys, ".", func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			body, err := fs.ReadFile(fsys, path)
			fmt.Fprintf(h, "%s %d\n%s", path, len(body), body)
			return err
		})
		if err != nil {
			t.Fatalf("read migrations: %v", err)
		}
	}
	h.Write([]byte(tenant.ConvergeSQL()))
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func connect(t testing.TB, databaseURL string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), databaseURL)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(func() { closeConn(conn) })
	return conn
}

func closeConn(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}

func execSuper(t testing.TB, super, sql string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, super)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	defer closeConn(conn)
	if _, err := conn.Exec(ctx, sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func withDatabase(base, name string) string {
	u, err := url.Parse(base)
	if err != nil {
		panic(err)
	}
	u.Path = "/" + name
	return u.String()
}

func withLogin(base, user, password, database string) string {
	u, err := url.Parse(base)
	if err != nil {
		panic(err)
	}
	u.User = url.UserPassword(user, password)
	u.Path = "/" + database
	return u.String()
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

// Watch counts the round trips of the kernel's app connections.
func Watch(w *Wire) Option { return func(o *tenant.Options) { o.ConfigureConn = w.Configure } }
