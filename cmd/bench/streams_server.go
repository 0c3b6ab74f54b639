package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"twobrains/internal/localstack"
)

// buildServer builds the server, as it is shipped.
func (b *bench) buildServer(ctx context.Context) (string, error) {
	dir, err := os.MkdirTemp("", "twobrains-bench-server-")
	if err != nil {
		return "", fmt.Errorf("create directory for server: %w", err)
	}
	b.stops = append(b.stops, func() { _ = os.RemoveAll(dir) })
	file := filepath.Join(dir, "twobrains")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", file, "./cmd/twobrains")
	cmd.Dir = b.root
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("build server: %w", err)
	}
	return file, nil
}

// program is the server under load.
type program struct {
	cmd      *exec.Cmd
	address  string
	internal string
	log      string
}

// serveProgram starts `twobrains serve` with the provider as its only one. What is limited to keep users from harm is counted
// as always and never reached.
func (d *database) serveProgram(ctx context.Context, file, keys, provider string, maxStreams, lanes int) (*program, error) {
	port, err := localstack.FreePort()
	if err != nil {
		return nil, err
	}
	internal, err := localstack.FreePort()
	if err != nil {
		return nil, err
	}
	p := &program{
		cmd: exec.CommandContext(ctx, file, "serve"), address: "127.0.0.1:" + strconv.Itoa(port), internal: "127.0.0.1:" + strconv.Itoa(internal),
	}
	p.cmd.Env = append(loadEnv(), "SERVER_ENV=development", "PORT="+strconv.Itoa(port), "INTERNAL_LISTEN="+p.internal,
		"DATABASE_URL="+d.url, "DATABASE_OWNER_URL="+d.ownerURL, "MASTER_KEYS="+keys, "REDIS_URL="+d.s.Redis.URL,
		"KRATOS_PUBLIC_URL="+d.ids.URL, "KRATOS_ADMIN_URL="+d.ids.URL, "KRATOS_HOOK_KEY=hook-key-of-the-bench",
		"OPENAI_BASE_URL=http://"+provider+"/v1", "OPENAI_MODELS="+replayModel+", "+instantModel, "QUOTA_DAY=1000000", "QUOTA_MONTH=1000000", "SESSION_TTL=5m",
		"RATE_LIMIT_USER=1000000/1m", "RATE_LIMIT_IP=1000000/1m", "RATE_LIMIT_AI_USER=1000000/1m", "RATE_LIMIT_AI_IP=1000000/1m",
		"MAX_STREAMS="+strconv.Itoa(maxStreams), "TENANT_LANES="+strconv.Itoa(lanes))
	log, err := os.CreateTemp("", "twobrains-bench-*.log")
	if err != nil {
		return nil, fmt.Errorf("create log: %w", err)
	}
	defer log.Close()
	p.log, p.cmd.Stderr = log.Name(), log
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start server: %w", err)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if fetch(ctx, "http://"+p.address+"/readyz", io.Discard) == nil {
			return p, nil
		}
		if time.Now().After(deadline) {
			_ = p.cmd.Process.Kill()
			last := p.lastWords()
			p.stop()
			return nil, fmt.Errorf("the server did not start: %s", last)
		}
	}
}

// loadEnv passes on what Go's runtime reads, to try its settings.
func loadEnv() (env []string) {
	for _, name := range []string{"GOGC", "GOMEMLIMIT", "GODEBUG"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

func (p *program) pid() int { return p.cmd.Process.Pid }

// stop may be called more than once.
func (p *program) stop() {
	if p.cmd.ProcessState != nil {
		return
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.AfterFunc(40*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	_ = p.cmd.Wait()
	_ = os.Remove(p.log)
}

// complaints counts what the server's log warns of, and its problems by code.
func (p *program) complaints() map[string]int {
	text, _ := os.ReadFile(p.log)
	counts := map[string]int{}
	for line := range bytes.Lines(text) {
		var entry struct{ Level, Msg, Code, Error string }
		if json.Unmarshal(line, &entry) == nil && entry.Level != "INFO" {
			counts[strings.Join([]string{entry.Level, entry.Msg, entry.Code, entry.Error[:min(len(entry.Error), 120)]}, " ")]++
		}
	}
	return counts
}

// lastWords is the end of the server's log.
func (p *program) lastWords() string {
	text, _ := os.ReadFile(p.log)
	return string(text[max(0, len(text)-4_000):])
}

// fetch copies what an address answers.
func fetch(ctx context.Context, url string, to io.Writer) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	resp, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("fetch: %s", resp.Status)
	}
	_, err = io.Copy(to, resp.Body)
	return err
}

// gauges reads the server's own measurements.
func (p *program) gauges(ctx context.Context) (map[string]float64, error) {
	var text strings.Builder
	if err := fetch(ctx, "http://"+p.internal+"/metrics", &text); err != nil {
		return nil, err
	}
	values := map[string]float64{}
	for line := range strings.Lines(text.String()) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && !strings.HasPrefix(name, "#") {
			if v, err := strconv.ParseFloat(value, 64); err == nil {
				values[name] = v
			}
		}
	}
	return values, nil
}

// profiles stores what the server does and holds while all streams are open; it takes five seconds.
func (p *program) profiles(ctx context.Context, dir, label string) error {
	for _, one := range []struct{ name, query string }{{"cpu", "profile?seconds=4"}, {"heap", "heap?gc=1"}, {"goroutines", "goroutine?debug=1"}} {
		if err := p.profile(ctx, filepath.Join(dir, label+"."+one.name), one.query); err != nil {
			return err
		}
	}
	return nil
}

// profileStart stores what the server does while streams begin.
func (p *program) profileStart(ctx context.Context, dir, label string, ramp time.Duration) {
	go func() {
		if err := p.profile(ctx, filepath.Join(dir, label+".start.cpu"), fmt.Sprintf("profile?seconds=%d", max(1, int(ramp.Seconds())))); err != nil {
			say("   profile: %v", err)
		}
	}()
}

func (p *program) profile(ctx context.Context, name, query string) error {
	file, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("store profile: %w", err)
	}
	defer file.Close()
	return fetch(ctx, "http://"+p.internal+"/debug/pprof/"+query, file)
}

// idleTime is how long the machine's processors have had nothing to do since it started, in steps of 10 ms.
func idleTime() (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, fmt.Errorf("read processor time: %w", err)
	}
	// cpu user nice system idle iowait …
	fields := strings.Fields(string(text))
	var ticks int64
	for _, field := range fields[4:6] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read processor time: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond, nil
}

// resident reads how much memory a process has, and the most it ever had, in bytes.
func resident(pid int) (now, peak int64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, fmt.Errorf("read memory: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		if name != "VmRSS" && name != "VmHWM" {
			continue
		}
		kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("read memory: %w", err)
		}
		if name == "VmHWM" {
			peak = kb << 10
		} else {
			now = kb << 10
		}
	}
	if now == 0 {
		return 0, 0, errors.New("read memory: none given")
	}
	return now, peak, nil
}

// enoughDescriptors checks the limit of open files for n streams through one process, each with a connection on either side.
// Go's runtime has raised it as far as it may go.
func enoughDescriptors(n int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("read limit of descriptors: %w", err)
	}
	if need := uint64(2*n + 500); limit.Max < need {
		return fmt.Errorf("%d streams need %d descriptors a process and the hard limit is %d: raise it (ulimit -Hn) or choose fewer with --streams", n, need, limit.Max)
	}
	return nil
}
