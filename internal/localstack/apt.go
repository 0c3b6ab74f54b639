package localstack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// installMissing installs PostgreSQL and Redis, and PgBouncer and Chromium for tests, from Debian's packages where they are missing and we
// may: as root, with apt-get. Elsewhere it does nothing, and the one who needs the program says what to do.
func installMissing(ctx context.Context, opts Options) error {
	var packages []string
	if _, err := findPostgres(ctx, 0); errors.Is(err, errNoPostgres) {
		packages = append(packages, "postgresql")
	}
	if _, ok := RedisProgram(); !ok {
		packages = append(packages, "redis-server")
	}
	if opts.Mode == Test {
		packages = append(packages, missingForTests()...)
	}
	return installPackages(ctx, opts.Say, packages...)
}

// InstallForTests installs what tests need besides the services, as installMissing does.
func InstallForTests(ctx context.Context, say func(format string, args ...any)) error {
	return installPackages(ctx, say, missingForTests()...)
}

func missingForTests() (packages []string) {
	if _, err := pgbouncerProgram(); err != nil {
		packages = append(packages, "pgbouncer")
	}
	if _, err := Chromium(); err != nil {
		packages = append(packages, "chromium", "fonts-liberation")
	}
	return packages
}

func installPackages(ctx context.Context, say func(format string, args ...any), packages ...string) error {
	apt, err := exec.LookPath("apt-get")
	if len(packages) == 0 || err != nil || os.Geteuid() != 0 {
		return nil
	}
	begin := time.Now()
	say("Installing %s with apt-get …", strings.Join(packages, " and "))
	release, err := forbidServices()
	if err != nil {
		return err
	}
	defer release()
	for _, arguments := range [][]string{{"update"}, append([]string{"install", "-y", "--no-install-recommends"}, packages...)} {
		cmd := exec.CommandContext(ctx, apt, append([]string{"-q", "-o", "DPkg::Lock::Timeout=300"}, arguments...)...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s: %w\n%s", strings.Join(arguments, " "), err, out)
		}
	}
	say("Installed %s (%s)", strings.Join(packages, " and "), since(begin))
	return nil
}

// forbidServices keeps freshly installed packages from starting their services, whose ports and data are not ours, by
// Debian's own means: a policy script, which stays only as long as the installation runs.
func forbidServices() (release func(), err error) {
	const policy = "/usr/sbin/policy-rc.d"
	f, err := os.OpenFile(policy, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if errors.Is(err, os.ErrExist) {
		return func() {}, nil // the machine has a policy of its own
	}
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", policy, err)
	}
	_, err = f.WriteString("#!/bin/sh\n# twobrains: no services while packages are being installed\nexit 101\n")
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("write %s: %w", filepath.Base(policy), err)
	}
	return func() { _ = os.Remove(policy) }, nil
}
