package llm

// Event is one of TextDelta, ReasoningDelta, ToolCallStart, ToolInputDelta, ToolCall, Source, GeneratedFile, Usage, Finish.
//
// Adapters promise: at most one Usage, cumulative for the call, and one Finish, the last event; every ToolCall comes
// once and after its own start and deltas, where there are any; call ids are unique within the reply and differ from
// those in the request's messages.
type Event interface{ event() }

// TextDelta appends to the answer. Deltas of one block belong to one part; a new block starts a new one.
type TextDelta struct {
	Block string
	Text  string
	// Meta, where not nil, replaces the block's metadata. Text may then be empty.
	Meta Metadata
}

// ReasoningDelta appends to the reasoning, in the same way.
type ReasoningDelta struct {
	Block string
	Text  string
	Meta  Metadata
}

// ToolCallStart says that the arguments of a call begin to arrive.
type ToolCallStart struct {
	ID   string
	Name string
}

// ToolInputDelta is a fragment of the call's arguments, raw JSON text.
type ToolInputDelta struct {
	ID    string
	Delta string
}

// Source is a web page that the answer rests on.
type Source struct {
	ID    string
	URL   string
	Title string
}

// GeneratedFile is a file that the model made, such as an image.
type GeneratedFile struct {
	MediaType string
	Data      []byte
	Meta      Metadata
}

// Usage counts tokens in the same way for all providers.
type Usage struct {
	// Input counts all input tokens, CachedInput those of them that were read from the provider's cache.
	Input       int64
	CachedInput int64
	// Output counts all output tokens, Reasoning those of them that were reasoning.
	Output    int64
	Reasoning int64
}

// Plus adds the usage of another call.
func (u Usage) Plus(v Usage) Usage {
	return Usage{
		Input:       u.Input + v.Input,
		CachedInput: u.CachedInput + v.CachedInput,
		Output:      u.Output + v.Output,
		Reasoning:   u.Reasoning + v.Reasoning,
	}
}

// IsZero reports that nothing was counted: the provider did not say.
func (u Usage) IsZero() bool { return u == Usage{} }

// FinishReason says why the model stopped. The values are those of the client's stream.
type FinishReason string

// What adapters send, but for FinishError. FinishOther is also for what they do not know.
const (
	FinishStop          FinishReason = "stop"
	FinishLength        FinishReason = "length"
	FinishContentFilter FinishReason = "content-filter"
	// FinishToolCalls says that the model waits for the results of its calls.
	FinishToolCalls FinishReason = "tool-calls"
	// FinishError is not sent by adapters. It is for replies that end with a failure.
	FinishError FinishReason = "error"
	FinishOther FinishReason = "other"
)

// Finish is the last event of a complete reply.
type Finish struct {
	Reason FinishReason
}

func (TextDelta) event()      {}
func (ReasoningDelta) event() {}
func (ToolCallStart) event()  {}
func (ToolInputDelta) event() {}
func (ToolCall) event()       {}
func (Source) event()         {}
func (GeneratedFile) event()  {}
func (Usage) event()          {}
func (Finish) event()         {}
