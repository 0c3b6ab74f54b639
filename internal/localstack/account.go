package localstack

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is a user of the operating system that a child runs as. The nil account is our own.
type account struct {
	name     string
	uid, gid uint32
	groups   []uint32
}

// unprivileged returns the account for programs that refuse to run as root, which PostgreSQL does: nil unless we are
// root, else "postgres", which its packages create, else "nobody".
func unprivileged() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(found.Uid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("read uid of %s: %w", name, err)
		}
		gid, err := strconv.ParseUint(found.Gid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("read gid of %s: %w", name, err)
		}
		a := &account{name: name, uid: uint32(uid), gid: uint32(gid)}
		ids, err := found.GroupIds()
		if err != nil {
			return nil, fmt.Errorf("read groups of %s: %w", name, err)
		}
		for _, id := range ids {
			if n, err := strconv.ParseUint(id, 10, 32); err == nil {
				a.groups = append(a.groups, uint32(n))
			}
		}
		return a, nil
	}
	return nil, errors.New("PostgreSQL refuses to run as root and there is no user postgres or nobody to run it as; create one: useradd --system postgres")
}

// Unprivileged returns what programs that refuse to run as root are started with: nil unless we are root.
func Unprivileged() (*syscall.Credential, error) {
	a, err := unprivileged()
	return a.credential(), err
}

func (a *account) credential() *syscall.Credential {
	if a == nil {
		return nil
	}
	return &syscall.Credential{Uid: a.uid, Gid: a.gid, Groups: a.groups}
}

// own makes the account the owner of a file or directory.
func (a *account) own(path string) error {
	if a == nil {
		return nil
	}
	if err := os.Chown(path, int(a.uid), int(a.gid)); err != nil {
		return fmt.Errorf("give %s to %s: %w", path, a.name, err)
	}
	return nil
}

// reaches reports whether the account may enter the directory: it tries, so that every rule of the system counts.
func (a *account) reaches(ctx context.Context, dir string) bool {
	if a == nil {
		return true
	}
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", `cd "$1"`, "sh", dir)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: a.credential()}
	return cmd.Run() == nil
}

// home returns a directory called name for the account's files: below dir where the account can get there, else below
// /var/tmp, in a place that belongs to this dir alone, with a link to it in dir.
func (a *account) home(ctx context.Context, dir, name string) (string, error) {
	path := filepath.Join(dir, name)
	if a.reaches(ctx, dir) {
		if err := os.MkdirAll(path, 0o700); err != nil {
			return "", fmt.Errorf("create %s: %w", path, err)
		}
		return path, a.own(path)
	}
	base := fmt.Sprintf("/var/tmp/twobrains-%x", sha256.Sum256([]byte(dir)))[:len("/var/tmp/twobrains-")+12]
	if err := os.Mkdir(base, 0o711); err != nil && !errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("create %s: %w", base, err)
	}
	// Anybody may write to /var/tmp: take only what is ours.
	info, err := os.Lstat(base)
	if err != nil {
		return "", fmt.Errorf("look at %s: %w", base, err)
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); !ok || !info.IsDir() || stat.Uid != uint32(os.Geteuid()) {
		return "", fmt.Errorf("%s exists and is not ours: remove it and start again", base)
	}
	elsewhere := filepath.Join(base, name)
	if err := os.MkdirAll(elsewhere, 0o700); err != nil {
		return "", fmt.Errorf("create %s: %w", elsewhere, err)
	}
	if target, err := os.Readlink(path); err != nil || target != elsewhere {
		_ = os.Remove(path)
		if err := os.Symlink(elsewhere, path); err != nil {
			return "", fmt.Errorf("link %s: %w", path, err)
		}
	}
	return elsewhere, a.own(elsewhere)
}

// ownAll makes the account the owner of a directory and everything below it.
func (a *account) ownAll(dir string) error {
	if a == nil {
		return nil
	}
	return filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("walk %s: %w", dir, err)
		}
		if err := os.Lchown(path, int(a.uid), int(a.gid)); err != nil {
			return fmt.Errorf("give %s to %s: %w", path, a.name, err)
		}
		return nil
	})
}

// Remove removes a stack's directory with everything in it, also what had to live elsewhere. The stack must be stopped.
func Remove(dir string) error {
	if elsewhere, err := os.Readlink(filepath.Join(dir, "postgres")); err == nil {
		if err := os.RemoveAll(filepath.Dir(elsewhere)); err != nil {
			return fmt.Errorf("remove %s: %w", filepath.Dir(elsewhere), err)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("remove %s: %w", dir, err)
	}
	return nil
}
