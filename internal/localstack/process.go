package localstack

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Child describes a process to start.
type Child struct {
	Name string
	// Dir is the stack's directory: the output goes to <name>.log in it, the pid to run/<name>.pid.
	Dir string
	Cmd *exec.Cmd
	// Quit is the signal that makes it stop in good order, also sent when our own process dies; Grace is how long that
	// may take.
	Quit  syscall.Signal
	Grace time.Duration
	// Watch, if set, is given every line of the output as well.
	Watch func(line string)

	user *account
}

// Process is a running child, the leader of a process group of its own: Ctrl-C in the terminal does not reach it, and
// whatever it starts can be stopped with it.
type Process struct {
	child   Child
	pidFile string
	done    chan struct{}
	once    sync.Once
	asked   atomic.Bool
}

// StartChild starts a child, after stopping one of the same name that an earlier run left behind. If it ends without
// having been asked to, failed gets an error with the last lines of its output.
func StartChild(c Child, failed chan<- error) (*Process, error) {
	sweep(c.Dir, c.Name, c.Quit)
	log, err := openLog(c.Dir, c.Name)
	if err != nil {
		return nil, err
	}
	c.Cmd.Stdout = log
	if c.Watch != nil {
		c.Cmd.Stdout = io.MultiWriter(log, &lineWriter{each: c.Watch})
	}
	c.Cmd.Stderr = c.Cmd.Stdout
	// A grandchild that keeps the output open must not keep us waiting.
	c.Cmd.WaitDelay = 5 * time.Second

	p := &Process{child: c, pidFile: filepath.Join(c.Dir, "run", c.Name+".pid"), done: make(chan struct{})}
	if err := launch(c.Cmd, attributes(true, c.Quit, c.user)); err != nil {
		log.Close()
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	if err := writePID(p.pidFile, c.Cmd.Process.Pid); err != nil {
		_ = killGroup(c.Cmd.Process.Pid, syscall.SIGKILL)
		_ = c.Cmd.Wait()
		log.Close()
		return nil, err
	}
	go func() {
		defer close(p.done)
		err := c.Cmd.Wait()
		log.Close()
		if !p.asked.Load() {
			failed <- fmt.Errorf("%s ended by itself (%s); the end of %s:\n%s", c.Name, exitText(err), log.Name(), tail(log.Name()))
		}
	}()
	return p, nil
}

// Stop asks the child to end, kills its group after the grace period and returns when it is gone.
func (p *Process) Stop() {
	p.once.Do(func() {
		p.asked.Store(true)
		pid := p.child.Cmd.Process.Pid
		_ = killGroup(pid, p.child.Quit)
		select {
		case <-p.done:
		case <-time.After(p.child.Grace):
		}
		// The leader is gone or ignores us; either way nothing of its group may stay.
		_ = killGroup(pid, syscall.SIGKILL)
		<-p.done
		_ = os.Remove(p.pidFile)
	})
}

// Ended is closed when the child is gone.
func (p *Process) Ended() <-chan struct{} { return p.done }

// notStarted is the error of a child that ended before it was ready.
func (p *Process) notStarted() error {
	log := logFile(p.child.Dir, p.child.Name)
	return fmt.Errorf("%s did not start; the end of %s:\n%s", p.child.Name, log, tail(log))
}

// lineWriter hands on complete lines.
type lineWriter struct {
	each func(string)
	rest []byte
}

func (w *lineWriter) Write(text []byte) (int, error) {
	w.rest = append(w.rest, text...)
	for {
		line, rest, found := bytes.Cut(w.rest, []byte("\n"))
		if !found {
			return len(text), nil
		}
		w.each(string(line))
		w.rest = rest
	}
}

// launcher starts every child from one operating system thread that never ends: on Linux the parent-death signal is
// sent when the *thread* that started the child ends, and Go's other threads may.
var launcher = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
})

// Launch starts a command that the user sees, which is not supervised but gets quit when our own process dies. In a
// process group of its own it hears nothing of the terminal's Ctrl-C.
func Launch(cmd *exec.Cmd, ownGroup bool, quit syscall.Signal) error {
	return launch(cmd, attributes(ownGroup, quit, nil))
}

func launch(cmd *exec.Cmd, attributes *syscall.SysProcAttr) error {
	cmd.SysProcAttr = attributes
	result := make(chan error)
	launcher() <- func() { result <- cmd.Start() }
	return <-result
}

func killGroup(pid int, signal syscall.Signal) error { return syscall.Kill(-pid, signal) }

func openLog(dir, name string) (*os.File, error) {
	path := logFile(dir, name)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return f, nil
}

// tail returns the last lines of a log, for an error message.
func tail(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	lines = lines[max(0, len(lines)-12):]
	for i, line := range lines {
		if len(line) > 300 {
			lines[i] = line[:300] + " …"
		}
	}
	return "  " + strings.Join(lines, "\n  ")
}

func exitText(err error) string {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.String()
	}
	if err != nil {
		return err.Error()
	}
	return "exit status 0"
}

// A pid file holds the pid and the time at which the process started: a pid alone may have been given to a stranger.
func writePID(path string, pid int) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("create pid directory: %w", err)
	}
	if err := os.WriteFile(path, fmt.Appendf(nil, "%d %s\n", pid, startedAt(pid)), 0o600); err != nil {
		return fmt.Errorf("write pid file: %w", err)
	}
	return nil
}

// sweep stops the process that an earlier run left behind under this name, if there is one.
func sweep(dir, name string, quit syscall.Signal) {
	path := filepath.Join(dir, "run", name+".pid")
	defer os.Remove(path)
	text, err := os.ReadFile(path)
	if err != nil {
		return
	}
	first, stamp, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	pid, err := strconv.Atoi(first)
	if err != nil || pid <= 1 || stamp == "" || startedAt(pid) != stamp {
		return
	}
	_ = killGroup(pid, quit)
	if !poll(10*time.Second, func() bool { return startedAt(pid) != stamp }) {
		_ = killGroup(pid, syscall.SIGKILL)
		poll(5*time.Second, func() bool { return startedAt(pid) != stamp })
	}
}

// poll asks until the answer is yes or the time is up.
func poll(limit time.Duration, ok func() bool) bool {
	for deadline := time.Now().Add(limit); ; time.Sleep(20 * time.Millisecond) {
		if ok() {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
	}
}
