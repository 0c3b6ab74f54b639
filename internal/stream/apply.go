package stream

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"twobrains/internal/llm"
)

// Apply adds an event of a model's reply. Usage and Finish change nothing: the one is metadata, the other may be
// followed by tools and another step.
func (a *Assembler) Apply(event llm.Event) error {
	switch ev := event.(type) {
	case llm.TextDelta:
		return a.do(func() error { return a.delta(partText, ev.Block, ev.Text, ev.Meta) })
	case llm.ReasoningDelta:
		return a.do(func() error { return a.delta(partReasoning, ev.Block, ev.Text, ev.Meta) })
	case llm.ToolCallStart:
		return a.do(func() error { return a.callStart(ev) })
	case llm.ToolInputDelta:
		return a.do(func() error { return a.inputDelta(ev) })
	case llm.ToolCall:
		return a.do(func() error { return a.call(ev) })
	case llm.Source:
		return a.do(func() error { return a.source(ev) })
	case llm.GeneratedFile:
		return a.do(func() error { return a.generated(ev) })
	case llm.Usage, llm.Finish:
		return nil
	}
	return fmt.Errorf("apply event: unknown kind %T", event)
}

func (a *Assembler) delta(kind partKind, block, text string, meta llm.Metadata) error {
	if text == "" && meta == nil {
		return nil
	}
	if meta != nil {
		clean, err := Sanitize(meta)
		if err != nil {
			return fmt.Errorf("provider metadata: %w", err)
		}
		meta = clean
	}
	if err := a.grow(len(text)); err != nil {
		return err
	}
	p := a.open
	if p == nil || p.kind != kind || p.block != block {
		if err := a.ensureStep(); err != nil {
			return err
		}
		a.closeBlock()
		p = &part{kind: kind, id: a.nextID(kind.wire()[:1]), block: block, open: true}
		a.open = p
		a.add(p)
		a.enc.blockStart(kind.wire(), p.id, nil)
		a.flushed = time.Time{}
	}
	if meta != nil {
		p.meta = meta
	}
	p.text = append(p.text, text...)
	a.push(p, text)
	return nil
}

// closeBlock closes the open text or reasoning part.
func (a *Assembler) closeBlock() {
	a.flush()
	if p := a.open; p != nil {
		p.open = false
		a.open = nil
		a.enc.blockEnd(p.kind.wire(), p.id, p.meta)
	}
}

func (a *Assembler) callStart(ev llm.ToolCallStart) error {
	if p, ok := a.calls[ev.ID]; ok {
		if p.state == inputStreaming && p.name == ev.Name {
			return nil
		}
		return ErrDuplicateCall
	}
	if err := a.ensureStep(); err != nil {
		return err
	}
	a.closeBlock()
	p := a.newCall(ev.ID, ev.Name)
	a.enc.toolInputStart(p.id, p.name, p.dynamic)
	return nil
}

func (a *Assembler) newCall(id, name string) *part {
	p := &part{kind: partTool, id: id, name: name, dynamic: a.o.Dynamic(name)}
	a.calls[id] = p
	a.add(p)
	return p
}

func (a *Assembler) inputDelta(ev llm.ToolInputDelta) error {
	p, ok := a.calls[ev.ID]
	if !ok || p.state != inputStreaming {
		return ErrUnknownCall
	}
	if ev.Delta == "" {
		return nil
	}
	if err := a.grow(len(ev.Delta)); err != nil {
		return err
	}
	p.text = append(p.text, ev.Delta...)
	a.push(p, ev.Delta)
	return nil
}

const malformedCall = "The model sent arguments that cannot be read."

func (a *Assembler) call(ev llm.ToolCall) error {
	p, streamed := a.calls[ev.ID]
	if streamed && (p.state != inputStreaming || p.name != ev.Name) {
		return ErrDuplicateCall
	}
	input, err := Sanitize(ev.Input)
	if err != nil {
		ev.Malformed, input = true, json.RawMessage(`{}`)
	}
	var meta json.RawMessage
	if ev.Meta != nil {
		if meta, err = Sanitize(ev.Meta); err != nil {
			return fmt.Errorf("provider metadata: %w", err)
		}
	}
	if err := a.grow(len(input)); err != nil {
		return err
	}
	if !streamed {
		if err := a.ensureStep(); err != nil {
			return err
		}
		a.closeBlock()
		p = a.newCall(ev.ID, ev.Name)
	}
	a.flush()
	p.meta = meta
	if ev.Malformed {
		a.inputError(p, input, malformedCall)
		return nil
	}
	p.state, p.input, p.text = inputAvailable, input, nil
	a.enc.toolInputAvailable(p.id, p.name, input, p.dynamic)
	return nil
}

// inputError ends a call whose input is no good.
func (a *Assembler) inputError(p *part, input json.RawMessage, errorText string) {
	p.state, p.input, p.errorText, p.text, p.badInput = outputError, input, errorText, nil, true
	a.enc.toolInputError(p.id, p.name, input, errorText, p.dynamic)
}

// ToolOutput answers a call. The output is sanitised; ErrNotJSON leaves the call open.
func (a *Assembler) ToolOutput(callID string, output json.RawMessage) error {
	return a.do(func() error {
		p, ok := a.calls[callID]
		if !ok || p.state != inputAvailable {
			return ErrUnknownCall
		}
		clean, err := Sanitize(output)
		if err != nil {
			return fmt.Errorf("tool output: %w", err)
		}
		if err := a.grow(len(clean)); err != nil {
			return err
		}
		a.flush()
		p.state, p.output = outputAvailable, clean
		a.enc.toolOutputAvailable(p.id, clean, p.dynamic)
		return nil
	})
}

// ToolError answers a call with a failure. The text is shown to the user.
func (a *Assembler) ToolError(callID, errorText string) error {
	return a.do(func() error {
		p, ok := a.calls[callID]
		if !ok || p.state != inputAvailable {
			return ErrUnknownCall
		}
		a.flush()
		a.outputError(p, errorText)
		return nil
	})
}

func (a *Assembler) outputError(p *part, errorText string) {
	p.state, p.errorText = outputError, errorText
	a.enc.toolOutputError(p.id, errorText, p.dynamic)
}

// closeCalls ends calls whose input is incomplete and, where asked, those that wait for a result.
func (a *Assembler) closeCalls(waiting bool) {
	text := interruptedCall
	if a.restored {
		text = lostCall
	}
	for _, p := range a.parts {
		switch {
		case p.kind != partTool:
		case p.state == inputStreaming:
			a.inputError(p, json.RawMessage(`{}`), interruptedCall)
		case p.state == inputAvailable && waiting:
			a.outputError(p, text)
		case p.state == approvalRequested && a.restored && !p.restored:
			a.outputError(p, interruptedCall) // what the answer would be held to is lost
		}
	}
}

// source adds a web page once, however often it is named. Clients make links of sources, so other schemes are left out.
func (a *Assembler) source(ev llm.Source) error {
	if !isWebPage(ev.URL) {
		return nil
	}
	taken := ev.ID == ""
	for _, p := range a.parts {
		if p.kind == partSource && p.url == ev.URL {
			return nil
		}
		taken = taken || (p.kind == partSource && p.id == ev.ID)
	}
	if err := a.grow(len(ev.URL) + len(ev.Title)); err != nil {
		return err
	}
	if err := a.ensureStep(); err != nil {
		return err
	}
	a.flush()
	if taken {
		ev.ID = a.nextID("s")
	}
	a.add(&part{kind: partSource, id: ev.ID, url: ev.URL, name: ev.Title})
	a.enc.sourceURL(ev.ID, ev.URL, ev.Title)
	return nil
}

func isWebPage(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

// Data adds a part "data-name", or replaces the one of the same name and id where id is not empty. Transient data is
// sent to who follows now, and neither stored nor promised to later followers.
func (a *Assembler) Data(name, id string, data json.RawMessage, transient bool) error {
	return a.do(func() error {
		clean, err := Sanitize(data)
		if err != nil {
			return fmt.Errorf("data part: %w", err)
		}
		if err := a.start(); err != nil {
			return err
		}
		if !transient {
			if err := a.grow(len(clean)); err != nil {
				return err
			}
			a.storeData(name, id, clean)
		}
		a.flush()
		a.enc.data(name, id, clean, transient)
		return nil
	})
}

func (a *Assembler) storeData(name, id string, data json.RawMessage) {
	if id != "" {
		for _, p := range a.parts {
			if p.kind == partData && p.name == name && p.id == id {
				p.output = bytes.Clone(data)
				return
			}
		}
	}
	a.add(&part{kind: partData, name: name, id: id, output: data})
}
