package stream

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"twobrains/internal/llm"
)

// Parts returns the message's parts as they are now, a JSON array in the form of UIMessage.parts. After the end it is
// what to store; before it, a partial reply with its open parts marked as streaming.
func (a *Assembler) Parts() json.RawMessage {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make([]byte, 0, a.size+a.size/8+64*len(a.parts)+2)
	out = append(out, '[')
	for i, p := range a.parts {
		if i > 0 {
			out = append(out, ',')
		}
		out = p.appendStored(out)
	}
	return append(out, ']')
}

// Metadata returns the message's merged metadata, nil if there is none.
func (a *Assembler) Metadata() json.RawMessage {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.metadata
}

// Calls returns the calls that wait for a result, in the order they were made.
func (a *Assembler) Calls() []llm.ToolCall {
	a.mu.Lock()
	defer a.mu.Unlock()
	var calls []llm.ToolCall
	for _, p := range a.parts {
		if p.kind == partTool && p.state == inputAvailable {
			calls = append(calls, llm.ToolCall{ID: p.id, Name: p.name, Input: p.input, Meta: p.meta})
		}
	}
	return calls
}

// Unreadable counts the calls since the step began whose arguments could not be read. They have no result to wait for,
// but the model must be called once more to learn of it.
func (a *Assembler) Unreadable() (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := len(a.parts) - 1; i >= 0 && a.parts[i].kind != partStep; i-- {
		if a.parts[i].badInput {
			n++
		}
	}
	return n
}

// Text returns the reply's text without reasoning, its parts joined by empty lines.
func (a *Assembler) Text() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var text []byte
	for _, p := range a.parts {
		if p.kind == partText && len(p.text) > 0 {
			if len(text) > 0 {
				text = append(text, "\n\n"...)
			}
			text = append(text, p.text...)
		}
	}
	return SanitizeText(string(text))
}

// Produced reports whether the reply holds anything that its reader has a use for: a run that produced nothing costs
// no quota.
func (a *Assembler) Produced() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range a.parts {
		if p.restored {
			continue
		}
		switch p.kind {
		case partText, partReasoning:
			if len(p.text) > 0 {
				return true
			}
		case partTool, partSource, partFile:
			return true
		}
	}
	return false
}

// errNotObject: metadata must be a JSON object.
var errNotObject = errors.New("metadata is no JSON object")

// merge merges two JSON objects as clients do: objects key by key, everything else replaced. Either may be nil.
func merge(base, over json.RawMessage) (json.RawMessage, error) {
	if over == nil {
		return base, nil
	}
	over, err := Sanitize(over)
	if err != nil {
		return nil, err
	}
	var b, o map[string]json.RawMessage
	if err := json.Unmarshal(over, &o); err != nil || o == nil {
		return nil, errNotObject
	}
	if base == nil {
		return over, nil
	}
	if err := json.Unmarshal(base, &b); err != nil || b == nil {
		return nil, errNotObject
	}
	merged := maps.Clone(b)
	for key, value := range o {
		if both, err := merge(b[key], value); err == nil && b[key] != nil {
			value = both
		}
		merged[key] = value
	}
	out, err := json.Marshal(merged)
	if err != nil {
		return nil, fmt.Errorf("merge metadata: %w", err)
	}
	return out, nil
}
