package openai

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"strconv"
	"time"

	"twobrains/internal/llm"
	"twobrains/internal/llm/wire"
)

// lateUsage is how long to wait for usage and the terminator after the reply's end.
const lateUsage = 5 * time.Second

func (p *Provider) streamChat(ctx context.Context, req llm.Request) iter.Seq2[llm.Event, error] {
	params, err := chatParams(req)
	if err != nil {
		return wire.Fail(err)
	}
	return p.o.Stream(ctx, func(ctx context.Context) (*http.Response, error) {
		return p.post(ctx, "chat/completions", params)
	}, func(r *wire.Reply) error {
		return newChatReply(req, r.Emit).read(r)
	})
}

// chatReply turns a stream of chunks into events.
type chatReply struct {
	emit func(llm.Event)

	finish    llm.FinishReason
	refused   bool // the words are those of a refusal
	usage     llm.Usage
	reasoning string // the field that reasoning comes in, while it comes
	calls     []*chatCall
	ids       wire.CallIDs
	sources   int
}

type chatCall struct {
	index    int
	wireID   string
	id, name string
	args     []byte
}

func newChatReply(req llm.Request, emit func(llm.Event)) *chatReply {
	return &chatReply{emit: emit, ids: wire.NewCallIDs(req)}
}

// read consumes the stream. What fails after the end of the reply does not matter: only usage could come there.
func (r *chatReply) read(stream *wire.Reply) error {
	for event, err := range stream.Events() {
		finished := r.finish != ""
		if err == nil && string(event.Data) != "[DONE]" {
			err = r.chunk(event.Data)
		} else if err == nil {
			break
		}
		if err != nil && r.finish != "" {
			break
		}
		if err != nil {
			return err
		}
		if !finished && r.finish != "" {
			stream.Hurry(lateUsage)
		}
	}
	if r.finish != "" {
		r.end()
	}
	return nil
}

func (r *chatReply) chunk(data []byte) error {
	if words, ok := skim(data); ok {
		r.delta(delta{Content: words})
		return nil
	}
	var c chunk
	if err := json.Unmarshal(data, &c); err != nil {
		return llm.NewError(llm.Interrupted, errors.New("read stream: a chunk that is not JSON"))
	}
	if (len(c.Choices) == 0 && c.Usage == nil) || (len(c.Error) > 0 && string(c.Error) != "null") {
		if err := refusals.InStream(data); err != nil {
			return err
		}
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

func (r *chatReply) delta(d delta) {
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
			r.sources++
			r.emit(llm.Source{ID: "source-" + strconv.Itoa(r.sources), URL: a.URLCitation.URL, Title: a.URLCitation.Title})
		}
	}
	for _, image := range d.Images {
		if file, ok := wire.ParseDataURL(image.ImageURL.URL); ok {
			r.emit(llm.GeneratedFile{MediaType: file.MediaType, Data: file.Data})
		}
	}
	for _, t := range d.ToolCalls {
		r.reasoning = ""
		r.toolDelta(t)
	}
}

// think emits reasoning. The name of the field goes into the metadata, under which the server wants it back.
func (r *chatReply) think(field string, words text) {
	event := llm.ReasoningDelta{Block: "reasoning", Text: string(words)}
	if r.reasoning != field {
		event.Meta = wire.Meta(metaKey, chatMeta{ReasoningField: field})
		r.reasoning = field
	}
	r.emit(event)
}

// toolDelta collects one fragment. A call is known by its index; servers that number badly start a new call by a new id
// or a repeated name.
func (r *chatReply) toolDelta(t toolDelta) {
	c := r.find(t)
	if c == nil {
		if t.Function.Name == "" {
			return
		}
		c = &chatCall{index: len(r.calls), wireID: t.ID, name: t.Function.Name, id: r.ids.New(t.ID)}
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

func (r *chatReply) find(t toolDelta) *chatCall {
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

func (r *chatReply) end() {
	for _, c := range r.calls {
		input, malformed := wire.Arguments(c.args)
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
