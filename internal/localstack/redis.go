package localstack

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// Redis is a running Redis server.
type Redis struct {
	// URL is its connection string, password included.
	URL string
	// InProcess says that it is a replacement that lives in this process and forgets everything with it.
	InProcess bool

	stop func()
}

func startRedis(ctx context.Context, opts Options, failed chan<- error) (*Redis, error) {
	begin := time.Now()
	password, err := Keep(opts.Dir, "redis.password", Password)
	if err != nil {
		return nil, err
	}
	program, ok := RedisProgram()
	if !ok && opts.Mode == Test {
		return nil, fmt.Errorf("the tests need a real Redis and there is no redis-server; install it: %s", installHint("redis-server", "redis"))
	}
	if !ok {
		return startMiniredis(opts, password)
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	data := filepath.Join(opts.Dir, "redis")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, fmt.Errorf("create %s: %w", data, err)
	}
	// The settings go in by standard input, so that the password shows in no list of processes.
	cmd := exec.Command(program, "-")
	cmd.Dir = data
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	cmd.Stdin = strings.NewReader(redisSettings(opts.Mode, port, data, password))
	p, err := StartChild(Child{Name: "redis", Dir: opts.Dir, Cmd: cmd, Quit: syscall.SIGTERM, Grace: 10 * time.Second}, failed)
	if err != nil {
		return nil, err
	}
	r := &Redis{URL: redisURL(net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), password), stop: p.Stop}
	if err := r.wait(ctx, p); err != nil {
		p.Stop()
		return nil, err
	}
	opts.Say("Redis runs on 127.0.0.1:%d (%s)", port, since(begin))
	return r, nil
}

func redisSettings(mode Mode, port int, data, password string) string {
	s := []string{
		"bind 127.0.0.1", "port " + strconv.Itoa(port), "requirepass " + password, "dir " + strconv.Quote(data),
		"daemonize no", "databases 16", "loglevel warning",
	}
	if mode == Test {
		s = append(s, `save ""`, "appendonly no")
	} else {
		s = append(s, "save 60 1", "appendonly no")
	}
	return strings.Join(s, "\n") + "\n"
}

func startMiniredis(opts Options, password string) (*Redis, error) {
	m := miniredis.NewMiniRedis()
	m.RequireAuth(password)
	if err := m.Start(); err != nil {
		return nil, fmt.Errorf("start in-process Redis: %w", err)
	}
	opts.Say("There is no redis-server: an in-process replacement runs on %s. It forgets everything at the end; for the real one: %s",
		m.Addr(), installHint("redis-server", "redis"))
	// Its keys expire only as time is moved for it.
	tick, done := time.NewTicker(time.Second), make(chan struct{})
	go func() {
		for {
			select {
			case <-tick.C:
				m.FastForward(time.Second)
			case <-done:
				return
			}
		}
	}()
	return &Redis{URL: redisURL(m.Addr(), password), InProcess: true, stop: func() {
		tick.Stop()
		close(done)
		m.Close()
	}}, nil
}

func redisURL(addr, password string) string {
	u := url.URL{Scheme: "redis", User: url.UserPassword("", password), Host: addr, Path: "/0"}
	return u.String()
}

// wait waits until the server takes connections.
func (r *Redis) wait(ctx context.Context, p *Process) error {
	options, err := redis.ParseURL(r.URL)
	if err != nil {
		return fmt.Errorf("read Redis URL: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	// go-redis logs every refused connection, so the port is tried first.
	for dialer := (net.Dialer{}); ; {
		conn, err := dialer.DialContext(ctx, "tcp", options.Addr)
		if err == nil {
			conn.Close()
			break
		}
		select {
		case <-p.Ended():
			return p.notStarted()
		case <-ctx.Done():
			return fmt.Errorf("wait for Redis: %w (last: %w)", ctx.Err(), err)
		case <-time.After(20 * time.Millisecond):
		}
	}
	client := redis.NewClient(options)
	defer client.Close()
	if err := client.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("ask Redis for a sign of life: %w", err)
	}
	return nil
}
