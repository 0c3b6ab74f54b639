package faulttest

import (
	"bytes"
	"fmt"
	"net"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Process is a running program, the leader of a process group of its own.
type Process struct {
	name string
	cmd  *exec.Cmd
	log  *buffer
	done chan struct{}
	err  error // how it ended; once done is closed
}

// start runs a program. What it says is kept.
func start(name string, cmd *exec.Cmd, user *syscall.Credential) (*Process, error) {
	p := &Process{name: name, cmd: cmd, log: &buffer{}, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.log, p.log
	cmd.WaitDelay = 2 * time.Second
	cmd.SysProcAttr = attributes(user)
	if err := launch(cmd); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		defer close(p.done)
		p.err = cmd.Wait()
	}()
	return p, nil
}

// launch starts all children from one thread that never ends: the parent-death signal is sent when the thread that started the
// child ends, and Go's threads may.
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

func launch(cmd *exec.Cmd) error {
	result := make(chan error)
	launcher() <- func() { result <- cmd.Start() }
	return <-result
}

// Prepare starts what lives as long as the process, so that a leak check can be told to ignore it.
func Prepare() { launcher() }

// Signal sends a signal to the program, and no other process of its group.
func (p *Process) Signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// Kill is SIGKILL to the whole group, and waits for the end.
func (p *Process) Kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.done
}

// Stop asks the program to end by a signal, and kills it if it has not after a while.
func (p *Process) Stop(s syscall.Signal, patience time.Duration) error {
	p.Signal(s)
	select {
	case <-p.done:
	case <-time.After(patience):
		p.Kill()
		return fmt.Errorf("stop %s: still there after %s", p.name, patience)
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // what it left behind
	return p.err
}

// Ended is closed when the program is gone.
func (p *Process) Ended() <-chan struct{} { return p.done }

// Gone reports whether the program is gone.
func (p *Process) Gone() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Log is what the program said so far.
func (p *Process) Log() string { return p.log.String() }

// until waits until the program is ready, as ok says.
func (p *Process) until(patience time.Duration, ok func() error) error {
	deadline := time.Now().Add(patience)
	for {
		err := ok()
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended by itself: %w\n%s", p.name, p.err, tail(p.Log()))
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s is not ready after %s: %w\n%s", p.name, patience, err, tail(p.Log()))
		}
	}
}

func tail(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-30):], "\n")
}

// buffer collects what is written to it.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// ports were given out: nobody listens on one before its program has started, so the system would give it again.
var ports sync.Map

// freePort returns a loopback port that nobody listens on. It stays the same while a service is away, so it must be none that the
// system gives to outgoing connections: those begin at 32768.
func freePort() int {
	for port := 12000 + int(time.Now().UnixNano()/1000%18000); ; port++ {
		if port >= 32000 {
			port = 12000
		}
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		_ = ln.Close()
		if _, given := ports.LoadOrStore(port, true); !given {
			return port
		}
	}
}

// Until polls a condition and fails the test if it does not come true in time.
func Until(tb testing.TB, patience time.Duration, what string, ok func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(patience); !ok(); {
		if time.Now().After(deadline) {
			tb.Fatalf("not within %s: %s", patience, what)
		}
		<-time.After(10 * time.Millisecond)
	}
}
