package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"github.com/mattn/go-isatty"

	"twobrains/internal/localstack"
)

// exitStatus is the error of a command that ran for the user and ended with this status: it becomes our own.
type exitStatus int

func (s exitStatus) Error() string { return "exit status " + strconv.Itoa(int(s)) }

// runGroup runs a command until it ends by itself or ctx does, and then leaves nothing of it running.
func runGroup(ctx context.Context, cmd *exec.Cmd) error {
	// At a terminal the command shares our process group, so that Ctrl-C reaches it and everything it started, and it
	// may read the keyboard. Elsewhere it gets a group of its own, which we pass signals on to.
	terminal := isatty.IsTerminal(os.Stdin.Fd())
	if err := localstack.Launch(cmd, !terminal, syscall.SIGTERM); err != nil {
		return fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	target := cmd.Process.Pid
	if !terminal {
		target = -target
	}
	var result error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		result = cmd.Wait()
	}()
	select {
	case <-ended:
		if exit := new(exec.ExitError); errors.As(result, &exit) && exit.ExitCode() > 0 {
			return exitStatus(exit.ExitCode())
		}
		return result
	case <-ctx.Done():
	}
	_ = syscall.Kill(target, syscall.SIGINT)
	select {
	case <-ended: // interrupted, whatever it says
	case <-time.After(10 * time.Second):
	}
	if !terminal {
		_ = syscall.Kill(target, syscall.SIGKILL)
	}
	return errors.New("interrupted")
}
