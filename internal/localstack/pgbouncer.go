package localstack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// PgBouncer is a running PgBouncer in front of a PostgreSQL server: what the tests put between the two to see that nothing
// depends on a connection of one's own.
type PgBouncer struct {
	// Version is what the program says, such as "PgBouncer 1.18.0".
	Version string
	// Addr is its loopback address, host:port.
	Addr string

	home string
	once sync.Once
	// stop ends the program, done is closed when it has ended for good.
	stop     chan struct{}
	done     chan struct{}
	restarts atomic.Int64
}

// PgBouncerOptions say how to run it.
type PgBouncerOptions struct {
	// Dir holds its files. It must exist.
	Dir string
	// Config is an operator's pgbouncer.ini that ends with the section [pgbouncer]. Databases, address and the file of users are
	// replaced.
	Config string
	// Postgres is the server's address, host:port, for every database.
	Postgres string
	// Users are its logins: name to password or SCRAM secret.
	Users map[string]string
	// Settings are further lines of pgbouncer.ini's [pgbouncer], which win over Config's.
	Settings []string
}

// ErrNoPgBouncer means that there is no such program. The text says how to install it.
var ErrNoPgBouncer = errors.New("there is no pgbouncer; install it: " + installHint("pgbouncer", "pgbouncer"))

func pgbouncerProgram() (string, error) {
	if path, err := exec.LookPath("pgbouncer"); err == nil {
		return path, nil
	}
	// Debian keeps it where only root's PATH leads.
	for _, path := range []string{"/usr/sbin/pgbouncer", "/opt/homebrew/bin/pgbouncer", "/usr/local/bin/pgbouncer"} {
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", ErrNoPgBouncer
}

// StartPgBouncer starts a PgBouncer and returns when it listens; ErrNoPgBouncer if there is no such program.
func StartPgBouncer(ctx context.Context, opts PgBouncerOptions) (*PgBouncer, error) {
	program, err := pgbouncerProgram()
	if err != nil {
		return nil, err
	}
	version, err := exec.CommandContext(ctx, program, "--version").Output()
	if err != nil {
		return nil, fmt.Errorf("ask pgbouncer for its version: %w", err)
	}
	// It refuses to run as root.
	user, err := unprivileged()
	if err != nil {
		return nil, err
	}
	home, err := user.home(ctx, opts.Dir, "pgbouncer")
	if err != nil {
		return nil, err
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	b := &PgBouncer{
		Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), home: home, stop: make(chan struct{}), done: make(chan struct{}),
	}
	b.Version, _, _ = strings.Cut(string(version), "\n")
	if err := b.configure(opts, user, port); err != nil {
		return nil, err
	}
	if err := b.start(program, user); err != nil {
		return nil, err
	}
	if err := b.wait(ctx); err != nil {
		b.Stop()
		return nil, err
	}
	return b, nil
}

func (b *PgBouncer) configure(opts PgBouncerOptions, user *account, port int) error {
	host, postgresPort, err := net.SplitHostPort(opts.Postgres)
	if err != nil {
		return fmt.Errorf("read address of PostgreSQL: %w", err)
	}
	var users strings.Builder
	for name, password := range opts.Users {
		fmt.Fprintf(&users, "%q %q\n", name, password)
	}
	// A section that came twice would start from the defaults again, so Config's is continued; the last line of a name wins.
	_, section, _ := strings.Cut(opts.Config, "[pgbouncer]\n")
	settings := append([]string{
		"[databases]", "* = host=" + host + " port=" + postgresPort,
		"[pgbouncer]", section, "listen_addr = 127.0.0.1", "listen_port = " + strconv.Itoa(port), "unix_socket_dir =",
		"auth_file = " + filepath.Join(b.home, "userlist.txt"), "logfile = " + b.log(), "pidfile =",
	}, opts.Settings...)
	for name, text := range map[string]string{"pgbouncer.ini": strings.Join(settings, "\n") + "\n", "userlist.txt": users.String()} {
		path := filepath.Join(b.home, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		if err := user.own(path); err != nil {
			return err
		}
	}
	return nil
}

func (b *PgBouncer) log() string { return filepath.Join(b.home, "pgbouncer.log") }

// start runs the program, and again when it ends by itself, as a service manager would: 1.18 does so now and then on a cancel
// request (github.com/pgbouncer/pgbouncer/issues/801). It runs from a thread that lives as long as it does: on Linux the
// parent-death signal is sent when the thread that started the child ends.
func (b *PgBouncer) start(program string, user *account) error {
	started := make(chan error, 1)
	go func() {
		defer close(b.done)
		runtime.LockOSThread()
		for {
			cmd := exec.Command(program, "--quiet", filepath.Join(b.home, "pgbouncer.ini"))
			cmd.Dir = "/"
			cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
			cmd.SysProcAttr = attributes(true, syscall.SIGKILL, user)
			err := cmd.Start()
			select {
			case started <- err:
			default:
			}
			if err != nil {
				return
			}
			ended := make(chan struct{})
			go func() {
				select {
				case <-b.stop:
					_ = killGroup(cmd.Process.Pid, syscall.SIGKILL)
				case <-ended:
				}
			}()
			_ = cmd.Wait()
			close(ended)
			select {
			case <-b.stop:
				return
			case <-time.After(50 * time.Millisecond):
				b.restarts.Add(1)
			}
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start pgbouncer: %w", err)
	}
	return nil
}

// Restarts counts how often it had to be started again.
func (b *PgBouncer) Restarts() int64 { return b.restarts.Load() }

func (b *PgBouncer) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", b.Addr)
		if err == nil {
			conn.Close()
			return nil
		}
		if b.Restarts() > 0 {
			return fmt.Errorf("pgbouncer did not start; the end of its log:\n%s", tail(b.log()))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for pgbouncer: %w (last: %w)", ctx.Err(), err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Log returns the last lines of its log.
func (b *PgBouncer) Log() string { return tail(b.log()) }

// Stop ends it at once, with whatever it carries, and removes its files.
func (b *PgBouncer) Stop() {
	b.once.Do(func() {
		close(b.stop)
		<-b.done
		_ = os.RemoveAll(b.home)
	})
}
