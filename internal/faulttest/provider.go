package faulttest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Model is the provider's one model. Its id in the product is "openai:" + Model.
const Model = "replay"

// PromptTokens is what every request is said to have cost, besides the tokens of the reply.
const PromptTokens = 7

// Provider is a server that speaks chat completions and does with each request what a script says.
type Provider struct {
	// URL is its base, version included.
	URL string

	mu     sync.Mutex
	script Script
	about  map[string]Script
	calls  []*Call
}

// Script answers one request.
type Script func(*Call)

// NewProvider starts a provider for the test, with the script for all that has none of its own.
func NewProvider(tb testing.TB, script Script) *Provider {
	tb.Helper()
	p := &Provider{script: script, about: map[string]Script{}}
	server := httptest.NewServer(p)
	tb.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	p.URL = server.URL + "/v1"
	return p
}

// On gives a text of its own script: requests whose newest message of the user it is.
func (p *Provider) On(text string, script Script) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.about[text] = script
}

// Calls are the requests so far.
func (p *Provider) Calls() []*Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.calls)
}

// CallsAbout are the requests so far whose newest message of the user is the text.
func (p *Provider) CallsAbout(text string) []*Call {
	return slices.DeleteFunc(p.Calls(), func(c *Call) bool { return c.Text != text })
}

// ServeHTTP implements http.Handler.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Messages []struct {
			Role    string          `json:"role"`
			Content json.RawMessage `json:"content"`
		} `json:"messages"`
	}
	data, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(data, &body)
	}
	if err != nil {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	c := &Call{ctx: r.Context(), w: w, ended: make(chan struct{})}
	for _, m := range body.Messages {
		if m.Role == "user" {
			c.Text = contentText(m.Content)
			c.Turns++
		}
	}
	p.mu.Lock()
	script := p.script
	if about, ok := p.about[c.Text]; ok {
		script = about
	}
	p.calls = append(p.calls, c)
	p.mu.Unlock()
	defer close(c.ended)
	script(c)
}

// contentText reads a message's content in both its forms.
func contentText(content json.RawMessage) string {
	var text string
	if json.Unmarshal(content, &text) == nil {
		return text
	}
	var parts []struct {
		Text string `json:"text"`
	}
	_ = json.Unmarshal(content, &parts)
	var all strings.Builder
	for _, part := range parts {
		all.WriteString(part.Text)
	}
	return all.String()
}

// Call is one request. Its methods are for the script, but for those that say so.
type Call struct {
	// Text is the newest message of the user, Turns how many there are of theirs.
	Text  string
	Turns int

	ctx   context.Context
	w     http.ResponseWriter
	begun bool
	ended chan struct{}

	mu    sync.Mutex
	said  strings.Builder
	whole bool
}

// Said is what it said so far. For tests.
func (c *Call) Said() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.said.String()
}

// Over reports whether the request is over. For tests.
func (c *Call) Over() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// Cancelled reports whether the client left before it had everything. For tests.
func (c *Call) Cancelled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ctx.Err() != nil && !c.whole
}

// Gone is closed when the client has left.
func (c *Call) Gone() <-chan struct{} { return c.ctx.Done() }

// Begin sends the headers.
func (c *Call) Begin() {
	if !c.begun {
		c.begun = true
		c.w.Header().Set("Content-Type", "text/event-stream")
		c.w.WriteHeader(http.StatusOK)
		c.flush()
	}
}

// Raw sends bytes as they are.
func (c *Call) Raw(data []byte) bool {
	c.Begin()
	if _, err := c.w.Write(data); err != nil {
		return false
	}
	c.flush()
	return c.ctx.Err() == nil
}

// Say sends some words, and reports whether the client is still there.
func (c *Call) Say(words string) bool {
	c.mu.Lock()
	c.said.WriteString(words)
	c.mu.Unlock()
	return c.event(map[string]any{"choices": []any{map[string]any{"index": 0, "delta": map[string]any{"role": "assistant", "content": words}}}})
}

// Finish ends the reply, with its tokens.
func (c *Call) Finish(tokens int) {
	c.mu.Lock()
	c.whole = true
	c.mu.Unlock()
	c.event(map[string]any{"choices": []any{map[string]any{"index": 0, "delta": map[string]any{}, "finish_reason": "stop"}}})
	c.event(map[string]any{"choices": []any{}, "usage": map[string]any{
		"prompt_tokens": PromptTokens, "completion_tokens": tokens, "total_tokens": PromptTokens + tokens,
	}})
	c.Raw([]byte("data: [DONE]\n\n"))
}

// Refuse answers with a status, and Retry-After where after is not empty.
func (c *Call) Refuse(status int, after string) {
	if after != "" {
		c.w.Header().Set("Retry-After", after)
	}
	c.w.Header().Set("Content-Type", "application/json")
	c.begun = true
	c.w.WriteHeader(status)
	_, _ = fmt.Fprintf(c.w, `{"error":{"message":"canary: what a provider says is not shown","code":%d}}`, status)
}

// Cut closes the connection in the middle.
func (c *Call) Cut() { panic(http.ErrAbortHandler) }

// Pause waits, and reports whether the client is still there.
func (c *Call) Pause(d time.Duration) bool {
	if d <= 0 {
		return c.ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.ctx.Done():
		return false
	}
}

func (c *Call) event(fields map[string]any) bool {
	fields["id"], fields["object"], fields["created"], fields["model"] = "replay-1", "chat.completion.chunk", 1, Model
	data, err := json.Marshal(fields)
	if err != nil {
		return false
	}
	return c.Raw(slices.Concat([]byte("data: "), data, []byte("\n\n")))
}

func (c *Call) flush() { _ = http.NewResponseController(c.w).Flush() }

// Word is the i-th word of a reply of Words, the space after it included.
func Word(i int) string { return "w" + strconv.Itoa(i) + " " }

// WordsText is a whole reply of Words.
func WordsText(n int) string {
	var text strings.Builder
	for i := range n {
		text.WriteString(Word(i))
	}
	return text.String()
}

// Words says n numbered words with pauses, and ends.
func Words(n int, pause time.Duration) Script {
	return func(c *Call) {
		c.Begin()
		for i := range n {
			if !c.Pause(pause) || !c.Say(Word(i)) {
				return
			}
		}
		c.Finish(n)
	}
}

// Stalls says n words and no more, until the client leaves.
func Stalls(n int) Script {
	return func(c *Call) {
		c.Begin()
		for i := range n {
			c.Say(Word(i))
		}
		<-c.Gone()
	}
}

// Gate lets a script wait for the test.
type Gate struct {
	once sync.Once
	open chan struct{}
}

// NewGate makes a closed gate.
func NewGate() *Gate { return &Gate{open: make(chan struct{})} }

// Open lets all pass from now on.
func (g *Gate) Open() { g.once.Do(func() { close(g.open) }) }

// Then says n words, waits for the gate, and says the words up to m.
func (g *Gate) Then(n, m int) Script {
	return func(c *Call) {
		c.Begin()
		for i := range n {
			if !c.Say(Word(i)) {
				return
			}
		}
		select {
		case <-g.open:
		case <-c.Gone():
			return
		}
		for i := n; i < m; i++ {
			if !c.Say(Word(i)) {
				return
			}
		}
		c.Finish(m)
	}
}
