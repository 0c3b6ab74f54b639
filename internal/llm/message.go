package llm

import "encoding/json"

// Role says who speaks in a Message.
type Role string

// The roles. Instructions have none: they are Request.System.
const (
	RoleUser      Role = "user"
	RoleAssistant Role = "assistant"
	// RoleTool carries the results of the calls that the assistant message before it made.
	RoleTool Role = "tool"
)

// Message is one turn. A user message holds Text and File parts; an assistant message Reasoning, Text, ToolCall and
// File parts in the order the model produced them; a tool message ToolResult parts, one for each call.
type Message struct {
	Role  Role
	Parts []Part
}

// Part is one of Text, Reasoning, ToolCall, ToolResult, File.
type Part interface{ part() }

// Text is plain text.
type Text struct {
	Text string
	Meta Metadata
}

// Reasoning is the model's thinking as it was streamed. Adapters send it back only where its Meta says that it came
// from their own provider and the provider wants it.
type Reasoning struct {
	Text string
	Meta Metadata
}

// ToolCall is a complete call. It is a part of an assistant message and also the event that announces it.
type ToolCall struct {
	// ID is unique within the conversation.
	ID   string
	Name string
	// Input is valid JSON, an object unless Malformed is set.
	Input json.RawMessage
	// Malformed marks a call whose arguments were no JSON object. Input then holds the raw text as a JSON string. The
	// call must not be run; the model is told so by a ToolResult with IsError.
	Malformed bool
	Meta      Metadata
}

// ToolResult answers the ToolCall of the same id.
type ToolResult struct {
	CallID string
	Name   string
	// Output is any JSON value; with IsError a JSON string that says what went wrong.
	Output  json.RawMessage
	IsError bool
}

// File is an attachment: its bytes, or an URL that the provider can fetch. An adapter that cannot pass it on answers
// with an *Error of kind Invalid before it calls the provider.
//
// In an assistant message it is a GeneratedFile of an earlier reply, with its Meta. Adapters whose provider does not
// take such files back leave them out.
type File struct {
	MediaType string
	Name      string
	Data      []byte
	URL       string
	Meta      Metadata
}

func (Text) part()       {}
func (Reasoning) part()  {}
func (ToolCall) part()   {}
func (ToolResult) part() {}
func (File) part()       {}
