package anthropic

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"twobrains/internal/llm"
	"twobrains/internal/llm/wire"
)

// reply turns a stream of events into those of the port.
type reply struct {
	model string
	emit  func(llm.Event)
	ended bool

	blocks  map[int]*block
	ids     wire.CallIDs
	calls   int
	sources map[string]bool // URLs
	usage   usage
	finish  llm.FinishReason
}

// block is a content block of the reply.
type block struct {
	kind    string
	name    string // of the port's block, or of the tool
	stopped bool

	signature string
	wireID    string
	id        string
	args      []byte
}

func newReply(req llm.Request, emit func(llm.Event)) *reply {
	return &reply{
		model: req.Model, emit: emit, blocks: map[int]*block{}, ids: wire.NewCallIDs(req), sources: map[string]bool{}, finish: llm.FinishOther,
	}
}

var errNotJSON = errors.New("read stream: an event that is not JSON")

// event takes one event. Unknown ones are ignored: the API's versioning policy adds some.
func (r *reply) event(data []byte) error {
	var ev event
	if err := json.Unmarshal(data, &ev); err != nil {
		return llm.NewError(llm.Interrupted, errNotJSON)
	}
	switch ev.Type {
	case "message_start":
		if ev.Message != nil {
			r.usage.update(ev.Message.Usage)
		}
	case "content_block_start":
		r.start(ev.Index, ev.ContentBlock)
	case "content_block_delta":
		r.delta(ev.Index, ev.Delta)
	case "content_block_stop":
		r.stop(ev.Index)
	case "message_delta":
		r.usage.update(ev.Usage)
		if ev.Delta.StopReason != "" {
			r.finish = finishReason(ev.Delta.StopReason)
		}
	case "message_stop":
		r.end()
	case "error", "": // some servers forget the type
		return refusals.InStream(data)
	}
	return nil
}

// start opens a block. Some servers open one twice: the second time says nothing new.
func (r *reply) start(index int, c contentBlock) {
	if old := r.blocks[index]; old != nil {
		if old.kind == c.Type && old.wireID == c.ID {
			return
		}
		r.stop(index)
	}
	b := &block{kind: c.Type, wireID: c.ID, name: c.Type + "-" + strconv.Itoa(index)}
	r.blocks[index] = b
	switch c.Type {
	case "text":
		r.text(b, c.Text)
		r.cite(c.Citations...)
	case "thinking":
		b.signature = c.Signature
		r.think(b, c.Thinking)
	case "redacted_thinking":
		r.emit(llm.ReasoningDelta{Block: b.name, Meta: wire.Meta(name, thought{Model: r.model, RedactedData: c.Data})})
	case "tool_use":
		r.call(b, c)
	case "web_search_tool_result":
		var results []citation
		if json.Unmarshal(c.Content, &results) == nil {
			r.cite(results...)
		}
	}
}

func (r *reply) call(b *block, c contentBlock) {
	if c.Name == "" {
		b.kind = "" // a call of nothing
		return
	}
	b.name, b.id = c.Name, r.ids.New(c.ID)
	r.calls++
	r.emit(llm.ToolCallStart{ID: b.id, Name: b.name})
	if input, malformed := wire.Arguments(c.Input); !malformed && string(input) != "{}" {
		r.arguments(b, string(input)) // whole, as some servers send them
	}
}

func (r *reply) delta(index int, d delta) {
	b := r.blocks[index]
	if b == nil || b.stopped {
		return
	}
	switch {
	case d.Type == "text_delta" && b.kind == "text":
		r.text(b, d.Text)
	case d.Type == "citations_delta":
		r.cite(d.Citation)
	case d.Type == "thinking_delta" && b.kind == "thinking":
		r.think(b, d.Thinking)
	case d.Type == "signature_delta" && b.kind == "thinking":
		b.signature += d.Signature
	case d.Type == "input_json_delta" && b.kind == "tool_use":
		r.arguments(b, d.PartialJSON)
	}
}

func (r *reply) text(b *block, text string) {
	if text != "" {
		r.emit(llm.TextDelta{Block: b.name, Text: text})
	}
}

func (r *reply) think(b *block, text string) {
	if text != "" {
		r.emit(llm.ReasoningDelta{Block: b.name, Text: text})
	}
}

func (r *reply) arguments(b *block, fragment string) {
	if fragment != "" {
		b.args = append(b.args, fragment...)
		r.emit(llm.ToolInputDelta{ID: b.id, Delta: fragment})
	}
}

// stop closes a block. Only then is thinking signed and a call complete.
func (r *reply) stop(index int) {
	b := r.blocks[index]
	if b == nil || b.stopped {
		return
	}
	b.stopped = true
	switch {
	case b.kind == "thinking" && b.signature != "":
		r.emit(llm.ReasoningDelta{Block: b.name, Meta: wire.Meta(name, thought{Model: r.model, Signature: b.signature})})
	case b.kind == "tool_use":
		input, malformed := wire.Arguments(b.args)
		r.emit(llm.ToolCall{ID: b.id, Name: b.name, Input: input, Malformed: malformed})
	}
}

// cite emits the web pages among the citations, each once.
func (r *reply) cite(citations ...citation) {
	for _, c := range citations {
		url := c.URL
		if url == "" {
			url = c.Source
		}
		if r.sources[url] || !strings.HasPrefix(url, "https://") && !strings.HasPrefix(url, "http://") {
			continue
		}
		r.sources[url] = true
		r.emit(llm.Source{ID: "source-" + strconv.Itoa(len(r.sources)), URL: url, Title: c.Title})
	}
}

func (r *reply) end() {
	for _, index := range slices.Sorted(maps.Keys(r.blocks)) {
		r.stop(index)
	}
	if used := r.usage.normal(); !used.IsZero() {
		r.emit(used)
	}
	switch {
	case r.calls > 0 && r.finish == llm.FinishStop:
		r.finish = llm.FinishToolCalls
	case r.calls == 0 && r.finish == llm.FinishToolCalls:
		r.finish = llm.FinishOther
	}
	r.ended = true
	r.emit(llm.Finish{Reason: r.finish})
}

// finishReason: pause_turn, a turn of the provider's own tools that is to be continued, is among the others.
func finishReason(word string) llm.FinishReason {
	switch word {
	case "end_turn", "stop_sequence":
		return llm.FinishStop
	case "max_tokens", "model_context_window_exceeded":
		return llm.FinishLength
	case "tool_use":
		return llm.FinishToolCalls
	case "refusal":
		return llm.FinishContentFilter
	}
	return llm.FinishOther
}
