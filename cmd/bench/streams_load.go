package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// loadVerb makes this program the clients of a load.
const loadVerb = "stream-load"

// loadConfig is what the clients get on their standard input.
type loadConfig struct {
	Address string `json:"address"`
	// Tokens of the users, of whom each sends one message.
	Tokens []string `json:"tokens"`
	// Label begins the ids of their messages.
	Label        string `json:"label"`
	Conversation string `json:"conversation"`
	Model        string `json:"model"`
	// Ramp is how long it takes until all have sent, at an even rate.
	Ramp time.Duration `json:"ramp"`
	// Chunks of a whole reply.
	Chunks int `json:"chunks"`
	// Patience with one stream.
	Patience time.Duration `json:"patience"`
}

// loadResult is what they saw. Times of a stream count from when it was to start, so that a server that lets clients wait
// for their turn to connect gains nothing by it.
type loadResult struct {
	Complete int `json:"complete"`
	// Refused are answers 503 with a Retry-After.
	Refused int `json:"refused"`
	// Errors by what went wrong.
	Errors map[string]int `json:"errors"`
	// First is the time to the first byte of the answer, Word to the first chunk of the provider, Refusal to the whole head
	// of a refusal, Delay from the provider's sending of a chunk to its arrival.
	First   spread3 `json:"first"`
	Word    spread3 `json:"word"`
	Refusal spread3 `json:"refusal"`
	Delay   spread3 `json:"delay"`
	Chunks  int     `json:"chunks"`
	// CPU is the clients' own processor time.
	CPU time.Duration `json:"cpu"`
}

// spread3 are quantiles of durations.
type spread3 struct{ P50, P99, Max time.Duration }

func spreadOf(d []time.Duration) spread3 {
	if len(d) == 0 {
		return spread3{}
	}
	return spread3{quantile(d, .5), quantile(d, .99), slices.Max(d)}
}

// seen is what one client saw.
type seen struct {
	first, word, refusal time.Duration
	delays               []time.Duration
	err                  error
	refused              bool
}

// load lets all clients send and waits for them.
func load(ctx context.Context, c loadConfig) (loadResult, error) {
	all := make([]seen, len(c.Tokens))
	if err := c.run(ctx, all); err != nil {
		return loadResult{}, err
	}
	r := loadResult{Errors: map[string]int{}, CPU: ownCPU()}
	var first, word, refusal, delays []time.Duration
	for _, s := range all {
		if s.refused {
			r.Refused++
			refusal = append(refusal, s.refusal)
			continue
		}
		if s.first > 0 {
			first = append(first, s.first)
		}
		if s.word > 0 {
			word = append(word, s.word)
		}
		delays = append(delays, s.delays...)
		if s.err != nil {
			r.Errors[s.err.Error()]++
			continue
		}
		r.Complete++
	}
	r.First, r.Word, r.Refusal, r.Delay, r.Chunks = spreadOf(first), spreadOf(word), spreadOf(refusal), spreadOf(delays), len(delays)
	return r, nil
}

func (c loadConfig) messageID(i int) string { return c.Label + strconv.Itoa(i) }

// request is what client i sends.
func (c loadConfig) request(i int) []byte {
	body := fmt.Sprintf(`{"id":%q,"modelId":%q,"messages":[{"id":%q,"role":"user","parts":[{"type":"text","text":"What do you think of it?"}]}]}`,
		c.Conversation, "openai:"+c.Model, c.messageID(i))
	return fmt.Appendf(nil, "POST /api/ai HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		c.Address, c.Tokens[i], len(body), body)
}

// verdict says what is wrong with an answer that has ended; the same text for the same thing, to be counted.
func (a *answer) verdict(chunks int) error {
	switch {
	case a.s.refused:
		return nil
	case a.broken:
		return errors.New("error in the stream")
	case !a.done:
		return errors.New("no [DONE]")
	case len(a.s.delays) != chunks:
		return errors.New("chunks missing")
	}
	return nil
}

// answer reads an answer of HTTP/1.1 in pieces, as little of it as a load needs.
type answer struct {
	s    *seen
	at   time.Time
	now  time.Time // when the piece arrived
	line []byte    // the line that is not complete yet
	// left is what is left of the chunk; the head, sizes of chunks and the empty lines after them are read while it is 0.
	left   int
	inBody bool
	body   []byte // the line of the body that is not complete yet

	status     int
	retryAfter bool
	done       bool
	broken     bool
	ended      bool
}

func (a *answer) feed(p []byte) error {
	for len(p) > 0 && !a.ended {
		if a.left > 0 {
			n := min(a.left, len(p))
			a.left -= n
			a.lines(p[:n])
			p = p[n:]
			continue
		}
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			a.line = append(a.line, p...)
			return nil
		}
		a.line = append(a.line, p[:i]...)
		p = p[i+1:]
		if err := a.headLine(string(bytes.TrimSpace(a.line))); err != nil {
			return err
		}
		a.line = a.line[:0]
	}
	return nil
}

// headLine reads a line of the head, or the size of a chunk.
func (a *answer) headLine(line string) error {
	switch {
	case a.inBody:
		if line == "" {
			return nil
		}
		size, err := strconv.ParseUint(line, 16, 31)
		if err != nil {
			return errors.New("answer is not chunked")
		}
		a.left, a.ended = int(size), size == 0
	case a.status == 0:
		if _, err := fmt.Sscanf(line, "HTTP/1.1 %d", &a.status); err != nil {
			return errors.New("answer is no HTTP")
		}
	case line != "":
		a.retryAfter = a.retryAfter || len(line) > 12 && (line[:12] == "Retry-After:" || line[:12] == "retry-after:")
	case a.status == 200:
		a.inBody = true
	default:
		if a.status != 503 || !a.retryAfter {
			return fmt.Errorf("status %d", a.status)
		}
		a.s.refused, a.s.refusal, a.ended = true, a.now.Sub(a.at), true
	}
	return nil
}

func (a *answer) lines(p []byte) {
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			a.body = append(a.body, p...)
			return
		}
		line := p[:i]
		if len(a.body) > 0 {
			a.body = append(a.body, line...)
			line = a.body
		}
		a.bodyLine(line)
		a.body, p = a.body[:0], p[i+1:]
	}
}

func (a *answer) bodyLine(line []byte) {
	if sent, number, ok := readMark(line); ok {
		if a.s.word == 0 {
			a.s.word = a.now.Sub(a.at)
		}
		a.broken = a.broken || number != len(a.s.delays)
		a.s.delays = append(a.s.delays, a.now.Sub(sent))
		return
	}
	if bytes.HasPrefix(line, []byte("data: [DONE]")) {
		a.done = true
	}
	if bytes.HasPrefix(line, []byte(`data: {"type":"error"`)) {
		a.broken = true
	}
}
