package stream_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"twobrains/internal/llm"
	"twobrains/internal/problem"
	"twobrains/internal/stream"
	"twobrains/internal/stream/streamtest"
)

// serveBundle is a real HTTP server whose GET /:id follows the log of that conversation.
type serveBundle struct {
	server *stream.Server
	logs   *stream.Memory
	addr   string
	logged *strings.Builder
}

func serve(t *testing.T, o stream.ServerOptions) serveBundle {
	t.Helper()
	logged := &strings.Builder{}
	o.Logger = slog.New(slog.NewTextHandler(&lockedWriter{w: logged}, nil))
	b := serveBundle{server: stream.NewServer(o), logs: stream.NewMemory(stream.MemoryOptions{}), logged: logged}
	app := fiber.New(fiber.Config{DisableStartupMessage: true, Immutable: true, ErrorHandler: func(c *fiber.Ctx, err error) error {
		return c.SendStatus(problem.From(err).Code.Info().Status)
	}})
	app.Server().KeepHijackedConns = true
	app.Get("/panic", func(c *fiber.Ctx) error { return b.server.Serve(c, panics{}) })
	app.Get("/plain", func(c *fiber.Ctx) error { return c.SendString("plain") })
	app.Get("/:id", func(c *fiber.Ctx) error {
		f, err := b.logs.Open(c.Context(), stream.Key{Conversation: c.Params("id")})
		if err != nil {
			return c.SendStatus(http.StatusNoContent)
		}
		return b.server.Serve(c, f)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	b.addr = listener.Addr().String()
	var wg sync.WaitGroup
	wg.Go(func() { _ = app.Listener(listener) })
	t.Cleanup(func() {
		b.server.Shutdown()
		b.server.Wait(context.Background())
		if err := app.ShutdownWithTimeout(10 * time.Second); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		wg.Wait()
		b.logs.Close()
	})
	return b
}

type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

type panics struct{}

func (panics) RunID() string { return "" }
func (panics) Ended() bool   { return false }
func (panics) Close()        {}
func (panics) Next(context.Context, time.Duration) ([]byte, error) {
	panic("broken follower")
}

func (b serveBundle) create(t *testing.T, id string) stream.Log {
	t.Helper()
	log, err := b.logs.Create(t.Context(), stream.Key{Conversation: id}, "run")
	must(t, err)
	return log
}

func (b serveBundle) get(t *testing.T, id string) *http.Response {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	res, err := (&http.Client{Transport: transport}).Get("http://" + b.addr + "/" + id)
	must(t, err)
	t.Cleanup(func() { _ = res.Body.Close(); transport.CloseIdleConnections() })
	return res
}

func (b serveBundle) waitActive(t *testing.T, n int) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for b.server.Active() != n {
		if time.Now().After(deadline) {
			t.Fatalf("%d streams are active, want %d", b.server.Active(), n)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestServeWholeReply(t *testing.T) {
	t.Parallel()
	b := serve(t, stream.ServerOptions{})
	a := stream.NewAssembler(b.create(t, "c"), stream.Options{MessageID: "m"})
	must(t, a.StartStep(), a.Apply(llm.TextDelta{Text: "before "}))
	first, second := b.get(t, "c"), b.get(t, "c")
	for header, want := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-cache", "X-Accel-Buffering": "no",
		"X-Vercel-Ai-Ui-Message-Stream": "v1",
	} {
		if got := first.Header.Get(header); got != want || first.StatusCode != http.StatusOK {
			t.Errorf("status %d, %s: %q", first.StatusCode, header, got)
		}
	}
	must(t, a.Apply(llm.TextDelta{Text: strings.Repeat("long ", 5000)}), a.Finish(llm.FinishStop, nil))
	for _, res := range []*http.Response{first, second, b.get(t, "c")} {
		chunks, comments, done, err := streamtest.ReadSSE(res.Body)
		must(t, err)
		m, err := streamtest.Build(chunks)
		must(t, err)
		if !done || comments < 1 || !m.Finished || m.Text() != a.Text() {
			t.Fatalf("done %v, %d comments, %d characters", done, comments, len(m.Text()))
		}
	}
	b.waitActive(t, 0)
	if res := b.get(t, "other"); res.StatusCode != http.StatusNoContent {
		t.Fatalf("unknown conversation: %d", res.StatusCode)
	}
}

// TestServeHeadersAtOnce: an idle stream shows itself by a comment and stays alive by more of them.
func TestServeHeadersAtOnce(t *testing.T) {
	t.Parallel()
	b := serve(t, stream.ServerOptions{KeepAlive: 5 * time.Millisecond})
	log := b.create(t, "c")
	res := b.get(t, "c")
	lines := bufio.NewReader(res.Body)
	for _, want := range []string{": stream\n", "\n", ": keep-alive\n", "\n", ": keep-alive\n", "\n"} {
		if line, err := lines.ReadString('\n'); err != nil || line != want {
			t.Fatalf("%q %v, want %q", line, err, want)
		}
	}
	log.Close(stream.EndComplete)
	if rest, err := io.ReadAll(lines); err != nil || !strings.HasSuffix(string(rest), "data: [DONE]\n\n") {
		t.Fatalf("%q %v", rest, err)
	}
}

func TestServeClientGone(t *testing.T) {
	t.Parallel()
	b := serve(t, stream.ServerOptions{KeepAlive: 5 * time.Millisecond})
	log := b.create(t, "c")
	leaves, stays := b.get(t, "c"), b.get(t, "c")
	b.waitActive(t, 2)
	must(t, leaves.Body.Close())
	b.waitActive(t, 1)
	log.Append([]byte("data: {\"type\":\"start\",\"messageId\":\"m\"}\n\n"))
	log.Close(stream.EndComplete)
	if chunks, _, done, err := streamtest.ReadSSE(stays.Body); err != nil || !done || len(chunks) != 1 {
		t.Fatalf("%v %v %v", chunks, done, err)
	}
}

// TestServeSlowClient: who does not read is cut after the write timeout, and the writer of the log never notices.
func TestServeSlowClient(t *testing.T) {
	t.Parallel()
	b := serve(t, stream.ServerOptions{WriteTimeout: 50 * time.Millisecond})
	log := b.create(t, "c")
	conn, err := net.Dial("tcp", b.addr)
	must(t, err)
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, "GET /c HTTP/1.1\r\nHost: x\r\n\r\n")
	must(t, err)
	b.waitActive(t, 1)
	frame := []byte("data: {\"type\":\"x\",\"x\":\"" + strings.Repeat("x", 1<<20) + "\"}\n\n")
	for range 32 {
		log.Append(frame)
	}
	b.waitActive(t, 0)
	log.Close(stream.EndComplete)
}

// TestServeSlowButAlive: the write timeout is for one write, not for the response.
func TestServeSlowButAlive(t *testing.T) {
	t.Parallel()
	const timeout = 300 * time.Millisecond
	b := serve(t, stream.ServerOptions{WriteTimeout: timeout, KeepAlive: timeout / 10})
	log := b.create(t, "c")
	res := b.get(t, "c")
	lines := bufio.NewReader(res.Body)
	for started := time.Now(); time.Since(started) < 3*timeout; {
		_, err := lines.ReadString('\n')
		must(t, err)
	}
	log.Close(stream.EndComplete)
	_, err := io.ReadAll(lines)
	must(t, err)
}

func TestServePanic(t *testing.T) {
	t.Parallel()
	b := serve(t, stream.ServerOptions{})
	if body, err := io.ReadAll(b.get(t, "panic").Body); err == nil || string(body) != ": stream\n\n" {
		t.Fatalf("%q %v", body, err)
	}
	b.waitActive(t, 0)
	if !strings.Contains(b.logged.String(), "broken follower") {
		t.Fatalf("not logged: %q", b.logged)
	}
	if body, err := io.ReadAll(b.get(t, "plain").Body); err != nil || string(body) != "plain" {
		t.Fatalf("the process lives on: %q %v", body, err)
	}
}

func TestServeLostLog(t *testing.T) {
	t.Parallel()
	b := serve(t, stream.ServerOptions{})
	log := b.create(t, "c")
	res := b.get(t, "c")
	log.Append([]byte("data: {\"type\":\"start\",\"messageId\":\"m\"}\n\n"))
	log.Close(stream.EndLost)
	body, err := io.ReadAll(res.Body)
	if !errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(string(body), "[DONE]") || !strings.Contains(string(body), "start") {
		t.Fatalf("a lost log must look like a lost network: %q %v", body, err)
	}
}

func TestServeShutdown(t *testing.T) {
	t.Parallel()
	b := serve(t, stream.ServerOptions{})
	log := b.create(t, "c")
	res := b.get(t, "c")
	log.Append([]byte("data: {\"type\":\"start\",\"messageId\":\"m\"}\n\n"))
	b.waitActive(t, 1)
	b.server.Shutdown()
	body, err := io.ReadAll(res.Body)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("ended with %v", err)
	}
	chunks, _, done, err := streamtest.ReadSSE(strings.NewReader(string(body)))
	must(t, err)
	if last := chunks[len(chunks)-1]; done || last.Type() != "data-resume" || last["transient"] != true {
		t.Fatalf("not told to resume: %s", body)
	}
	if m, err := streamtest.Build(chunks); err != nil || len(m.Parts) != 0 {
		t.Fatalf("%v %+v", err, m)
	}
	b.waitActive(t, 0)
	if res := b.get(t, "c"); res.StatusCode != http.StatusServiceUnavailable {
		t.Fatalf("status %d", res.StatusCode)
	}
	log.Close(stream.EndComplete)
}

// TestServeKeepsConnection: after a stream the connection serves other requests, without the stream's deadline.
func TestServeKeepsConnection(t *testing.T) {
	t.Parallel()
	const timeout = 30 * time.Millisecond
	b := serve(t, stream.ServerOptions{WriteTimeout: timeout})
	b.create(t, "c").Close(stream.EndComplete)
	conn, err := net.Dial("tcp", b.addr)
	must(t, err)
	defer func() { _ = conn.Close() }()
	answers := bufio.NewReader(conn)
	for i, path := range []string{"c", "plain", "c", "c", "plain"} {
		if i == 1 {
			<-time.After(2 * timeout) // past the stream's last deadline
		}
		_, err := fmt.Fprintf(conn, "GET /%s HTTP/1.1\r\nHost: x\r\n\r\n", path)
		must(t, err)
		res, err := http.ReadResponse(answers, nil)
		must(t, err)
		body, err := io.ReadAll(res.Body)
		must(t, err)
		if res.Close || path == "plain" && string(body) != "plain" || path == "c" && string(body) != ": stream\n\ndata: [DONE]\n\n" {
			t.Errorf("%d: %q, close %v", i, body, res.Close)
		}
	}
}

// TestServeCloses: a client that asks for it, one that speaks HTTP/1.0, and one that does not wait for the answer.
func TestServeCloses(t *testing.T) {
	t.Parallel()
	b := serve(t, stream.ServerOptions{})
	b.create(t, "c").Close(stream.EndComplete)
	const head, whole = "Connection: close\r\n", "\r\n\r\na\r\n: stream\n\n\r\ne\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
	for request, end := range map[string]string{
		"GET /c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n":                  whole,
		"GET /c HTTP/1.1\r\nHost: x\r\n\r\nGET /plain HTTP/1.1\r\nHost: x\r\n\r\n": whole,
		"GET /c HTTP/1.0\r\nHost: x\r\n\r\n":                                       "\r\n\r\n: stream\n\ndata: [DONE]\n\n",
	} {
		conn, err := net.Dial("tcp", b.addr)
		must(t, err)
		defer func() { _ = conn.Close() }()
		must(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
		_, err = io.WriteString(conn, request)
		must(t, err)
		answer, err := io.ReadAll(conn)
		must(t, err)
		if !strings.Contains(string(answer), head) || !strings.HasSuffix(string(answer), end) {
			t.Errorf("%q: %q", request, answer)
		}
	}
}

// TestServeWait: the last words are waited for, and who does not take them is cut.
func TestServeWait(t *testing.T) {
	t.Parallel()
	b := serve(t, stream.ServerOptions{})
	b.server.Wait(t.Context())
	log := b.create(t, "c")
	conn, err := net.Dial("tcp", b.addr)
	must(t, err)
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, "GET /c HTTP/1.1\r\nHost: x\r\n\r\n")
	must(t, err)
	b.waitActive(t, 1)
	log.Append([]byte("data: {\"type\":\"x\",\"x\":\"" + strings.Repeat("x", 32<<20) + "\"}\n\n"))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	b.server.Shutdown()
	b.server.Wait(ctx)
	if n := b.server.Active(); n != 0 || ctx.Err() == nil {
		t.Errorf("%d streams, %v", n, ctx.Err())
	}
	log.Close(stream.EndComplete)
}
