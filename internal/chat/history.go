package chat

import (
	"encoding/json"
	"fmt"
	"strings"

	"twobrains/internal/llm"
)

// Messages turns a stored message (role and UIMessage parts) into what a model reads. A step-start divides an
// assistant message into blocks: each becomes an assistant message and, where it made calls, the message with their
// results. Calls without a result are left out together with nothing else, so that every call a model sees is answered.
// Sources and data are for the reader only. In place of a file of the user's that is not among these there is a note; one that
// a model made is left out then, as adapters do that cannot give it back.
func (f Files) Messages(role string, parts json.RawMessage) ([]llm.Message, error) {
	var stored []storedPart
	if err := json.Unmarshal(parts, &stored); err != nil {
		return nil, fmt.Errorf("read parts: %w", err)
	}
	if role == "user" {
		var content []llm.Part
		for _, p := range stored {
			switch {
			case p.Type == "text" && p.Text != "":
				content = append(content, llm.Text{Text: p.Text})
			case p.Type == "file":
				content = append(content, f.sent(p))
			}
		}
		if content == nil {
			return nil, nil
		}
		return []llm.Message{{Role: llm.RoleUser, Parts: content}}, nil
	}
	var messages []llm.Message
	block := assistantBlock{files: f}
	for _, p := range stored {
		if p.Type == "step-start" {
			messages = block.flush(messages)
			continue
		}
		block.add(p)
	}
	return block.flush(messages), nil
}

// storedPart is the union of the parts that a model gets to see again.
type storedPart struct {
	Type         string          `json:"type"`
	Text         string          `json:"text"`
	ToolName     string          `json:"toolName"`
	ToolCallID   string          `json:"toolCallId"`
	State        string          `json:"state"`
	Input        json.RawMessage `json:"input"`
	Output       json.RawMessage `json:"output"`
	ErrorText    string          `json:"errorText"`
	MediaType    string          `json:"mediaType"`
	URL          string          `json:"url"`
	Filename     string          `json:"filename"`
	Metadata     json.RawMessage `json:"providerMetadata"`
	CallMetadata json.RawMessage `json:"callProviderMetadata"`
	Approval     struct {
		Reason string `json:"reason"`
	} `json:"approval"`
}

func (p storedPart) tool() (name string, ok bool) {
	if p.Type == "dynamic-tool" {
		return p.ToolName, true
	}
	return strings.CutPrefix(p.Type, "tool-")
}

// assistantBlock is one step of a reply.
type assistantBlock struct {
	files   Files
	parts   []llm.Part
	results []llm.Part
}

func (b *assistantBlock) add(p storedPart) {
	name, isTool := p.tool()
	switch {
	case p.Type == "text" && (p.Text != "" || p.Metadata != nil):
		b.parts = append(b.parts, llm.Text{Text: p.Text, Meta: p.Metadata})
	case p.Type == "file":
		if file, ok := b.files.made(p); ok {
			b.parts = append(b.parts, file)
		}
	case p.Type == "reasoning" && (p.Text != "" || p.Metadata != nil):
		b.parts = append(b.parts, llm.Reasoning{Text: p.Text, Meta: p.Metadata})
	case isTool && p.State == "output-available":
		b.call(name, p)
		b.results = append(b.results, llm.ToolResult{CallID: p.ToolCallID, Name: name, Output: p.Output})
	case isTool && p.State == "output-denied":
		b.call(name, p)
		text, _ := json.Marshal(strings.TrimSpace("The user did not allow this call. " + p.Approval.Reason))
		b.results = append(b.results, llm.ToolResult{CallID: p.ToolCallID, Name: name, Output: text, IsError: true})
	case isTool && p.State == "output-error":
		b.call(name, p)
		text, _ := json.Marshal(p.ErrorText)
		b.results = append(b.results, llm.ToolResult{CallID: p.ToolCallID, Name: name, Output: text, IsError: true})
	}
}

func (b *assistantBlock) call(name string, p storedPart) {
	call := llm.ToolCall{ID: p.ToolCallID, Name: name, Input: p.Input, Meta: p.CallMetadata}
	if len(call.Input) == 0 {
		call.Input = json.RawMessage("{}")
	}
	call.Malformed = call.Input[0] != '{'
	b.parts = append(b.parts, call)
}

func (b *assistantBlock) flush(messages []llm.Message) []llm.Message {
	if len(b.parts) > 0 {
		messages = append(messages, llm.Message{Role: llm.RoleAssistant, Parts: b.parts})
	}
	if len(b.results) > 0 {
		messages = append(messages, llm.Message{Role: llm.RoleTool, Parts: b.results})
	}
	*b = assistantBlock{files: b.files}
	return messages
}
