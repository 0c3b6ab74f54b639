package faulttest

import (
	"context"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"twobrains/internal/localstack"
)

// Redis is a server of a test's own that keeps nothing: who restarts it finds it empty.
type Redis struct {
	// Addr is its loopback address, host:port.
	Addr string

	port    int
	dir     string
	process *Process
}

const redisPassword = "redis-in-tests"

// NewRedis starts a server.
func NewRedis(tb testing.TB) *Redis {
	tb.Helper()
	r := &Redis{port: freePort(), dir: tb.TempDir()}
	r.Addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(r.port))
	r.Start(tb)
	tb.Cleanup(func() {
		if !r.process.Gone() {
			r.process.Signal(syscall.SIGCONT)
			_ = r.process.Stop(syscall.SIGKILL, time.Second)
		}
	})
	return r
}

// Start starts the server and waits until it answers.
func (r *Redis) Start(tb testing.TB) {
	tb.Helper()
	program, ok := localstack.RedisProgram()
	if !ok {
		tb.Fatal("there is no redis-server on this machine")
	}
	cmd := exec.Command(program, "-")
	cmd.Dir, cmd.Env = r.dir, []string{"PATH=" + os.Getenv("PATH")}
	cmd.Stdin = strings.NewReader("bind 127.0.0.1\nport " + strconv.Itoa(r.port) + "\nrequirepass " + redisPassword +
		"\nsave \"\"\nappendonly no\ndaemonize no\nloglevel warning\n")
	var err error
	if r.process, err = start("redis", cmd, nil); err != nil {
		tb.Fatalf("start Redis: %v", err)
	}
	if err := r.process.until(20*time.Second, r.ping); err != nil {
		tb.Fatal(err)
	}
}

func (r *Redis) ping() error {
	// go-redis logs every refused connection, so the port is tried first.
	conn, err := net.DialTimeout("tcp", r.Addr, time.Second)
	if err != nil {
		return err
	}
	_ = conn.Close()
	client := r.Client()
	defer client.Close()
	return client.Ping(context.Background()).Err()
}

// Kill is kill -9: what it held is gone.
func (r *Redis) Kill() { r.process.Kill() }

// Empty removes everything that it holds.
func (r *Redis) Empty(tb testing.TB) {
	tb.Helper()
	client := r.Client()
	defer client.Close()
	if err := client.FlushAll(tb.Context()).Err(); err != nil {
		tb.Fatalf("empty Redis: %v", err)
	}
}

// Limit sets how many bytes it may hold; beyond, it refuses to take more. "0": any number.
func (r *Redis) Limit(tb testing.TB, bytes string) {
	tb.Helper()
	client := r.Client()
	defer client.Close()
	if err := client.ConfigSet(tb.Context(), "maxmemory", bytes).Err(); err != nil {
		tb.Fatalf("limit Redis: %v", err)
	}
}

// Client connects to the server, past every proxy.
func (r *Redis) Client() *redis.Client {
	return redis.NewClient(&redis.Options{Addr: r.Addr, Password: redisPassword})
}

// URL is the connection string, as seen from the server or, with a proxy, through that.
func (r *Redis) URL(through *Proxy) string {
	addr := r.Addr
	if through != nil {
		addr = through.Addr
	}
	return "redis://:" + redisPassword + "@" + addr + "/0"
}
