package localstack

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// tools are the programs that have a module of their own below tools/, with the package to build and its linker flags.
var tools = map[string]struct{ module, pkg, ldflags string }{
	"kratos":        {"kratos", "github.com/ory/kratos", "-s -w -X github.com/ory/kratos/driver/config.Version=v1.3.1"},
	"sqlc":          {"sqlc", "github.com/sqlc-dev/sqlc/cmd/sqlc", "-s -w"},
	"golangci-lint": {"lint", "github.com/golangci/golangci-lint/v2/cmd/golangci-lint", "-s -w"},
}

// Tool returns the path of a program built from tools/, building it the first time. Builds are kept in the user's cache
// directory under a hash of the module's go.mod and go.sum and the Go release, so that every checkout shares them and a
// new version is never mistaken for an old one. Say is told before a build, which can take minutes.
func Tool(ctx context.Context, checkout, name string, say func(string, ...any)) (string, error) {
	tool, ok := tools[name]
	if !ok {
		return "", fmt.Errorf("there is no tool %q", name)
	}
	module := filepath.Join(checkout, "tools", tool.module)
	hash := sha256.New()
	for _, file := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(module, file))
		if err != nil {
			return "", fmt.Errorf("read module of %s: %w", name, err)
		}
		hash.Write(text)
	}
	fmt.Fprintln(hash, runtime.Version(), runtime.GOOS, runtime.GOARCH, tool.ldflags)

	cache, err := cacheDir(checkout)
	if err != nil {
		return "", err
	}
	path := filepath.Join(cache, fmt.Sprintf("%s-%x", name, hash.Sum(nil)[:8]))
	if isProgram(path) {
		return path, nil
	}
	unlock, err := lock(ctx, path+".lock")
	if err != nil {
		return "", err
	}
	defer unlock()
	if isProgram(path) {
		return path, nil // somebody else built it while we waited
	}

	begin := time.Now()
	say("Building %s, once for this version (a minute or two) …", name)
	fresh := fmt.Sprintf("%s.%d", path, os.Getpid())
	defer os.Remove(fresh)
	cmd := exec.CommandContext(ctx, "go", "build", "-ldflags", tool.ldflags, "-o", fresh, tool.pkg)
	cmd.Dir = module
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-buildvcs=false")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
	}
	if err := os.Rename(fresh, path); err != nil {
		return "", fmt.Errorf("keep %s: %w", name, err)
	}
	say("Built %s (%s)", name, since(begin))
	return path, nil
}

// cacheDir returns the directory of built tools; users without a home keep them in the checkout.
func cacheDir(checkout string) (string, error) {
	dir := filepath.Join(checkout, ".dev", "cache")
	if base, err := os.UserCacheDir(); err == nil {
		dir = filepath.Join(base, "twobrains")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("create cache directory: %w", err)
	}
	return dir, nil
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// lock takes a file lock, waiting for whoever holds it. The system drops it if we die.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	for {
		unlock, err := TryLock(path)
		if !errors.Is(err, ErrLocked) {
			return unlock, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// ErrLocked says that another process holds the lock.
var ErrLocked = errors.New("locked by another process")

// TryLock takes a file lock or returns ErrLocked. The system drops it if the process dies.
func TryLock(path string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("create directory of lock: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, ErrLocked
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { f.Close() }, nil
}

// kratosBinary returns a Kratos 1.3: the one on the PATH if it is of that line, else ours, built from tools/kratos.
func kratosBinary(ctx context.Context, opts Options) (string, error) {
	if path, err := exec.LookPath("kratos"); err == nil {
		out, err := exec.CommandContext(ctx, path, "version").Output()
		if err == nil && strings.Contains(string(out), "v1.3.") {
			return path, nil
		}
	}
	return Tool(ctx, opts.Checkout, "kratos", opts.Say)
}
