package google

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genai"

	"twobrains/internal/llm"
	"twobrains/internal/llm/wire"
)

// lateUsage is how long to wait for the stream's end after that of the reply: older models send usage last.
const lateUsage = 5 * time.Second

// maxSignatures bounds what one part remembers; models send one or two.
const maxSignatures = 16

// reply turns the chunks of one reply into events.
type reply struct {
	emit  func(llm.Event)
	model string

	ids     wire.CallIDs
	calls   map[string]bool // those with an id that came, by all that they say
	called  bool
	pages   map[string]bool
	block   block
	blocks  int
	usage   usage
	blocked genai.BlockedReason
	finish  llm.FinishReason
	begun   bool // something was emitted
}

// block is the open text or reasoning.
type block struct {
	id         string
	thought    bool
	length     int
	signatures []signature
}

func newReply(req llm.Request, emit func(llm.Event)) *reply {
	return &reply{emit: emit, model: req.Model, ids: wire.NewCallIDs(req), calls: map[string]bool{}, pages: map[string]bool{}}
}

// read consumes the stream. What fails after the end of the reply does not matter: only usage could come there.
func (r *reply) read(stream *wire.Reply) error {
	for event, err := range stream.Events() {
		if err == nil {
			err = r.chunk(event.Data)
		}
		if r.finish != "" || r.blocked != "" {
			stream.Hurry(lateUsage)
			if err != nil {
				break
			}
		}
		if err != nil {
			return err
		}
	}
	return r.end()
}

func (r *reply) chunk(data []byte) error {
	var c chunk
	if json.Unmarshal(data, &c) != nil {
		return llm.NewError(llm.Interrupted, errors.New("read stream: a chunk that is not as it should be"))
	}
	if len(c.Error) > 0 {
		if err := refusals.InStream(data); err != nil {
			return err
		}
	}
	if c.Usage != nil {
		r.usage = c.Usage.atLeast(r.usage)
	}
	if c.PromptFeedback != nil && c.PromptFeedback.BlockReason != "" {
		r.blocked = c.PromptFeedback.BlockReason
	}
	for _, candidate := range c.Candidates {
		if candidate.Index != 0 {
			continue
		}
		for _, p := range candidate.Content.Parts {
			r.part(p)
		}
		if candidate.Grounding != nil {
			r.sources(candidate.Grounding)
		}
		switch candidate.FinishReason {
		case "", genai.FinishReasonUnspecified: // a checkpoint, not the end
		default:
			r.finish = finishReason(candidate.FinishReason)
		}
	}
	return nil
}

func (r *reply) part(p part) {
	switch {
	case p.FunctionCall != nil:
		r.call(p)
	case p.InlineData != nil:
		if !p.Thought { // sketches on the way to an image
			r.send(llm.GeneratedFile{MediaType: p.InlineData.MIMEType, Data: p.InlineData.Data, Meta: r.made(p)})
		}
	case p.Text != nil:
		r.text(*p.Text, p.Thought, p.ThoughtSignature)
	case p.ThoughtSignature != "":
		r.text("", p.Thought, p.ThoughtSignature)
	}
}

// send emits what is no text, after which a new block begins.
func (r *reply) send(event llm.Event) {
	r.begun, r.block = true, block{}
	r.emit(event)
}

func (r *reply) text(words string, thought bool, sign string) {
	if words == "" && sign == "" {
		return
	}
	b := &r.block
	if b.id == "" || b.thought != thought || len(b.signatures) == maxSignatures && sign != "" {
		r.blocks++
		name := "text-"
		if thought {
			name = "reasoning-"
		}
		*b = block{id: name + strconv.Itoa(r.blocks), thought: thought}
	}
	var meta llm.Metadata
	if sign != "" {
		b.signatures = append(b.signatures, signature{Value: sign, From: b.length, To: b.length + len(words)})
		meta = signed{Model: r.model, Signatures: b.signatures}.meta()
	}
	b.length += len(words)
	r.begun = true
	if thought {
		r.emit(llm.ReasoningDelta{Block: b.id, Text: words, Meta: meta})
	} else {
		r.emit(llm.TextDelta{Block: b.id, Text: words, Meta: meta})
	}
}

// made is the metadata of a part that is no text.
func (r *reply) made(p part) llm.Metadata {
	s := signed{Model: r.model}
	if p.ThoughtSignature != "" {
		s.Signatures = []signature{{Value: p.ThoughtSignature}}
	}
	return s.meta()
}

// call emits a call, which comes whole. The same call under the same id is one that the server repeats.
func (r *reply) call(p part) {
	wireID, name := p.FunctionCall.ID, p.FunctionCall.Name
	if name == "" {
		return
	}
	raw := arguments(p.FunctionCall.Args)
	if wireID != "" {
		key := fmt.Sprintf("%q %q %s", wireID, name, raw)
		if r.calls[key] {
			return
		}
		r.calls[key] = true
	}
	input, malformed := wire.Arguments(raw)
	id := r.ids.New(wireID)
	r.send(llm.ToolCallStart{ID: id, Name: name})
	if len(raw) > 0 {
		r.send(llm.ToolInputDelta{ID: id, Delta: string(raw)})
	}
	r.send(llm.ToolCall{ID: id, Name: name, Input: input, Malformed: malformed, Meta: r.made(p)})
	r.called = true
}

// arguments is the text of a call's arguments: an object, or what servers in between put into a string.
func arguments(args json.RawMessage) []byte {
	if len(args) > 0 && args[0] == '"' {
		return []byte(wire.Loose(args))
	}
	var compact bytes.Buffer
	if json.Compact(&compact, args) != nil {
		return args
	}
	return compact.Bytes()
}

func (r *reply) sources(g *grounding) {
	for _, c := range g.Chunks {
		for _, found := range []*page{c.Web, c.Maps, c.Context} {
			if found == nil || r.pages[found.URI] || !strings.HasPrefix(found.URI, "http") {
				continue
			}
			r.pages[found.URI] = true
			r.begun = true
			r.emit(llm.Source{ID: "source-" + strconv.Itoa(len(r.pages)), URL: found.URI, Title: found.Title})
		}
	}
}

// plain is what is safe to log.
var plain = regexp.MustCompile(`^[A-Z_]{1,40}$`)

// end emits usage and the finish, if the reply is complete. A prompt that was blocked has no reply.
func (r *reply) end() error {
	if r.finish == "" && r.blocked == "" {
		return nil
	}
	if used := r.usage.normal(); !used.IsZero() {
		r.emit(used)
	}
	switch {
	case r.finish == "" && !r.begun:
		reason := "for a reason unheard of"
		if plain.MatchString(string(r.blocked)) {
			reason = string(r.blocked)
		}
		return llm.NewError(llm.Refused, fmt.Errorf("prompt blocked: %s", reason))
	case r.finish == "":
		r.finish = llm.FinishContentFilter
	case r.finish == llm.FinishStop && r.called:
		r.finish = llm.FinishToolCalls // the API has no word for it
	}
	r.emit(llm.Finish{Reason: r.finish})
	return nil
}

// finishReason sorts the reasons. Continuation says that the model would go on in a further request: the limit of one
// is reached. Calls that the model got wrong (MALFORMED_FUNCTION_CALL and others) are not told, so there is nothing
// that could be answered.
func finishReason(word genai.FinishReason) llm.FinishReason {
	switch word {
	case genai.FinishReasonStop:
		return llm.FinishStop
	case genai.FinishReasonMaxTokens, genai.FinishReasonContinuation:
		return llm.FinishLength
	case genai.FinishReasonSafety, genai.FinishReasonRecitation, genai.FinishReasonBlocklist, genai.FinishReasonProhibitedContent,
		genai.FinishReasonSPII, genai.FinishReasonImageSafety, genai.FinishReasonImageProhibitedContent, genai.FinishReasonImageRecitation:
		return llm.FinishContentFilter
	}
	return llm.FinishOther
}
