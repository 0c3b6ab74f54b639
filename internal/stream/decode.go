package stream

import (
	"bytes"
	"encoding/json"
	"iter"
)

// chunk is any chunk that the encoder writes.
type chunk struct {
	Type             string          `json:"type"`
	MessageID        string          `json:"messageId"`
	MessageMetadata  json.RawMessage `json:"messageMetadata"`
	ID               string          `json:"id"`
	Delta            string          `json:"delta"`
	ProviderMetadata json.RawMessage `json:"providerMetadata"`
	ToolCallID       string          `json:"toolCallId"`
	ToolName         string          `json:"toolName"`
	InputTextDelta   string          `json:"inputTextDelta"`
	Input            json.RawMessage `json:"input"`
	Output           json.RawMessage `json:"output"`
	Dynamic          bool            `json:"dynamic"`
	ErrorText        string          `json:"errorText"`
	ApprovalID       string          `json:"approvalId"`
	SourceID         string          `json:"sourceId"`
	URL              string          `json:"url"`
	Title            string          `json:"title"`
	Data             json.RawMessage `json:"data"`
	Transient        bool            `json:"transient"`
}

var (
	framePrefix = []byte("data: ")
	frameEnd    = []byte("\n\n")
)

// decode yields the chunks of frames. Comments, what is no chunk, and a last frame without its end are passed over.
func decode(frames []byte) iter.Seq[*chunk] {
	return func(yield func(*chunk) bool) {
		for {
			frame, rest, whole := bytes.Cut(frames, frameEnd)
			if !whole {
				return
			}
			frames = rest
			payload, ok := bytes.CutPrefix(frame, framePrefix)
			if !ok {
				continue
			}
			c := &chunk{}
			if json.Unmarshal(payload, c) == nil && c.clean() && !yield(c) {
				return
			}
		}
	}
}

// clean brings the chunk's JSON to the form in which parts are stored, which it has already if it is ours.
func (c *chunk) clean() bool {
	for _, raw := range []*json.RawMessage{&c.MessageMetadata, &c.ProviderMetadata, &c.Input, &c.Output, &c.Data} {
		if *raw == nil {
			continue
		}
		var err error
		if *raw, err = Sanitize(*raw); err != nil {
			return false
		}
	}
	return true
}
