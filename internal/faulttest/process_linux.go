package faulttest

import "syscall"

// attributes gives a child a process group of its own and its user, and has the system kill it when the tests die.
func attributes(user *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Credential: user}
}
