package faulttest

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// MasterKeys of all servers of the tests: replicas share them.
const MasterKeys = "test:dGhpcy1pcy1hLW1hc3Rlci1rZXktb2YtdGhlLXRlc3Q="

// ServerOptions say what a server stands on. All but Env are required.
type ServerOptions struct {
	Database Database
	// Redis is a URL; Kratos that of its public API, and KratosAdmin that of the other one where it matters.
	Redis, Kratos, KratosAdmin string
	Provider                   *Provider
	// Env overrides configuration.
	Env map[string]string
}

// Server is the product's real binary, as a process that can be killed, frozen and started again, at the same address.
type Server struct {
	// URL of its public listener.
	URL string

	port    int
	environ []string
	process *Process
	earlier strings.Builder // logs of processes that ended
}

// NewServer starts a server and waits until it answers. After the test it is stopped, which must succeed, and its log is searched
// for secrets and panics.
func NewServer(tb testing.TB, o ServerOptions) *Server {
	tb.Helper()
	s := &Server{port: freePort()}
	s.URL = "http://127.0.0.1:" + strconv.Itoa(s.port)
	if o.KratosAdmin == "" {
		o.KratosAdmin = o.Kratos
	}
	values := map[string]string{
		"SERVER_ENV": "development", "HOST": "127.0.0.1", "PORT": strconv.Itoa(s.port), "PUBLIC_URL": s.URL, "INTERNAL_LISTEN": "off",
		"MASTER_KEYS": MasterKeys, "TENANT_LANES": "4",
		"REDIS_URL": o.Redis, "KRATOS_PUBLIC_URL": o.Kratos, "KRATOS_ADMIN_URL": o.KratosAdmin, "KRATOS_HOOK_KEY": "hook-key-of-the-tests",
		"OPENAI_BASE_URL": o.Provider.URL, "OPENAI_MODELS": Model, "DEMO_MODEL": "off", "TITLES": "false",
		"RATE_LIMIT_IP": "off", "RATE_LIMIT_AI_IP": "off", "RATE_LIMIT_USER": "off", "RATE_LIMIT_AI_USER": "off",
		"QUOTA_DAY": "100000", "QUOTA_MONTH": "100000",
		"LOG_LEVEL": "DEBUG", "LOG_FORMAT": "text",
	}
	for key, value := range o.Env {
		values[key] = value
	}
	s.environ = o.Database.environ()
	for key, value := range values {
		s.environ = append(s.environ, key+"="+value)
	}
	s.Start(tb)
	tb.Cleanup(func() { s.finish(tb) })
	return s
}

// Start starts the process, after the one before has ended, and waits until it answers.
func (s *Server) Start(tb testing.TB) {
	tb.Helper()
	if err := s.TryStart(); err != nil {
		tb.Fatal(err)
	}
}

// TryStart is Start that reports what goes wrong.
func (s *Server) TryStart() error {
	path, err := binary()
	if err != nil {
		return err
	}
	if s.process != nil {
		s.earlier.WriteString(s.process.Log())
	}
	cmd := exec.Command(path, "serve")
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "GORACE=halt_on_error=0 exitcode=66"}, s.environ...)
	if s.process, err = start("server", cmd, nil); err != nil {
		return err
	}
	return s.process.until(60*time.Second, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/healthz", nil)
		if err != nil {
			return err
		}
		resp, err := httpClient.Do(request)
		if err != nil {
			return err
		}
		_ = resp.Body.Close()
		return nil
	})
}

// Kill is kill -9.
func (s *Server) Kill() { s.process.Kill() }

// Terminate asks the process to stop, as a deployment does, and does not wait.
func (s *Server) Terminate() { s.process.Signal(syscall.SIGTERM) }

// Wait waits until the process has ended, and returns how.
func (s *Server) Wait(tb testing.TB, patience time.Duration) error {
	tb.Helper()
	select {
	case <-s.process.Ended():
		return s.process.err
	case <-time.After(patience):
		tb.Fatalf("the server did not end within %s", patience)
		return nil
	}
}

// Freeze stops the process without ending it; the system still accepts connections for it. Thaw lets it go on.
func (s *Server) Freeze() { s.process.Signal(syscall.SIGSTOP) }

// Thaw lets a frozen process go on.
func (s *Server) Thaw() { s.process.Signal(syscall.SIGCONT) }

// Log is everything that it logged so far, as all its processes.
func (s *Server) Log() string { return s.earlier.String() + s.process.Log() }

// As returns a client that is signed in with a token.
func (s *Server) As(token string) *Client { return &Client{Base: s.URL, Token: token} }

// unwanted matches what no server may log: secrets that tests plant, panics, and reports of the race detector.
var unwanted = regexp.MustCompile(`(?i)canary|\bsk-[a-z0-9]|AIza|ory_[a-z]{2}_[a-z0-9]|panic|goroutine \d+ \[|DATA RACE|` +
	`super-in-tests|owner-in-tests|app-in-tests|redis-in-tests|kratos-in-tests`)

func (s *Server) finish(tb testing.TB) {
	if !s.process.Gone() {
		s.process.Signal(syscall.SIGCONT)
		if err := s.process.Stop(syscall.SIGTERM, 45*time.Second); err != nil {
			tb.Errorf("stop server: %v", err)
		}
	}
	log := s.Log()
	for line := range strings.Lines(log) {
		if unwanted.MatchString(line) {
			tb.Errorf("the log has: %s", strings.TrimSpace(line))
		}
	}
	if tb.Failed() {
		tb.Logf("log of the server at %s:\n%s", s.URL, tail(log))
	}
}

// binary is the program, built once for all tests of the binary.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "faulttest-binary-")
	if err != nil {
		return "", fmt.Errorf("make directory: %w", err)
	}
	leftovers.add(dir)
	path := filepath.Join(dir, "twobrains")
	arguments := []string{"build", "-o", path}
	if raceDetector {
		arguments = append(arguments, "-race")
	}
	cmd := exec.Command("go", append(arguments, "twobrains/cmd/twobrains")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build server: %w: %s", err, out)
	}
	return path, nil
})

func runBinary(environ []string, arguments ...string) error {
	path, err := binary()
	if err != nil {
		return err
	}
	cmd := exec.Command(path, arguments...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, environ...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("twobrains %s: %w: %s", strings.Join(arguments, " "), err, out)
	}
	return nil
}

// PeakMemory is the most memory that the process has had, in bytes; 0 where the system does not tell.
func (s *Server) PeakMemory() int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kilobytes, _ := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")))
			return kilobytes << 10
		}
	}
	return 0
}
