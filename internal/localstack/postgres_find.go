package localstack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// The major versions that the server supports.
const oldestPostgres, newestPostgres = 15, 18

var errNoPostgres = errors.New("no PostgreSQL 15 to 18 on this machine")

// postgresPrograms is an installed PostgreSQL.
type postgresPrograms struct {
	dir     string // holds postgres, initdb and pg_ctl
	version string // "15.18"
	major   int
}

func (p postgresPrograms) path(name string) string { return filepath.Join(p.dir, name) }

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) ((\d+)[^\s]*)`)

// findPostgres returns the first supported PostgreSQL of the machine, of the preferred major version if there is one of
// it; errNoPostgres if there is none at all.
func findPostgres(ctx context.Context, preferred int) (postgresPrograms, error) {
	var found []postgresPrograms
	for _, dir := range postgresDirs() {
		if p, err := inspectPostgres(ctx, dir); err == nil && p.major >= oldestPostgres && p.major <= newestPostgres {
			found = append(found, p)
		}
	}
	if len(found) == 0 {
		return postgresPrograms{}, errNoPostgres
	}
	return found[max(0, slices.IndexFunc(found, func(p postgresPrograms) bool { return p.major == preferred }))], nil
}

// PostgresDir returns the directory of PostgreSQL's programs (postgres, initdb, pg_ctl) that Start would take, without looking for one
// to download.
func PostgresDir(ctx context.Context) (string, error) {
	programs, err := findPostgres(ctx, 0)
	return programs.dir, err
}

// inspectPostgres asks the programs of a directory for their version.
func inspectPostgres(ctx context.Context, dir string) (postgresPrograms, error) {
	for _, name := range []string{"postgres", "initdb", "pg_ctl"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return postgresPrograms{}, fmt.Errorf("look for %s: %w", name, err)
		}
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return postgresPrograms{}, fmt.Errorf("ask postgres for its version: %w", err)
	}
	match := versionPattern.FindStringSubmatch(string(out))
	if match == nil {
		return postgresPrograms{}, fmt.Errorf("read version from %q", strings.TrimSpace(string(out)))
	}
	major, err := strconv.Atoi(match[2])
	if err != nil {
		return postgresPrograms{}, fmt.Errorf("read version from %q: %w", match[1], err)
	}
	return postgresPrograms{dir: dir, version: match[1], major: major}, nil
}

// downloadPostgres fetches a PostgreSQL that needs no installation, for development on machines without one. home is a
// directory that the account who will run it can read.
func downloadPostgres(ctx context.Context, opts Options, home string, user *account) (postgresPrograms, error) {
	binaries := filepath.Join(home, "programs")
	if p, err := inspectPostgres(ctx, filepath.Join(binaries, "bin")); err == nil {
		return p, nil
	}
	opts.Say("No PostgreSQL 15 to 18 here: downloading one …")
	port, err := FreePort()
	if err != nil {
		return postgresPrograms{}, err
	}
	// Unpacked under another name and renamed: an interrupted download leaves nothing that looks finished.
	fresh := binaries + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return postgresPrograms{}, fmt.Errorf("remove unfinished download: %w", err)
	}
	config := embeddedpostgres.DefaultConfig().
		Version(embeddedpostgres.V18).
		Port(uint32(port)).
		CachePath(filepath.Join(home, "download")).
		RuntimePath(filepath.Join(home, "trial")).
		BinariesPath(fresh).
		Logger(io.Discard)
	// The library only starts what it fetched; we want the programs and supervise them ourselves. Its start fails as
	// root, after everything was unpacked, so what counts is whether the programs are there.
	trial := embeddedpostgres.NewDatabase(config)
	startErr := trial.Start()
	if startErr == nil {
		if err := trial.Stop(); err != nil {
			return postgresPrograms{}, fmt.Errorf("stop downloaded PostgreSQL: %w", err)
		}
	}
	_ = os.RemoveAll(filepath.Join(home, "trial"))
	if _, err := inspectPostgres(ctx, filepath.Join(fresh, "bin")); err != nil {
		if startErr != nil {
			err = startErr
		}
		return postgresPrograms{}, fmt.Errorf("there is no PostgreSQL 15 to 18 and none could be downloaded (%w); install one: %s",
			err, installHint("postgresql", "postgresql@18"))
	}
	if err := user.ownAll(fresh); err != nil {
		return postgresPrograms{}, err
	}
	if err := os.Rename(fresh, binaries); err != nil {
		return postgresPrograms{}, fmt.Errorf("keep downloaded PostgreSQL: %w", err)
	}
	return inspectPostgres(ctx, filepath.Join(binaries, "bin"))
}

// run runs one of the programs as the account that owns the data and returns an error with its output.
func (p postgresPrograms) run(ctx context.Context, user *account, name string, arguments ...string) error {
	cmd := exec.CommandContext(ctx, p.path(name), arguments...)
	cmd.Dir = "/"
	cmd.Env = postgresEnvironment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: user.credential()}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}

// postgresEnvironment is what PostgreSQL needs to know: nothing of ours, least of all passwords and PG* settings.
func postgresEnvironment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
}
