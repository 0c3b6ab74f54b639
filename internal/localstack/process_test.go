package localstack

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func shell(dir, script string) Child {
	return Child{Name: "child", Dir: dir, Cmd: exec.Command("/bin/sh", "-c", script), Quit: syscall.SIGTERM, Grace: 5 * time.Second}
}

// readPID waits for a script to write a pid.
func readPID(t *testing.T, path string) int {
	t.Helper()
	var pid int
	require.True(t, poll(10*time.Second, func() bool {
		text, err := os.ReadFile(path)
		if err != nil {
			return false
		}
		pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
		return err == nil
	}), "no pid in %s", path)
	return pid
}

func TestStopTakesGrandchildrenAlong(t *testing.T) {
	t.Parallel()
	dir, failed := t.TempDir(), make(chan error, 1)
	p, err := StartChild(shell(dir, `sleep 300 & echo $! > `+dir+`/grandchild; wait`), failed)
	require.NoError(t, err)
	grandchild := readPID(t, filepath.Join(dir, "grandchild"))

	p.Stop()
	p.Stop() // may be called again
	require.True(t, poll(10*time.Second, func() bool { return startedAt(grandchild) == "" }), "the grandchild lives")
	require.NoFileExists(t, filepath.Join(dir, "run", "child.pid"))
	require.Empty(t, failed, "a child that was stopped has not failed")
}

func TestStopKillsWhatIgnoresIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := shell(dir, `trap '' TERM; echo $$ > `+dir+`/pid; while true; do sleep 1; done`)
	c.Grace = 100 * time.Millisecond
	p, err := StartChild(c, make(chan error, 1))
	require.NoError(t, err)
	pid := readPID(t, filepath.Join(dir, "pid"))

	p.Stop()
	require.Empty(t, startedAt(pid))
}

func TestChildThatEndsByItselfIsReported(t *testing.T) {
	t.Parallel()
	failed := make(chan error, 1)
	p, err := StartChild(shell(t.TempDir(), `echo the reason; exit 3`), failed)
	require.NoError(t, err)
	<-p.Ended()

	err = <-failed
	require.ErrorContains(t, err, "exit status 3")
	require.ErrorContains(t, err, "the reason")
	p.Stop()
}

func TestWatchGetsEveryLine(t *testing.T) {
	t.Parallel()
	lines := make(chan string, 3)
	c := shell(t.TempDir(), `printf 'one\ntw'; printf 'o\nthree\nunfinished'`)
	c.Watch = func(line string) { lines <- line }
	p, err := StartChild(c, make(chan error, 1))
	require.NoError(t, err)
	<-p.Ended()
	require.Equal(t, []string{"one", "two", "three"}, []string{<-lines, <-lines, <-lines})
}

func TestStartStopsWhatAnEarlierRunLeft(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	left := exec.Command("/bin/sh", "-c", "sleep 300")
	left.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, left.Start())
	gone := make(chan error, 1)
	go func() { gone <- left.Wait() }()
	require.NoError(t, writePID(filepath.Join(dir, "run", "child.pid"), left.Process.Pid))

	p, err := StartChild(shell(dir, "sleep 300"), make(chan error, 1))
	require.NoError(t, err)
	defer p.Stop()
	require.ErrorContains(t, <-gone, "terminated")
}

func TestSweepSparesAStrangerWithTheSamePID(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stranger := exec.Command("sleep", "300")
	stranger.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, stranger.Start())
	defer func() {
		_ = stranger.Process.Kill()
		_ = stranger.Wait()
	}()
	path := filepath.Join(dir, "run", "child.pid")
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, fmt.Appendf(nil, "%d another-time\n", stranger.Process.Pid), 0o600))

	sweep(dir, "child", syscall.SIGKILL)
	require.NotEmpty(t, startedAt(stranger.Process.Pid))
	require.NoFileExists(t, path)
}

func TestLockIsHeldByOneAndDropped(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "below", "lock")
	unlock, err := TryLock(path)
	require.NoError(t, err)
	_, err = TryLock(path)
	require.ErrorIs(t, err, ErrLocked)
	unlock()
	unlock, err = TryLock(path)
	require.NoError(t, err)
	unlock()
}

func TestKeepMakesASecretOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := Keep(dir, "key", Password)
	require.NoError(t, err)
	require.Len(t, first, 26)
	second, err := Keep(dir, "key", Password)
	require.NoError(t, err)
	require.Equal(t, first, second)
	info, err := os.Stat(filepath.Join(dir, "secret", "key"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}
