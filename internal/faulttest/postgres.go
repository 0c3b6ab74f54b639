package faulttest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Postgres is a cluster of a test's own, with a database that is migrated as the product's. It keeps its port and its data while
// it is stopped.
type Postgres struct {
	// Addr is its loopback address, host:port.
	Addr string

	dir     string
	port    int
	process *Process
}

// Passwords and names of a cluster. It listens to loopback only and is gone with the test.
const (
	postgresPassword = "super-in-tests"
	ownerPassword    = "owner-in-tests"
	appPassword      = "app-in-tests"
	kratosPassword   = "kratos-in-tests"
)

// NewPostgres starts a cluster, copied from one that is made once for all tests of the binary.
func NewPostgres(tb testing.TB) *Postgres {
	tb.Helper()
	template, err := postgresTemplate()
	if err != nil {
		tb.Fatalf("make cluster: %v", err)
	}
	dir := tempDir(tb)
	pg := &Postgres{dir: filepath.Join(dir, "data"), port: freePort()}
	if err := copyCluster(template, pg.dir); err != nil {
		tb.Fatalf("copy cluster: %v", err)
	}
	pg.Addr = "127.0.0.1:" + strconv.Itoa(pg.port)
	pg.Start(tb)
	tb.Cleanup(func() {
		if pg.process != nil && !pg.process.Gone() {
			pg.process.Signal(syscall.SIGCONT)
			_ = pg.process.Stop(syscall.SIGQUIT, 10*time.Second)
		}
	})
	return pg
}

// Standby makes a cluster that follows this one and answers questions, but takes no changes.
func (pg *Postgres) Standby(tb testing.TB) *Postgres {
	tb.Helper()
	dir := tempDir(tb)
	standby := &Postgres{dir: filepath.Join(dir, "data"), port: freePort()}
	standby.Addr = "127.0.0.1:" + strconv.Itoa(standby.port)
	if err := runPostgres("pg_basebackup", "-D", standby.dir, "-d", pg.URL("postgres", "postgres"), "-c", "fast", "-X", "stream"); err != nil {
		tb.Fatalf("copy primary: %v", err)
	}
	standby.follow(tb, pg)
	standby.Start(tb)
	tb.Cleanup(func() {
		if standby.process != nil && !standby.process.Gone() {
			_ = standby.process.Stop(syscall.SIGQUIT, 10*time.Second)
		}
	})
	return standby
}

// follow makes a stopped cluster a standby of another one when it starts.
func (pg *Postgres) follow(tb testing.TB, primary *Postgres) {
	tb.Helper()
	auto := fmt.Sprintf("primary_conninfo = 'host=127.0.0.1 port=%d user=postgres password=%s'\nrecovery_target_timeline = 'latest'\n", primary.port, postgresPassword)
	for name, text := range map[string]string{"standby.signal": "", "postgresql.auto.conf": auto} {
		path := filepath.Join(pg.dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			tb.Fatalf("write %s: %v", name, err)
		}
		if err := giveAway(path); err != nil {
			tb.Fatalf("give %s away: %v", name, err)
		}
	}
}

// FailOver makes the standby the primary and this cluster, the primary so far, a standby of it. Nothing is lost: the old primary
// is stopped in good order first.
func (pg *Postgres) FailOver(tb testing.TB, standby *Postgres) {
	tb.Helper()
	pg.Stop(tb)
	if err := runPostgres("pg_ctl", "promote", "-D", standby.dir, "-w", "-t", "30"); err != nil {
		tb.Fatalf("promote standby: %v", err)
	}
	pg.follow(tb, standby)
	pg.Start(tb)
}

// Start starts the cluster and waits until it answers.
func (pg *Postgres) Start(tb testing.TB) {
	tb.Helper()
	if err := pg.start(); err != nil {
		tb.Fatalf("start Postgres: %v", err)
	}
}

func (pg *Postgres) start() error {
	// A server that was killed leaves its lock file, and the system may have given its number to somebody else.
	if err := os.Remove(filepath.Join(pg.dir, "postmaster.pid")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove lock file: %w", err)
	}
	arguments := []string{"-D", pg.dir}
	for _, setting := range []string{
		"port=" + strconv.Itoa(pg.port), "listen_addresses=127.0.0.1", "unix_socket_directories=", "timezone=UTC",
		"max_connections=100", "shared_buffers=32MB", "fsync=off", "max_wal_size=256MB", "min_wal_size=32MB", "wal_level=replica", "max_wal_senders=4",
		"hot_standby=on", "log_min_messages=warning", "autovacuum=off",
	} {
		arguments = append(arguments, "-c", setting)
	}
	programs, err := postgresPrograms()
	if err != nil {
		return err
	}
	account, err := unprivileged()
	if err != nil {
		return err
	}
	cmd := exec.Command(filepath.Join(programs, "postgres"), arguments...)
	cmd.Dir, cmd.Env = "/", postgresEnvironment()
	if pg.process, err = start("postgres", cmd, account); err != nil {
		return err
	}
	return pg.process.until(30*time.Second, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		conn, err := pgx.Connect(ctx, pg.URL("postgres", "postgres"))
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	})
}

// Stop is a shutdown in good order that waits for nobody: sessions are ended with 57P01.
func (pg *Postgres) Stop(tb testing.TB) {
	tb.Helper()
	if err := pg.process.Stop(syscall.SIGINT, 20*time.Second); err != nil {
		tb.Fatalf("stop Postgres: %v", err)
	}
}

// Crash is an immediate shutdown: the server dies without writing down anything, and recovers from its log at the next start.
func (pg *Postgres) Crash(tb testing.TB) {
	tb.Helper()
	_ = pg.process.Stop(syscall.SIGQUIT, 20*time.Second)
}

// Kill is kill -9 of the server with all its backends.
func (pg *Postgres) Kill() { pg.process.Kill() }

// Restart is Stop and Start.
func (pg *Postgres) Restart(tb testing.TB) {
	tb.Helper()
	pg.Stop(tb)
	pg.Start(tb)
}

// URL is the connection string of a login for a database of the cluster.
func (pg *Postgres) URL(login, database string) string {
	password := map[string]string{"postgres": postgresPassword, "twobrains_owner": ownerPassword, "twobrains_app": appPassword, "kratos": kratosPassword}[login]
	u := url.URL{Scheme: "postgres", User: url.UserPassword(login, password), Host: pg.Addr, Path: "/" + database, RawQuery: "sslmode=disable"}
	return u.String()
}

// Database names the product's database in the cluster, as seen from the cluster or, with a proxy, through that.
func (pg *Postgres) Database(through *Proxy) Database {
	d := Database{AppURL: pg.URL("twobrains_app", "twobrains"), OwnerURL: pg.URL("twobrains_owner", "twobrains"), SuperuserURL: pg.URL("postgres", "twobrains")}
	if through != nil {
		d.AppURL = strings.Replace(d.AppURL, pg.Addr, through.Addr, 1)
		d.OwnerURL = strings.Replace(d.OwnerURL, pg.Addr, through.Addr, 1)
	}
	return d
}
