package stream

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Restore makes an Assembler in the state that frames left, for who settles the run of a writer that is dead: it ends as
// any other does, and so do the followers of the log, which must be the one that the frames are from (Logs.Adopt).
// Frames that are torn or make no sense are passed over. What is not in a log is not in the parts: files, whose bytes
// nobody has, and the provider's metadata of tool calls. The message's id may be left out of the options.
//
// Finish ends calls without a result too, as Abort and Fail do, and requests for approval: what the answer would be held to
// is not in the log. Where the frames hold the last chunk of the reply, the log is closed and Ended true.
func Restore(log Log, o Options, frames []byte) (*Assembler, error) {
	return restore(NewAssembler(log, o), frames)
}

// RestoreContinued is Restore for a run that went on with a reply, which it takes as it is stored since the answers are:
// Parts is the whole message.
func RestoreContinued(log Log, o Options, parts, metadata json.RawMessage, frames []byte) (*Assembler, error) {
	a := NewAssembler(log, o)
	var stored []json.RawMessage
	if err := json.Unmarshal(parts, &stored); err != nil {
		return nil, fmt.Errorf("read parts: %w", err)
	}
	for _, raw := range stored {
		var call storedCall
		if err := json.Unmarshal(raw, &call); err != nil {
			return nil, fmt.Errorf("read part: %w", err)
		}
		if call.State != toolStates[approvalResponded] || call.Approval == nil {
			a.keep(raw, call.ToolCallID)
			continue
		}
		p := call.restore(nil)
		p.state, p.errorText = inputAvailable, ""
		a.calls[p.id] = p
		a.add(p)
	}
	a.size, a.next, a.metadata = len(parts), len(stored), orAbsent(metadata)
	return restore(a, frames)
}

// keep adds a part of an earlier run as it is stored. The id of a call stays taken.
func (a *Assembler) keep(raw json.RawMessage, callID string) {
	a.add(&part{kind: partStored, restored: true, output: raw})
	if callID != "" {
		a.calls[callID] = &part{kind: partTool, id: callID, state: outputAvailable}
	}
}

// Ended reports whether the reply was finished, aborted or failed.
func (a *Assembler) Ended() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ended
}

func restore(a *Assembler, frames []byte) (*Assembler, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.restored, a.logged = true, len(frames)
	a.compactAt = max(a.o.CompactBytes, 2*len(frames))
	for c := range decode(frames) {
		if a.ended {
			break
		}
		a.replayed(c)
	}
	if a.ended {
		a.log.Close(EndComplete)
	}
	return a, nil
}

// replayed takes in a chunk that is in the log already.
func (a *Assembler) replayed(c *chunk) {
	if c.Type == "start" && !a.started {
		a.started = true
		if a.o.MessageID == "" {
			a.o.MessageID = c.MessageID
		}
		a.replayedMetadata(c.MessageMetadata)
		return
	}
	if !a.started && c.Type != "error" {
		return
	}
	switch c.Type {
	case "start-step":
		a.replayedStep()
	case "finish-step":
		a.replayedEnd(a.open, nil)
		a.inStep = false
	case "text-start", "reasoning-start":
		a.replayedEnd(a.open, nil)
		a.inside()
		a.open = &part{kind: blockKind(c.Type), id: c.ID, open: true}
		a.taken(c.ID)
		a.add(a.open)
	case "text-delta", "reasoning-delta":
		if p := a.openBlock(c); p != nil {
			p.text = append(p.text, c.Delta...)
			a.size += len(c.Delta)
		}
	case "text-end", "reasoning-end":
		a.replayedEnd(a.openBlock(c), c.ProviderMetadata)
	case "source-url":
		a.inside()
		a.taken(c.SourceID)
		a.size += len(c.URL) + len(c.Title)
		a.add(&part{kind: partSource, id: c.SourceID, url: c.URL, name: c.Title})
	case "file":
		a.replayedEnd(a.open, nil)
		a.inside()
	case "message-metadata":
		a.replayedMetadata(c.MessageMetadata)
	case "finish", "abort", "error":
		a.replayedEnd(a.open, nil)
		a.replayedMetadata(c.MessageMetadata)
		a.inStep, a.ended = false, true
	default:
		a.replayedOther(c)
	}
}

func (a *Assembler) replayedOther(c *chunk) {
	if name, ok := strings.CutPrefix(c.Type, "data-"); ok {
		if !c.Transient && name != "" && c.Data != nil {
			a.size += len(c.Data)
			a.storeData(name, c.ID, c.Data)
		}
		return
	}
	if c.ToolCallID != "" {
		a.replayedCall(c)
	}
}

// replayedCall takes in a chunk about a tool call.
func (a *Assembler) replayedCall(c *chunk) {
	p := a.calls[c.ToolCallID]
	input := strings.HasPrefix(c.Type, "tool-input-")
	if p == nil && input && c.Type != "tool-input-delta" && c.ToolName != "" {
		a.replayedEnd(a.open, nil)
		a.inside()
		p = &part{kind: partTool, id: c.ToolCallID, name: c.ToolName, dynamic: c.Dynamic}
		a.calls[p.id] = p
		a.add(p)
	}
	if p == nil || input != (p.state == inputStreaming) {
		return
	}
	a.size += len(c.InputTextDelta) + len(c.Input) + len(c.Output)
	switch c.Type {
	case "tool-input-delta":
		p.text = append(p.text, c.InputTextDelta...)
	case "tool-input-available":
		p.state, p.input, p.text = inputAvailable, orEmpty(c.Input), nil
	case "tool-input-error":
		p.state, p.input, p.errorText, p.text, p.badInput = outputError, orEmpty(c.Input), c.ErrorText, nil, true
	}
	if p.state != inputAvailable && p.state != approvalRequested {
		return
	}
	switch c.Type {
	case "tool-output-available":
		p.state, p.output = outputAvailable, orNull(c.Output)
	case "tool-output-error":
		p.state, p.errorText = outputError, c.ErrorText
	case "tool-approval-request":
		p.state, p.approval = approvalRequested, storedApproval{ID: c.ApprovalID}.encode()
	case "tool-output-denied":
		p.state = outputDenied
	}
}

func orEmpty(input json.RawMessage) json.RawMessage {
	if input == nil {
		return json.RawMessage("{}")
	}
	return input
}

func blockKind(chunkType string) partKind {
	if strings.HasPrefix(chunkType, "reasoning") {
		return partReasoning
	}
	return partText
}

// openBlock is the open part that a delta or an end belongs to.
func (a *Assembler) openBlock(c *chunk) *part {
	if p := a.open; p != nil && p.id == c.ID && p.kind == blockKind(c.Type) {
		return p
	}
	return nil
}

func (a *Assembler) replayedEnd(p *part, meta json.RawMessage) {
	if p != nil {
		p.open, p.meta = false, meta
		a.open = nil
	}
}

func (a *Assembler) replayedStep() {
	a.replayedEnd(a.open, nil)
	a.inStep = true
	a.add(&part{kind: partStep})
}

// inside makes sure of a step, as the encoder's frames always do.
func (a *Assembler) inside() {
	if !a.inStep {
		a.replayedStep()
	}
}

// taken keeps nextID from giving an id a second time.
func (a *Assembler) taken(id string) {
	if n, err := strconv.Atoi(strings.TrimLeft(id, "trs")); err == nil && n < 1<<30 {
		a.next = max(a.next, n)
	}
}

func (a *Assembler) replayedMetadata(metadata json.RawMessage) {
	if merged, err := merge(a.metadata, orAbsent(metadata)); err == nil {
		a.metadata = merged
	}
}

// orAbsent makes nil of JSON that says nothing.
func orAbsent(metadata json.RawMessage) json.RawMessage {
	if trimmed := bytes.TrimSpace(metadata); len(trimmed) == 0 || bytes.Equal(trimmed, []byte("null")) {
		return nil
	}
	return metadata
}
