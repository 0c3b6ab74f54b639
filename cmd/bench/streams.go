package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/google/uuid"

	"twobrains/internal/localstack"
)

// streamSettings say how much is streamed.
type streamSettings struct {
	streams, seconds int
	ramp             time.Duration
	// lanes of the server, which should keep the plans of all users.
	lanes int
	// server is the program to load; empty: it is built.
	server string
	// profiles is where profiles of the loaded server go; empty: none are taken.
	profiles string
	// wait for a line on standard input once everything is prepared.
	wait bool
}

const (
	// fewStreams is the smaller size, and streamExcess how many more than are admitted ask at overload.
	fewStreams, streamExcess = 1_000, 500
	// streamMessages are in the conversation already.
	streamMessages = 4
	// greetRate is how many users a second send their first message, which finds nothing warm.
	greetRate = 100
)

// streamBench is a database of users and a provider.
type streamBench struct {
	*bench
	d        *database
	ids      []uuid.UUID
	tokens   []string
	server   string
	provider *child
	// at is the provider's address.
	at string
	// round counts measurements.
	round int
}

// runStreams loads the real server with streaming completions, each of another user.
func runStreams(ctx context.Context, b *bench) error {
	n := b.streams.streams
	if err := enoughDescriptors(n); err != nil {
		return err
	}
	sb := &streamBench{bench: b, server: b.streams.server}
	var err error
	if sb.server == "" {
		if sb.server, err = b.buildServer(ctx); err != nil {
			return err
		}
	}
	few := min(fewStreams, n)
	if err := sb.prepare(ctx, max(n, few+streamExcess)); err != nil {
		return err
	}
	defer sb.provider.stop()

	lines := bufio.NewReader(os.Stdin)
	for sb.round = 1; ; sb.round++ {
		if err := sb.measure(ctx, n, few, lines); err != nil || !b.streams.wait {
			return err
		}
		say("   Enter measures again, with a new server; the end of input ends")
		if _, err := lines.ReadString('\n'); err != nil {
			return nil
		}
	}
}

// measure loads servers that have met nobody yet.
func (sb *streamBench) measure(ctx context.Context, n, few int, lines *bufio.Reader) error {
	p, err := sb.d.serveProgram(ctx, sb.server, sb.keyText, sb.at, n, sb.streams.lanes)
	if err != nil {
		return err
	}
	defer p.stop()
	greeted, err := sb.greet(ctx, p, n)
	if err != nil {
		return err
	}
	if sb.streams.wait {
		say("   ready; Enter starts")
		if _, err := lines.ReadString('\n'); err != nil {
			return fmt.Errorf("wait: %w", err)
		}
	}
	if err := sb.signIn(ctx, p, n); err != nil {
		return err
	}
	large, err := sb.ours(ctx, p, n, "large")
	if err != nil {
		return err
	}
	p.stop()
	copied, err := sb.copied(ctx, n)
	if err != nil {
		return err
	}
	small, err := sb.overload(ctx, few)
	if err != nil {
		return err
	}
	say("   loads are over")
	for _, m := range []*measured{&large, &small} {
		if m.stored, m.open, err = sb.d.stored(ctx, sb.ids[:m.n], sb.messages(m.label), sb.streams.seconds); err != nil {
			return err
		}
	}
	sb.tell(greeted, small, copied, large)
	sb.tellOverload(small, few)
	return nil
}

// messages is how the ids of a load's messages begin.
func (sb *streamBench) messages(label string) string { return fmt.Sprintf("m-%s-%d-", label, sb.round) }

// prepare makes the users, who have a short conversation, and starts the provider.
func (sb *streamBench) prepare(ctx context.Context, users int) error {
	s, err := sb.durable(ctx)
	if err != nil {
		return err
	}
	if sb.d, err = sb.newDatabase(ctx, s, "bench_streams"); err != nil {
		return err
	}
	sb.ids = userIDs("streams", users)
	begin := time.Now()
	sb.d.clones.messages = streamMessages
	if err := sb.d.fill(ctx, sb.ids, func(int) bool { return true }); err != nil {
		return err
	}
	for _, id := range sb.ids {
		sb.tokens = append(sb.tokens, sb.d.ids.Token(id))
	}
	say("   %d users ready (%s)", users, time.Since(begin).Round(time.Second))
	port, err := localstack.FreePort()
	if err != nil {
		return err
	}
	sb.at = fmt.Sprintf("127.0.0.1:%d", port)
	sb.provider, err = startChild(ctx, replayVerb, replayConfig{Address: sb.at, Chunks: sb.streams.seconds, Pause: time.Second})
	return err
}

// greet lets every user send a first message to the server, which is answered at once: users who come back to a tab.
func (sb *streamBench) greet(ctx context.Context, p *program, n int) (measured, error) {
	pids, err := sb.processes(ctx, p)
	if err != nil {
		return measured{}, err
	}
	m, err := sb.load(ctx, target{address: p.address, pid: p.pid(), pids: pids}, loadConfig{
		Tokens: sb.tokens[:n], Label: sb.messages("greet"), Model: instantModel, Ramp: time.Duration(n) * time.Second / greetRate, Chunks: 1,
	})
	if err == nil && m.Complete != n {
		err = fmt.Errorf("only %d of %d were answered", m.Complete, n)
	}
	if err != nil {
		err = fmt.Errorf("greet: %w; the server's log ends: %s", err, p.lastWords())
	}
	return m, err
}

// signIn lets the server verify the sessions of all users, for as long as it may believe them.
func (sb *streamBench) signIn(ctx context.Context, p *program, n int) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}, Timeout: time.Minute}
	defer client.CloseIdleConnections()
	return each(ctx, 16, n, func(ctx context.Context, i int) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+"/api/session", nil)
		if err != nil {
			return fmt.Errorf("make request: %w", err)
		}
		request.Header.Set("Authorization", "Bearer "+sb.tokens[i])
		resp, err := client.Do(request)
		if err != nil {
			return fmt.Errorf("sign in: %w", err)
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
			return fmt.Errorf("sign in: %s: %w", resp.Status, err)
		}
		return nil
	})
}

// processes are those whose processor time counts, besides the clients.
func (sb *streamBench) processes(ctx context.Context, p *program) (map[string]func() ([]int, error), error) {
	redis, err := redisPID(ctx, sb.d.s.Redis.URL)
	if err != nil {
		return nil, err
	}
	return map[string]func() ([]int, error){
		"server": one(p.pid()), "Postgres": sb.d.s.all, "Redis": one(redis), "provider": one(sb.provider.pid()),
	}, nil
}

func one(pid int) func() ([]int, error) { return func() ([]int, error) { return []int{pid}, nil } }

// ours loads the server.
func (sb *streamBench) ours(ctx context.Context, p *program, n int, label string) (measured, error) {
	pids, err := sb.processes(ctx, p)
	if err != nil {
		return measured{}, err
	}
	load := sb.steady(n, label)
	if sb.streams.profiles != "" {
		p.profileStart(ctx, sb.streams.profiles, label, load.Ramp)
	}
	m, err := sb.load(ctx, target{address: p.address, pid: p.pid(), pids: pids, middle: func(m *measured) (err error) {
		if m.gauges, err = p.gauges(ctx); err != nil || sb.streams.profiles == "" {
			return err
		}
		return p.profiles(ctx, sb.streams.profiles, label)
	}}, load)
	m.label = label
	for what, count := range p.complaints() {
		say("   the server says %d times: %s", count, what)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w; the server's log ends: %s", label, err, p.lastWords())
	}
	return m, err
}

// steady is the load of n users who begin at the rate of the whole load.
func (sb *streamBench) steady(n int, label string) loadConfig {
	return loadConfig{
		Tokens: sb.tokens[:n], Label: sb.messages(label), Model: replayModel,
		Ramp: sb.streams.ramp * time.Duration(n) / time.Duration(sb.streams.streams), Chunks: sb.streams.seconds,
	}
}

// copied loads the baseline.
func (sb *streamBench) copied(ctx context.Context, n int) (measured, error) {
	port, err := localstack.FreePort()
	if err != nil {
		return measured{}, err
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	proxy, err := startChild(ctx, copyVerb, copyConfig{Address: address, To: "http://" + sb.at + "/v1/chat/completions"})
	if err != nil {
		return measured{}, err
	}
	defer proxy.stop()
	return sb.load(ctx, target{address: address, pid: proxy.pid(), pids: map[string]func() ([]int, error){"server": one(proxy.pid())}}, sb.steady(n, "copied"))
}

// overload sends more messages than the server admits: who is admitted must not notice, who is not must be told at once. The
// server has met nobody before.
func (sb *streamBench) overload(ctx context.Context, admitted int) (measured, error) {
	p, err := sb.d.serveProgram(ctx, sb.server, sb.keyText, sb.at, admitted, sb.streams.lanes)
	if err != nil {
		return measured{}, err
	}
	defer p.stop()
	return sb.ours(ctx, p, admitted+streamExcess, "small")
}
