package faulttest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"twobrains/internal/localstack"
)

// tempDir makes a directory that Postgres's account can write to, removed after the test.
func tempDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "faulttest-")
	if err != nil {
		tb.Fatalf("make directory: %v", err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := errors.Join(os.Chmod(dir, 0o711), giveAway(dir)); err != nil {
		tb.Fatalf("prepare directory: %v", err)
	}
	return dir
}

// giveAway makes Postgres's account the owner of a file.
func giveAway(path string) error {
	account, err := unprivileged()
	if err != nil || account == nil {
		return err
	}
	return os.Chown(path, int(account.Uid), int(account.Gid))
}

// unprivileged is what programs are started with that refuse to run as root; nil unless we are root.
var unprivileged = sync.OnceValues(localstack.Unprivileged)

// postgresPrograms is the directory of Postgres's programs: those of the server that the other tests use where it is on this
// machine, else what the local stack would take.
var postgresPrograms = sync.OnceValues(func() (string, error) {
	if dir, err := programsOfTests(); err == nil {
		if _, err := os.Stat(filepath.Join(dir, "initdb")); err == nil {
			return dir, nil
		}
	}
	return localstack.PostgresDir(context.Background())
})

func programsOfTests() (dir string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, os.Getenv("TWOBRAINS_TEST_POSTGRES"))
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(ctx) }()
	err = conn.QueryRow(ctx, "SELECT setting FROM pg_config WHERE name = 'BINDIR'").Scan(&dir)
	return dir, err
}

func runPostgres(name string, arguments ...string) error {
	programs, err := postgresPrograms()
	if err != nil {
		return err
	}
	account, err := unprivileged()
	if err != nil {
		return err
	}
	cmd := exec.Command(filepath.Join(programs, name), arguments...)
	cmd.Dir, cmd.Env = "/", postgresEnvironment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: account}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}

func postgresEnvironment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
}
