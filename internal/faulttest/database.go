package faulttest

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"twobrains/internal/testdb"
)

// Database names a migrated database by its logins.
type Database struct {
	AppURL, OwnerURL, ConsoleURL, AnalystURL, SuperuserURL string
}

// NewDatabase names a database on the Postgres that all tests share, for tests that leave Postgres alone.
func NewDatabase(d *testdb.Database) Database {
	return Database{AppURL: d.URL.Reveal(), OwnerURL: d.OwnerURL.Reveal(), ConsoleURL: d.ConsoleURL.Reveal(), AnalystURL: d.AnalystURL.Reveal(), SuperuserURL: d.SuperuserURL}
}

func (d Database) environ() []string {
	return []string{"DATABASE_URL=" + d.AppURL, "DATABASE_OWNER_URL=" + d.OwnerURL, "DATABASE_CONSOLE_URL=" + d.ConsoleURL, "DATABASE_ANALYST_URL=" + d.AnalystURL}
}

// Exec runs a statement as the superuser, who passes every seal.
func (d Database) Exec(tb testing.TB, sql string, arguments ...any) {
	tb.Helper()
	d.with(tb, func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, sql, arguments...)
		return err
	})
}

// Count runs a query for one number as the superuser.
func (d Database) Count(tb testing.TB, sql string, arguments ...any) (n int) {
	tb.Helper()
	d.with(tb, func(ctx context.Context, conn *pgx.Conn) error { return conn.QueryRow(ctx, sql, arguments...).Scan(&n) })
	return n
}

func (d Database) with(tb testing.TB, f func(context.Context, *pgx.Conn) error) {
	tb.Helper()
	if err := d.try(f); err != nil {
		tb.Fatalf("ask database: %v", err)
	}
}

func (d Database) try(f func(context.Context, *pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, d.SuperuserURL)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	return f(ctx, conn)
}

// leftovers are directories that outlive the test that made them.
var leftovers files

type files struct {
	mu    sync.Mutex
	paths []string
}

func (f *files) add(path string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.paths = append(f.paths, path)
}

// CleanUp removes what was made once for all tests of the binary. It is called last, in TestMain.
func CleanUp() {
	leftovers.mu.Lock()
	defer leftovers.mu.Unlock()
	for _, path := range leftovers.paths {
		_ = os.RemoveAll(path)
	}
	leftovers.paths = nil
}
