// Package llm is the one port behind which every model stands. A Provider takes a Request and answers with a stream of
// Events; adapters (packages below this one) translate to and from a provider's wire format and nothing else. Runs,
// tools, storage and the client's stream format are not known here.
package llm

import (
	"context"
	"encoding/json"
	"iter"
)

// Provider answers requests. Implementations are safe for concurrent use and hold no state of a conversation.
type Provider interface {
	// Stream sends the request when the sequence is ranged over and yields the reply's events in the order they came.
	//
	// The sequence ends in one of three ways. A complete reply ends after one Finish, the last event. A failure
	// yields (nil, err) last, err being an *Error; what was yielded before it is good and may be kept. When ctx ends,
	// the last error is context.Cause(ctx). Breaking out of the loop cancels the provider's request.
	//
	// A reply counts as finished only on the provider's own terminal event: a connection that merely ends is an
	// *Error of kind Interrupted.
	Stream(ctx context.Context, req Request) iter.Seq2[Event, error]
}

// Request is one call to a model: the whole conversation so far and the tools it may call.
type Request struct {
	// Model is the provider's own id, without the provider's prefix.
	Model string
	// System holds the instructions, empty for none.
	System   string
	Messages []Message
	Tools    []Tool
	// Effort asks for an amount of reasoning. Empty leaves it to the model, and must be left empty for models whose
	// catalog entry does not list the effort.
	Effort Effort
	// MaxOutputTokens caps the reply, reasoning included. 0 leaves it to the provider.
	MaxOutputTokens int
	// User is an opaque, stable pseudonym of the person asking, by which providers tell abusers apart. Empty sends none.
	User string
}

// Tool is a function that the model may ask for. Running it is the caller's part, see ToolRunner.
type Tool struct {
	// Name matches [a-zA-Z0-9_-]{1,64}, the intersection of what providers accept.
	Name        string
	Description string
	// InputSchema is a JSON Schema whose top level is an object. Empty means an object without properties.
	InputSchema json.RawMessage
}

// ToolRunner runs one call of a tool. The input is a JSON object chosen by the model and not validated; the output is
// any JSON value. An error's text is shown to the model and the user: it must be safe to show.
type ToolRunner func(ctx context.Context, input json.RawMessage) (json.RawMessage, error)

// Effort is an amount of reasoning, the same words for all providers.
type Effort string

// The amounts, in rising order.
const (
	EffortOff    Effort = "off"
	EffortLow    Effort = "low"
	EffortMedium Effort = "medium"
	EffortHigh   Effort = "high"
)

// Valid reports whether e is one of the constants above (the empty effort is not).
func (e Effort) Valid() bool {
	switch e {
	case EffortOff, EffortLow, EffortMedium, EffortHigh:
		return true
	}
	return false
}

// Metadata is what a provider wants back verbatim in later turns (signatures, item ids, encrypted reasoning): a JSON
// object {"provider": {"key": value}}. Only the adapter that made it reads it; nil for none.
type Metadata = json.RawMessage
