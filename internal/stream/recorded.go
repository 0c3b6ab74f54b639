package stream

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// storedPart is any part as appendStored writes it.
type storedPart struct {
	storedCall
	ID               string          `json:"id"`
	Text             string          `json:"text"`
	ProviderMetadata json.RawMessage `json:"providerMetadata"`
	Output           json.RawMessage `json:"output"`
	ErrorText        string          `json:"errorText"`
	SourceID         string          `json:"sourceId"`
	URL              string          `json:"url"`
	Title            string          `json:"title"`
	MediaType        string          `json:"mediaType"`
	Data             json.RawMessage `json:"data"`
}

// Recorded follows a reply that is stored: a whole stream that leads to the same message, for who comes when its log is
// gone. How it ends is taken from the metadata: abort for status "aborted", else finish with their finishReason.
func Recorded(runID, messageID string, parts, metadata json.RawMessage) (Follower, error) {
	stored, err := readParts(parts)
	if err != nil {
		return nil, err
	}
	var how struct{ Status, FinishReason string }
	if metadata = orAbsent(metadata); metadata != nil {
		if err := json.Unmarshal(metadata, &how); err != nil {
			return nil, fmt.Errorf("read metadata: %w", err)
		}
	}
	for i := range stored {
		if s := &stored[i]; s.Approval != nil && s.State == toolStates[approvalResponded] { // as Resume takes it
			s.State, s.ErrorText = toolStates[outputError], lostCall
		}
	}
	e := encoder{buf: make([]byte, 0, len(parts)+len(parts)/4+512)}
	e.recorded(messageID, metadata, stored)
	if how.Status == "aborted" {
		e.abort()
	} else {
		if !slices.Contains(finishReasons, how.FinishReason) {
			how.FinishReason = "other"
		}
		e.finish(how.FinishReason, nil)
	}
	return &recorded{runID: runID, frames: e.buf}, nil
}

func readParts(parts json.RawMessage) ([]storedPart, error) {
	var stored []storedPart
	if err := json.Unmarshal(parts, &stored); err != nil {
		return nil, fmt.Errorf("read parts: %w", err)
	}
	return stored, nil
}

// recorded appends a whole message but for its end. Calls that were allowed and have no result wait for one.
func (e *encoder) recorded(messageID string, metadata json.RawMessage, stored []storedPart) {
	e.start(messageID, metadata)
	inStep := false
	for i := range stored {
		p, ok := stored[i].part(i)
		if !ok {
			continue
		}
		if p.kind == partStep && inStep {
			e.finishStep()
		} else if p.kind != partStep && p.kind != partData && !inStep {
			e.startStep()
		}
		inStep = inStep || p.kind != partData
		p.replay(e)
		if p.kind == partTool {
			stored[i].replayAnswer(e, p)
		}
	}
	if inStep {
		e.finishStep()
	}
}

var finishReasons = []string{"", "stop", "length", "content-filter", "tool-calls", "error", "other"}

// part is the stored part as an assembler had it; false: one of a kind that is not streamed.
func (s *storedPart) part(index int) (*part, bool) {
	id := fmt.Sprintf("p%d", index+1)
	switch s.Type {
	case "step-start":
		return &part{kind: partStep}, true
	case "text", "reasoning":
		return &part{kind: blockKind(s.Type), id: id, text: []byte(s.Text), meta: s.ProviderMetadata}, true
	case "source-url":
		return &part{kind: partSource, id: s.SourceID, url: s.URL, name: s.Title}, true
	case "file":
		return &part{kind: partFile, url: s.URL, mediaType: s.MediaType}, true
	}
	if name, ok := strings.CutPrefix(s.Type, "data-"); ok {
		return &part{kind: partData, id: s.ID, name: name, output: s.Data}, true
	}
	name, static := strings.CutPrefix(s.Type, "tool-")
	if !static && s.Type != "dynamic-tool" {
		return nil, false
	}
	if !static {
		name = s.ToolName
	}
	// What the call waited for, or had, is replayed by replayAnswer.
	return &part{kind: partTool, id: s.ToolCallID, name: name, dynamic: !static, input: orEmpty(s.Input), state: inputAvailable}, true
}

// replayAnswer appends what came after a call's input.
func (s *storedPart) replayAnswer(e *encoder, p *part) {
	if s.Approval != nil {
		e.toolApprovalRequest(s.Approval.ID, p.id)
	}
	switch s.State {
	case toolStates[outputAvailable]:
		e.toolOutputAvailable(p.id, orNull(s.Output), p.dynamic)
	case toolStates[outputError]:
		e.toolOutputError(p.id, s.ErrorText, p.dynamic)
	case toolStates[outputDenied]:
		e.toolOutputDenied(p.id)
	}
}

func orNull(output json.RawMessage) json.RawMessage {
	if output == nil {
		return json.RawMessage("null")
	}
	return output
}

// recorded follows frames that are all there.
type recorded struct {
	runID  string
	frames []byte
}

// RunID implements Follower.
func (r *recorded) RunID() string { return r.runID }

// Ended implements Follower.
func (*recorded) Ended() bool { return true }

// Next implements Follower.
func (r *recorded) Next(context.Context, time.Duration) ([]byte, error) {
	if r.frames == nil {
		return nil, io.EOF
	}
	frames := r.frames
	r.frames = nil
	return frames, nil
}

// Close implements Follower.
func (r *recorded) Close() { r.frames = nil }
