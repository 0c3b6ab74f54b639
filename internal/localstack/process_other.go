//go:build !linux

package localstack

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// attributes gives a child its process group and its user. There is no parent-death signal here: what survives us
// is found by its pid file.
func attributes(ownGroup bool, _ syscall.Signal, user *account) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: ownGroup, Credential: user.credential()}
}

// startedAt returns the start time of a process in words, or "" if there is no such process.
func startedAt(pid int) string { return ps(pid, "lstart=") }

// command returns the name of the program that a process runs, or "".
func command(pid int) string { return filepath.Base(ps(pid, "comm=")) }

func ps(pid int, column string) string {
	out, err := exec.Command("ps", "-o", column, "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return ""
	}
	return strings.Join(strings.Fields(string(out)), " ")
}
