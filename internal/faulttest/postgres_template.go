package faulttest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// postgresTemplate is a stopped cluster with roles, the product's database, migrated, and an empty one for Kratos.
var postgresTemplate = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "faulttest-template-")
	if err != nil {
		return "", fmt.Errorf("make directory: %w", err)
	}
	leftovers.add(dir)
	if err := errors.Join(os.Chmod(dir, 0o711), giveAway(dir)); err != nil {
		return "", err
	}
	password := filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte(postgresPassword), 0o600); err != nil {
		return "", fmt.Errorf("write password: %w", err)
	}
	if err := giveAway(password); err != nil {
		return "", err
	}
	pg := &Postgres{dir: filepath.Join(dir, "data")}
	if err := runPostgres("initdb", "-D", pg.dir, "--username=postgres", "--pwfile="+password, "--auth=scram-sha-256", "--encoding=UTF8",
		"--locale=C.UTF-8", "--no-instructions", "--no-sync", "--wal-segsize=1"); err != nil {
		return "", err
	}
	pg.port = freePort()
	pg.Addr = "127.0.0.1:" + strconv.Itoa(pg.port)
	if err := pg.start(); err != nil {
		return "", err
	}
	if err := pg.furnish(); err != nil {
		pg.process.Kill()
		return "", err
	}
	return pg.dir, pg.process.Stop(syscall.SIGINT, 20*time.Second)
})

func (pg *Postgres) furnish() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, pg.URL("postgres", "postgres"))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, sql := range []string{
		"CREATE ROLE twobrains_owner LOGIN CREATEROLE PASSWORD '" + ownerPassword + "'",
		"CREATE ROLE kratos LOGIN PASSWORD '" + kratosPassword + "'",
		"CREATE DATABASE twobrains OWNER twobrains_owner",
		"CREATE DATABASE kratos OWNER kratos",
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("furnish cluster: %w", err)
		}
	}
	d := pg.Database(nil)
	return runBinary(append(d.environ(), "MASTER_KEYS="+MasterKeys), "migrate", "up")
}

func copyCluster(from, to string) error {
	// As the account that owns the files, so that they stay its own.
	account, err := unprivileged()
	if err != nil {
		return err
	}
	cmd := exec.Command("cp", "-R", from, to)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: account}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cp: %w: %s", err, out)
	}
	return nil
}
