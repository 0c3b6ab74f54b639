package localstack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Postgres is a running PostgreSQL server.
type Postgres struct {
	// Version is the server's, such as "15.18".
	Version string
	// Addr is its loopback address, host:port.
	Addr string

	superuser, owner, app, console, analyst, kratos, mails string // passwords
	process                                                *Process
}

// startPostgres starts a server on the data directory below opts.Dir, which it makes if needed.
func startPostgres(ctx context.Context, opts Options, failed chan<- error) (*Postgres, error) {
	user, err := unprivileged()
	if err != nil {
		return nil, err
	}
	home, err := user.home(ctx, opts.Dir, "postgres")
	if err != nil {
		return nil, err
	}
	data := filepath.Join(home, "data")
	major, err := dataVersion(data)
	if err != nil {
		return nil, err
	}
	programs, err := findPostgres(ctx, major)
	if errors.Is(err, errNoPostgres) && opts.Mode == Development {
		programs, err = downloadPostgres(ctx, opts, home, user)
	}
	if errors.Is(err, errNoPostgres) {
		return nil, fmt.Errorf("%w; install one: %s", err, installHint("postgresql", "postgresql@18"))
	}
	if err != nil {
		return nil, err
	}

	pg := &Postgres{Version: programs.version}
	for name, password := range map[string]*string{
		"postgres": &pg.superuser, "twobrains_owner": &pg.owner, "twobrains_app": &pg.app, "twobrains_console": &pg.console,
		"twobrains_analyst": &pg.analyst, "kratos": &pg.kratos, "twobrains_mails": &pg.mails,
	} {
		if *password, err = Keep(opts.Dir, name+".password", Password); err != nil {
			return nil, err
		}
	}
	if err := prepareData(ctx, opts, programs, user, data, major, pg.superuser); err != nil {
		return nil, err
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	pg.Addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))

	arguments := []string{"-D", data}
	for _, setting := range settings(opts.Mode, port) {
		arguments = append(arguments, "-c", setting)
	}
	cmd := exec.Command(programs.path("postgres"), arguments...)
	cmd.Dir = "/"
	cmd.Env = postgresEnvironment()
	// SIGINT is PostgreSQL's fast shutdown: it rolls back what is under way instead of waiting for clients to leave.
	pg.process, err = StartChild(Child{
		Name: "postgres", Dir: opts.Dir, Cmd: cmd, user: user, Quit: syscall.SIGINT, Grace: 20 * time.Second,
	}, failed)
	if err != nil {
		return nil, err
	}
	if err := pg.wait(ctx); err != nil {
		pg.stop()
		return nil, err
	}
	return pg, nil
}

// settings returns PostgreSQL's settings that differ from its defaults.
func settings(mode Mode, port int) []string {
	s := []string{
		"port=" + strconv.Itoa(port),
		"listen_addresses=127.0.0.1",
		"unix_socket_directories=",
		"max_connections=200",
		// A migration or export of a private brain locks all of its tables at once.
		"max_locks_per_transaction=256",
		"timezone=UTC",
		"log_timezone=UTC",
	}
	if mode == Test {
		// Nothing of it is meant to survive: no waiting for the disk.
		s = append(s, "fsync=off", "synchronous_commit=off", "full_page_writes=off", "wal_level=minimal", "max_wal_senders=0",
			"max_connections=400", "max_wal_size=4GB", "log_min_messages=fatal")
	}
	return s
}

// dataVersion returns the major version of the server that made a data directory, 0 if there is none yet.
func dataVersion(data string) (int, error) {
	text, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read version of data: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("read version of data: %w", err)
	}
	return major, nil
}

// prepareData makes the data directory, or readies an existing one: of the right version, and not in use.
func prepareData(ctx context.Context, opts Options, programs postgresPrograms, user *account, data string, major int, password string) error {
	switch major {
	case 0:
		return createData(ctx, opts, programs, user, data, password)
	case programs.major:
		return releaseData(ctx, opts, programs, user, data)
	default:
		return fmt.Errorf("the data in %s was made by PostgreSQL %d, and this machine has %s, which cannot read it. "+
			"The data was left as it is. Install PostgreSQL %d again, or start anew and keep the old data aside: mv %s %s.%d",
			data, major, programs.version, major, data, data, major)
	}
}

func createData(ctx context.Context, opts Options, programs postgresPrograms, user *account, data, password string) error {
	// initdb reads the password as the account it runs as.
	file := filepath.Join(filepath.Dir(data), "initdb.password")
	if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
		return fmt.Errorf("write password for initdb: %w", err)
	}
	defer os.Remove(file)
	if err := user.own(file); err != nil {
		return err
	}
	// Made under another name and renamed: an interrupted initdb leaves nothing that looks finished.
	fresh := data + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return fmt.Errorf("remove unfinished data directory: %w", err)
	}
	arguments := []string{
		"-D", fresh, "--username=postgres", "--pwfile=" + file, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=" + locale, "--no-instructions",
	}
	if opts.Mode == Test {
		arguments = append(arguments, "--no-sync")
	}
	if err := programs.run(ctx, user, "initdb", arguments...); err != nil {
		return err
	}
	if err := os.Rename(fresh, data); err != nil {
		return fmt.Errorf("name data directory: %w", err)
	}
	return nil
}

// releaseData sees to it that no server runs on the data directory: one that outlived its stack is stopped, and the
// trace of one that was killed is removed if its pid has gone to a stranger, who would make PostgreSQL refuse.
func releaseData(ctx context.Context, opts Options, programs postgresPrograms, user *account, data string) error {
	sweep(opts.Dir, "postgres", syscall.SIGINT)
	file := filepath.Join(data, "postmaster.pid")
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read postmaster.pid: %w", err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, _ := strconv.Atoi(strings.TrimSpace(first))
	if startedAt(pid) == "" {
		return nil // PostgreSQL itself clears what a dead server left
	}
	if command(pid) != "postgres" {
		return os.Remove(file)
	}
	opts.Say("A PostgreSQL from an earlier run still holds %s: stopping it", data)
	return programs.run(ctx, user, "pg_ctl", "stop", "-D", data, "-m", "fast", "-w", "-t", "30")
}

// wait waits until the server takes connections.
func (pg *Postgres) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, pg.SuperuserURL("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-pg.process.Ended():
			return pg.process.notStarted()
		case <-ctx.Done():
			return fmt.Errorf("wait for PostgreSQL: %w (last: %w)", ctx.Err(), err)
		case <-time.After(25 * time.Millisecond):
		}
	}
}

func (pg *Postgres) stop() { pg.process.Stop() }

// SuperuserURL is the connection string of the superuser for a database.
func (pg *Postgres) SuperuserURL(database string) string {
	return pg.url("postgres", pg.superuser, database)
}

// OwnerURL is the connection string of twobrains_owner for the database twobrains.
func (pg *Postgres) OwnerURL() string { return pg.url("twobrains_owner", pg.owner, "twobrains") }

// AppURL is the connection string of twobrains_app, a role that `twobrains migrate` makes with this password.
func (pg *Postgres) AppURL() string { return pg.url("twobrains_app", pg.app, "twobrains") }

// ConsoleURL is the connection string of twobrains_console, which `twobrains migrate` makes likewise.
func (pg *Postgres) ConsoleURL() string { return pg.url("twobrains_console", pg.console, "twobrains") }

// AnalystURL is the connection string of twobrains_analyst, which `twobrains migrate` makes likewise.
func (pg *Postgres) AnalystURL() string { return pg.url("twobrains_analyst", pg.analyst, "twobrains") }

// KratosURL is the connection string of Kratos for its own database.
func (pg *Postgres) KratosURL() string { return pg.url("kratos", pg.kratos, "kratos") }

// MailsURL is the connection string of twobrains_mails, which may remove mails from Kratos's database.
func (pg *Postgres) MailsURL() string { return pg.url("twobrains_mails", pg.mails, "kratos") }

func (pg *Postgres) url(user, password, database string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(user, password), Host: pg.Addr, Path: "/" + database, RawQuery: "sslmode=disable"}
	return u.String()
}
