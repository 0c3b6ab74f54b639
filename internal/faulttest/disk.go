package faulttest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// Disk is a small file system that holds the product's database of a cluster.
type Disk struct{ dir string }

// SmallDisk moves the product's database to a file system of so many bytes. Nobody may be connected. Tests are skipped where
// this process may not mount one.
func (pg *Postgres) SmallDisk(tb testing.TB, bytes int) *Disk {
	tb.Helper()
	d := &Disk{dir: tempDir(tb)}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+strconv.Itoa(bytes), "tmpfs", d.dir).CombinedOutput(); err != nil {
		tb.Skipf("this needs a file system of its own, and there is none: mount: %v: %s", err, out)
	}
	// Lazily: Postgres, which is stopped later, still has files open there.
	tb.Cleanup(func() { _ = exec.Command("umount", "-l", d.dir).Run() })
	space := filepath.Join(d.dir, "space")
	if err := errors.Join(os.Chmod(d.dir, 0o711), os.Mkdir(space, 0o700), giveAway(space)); err != nil {
		tb.Fatalf("prepare disk: %v", err)
	}
	admin := Database{SuperuserURL: pg.URL("postgres", "postgres")}
	admin.Exec(tb, "CREATE TABLESPACE small LOCATION '"+space+"'")
	admin.Exec(tb, "ALTER DATABASE twobrains SET TABLESPACE small")
	return d
}

// Fill takes all the room that is left.
func (d *Disk) Fill(tb testing.TB) {
	tb.Helper()
	f, err := os.Create(d.filler())
	if err != nil {
		tb.Fatalf("fill disk: %v", err)
	}
	defer f.Close()
	for chunk := make([]byte, 4<<10); err == nil; {
		_, err = f.Write(chunk)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		tb.Fatalf("fill disk: %v", err)
	}
}

// Free gives the room back.
func (d *Disk) Free(tb testing.TB) {
	tb.Helper()
	if err := os.Remove(d.filler()); err != nil {
		tb.Fatalf("free disk: %v", err)
	}
}

func (d *Disk) filler() string { return filepath.Join(d.dir, "filler") }
