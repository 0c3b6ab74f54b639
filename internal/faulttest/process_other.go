//go:build !linux

package faulttest

import "syscall"

// attributes gives a child a process group of its own and its user.
func attributes(user *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: user}
}
