// Package demo is a model that needs no key: it runs inside the server, answers the same request in the same way, and
// shows on request everything that a reply can hold or suffer. It is what a new installation answers with, and what
// tests of everything above the models stand on. docs/models.md lists the words it reacts to.
package demo

import (
	"context"
	"errors"
	"iter"
	"time"

	"twobrains/internal/llm"
)

// Model is the only model of this provider.
const Model = "demo"

// DefaultDelay between two words makes a reply read like one that is being written: 65 words a second.
const DefaultDelay = 15 * time.Millisecond

// Options of a Provider.
type Options struct {
	// Delay between two words. 0 is none, for tests.
	Delay time.Duration
}

// Provider implements llm.Provider.
type Provider struct{ delay time.Duration }

var _ llm.Provider = (*Provider)(nil)

// New makes a provider.
func New(o Options) *Provider { return &Provider{delay: o.Delay} }

// Stream implements llm.Provider.
func (p *Provider) Stream(ctx context.Context, req llm.Request) iter.Seq2[llm.Event, error] {
	return func(yield func(llm.Event, error) bool) {
		script, err := plan(req)
		if err != nil {
			yield(nil, err)
			return
		}
		delay := p.delay
		if script.delay > 0 {
			delay = script.delay
		}
		s := sender{ctx: ctx, yield: yield, delay: delay, limit: req.MaxOutputTokens}
		s.run(script, inputUsage(req))
	}
}

// sender plays a script. Its methods report false when the reply is over: the reader left, ctx ended, or the limit of
// output words is reached.
type sender struct {
	ctx   context.Context
	yield func(llm.Event, error) bool
	delay time.Duration
	limit int

	words   int
	limited bool
	timer   *time.Timer
}

func (s *sender) run(sc script, usage llm.Usage) {
	defer func() {
		if s.timer != nil {
			s.timer.Stop()
		}
	}()
	whole := s.say(sc.reasoning, func(word string) llm.Event { return llm.ReasoningDelta{Block: "reasoning", Text: word} })
	usage.Reasoning = int64(s.words)
	whole = whole && s.say(sc.text, func(word string) llm.Event { return llm.TextDelta{Block: "text", Text: word} })
	for _, source := range sc.sources {
		whole = whole && s.yield(source, nil)
	}
	for _, call := range sc.calls {
		whole = whole && s.call(call)
	}
	finish := sc.finish
	switch {
	case s.limited:
		finish = llm.FinishLength
	case !whole:
		return
	case sc.stall:
		<-s.ctx.Done()
		s.yield(nil, context.Cause(s.ctx))
		return
	case sc.fail != nil:
		s.yield(nil, sc.fail)
		return
	}
	usage.Output = int64(s.words)
	if s.yield(usage, nil) {
		s.yield(llm.Finish{Reason: finish}, nil)
	}
}

// say sends a text word by word.
func (s *sender) say(text string, event func(word string) llm.Event) bool {
	for word := range words(text) {
		if s.limit > 0 && s.words >= s.limit {
			s.limited = true
			return false
		}
		if !s.pause() || !s.yield(event(word), nil) {
			return false
		}
		s.words++
	}
	return true
}

// call streams a call's arguments in two fragments, as providers do.
func (s *sender) call(call llm.ToolCall) bool {
	raw := string(call.Input)
	if call.Malformed {
		raw = `{"expression": "6 *`
	}
	half := len(raw) / 2
	s.words++
	return s.pause() && s.yield(llm.ToolCallStart{ID: call.ID, Name: call.Name}, nil) &&
		s.pause() && s.yield(llm.ToolInputDelta{ID: call.ID, Delta: raw[:half]}, nil) &&
		s.pause() && s.yield(llm.ToolInputDelta{ID: call.ID, Delta: raw[half:]}, nil) &&
		s.yield(call, nil)
}

func (s *sender) pause() bool {
	if s.ctx.Err() == nil && s.delay > 0 {
		if s.timer == nil {
			s.timer = time.NewTimer(s.delay)
		} else {
			s.timer.Reset(s.delay)
		}
		select {
		case <-s.timer.C:
		case <-s.ctx.Done():
		}
	}
	if s.ctx.Err() != nil {
		s.yield(nil, context.Cause(s.ctx))
		return false
	}
	return true
}

// words splits a text into words, each with the space that follows it.
func words(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		start, inSpace := 0, false
		for i, r := range text {
			space := r == ' ' || r == '\n'
			if inSpace && !space {
				if !yield(text[start:i]) {
					return
				}
				start = i
			}
			inSpace = space
		}
		if start < len(text) {
			yield(text[start:])
		}
	}
}

// inputUsage counts words for tokens; what stood in earlier messages counts as cached.
func inputUsage(req llm.Request) llm.Usage {
	count := func(text string) (n int64) {
		for range words(text) {
			n++
		}
		return n
	}
	usage := llm.Usage{Input: count(req.System)}
	for _, tool := range req.Tools {
		usage.Input += count(tool.Description)
	}
	for i, message := range req.Messages {
		if i == len(req.Messages)-1 && i > 0 {
			usage.CachedInput = usage.Input
		}
		for _, part := range message.Parts {
			switch p := part.(type) {
			case llm.Text:
				usage.Input += count(p.Text)
			case llm.ToolResult:
				usage.Input += count(string(p.Output))
			case llm.ToolCall:
				usage.Input += count(string(p.Input))
			}
		}
	}
	return usage
}

var errUnknownModel = errors.New("unknown model")
