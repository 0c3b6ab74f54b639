package openai

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"twobrains/internal/llm"
	"twobrains/internal/llm/wire"
)

// responseReply turns a stream of response events into events of the port.
type responseReply struct {
	emit func(llm.Event)

	items   map[int]*openItem // by output index
	order   []*openItem
	ids     wire.CallIDs
	refused bool
	called  bool
	sources map[string]bool // by URL
	done    bool
}

// openItem is an item of the reply while it comes.
type openItem struct {
	kind  string
	meta  itemMeta
	block string // the last one that got a delta
	// Calls only.
	callID, name string
	args         []byte
	done         bool
}

func newResponseReply(req llm.Request, emit func(llm.Event)) *responseReply {
	return &responseReply{emit: emit, items: map[int]*openItem{}, ids: wire.NewCallIDs(req), sources: map[string]bool{}}
}

func (r *responseReply) read(stream *wire.Reply) error {
	for event, err := range stream.Events() {
		if err != nil {
			return err
		}
		if err := r.event(event.Data); err != nil || r.done {
			return err
		}
	}
	return nil
}

// event takes the data of one event. Types that are not named here bring nothing that the port has a place for.
func (r *responseReply) event(data []byte) error {
	if string(data) == "[DONE]" { // some servers end as chat completions do
		return nil
	}
	var ev responseEvent
	if err := json.Unmarshal(data, &ev); err != nil {
		return llm.NewError(llm.Interrupted, errors.New("read stream: an event that is not JSON"))
	}
	switch ev.Type {
	case "response.output_item.added":
		r.open(ev.OutputIndex, ev.Item)
	case "response.output_text.delta":
		r.text(ev.OutputIndex, ev.ContentIndex, ev.Delta)
	case "response.refusal.delta":
		r.refused = true
		r.text(ev.OutputIndex, ev.ContentIndex, ev.Delta)
	case "response.reasoning_summary_text.delta":
		r.think(ev.OutputIndex, "s"+strconv.Itoa(ev.SummaryIndex), ev.Delta)
	case "response.reasoning_text.delta": // of models that show it whole
		r.think(ev.OutputIndex, "c"+strconv.Itoa(ev.ContentIndex), ev.Delta)
	case "response.function_call_arguments.delta":
		r.arguments(ev.OutputIndex, ev.Delta)
	case "response.output_text.annotation.added":
		r.source(ev.Annotation)
	case "response.output_item.done":
		r.close(ev.OutputIndex, ev.Item)
	case "response.completed", "response.incomplete", "response.failed":
		return r.end(ev.Type, ev.Response)
	default:
		return refusals.InStream(data)
	}
	return nil
}

func (r *responseReply) item(index int, kind string) *openItem {
	item, ok := r.items[index]
	if !ok {
		item = &openItem{kind: kind}
		r.items[index] = item
		r.order = append(r.order, item)
	}
	return item
}

func (r *responseReply) open(index int, sent outputItem) *openItem {
	item := r.item(index, sent.Type)
	if item.meta.ItemID == "" {
		item.meta.ItemID = sent.ID
	}
	if sent.Phase != "" {
		item.meta.Phase = sent.Phase
	}
	if sent.Type == "function_call" && item.name == "" && sent.Name != "" {
		item.name, item.callID = sent.Name, r.ids.New(sent.CallID)
		r.called = true
		r.emit(llm.ToolCallStart{ID: item.callID, Name: item.name})
	}
	return item
}

// block names the part that a delta belongs to, and gives the item's metadata with the first one.
func (i *openItem) part(index int, name string) (block string, meta llm.Metadata) {
	block = strconv.Itoa(index) + ":" + name
	if block != i.block {
		i.block = block
		meta = i.metadata()
	}
	return block, meta
}

func (i *openItem) metadata() llm.Metadata {
	if i.meta.ItemID == "" {
		return nil
	}
	return wire.Meta(metaKey, i.meta)
}

func (r *responseReply) text(index, content int, delta string) {
	if delta == "" {
		return
	}
	block, meta := r.item(index, "message").part(index, strconv.Itoa(content))
	r.emit(llm.TextDelta{Block: block, Text: delta, Meta: meta})
}

func (r *responseReply) think(index int, name, delta string) {
	if delta == "" {
		return
	}
	block, meta := r.item(index, "reasoning").part(index, name)
	r.emit(llm.ReasoningDelta{Block: block, Text: delta, Meta: meta})
}

func (r *responseReply) arguments(index int, delta string) {
	item := r.items[index]
	if item == nil || item.name == "" || item.done || delta == "" {
		return
	}
	item.args = append(item.args, delta...)
	r.emit(llm.ToolInputDelta{ID: item.callID, Delta: delta})
}

func (r *responseReply) source(a itemAnnotation) {
	if a.Type != "url_citation" || a.URL == "" || r.sources[a.URL] {
		return
	}
	r.sources[a.URL] = true
	r.emit(llm.Source{ID: "source-" + strconv.Itoa(len(r.sources)), URL: a.URL, Title: a.Title})
}

// close takes a whole item: what only its end brings, and whatever did not come before.
func (r *responseReply) close(index int, sent outputItem) {
	item := r.open(index, sent)
	if item.done {
		return
	}
	item.done = true
	switch sent.Type {
	case "reasoning":
		r.closeReasoning(index, item, sent)
	case "message":
		silent := item.block == ""
		for i, content := range sent.Content {
			if silent {
				r.refused = r.refused || content.Refusal != ""
				r.text(index, i, content.Text+content.Refusal)
			}
			for _, a := range content.Annotations {
				r.source(a)
			}
		}
	case "function_call":
		if len(item.args) == 0 {
			item.args = []byte(sent.Arguments)
		}
		r.call(item)
	case "image_generation_call":
		r.image(item, sent)
	}
}

// closeReasoning brings the encrypted content, which is another one than that of the item's beginning.
func (r *responseReply) closeReasoning(index int, item *openItem, sent outputItem) {
	if item.block == "" {
		for i, summary := range sent.Summary {
			r.think(index, "s"+strconv.Itoa(i), summary.Text)
		}
	}
	if item.meta.Encrypted = sent.Encrypted; sent.Encrypted == "" {
		return
	}
	if item.block == "" {
		item.block = strconv.Itoa(index) + ":s0"
	}
	r.emit(llm.ReasoningDelta{Block: item.block, Meta: item.metadata()})
}

func (r *responseReply) call(item *openItem) {
	if item.name == "" {
		return
	}
	input, malformed := wire.Arguments(item.args)
	r.emit(llm.ToolCall{ID: item.callID, Name: item.name, Input: input, Malformed: malformed, Meta: item.metadata()})
}

func (r *responseReply) image(item *openItem, sent outputItem) {
	data, err := base64.StdEncoding.DecodeString(sent.Result)
	if err != nil || len(data) == 0 {
		return
	}
	mediaType := http.DetectContentType(data)
	if !strings.HasPrefix(mediaType, "image/") && sent.OutputFormat != "" {
		mediaType = "image/" + sent.OutputFormat
	}
	r.emit(llm.GeneratedFile{MediaType: mediaType, Data: data, Meta: item.metadata()})
}

// end takes a terminal event.
func (r *responseReply) end(event string, state json.RawMessage) error {
	var final response
	if err := json.Unmarshal(state, &final); err != nil {
		return llm.NewError(llm.Interrupted, errors.New("read stream: a terminal event without its response"))
	}
	failed := event == "response.failed"
	for _, item := range r.order { // calls that were cut off
		if !failed && item.name != "" && !item.done {
			item.done = true
			r.call(item)
		}
	}
	if usage := final.usage(); !usage.IsZero() {
		r.emit(usage)
	}
	r.done = true
	if failed {
		f, _ := parseFailure(append(append([]byte(`{"error":`), final.Error...), '}'))
		return refusals.Error(f)
	}
	r.emit(llm.Finish{Reason: r.reason(event, final)})
	return nil
}

func (r *responseReply) reason(event string, final response) llm.FinishReason {
	if event == "response.incomplete" {
		switch {
		case final.Details == nil:
			return llm.FinishOther
		case final.Details.Reason == "max_output_tokens":
			return llm.FinishLength
		case final.Details.Reason == "content_filter":
			return llm.FinishContentFilter
		}
		return llm.FinishOther
	}
	switch {
	case r.called:
		return llm.FinishToolCalls
	case r.refused:
		return llm.FinishContentFilter
	}
	return llm.FinishStop
}
