package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"twobrains/internal/localstack"
)

// turns is the number of completions after which a client begins another conversation.
const turns = 10

// runCompletion sends messages through the whole server: sign-in, limits, both brains, run log and stream.
func runCompletion(ctx context.Context, b *bench) error {
	s, err := b.fast(ctx)
	if err != nil {
		return err
	}
	d, err := b.newDatabase(ctx, s, "bench_completion")
	if err != nil {
		return err
	}
	srv, err := b.startServer(ctx, d)
	if err != nil {
		return err
	}
	defer srv.stop()

	one := srv.client(userID("completion", 0))
	if _, err := one.times(ctx, 50); err != nil {
		return err
	}
	n := 600
	if b.quick {
		n = 150
	}
	took, err := one.times(ctx, n)
	if err != nil {
		return err
	}
	first, last := quantile(took.first, .5), quantile(took.last, .5)
	b.report.add(line{
		Figure:   fmt.Sprintf("whole warm completion, instant model of %d chunks, one user: first / last byte p50", chunks),
		Baseline: "ancestor 8.9 / 15.8 ms", Ours: fmt.Sprintf("%s / %s ms", milli(first), milli(last)),
		Must: "<= 3 / 6 ms", Pass: first <= 3*time.Millisecond && last <= 6*time.Millisecond,
		Details: map[string]float64{
			"firstP50Micros": float64(first.Microseconds()), "lastP50Micros": float64(last.Microseconds()),
			"firstP99Micros": float64(quantile(took.first, .99).Microseconds()), "lastP99Micros": float64(quantile(took.last, .99).Microseconds()),
		},
	})
	for _, users := range []int{16, 64} {
		if err := srv.together(ctx, b, users); err != nil {
			return err
		}
	}
	return nil
}

// server is the program under test and what its processor time is made of.
type server struct {
	url   string
	cmd   *exec.Cmd
	stdin io.Closer
	redis int
	d     *database
	http  *http.Client
}

func (b *bench) startServer(ctx context.Context, d *database) (*server, error) {
	port, err := localstack.FreePort()
	if err != nil {
		return nil, err
	}
	exe, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	srv := &server{
		d: d, url: "http://127.0.0.1:" + strconv.Itoa(port),
		http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 128, DisableCompression: true}, Timeout: 30 * time.Second},
	}
	srv.cmd = exec.CommandContext(ctx, exe, serverVerb)
	srv.cmd.Env = []string{
		"SERVER_ENV=development", "PORT=" + strconv.Itoa(port), "PUBLIC_URL=" + srv.url, "INTERNAL_LISTEN=off",
		"DATABASE_URL=" + d.url, "DATABASE_OWNER_URL=" + d.ownerURL, "MASTER_KEYS=" + b.keyText, "REDIS_URL=" + d.s.Redis.URL,
		"KRATOS_PUBLIC_URL=" + b.ids.URL, "KRATOS_ADMIN_URL=" + b.ids.URL, "KRATOS_HOOK_KEY=hook-key-of-the-bench",
		"DEMO_MODEL=on", "DEMO_DELAY=0s", "QUOTA_DAY=1000000", "QUOTA_MONTH=1000000",
		// Counted in Redis as always, but never reached.
		"RATE_LIMIT_USER=1000000/1m", "RATE_LIMIT_IP=1000000/1m", "RATE_LIMIT_AI_USER=1000000/1m", "RATE_LIMIT_AI_IP=1000000/1m",
	}
	srv.cmd.Stderr = os.Stderr
	if srv.stdin, err = srv.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	out, err := srv.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	if err := srv.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start server: %w", err)
	}
	if text, err := bufio.NewReader(out).ReadString('\n'); err != nil || text != "ready\n" {
		srv.stop()
		return nil, errors.New("the server did not start")
	}
	if srv.redis, err = redisPID(ctx, d.s.Redis.URL); err != nil {
		srv.stop()
		return nil, err
	}
	return srv, nil
}

func (s *server) stop() {
	_ = s.stdin.Close()
	_ = s.cmd.Wait()
	s.http.CloseIdleConnections()
}

func redisPID(ctx context.Context, url string) (int, error) {
	options, err := redis.ParseURL(url)
	if err != nil {
		return 0, fmt.Errorf("read Redis URL: %w", err)
	}
	client := redis.NewClient(options)
	defer client.Close()
	info, err := client.InfoMap(ctx, "server").Result()
	if err != nil {
		return 0, fmt.Errorf("ask Redis: %w", err)
	}
	return strconv.Atoi(info["Server"]["process_id"])
}

// cpu reads the processor time of server, Postgres and Redis so far.
func (s *server) cpu() ([3]time.Duration, error) {
	postgres, err := s.d.s.all()
	if err != nil {
		return [3]time.Duration{}, err
	}
	var parts [3]time.Duration
	for i, pids := range [][]int{{s.cmd.Process.Pid}, postgres, {s.redis}} {
		if parts[i], err = processCPU(pids); err != nil {
			return parts, err
		}
	}
	return parts, nil
}

// together lets users send at the same time and counts what a completion costs.
func (s *server) together(ctx context.Context, b *bench, users int) error {
	clients := make([]*client, users)
	for i := range clients {
		clients[i] = s.client(userID("completion", 1000+i))
	}
	if err := each(ctx, users, users, func(ctx context.Context, i int) error {
		_, err := clients[i].times(ctx, 4)
		return err
	}); err != nil {
		return err
	}
	before, err := s.cpu()
	if err != nil {
		return err
	}
	var done atomic.Int64
	begin, span := time.Now(), 10*time.Second
	if b.quick {
		span = 3 * time.Second
	}
	if err := each(ctx, users, users, func(ctx context.Context, i int) error {
		for time.Since(begin) < span {
			if _, err := clients[i].times(ctx, 1); err != nil {
				return err
			}
			done.Add(1)
		}
		return nil
	}); err != nil {
		return err
	}
	wall, n := time.Since(begin), done.Load()
	after, err := s.cpu()
	if err != nil {
		return err
	}
	var parts [3]float64
	var total float64
	for i := range parts {
		parts[i] = float64((after[i] - before[i]).Microseconds()) / 1000 / float64(n)
		total += parts[i]
	}
	rate := float64(n) / wall.Seconds()
	b.report.add(line{
		Figure:   fmt.Sprintf("the same, %d users: processor time per completion", users),
		Baseline: "ancestor 13-22 ms, 45-80/s",
		Ours:     fmt.Sprintf("%.2f ms (server %.2f, Postgres %.2f, Redis %.2f), %.0f/s", total, parts[0], parts[1], parts[2], rate),
		Must:     "<= 2 ms", Pass: total <= 2,
		Details: map[string]float64{"serverMillis": parts[0], "postgresMillis": parts[1], "redisMillis": parts[2], "perSecond": rate},
	})
	return nil
}

// client is a user who sends one message after the other.
type client struct {
	s            *server
	token        string
	conversation string
	sent         int
}

func (s *server) client(id uuid.UUID) *client { return &client{s: s, token: s.d.ids.Token(id)} }

// firstLast are the times from sending to the first and to the last byte of answers.
type firstLast struct{ first, last []time.Duration }

func (c *client) times(ctx context.Context, n int) (firstLast, error) {
	var t firstLast
	for range n {
		first, last, err := c.send(ctx)
		if err != nil {
			return t, err
		}
		t.first, t.last = append(t.first, first), append(t.last, last)
	}
	return t, nil
}

func (c *client) send(ctx context.Context) (first, last time.Duration, err error) {
	if c.sent%turns == 0 {
		c.conversation = newID()
	}
	c.sent++
	text := `{"id":"` + c.conversation + `","messages":[{"id":"` + newID() + `","role":"user","parts":[{"type":"text","text":"` +
		strings.Repeat("What do you think of it? ", 4) + `"}]}]}`
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.s.url+"/api/ai", strings.NewReader(text))
	if err != nil {
		return 0, 0, fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	request.Header.Set("Content-Type", "application/json")
	begin := time.Now()
	resp, err := c.s.http.Do(request)
	if err != nil {
		return 0, 0, fmt.Errorf("send: %w", err)
	}
	defer resp.Body.Close()
	var answer bytes.Buffer
	one := make([]byte, 1)
	if _, err := io.ReadFull(resp.Body, one); err != nil {
		return 0, 0, fmt.Errorf("read first byte: %w", err)
	}
	first = time.Since(begin)
	if _, err := answer.ReadFrom(resp.Body); err != nil {
		return 0, 0, fmt.Errorf("read answer: %w", err)
	}
	last = time.Since(begin)
	if resp.StatusCode != http.StatusOK || !strings.Contains(answer.String(), "[DONE]") || !strings.Contains(answer.String(), `"type":"finish"`) {
		return 0, 0, fmt.Errorf("answer %s is no whole reply", resp.Status)
	}
	return first, last, nil
}
