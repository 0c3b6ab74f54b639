package faulttest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"twobrains/internal/stream/streamtest"
)

// httpClient keeps no connections, so that none outlives a test.
var httpClient = &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}

// Client sends requests as somebody, and takes failures as they come.
type Client struct {
	Base, Token string
}

// Problem is what a refusal says.
type Problem struct {
	Code, Detail, RunID string
	RetryAfter          int
}

// Answer is a whole response; Err instead says that there was none.
type Answer struct {
	Err     error
	Status  int
	Header  http.Header
	Body    string
	Problem Problem
}

// String says it in a few words.
func (a Answer) String() string {
	if a.Err != nil {
		return a.Err.Error()
	}
	return fmt.Sprintf("%d %s", a.Status, a.Body)
}

// Want fails the test unless the answer has the status and, if it is not empty, the code.
func (a Answer) Want(tb testing.TB, status int, code string) Answer {
	tb.Helper()
	if a.Status != status || a.Problem.Code != code {
		tb.Fatalf("got %s, want %d %s", a, status, code)
	}
	if status == http.StatusServiceUnavailable && a.Header.Get("Retry-After") == "" {
		tb.Fatalf("503 without Retry-After: %s", a)
	}
	return a
}

const patience = 30 * time.Second

// Do sends a request and reads the answer.
func (c *Client) Do(method, path, body string) (a Answer) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	resp, err := c.send(ctx, method, path, body)
	if err != nil {
		return Answer{Err: err}
	}
	defer resp.Body.Close()
	return readAnswer(resp)
}

// Upload sends a file, which is no JSON.
func (c *Client) Upload(path, mediaType string, file []byte) Answer {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Base+path, bytes.NewReader(file))
	if err != nil {
		return Answer{Err: err}
	}
	request.Header.Set("Authorization", "Bearer "+c.Token)
	request.Header.Set("Content-Type", mediaType)
	resp, err := httpClient.Do(request)
	if err != nil {
		return Answer{Err: err}
	}
	defer resp.Body.Close()
	return readAnswer(resp)
}

// Get is Do of a GET.
func (c *Client) Get(path string) Answer { return c.Do(http.MethodGet, path, "") }

func readAnswer(resp *http.Response) Answer {
	text, err := io.ReadAll(resp.Body)
	a := Answer{Err: err, Status: resp.StatusCode, Header: resp.Header, Body: string(text)}
	if resp.Header.Get("Content-Type") == "application/problem+json" {
		_ = json.Unmarshal(text, &a.Problem)
	}
	return a
}

func (c *Client) send(ctx context.Context, method, path, body string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.Base+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if c.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.Token)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	return httpClient.Do(request)
}

// NewID makes an id of a message or a conversation.
func NewID() string { return strings.ReplaceAll(uuid.NewString(), "-", "") }

// MessageBody is what a client posts that sends a message.
func MessageBody(conversation, message, text string) string {
	body, _ := json.Marshal(map[string]any{
		"id":      conversation,
		"message": map[string]any{"id": message, "role": "user", "parts": []any{map[string]any{"type": "text", "text": text}}},
	})
	return string(body)
}

// Send posts a message and follows the reply.
func (c *Client) Send(conversation, message, text string) *Reply {
	return c.Follow(http.MethodPost, "/api/ai", MessageBody(conversation, message, text))
}

// Resume follows the reply under way in a conversation.
func (c *Client) Resume(conversation string) *Reply {
	return c.Follow(http.MethodGet, "/api/ai/"+conversation+"/stream", "")
}

// Stop stops the reply under way in a conversation.
func (c *Client) Stop(conversation string) Answer {
	return c.Do(http.MethodPost, "/api/ai/"+conversation+"/stop", "")
}

// StoredMessage is a message as a client gets it.
type StoredMessage struct {
	ID, Role string
	Metadata map[string]any
	Parts    []struct{ Type, Text string }
}

// Text joins its texts.
func (m StoredMessage) Text() (text string) {
	for _, p := range m.Parts {
		if p.Type == "text" {
			text += p.Text
		}
	}
	return text
}

// Status is the state that its metadata tell.
func (m StoredMessage) Status() string {
	status, _ := m.Metadata["status"].(string)
	return status
}

// Messages reads a conversation, and fails the test if that does not succeed.
func (c *Client) Messages(tb testing.TB, conversation string) []StoredMessage {
	tb.Helper()
	a := c.Get("/api/conversations/" + conversation + "/messages?limit=100")
	a.Want(tb, http.StatusOK, "")
	var page struct{ Items []StoredMessage }
	if err := json.Unmarshal([]byte(a.Body), &page); err != nil {
		tb.Fatalf("read messages: %v", err)
	}
	return page.Items
}

// Reply is a stream that is being read, by a goroutine of its own, or the refusal of one.
type Reply struct {
	Answer

	cancel context.CancelFunc
	over   chan struct{}

	mu     sync.Mutex
	chunks []streamtest.Chunk
	text   strings.Builder
	first  time.Time
	done   bool
	err    error
}

// Follow sends a request whose answer is a stream.
func (c *Client) Follow(method, path, body string) *Reply {
	ctx, cancel := context.WithCancel(context.Background())
	r := &Reply{cancel: cancel, over: make(chan struct{})}
	waiting := time.AfterFunc(patience, cancel)
	defer waiting.Stop()
	resp, err := c.send(ctx, method, path, body)
	switch {
	case err != nil:
		r.Err = err
	case resp.StatusCode != http.StatusOK:
		r.Answer = readAnswer(resp)
		_ = resp.Body.Close()
	default:
		r.Status, r.Header = resp.StatusCode, resp.Header
		go r.follow(resp.Body)
		return r
	}
	cancel()
	close(r.over)
	return r
}

func (r *Reply) follow(body io.ReadCloser) {
	defer close(r.over)
	defer r.cancel()
	defer body.Close()
	r.read(body)
}

func (r *Reply) read(body io.Reader) {
	lines := bufio.NewReaderSize(body, 64<<10)
	for {
		line, err := lines.ReadString('\n')
		r.mu.Lock()
		if err != nil {
			r.err = err
			r.mu.Unlock()
			return
		}
		switch payload, ok := strings.CutPrefix(strings.TrimSpace(line), "data: "); {
		case !ok:
		case payload == "[DONE]":
			r.done = true
		default:
			var chunk streamtest.Chunk
			if err := json.Unmarshal([]byte(payload), &chunk); err != nil {
				r.err = fmt.Errorf("chunk %q: %w", payload, err)
				r.mu.Unlock()
				return
			}
			r.chunks = append(r.chunks, chunk)
			if delta, ok := chunk["delta"].(string); ok && chunk.Type() == "text-delta" {
				if r.text.Len() == 0 {
					r.first = time.Now()
				}
				r.text.WriteString(delta)
			}
		}
		r.mu.Unlock()
	}
}

// OK fails the test unless a stream began.
func (r *Reply) OK(tb testing.TB) *Reply {
	tb.Helper()
	if r.Status != http.StatusOK {
		tb.Fatalf("no stream: %s", r.Answer)
	}
	return r
}

// Text is what it said so far.
func (r *Reply) Text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// Saw waits until it has said the i-th word of Words.
func (r *Reply) Saw(tb testing.TB, i int) *Reply {
	tb.Helper()
	r.OK(tb)
	Until(tb, patience, fmt.Sprintf("word %d in the stream", i), func() bool {
		select {
		case <-r.over:
			if !strings.Contains(r.Text(), Word(i)) {
				tb.Fatalf("the stream ended before word %d: %s, %v", i, r.Text(), r.err)
			}
		default:
		}
		return strings.Contains(r.Text(), Word(i))
	})
	return r
}

// Leave goes away, as a tab that is closed.
func (r *Reply) Leave() {
	r.cancel()
	<-r.over
}

// Over reports whether the stream has ended.
func (r *Reply) Over() bool {
	select {
	case <-r.over:
		return true
	default:
		return false
	}
}

// End is how a stream ended.
type End struct {
	// Done: the terminator came. Cut: the connection ended without it.
	Done, Cut bool
	// Kind is the type of the last chunk that is not a data part: finish, abort or error where the stream is whole.
	Kind, Status, ErrorText string
	// Resume: the client was told to come again.
	Resume bool
	Text   string
	Chunks []streamtest.Chunk
}

// End waits until the stream is over and says how it ended.
func (r *Reply) End(tb testing.TB, patience time.Duration) End {
	tb.Helper()
	r.OK(tb)
	select {
	case <-r.over:
	case <-time.After(patience):
		tb.Fatalf("the stream did not end within %s: %s", patience, r.Text())
	}
	return r.ended()
}

func (r *Reply) ended() End {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := End{Done: r.done, Cut: !r.done || !errors.Is(r.err, io.EOF), Text: r.text.String(), Chunks: r.chunks}
	for _, c := range r.chunks {
		switch kind := c.Type(); kind {
		case "data-resume":
			e.Resume = true
			continue
		case "error":
			e.ErrorText, _ = c["errorText"].(string)
			e.Kind = kind
		default:
			if !strings.HasPrefix(kind, "data-") {
				e.Kind = kind
			}
		}
		if metadata, ok := c["messageMetadata"].(map[string]any); ok {
			if status, ok := metadata["status"].(string); ok {
				e.Status = status
			}
		}
	}
	return e
}

// Whole fails the test unless a stream ended as it should, with its terminator.
func (e End) Whole(tb testing.TB) End {
	tb.Helper()
	if !e.Done || e.Cut {
		tb.Fatalf("the stream was cut after %d chunks: %q", len(e.Chunks), e.Text)
	}
	if _, err := streamtest.Build(e.Chunks); err != nil {
		tb.Fatalf("a client would not take the stream: %v", err)
	}
	return e
}
