package openai

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/openai/openai-go/v3/packages/ssestream"

	"twobrains/internal/llm"
)

// lateUsage is how long to wait for usage and the terminator after the reply's end.
const lateUsage = 5 * time.Second

// errUnfinished: the stream ended, the reply did not.
var errUnfinished = errors.New("stream ended without finish_reason")

// reply turns a stream of chunks into events.
type reply struct {
	yield func(llm.Event, error) bool
	gone  bool // the reader left

	finish      llm.FinishReason
	refused     bool // the words are those of a refusal
	usage       llm.Usage
	reasoning   string // the field that reasoning comes in, while it comes
	calls       []*call
	ids         map[string]bool // taken, in the conversation or in this reply
	sourceCount int
}

type call struct {
	index    int
	wireID   string
	id, name string
	args     []byte
}

func newReply(req llm.Request, yield func(llm.Event, error) bool) *reply {
	r := &reply{yield: yield, ids: map[string]bool{}}
	for _, message := range req.Messages {
		for _, part := range message.Parts {
			if c, ok := part.(llm.ToolCall); ok {
				r.ids[c.ID] = true
			}
		}
	}
	return r
}

// emit hands an event to the reader, unless the reader left.
func (r *reply) emit(event llm.Event) {
	if !r.gone {
		r.gone = !r.yield(event, nil)
	}
}

// read consumes the stream. What fails after the end of the reply does not matter: only usage could come there.
func (r *reply) read(res *http.Response, body *watchedBody) error {
	decoder := ssestream.NewDecoder(res)
	for decoder.Next() {
		data := bytes.TrimSpace(decoder.Event().Data)
		if len(data) == 0 {
			continue
		}
		if bytes.Equal(data, []byte("[DONE]")) {
			break
		}
		finished := r.finish != ""
		if err := r.chunk(data); err != nil && r.finish == "" {
			return err
		}
		if r.gone {
			return nil
		}
		if !finished && r.finish != "" {
			body.hurry(lateUsage)
		}
	}
	if r.finish == "" {
		err := decoder.Err()
		if err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errUnfinished
		}
		return llm.NewError(llm.Interrupted, fmt.Errorf("read stream: %w", err))
	}
	r.end()
	body.drain()
	return nil
}

func (r *reply) chunk(data []byte) error {
	var c chunk
	if err := json.Unmarshal(data, &c); err != nil {
		return llm.NewError(llm.Interrupted, errors.New("read stream: a chunk that is not JSON"))
	}
	if len(c.Choices) == 0 && c.Usage == nil {
		if e := parseFailure(data); e != (wireError{}) {
			return classify(0, http.Header{}, e)
		}
	} else if len(c.Error) > 0 && string(c.Error) != "null" {
		return classify(0, http.Header{}, parseFailure(data))
	}
	if c.Usage != nil {
		r.usage = c.Usage.normal()
	}
	for _, choice := range c.Choices {
		if choice.Index != 0 {
			continue
		}
		r.delta(choice.Delta)
		if choice.FinishReason != nil && *choice.FinishReason != "" && r.finish == "" {
			r.finish = finishReason(*choice.FinishReason)
		}
	}
	return nil
}

func (r *reply) delta(d delta) {
	switch {
	case d.ReasoningContent != "":
		r.think("reasoning_content", d.ReasoningContent)
	case d.Reasoning != "":
		r.think("reasoning", d.Reasoning)
	}
	r.refused = r.refused || d.Refusal != ""
	for _, words := range []text{d.Content, d.Refusal} {
		if words != "" {
			r.reasoning = ""
			r.emit(llm.TextDelta{Block: "text", Text: string(words)})
		}
	}
	for _, a := range d.Annotations {
		if a.URLCitation != nil && a.URLCitation.URL != "" {
			r.sourceCount++
			r.emit(llm.Source{ID: "source-" + strconv.Itoa(r.sourceCount), URL: a.URLCitation.URL, Title: a.URLCitation.Title})
		}
	}
	for _, t := range d.ToolCalls {
		r.reasoning = ""
		r.toolDelta(t)
	}
}

// think emits reasoning. The name of the field goes into the metadata, under which the server wants it back.
func (r *reply) think(field string, words text) {
	event := llm.ReasoningDelta{Block: "reasoning", Text: string(words)}
	if r.reasoning != field {
		event.Meta = llm.Metadata(`{"openai":{"reasoningField":"` + field + `"}}`)
		r.reasoning = field
	}
	r.emit(event)
}

// toolDelta collects one fragment. A call is known by its index; servers that number badly start a new call by a new id
// or a repeated name.
func (r *reply) toolDelta(t toolDelta) {
	c := r.find(t)
	if c == nil {
		if t.Function.Name == "" {
			return
		}
		c = &call{index: len(r.calls), wireID: t.ID, name: t.Function.Name, id: r.newID(t.ID)}
		if t.Index != nil {
			c.index = *t.Index
		}
		r.calls = append(r.calls, c)
		r.emit(llm.ToolCallStart{ID: c.id, Name: c.name})
	}
	if args := t.Function.Arguments; args != "" {
		c.args = append(c.args, args...)
		r.emit(llm.ToolInputDelta{ID: c.id, Delta: string(args)})
	}
}

func (r *reply) find(t toolDelta) *call {
	for i := len(r.calls) - 1; i >= 0; i-- {
		c := r.calls[i]
		if t.Index != nil && *t.Index != c.index {
			continue
		}
		name := t.Function.Name
		another := name != "" && (t.ID != "" && t.ID != c.wireID || t.ID == "" && (t.Index == nil || json.Valid(c.args)))
		if another {
			return nil
		}
		return c
	}
	return nil
}

// newID keeps the server's id where it is new in the conversation, for some servers start at call_0 in every reply.
func (r *reply) newID(wireID string) string {
	base := wireID
	if base == "" {
		base = "call"
	}
	id := base
	for n := 1; id == "" || r.ids[id] || (wireID == "" && n == 1); n++ {
		id = base + "_" + strconv.Itoa(n)
	}
	r.ids[id] = true
	return id
}

func (r *reply) end() {
	for _, c := range r.calls {
		input, malformed := arguments(c.args)
		r.emit(llm.ToolCall{ID: c.id, Name: c.name, Input: input, Malformed: malformed})
	}
	if !r.usage.IsZero() {
		r.emit(r.usage)
	}
	switch {
	case len(r.calls) > 0 && r.finish == llm.FinishStop:
		r.finish = llm.FinishToolCalls // as some servers do not say
	case len(r.calls) == 0 && r.finish == llm.FinishToolCalls:
		r.finish = llm.FinishOther
	case r.refused && r.finish == llm.FinishStop:
		r.finish = llm.FinishContentFilter
	}
	r.emit(llm.Finish{Reason: r.finish})
}

func finishReason(word string) llm.FinishReason {
	switch word {
	case "stop", "eos", "end_turn":
		return llm.FinishStop
	case "length", "max_tokens":
		return llm.FinishLength
	case "content_filter":
		return llm.FinishContentFilter
	case "tool_calls", "function_call":
		return llm.FinishToolCalls
	}
	return llm.FinishOther
}
