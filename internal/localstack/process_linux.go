package localstack

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// attributes gives a child its process group and its user, and has the kernel send it quit when we die.
func attributes(ownGroup bool, quit syscall.Signal, user *account) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: ownGroup, Pdeathsig: quit, Credential: user.credential()}
}

// startedAt returns the start time of a process in clock ticks since boot, or "" if there is no such
// process. A zombie counts as gone.
func startedAt(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The second field is the command in parentheses and may hold anything; the third is the state, the 22nd the time.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" {
		return ""
	}
	return fields[19]
}

// command returns the name of the program that a process runs, or "".
func command(pid int) string {
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(name))
}
