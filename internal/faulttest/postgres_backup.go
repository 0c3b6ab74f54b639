package faulttest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Archive restarts the cluster so that it keeps its log of changes in a directory, which it returns: what point-in-time recovery needs
// besides a backup.
func (pg *Postgres) Archive(tb testing.TB) (dir string) {
	tb.Helper()
	dir = tempDir(tb)
	d := pg.Database(nil)
	d.Exec(tb, "ALTER SYSTEM SET archive_mode = 'on'")
	d.Exec(tb, "ALTER SYSTEM SET archive_command = 'test ! -f "+dir+"/%f && cp %p "+dir+"/%f'")
	pg.Restart(tb)
	return dir
}

// Backup copies the cluster as it is, while it serves.
func (pg *Postgres) Backup(tb testing.TB) (dir string) {
	tb.Helper()
	dir = filepath.Join(tempDir(tb), "backup")
	if err := runPostgres("pg_basebackup", "-D", dir, "-d", pg.URL("postgres", "postgres"), "-c", "fast"); err != nil {
		tb.Fatalf("take backup: %v", err)
	}
	return dir
}

// Recover makes a cluster of a backup and the archive, as everything was at a time, and waits until it takes changes. The backup is used up.
func Recover(tb testing.TB, backup, archive string, at time.Time) *Postgres {
	tb.Helper()
	pg := &Postgres{dir: backup, port: freePort()}
	pg.Addr = "127.0.0.1:" + strconv.Itoa(pg.port)
	// What the backup brought of the old cluster's settings goes: it would archive into the same directory.
	settings := fmt.Sprintf("restore_command = 'cp %s/%%f %%p'\nrecovery_target_time = '%s'\nrecovery_target_action = 'promote'\n",
		archive, at.UTC().Format("2006-01-02 15:04:05.999999-07"))
	for name, text := range map[string]string{"recovery.signal": "", "postgresql.auto.conf": settings} {
		path := filepath.Join(pg.dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			tb.Fatalf("write %s: %v", name, err)
		}
		if err := giveAway(path); err != nil {
			tb.Fatalf("give %s away: %v", name, err)
		}
	}
	pg.Start(tb)
	tb.Cleanup(func() {
		if !pg.process.Gone() {
			_ = pg.process.Stop(syscall.SIGQUIT, 10*time.Second)
		}
	})
	d := pg.Database(nil)
	Until(tb, 30*time.Second, "the cluster is recovered", func() bool { return d.Count(tb, "SELECT pg_is_in_recovery()::integer") == 0 })
	return pg
}

// Dump writes roles and the product's database to files.
func (pg *Postgres) Dump(tb testing.TB) (roles, database string) {
	tb.Helper()
	dir := tempDir(tb)
	roles, database = filepath.Join(dir, "roles.sql"), filepath.Join(dir, "twobrains.dump")
	for _, arguments := range [][]string{
		{"pg_dumpall", "--roles-only", "-d", pg.URL("postgres", "postgres"), "-f", roles},
		{"pg_dump", "-Fc", "-d", pg.URL("postgres", "twobrains"), "-f", database},
	} {
		if err := runPostgres(arguments[0], arguments[1:]...); err != nil {
			tb.Fatalf("dump: %v", err)
		}
	}
	return roles, database
}

// Restore puts roles and database of a dump in the place of those that the cluster has.
func (pg *Postgres) Restore(tb testing.TB, roles, database string) {
	tb.Helper()
	super := pg.URL("postgres", "postgres")
	for _, arguments := range [][]string{
		{"psql", "-X", "-q", "-d", super, "-c", "DROP DATABASE twobrains"},
		{"psql", "-X", "-q", "-d", super, "-f", roles}, // those that are there are said to be
		{"pg_restore", "--create", "--exit-on-error", "-d", super, database},
	} {
		if err := runPostgres(arguments[0], arguments[1:]...); err != nil {
			tb.Fatalf("restore: %v", err)
		}
	}
}

// Command runs a verb of the command line with the server's configuration, and returns what it says.
func (s *Server) Command(tb testing.TB, arguments ...string) (string, error) {
	tb.Helper()
	path, err := binary()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.CommandContext(tb.Context(), path, arguments...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, s.environ...)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}
