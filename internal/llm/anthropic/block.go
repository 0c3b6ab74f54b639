package anthropic

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"

	sdk "github.com/anthropics/anthropic-sdk-go"

	"twobrains/internal/llm"
	"twobrains/internal/llm/wire"
)

func userBlocks(parts []llm.Part) ([]sdk.ContentBlockParamUnion, error) {
	var blocks []sdk.ContentBlockParamUnion
	for _, part := range parts {
		switch part := part.(type) {
		case llm.Text:
			if !blank(part.Text) {
				blocks = append(blocks, sdk.NewTextBlock(part.Text))
			}
		case llm.File:
			block, err := fileBlock(part)
			if err != nil {
				return nil, err
			}
			blocks = append(blocks, block)
		default:
			return nil, wire.Unexpected(part, llm.RoleUser)
		}
	}
	return blocks, nil
}

// assistantBlocks translates a reply. Thinking at its end, which a reply has that broke off, is left out: the API does
// not take it there.
func (t *translation) assistantBlocks(parts []llm.Part, thinking bool) ([]sdk.ContentBlockParamUnion, error) {
	var blocks, thoughts []sdk.ContentBlockParamUnion
	add := func(block sdk.ContentBlockParamUnion) {
		t.thinks = t.thinks || len(thoughts) > 0
		blocks = append(append(blocks, thoughts...), block)
		thoughts = nil
	}
	for _, part := range parts {
		switch part := part.(type) {
		case llm.Text:
			if !blank(part.Text) {
				add(sdk.NewTextBlock(part.Text))
			}
		case llm.Reasoning:
			if block, own := ownThinking(part, t.model); own && thinking {
				thoughts = append(thoughts, block)
			}
		case llm.ToolCall:
			add(sdk.NewToolUseBlock(callID(part.ID), canonical(wire.SentArguments(part)), part.Name))
		case llm.File: // replies take none back
		default:
			return nil, wire.Unexpected(part, llm.RoleAssistant)
		}
	}
	return blocks, nil
}

// thought is the metadata of a thinking block: what is needed to send it back as it came. Every model reads its own
// thinking, few read that of others, so a block stays with its model.
type thought struct {
	Model     string `json:"model"`
	Signature string `json:"signature,omitempty"`
	// RedactedData is the content of a redacted_thinking block, which has no text.
	RedactedData string `json:"redactedData,omitempty"`
}

// ownThinking returns the block that the reasoning was, if the model made it and it is complete.
func ownThinking(part llm.Reasoning, model string) (block sdk.ContentBlockParamUnion, own bool) {
	var meta thought
	switch {
	case !wire.ReadMeta(part.Meta, name, &meta) || meta.Model != model:
		return block, false
	case meta.RedactedData != "":
		return sdk.NewRedactedThinkingBlock(meta.RedactedData), true
	case meta.Signature != "":
		return sdk.NewThinkingBlock(meta.Signature, part.Text), true
	}
	return block, false
}

func resultBlocks(parts []llm.Part) ([]sdk.ContentBlockParamUnion, error) {
	var blocks []sdk.ContentBlockParamUnion
	for _, part := range parts {
		result, ok := part.(llm.ToolResult)
		if !ok {
			return nil, wire.Unexpected(part, llm.RoleTool)
		}
		block := sdk.ToolResultBlockParam{ToolUseID: callID(result.CallID)}
		if result.IsError {
			block.IsError = sdk.Bool(true)
		}
		if text := wire.Loose(canonical(result.Output)); !blank(text) {
			block.Content = []sdk.ToolResultBlockParamContentUnion{{OfText: &sdk.TextBlockParam{Text: text}}}
		}
		blocks = append(blocks, sdk.ContentBlockParamUnion{OfToolResult: &block})
	}
	return blocks, nil
}

// canonical writes JSON on one line with the keys of objects in order. A database gives them back in another order and
// with other spaces than the model or the tool did; to the API that would be another conversation, which costs what it
// has cached and the thinking that followed.
func canonical(value json.RawMessage) json.RawMessage {
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.UseNumber()
	var decoded any
	if decoder.Decode(&decoded) != nil {
		return value
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(decoded) != nil {
		return value
	}
	return bytes.TrimSpace(out.Bytes())
}

var plainID = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,64}$`)

// callID is the id as the API takes it: calls that another provider's model made may have ids with other characters.
func callID(id string) string {
	if plainID.MatchString(id) {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return "call_" + hex.EncodeToString(sum[:12])
}
