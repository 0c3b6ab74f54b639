package openai

import (
	"strings"

	sdk "github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/shared"

	"twobrains/internal/llm"
	"twobrains/internal/llm/wire"
)

// chatParams makes the request's body. Its errors are of kind Invalid.
func chatParams(req llm.Request) (sdk.ChatCompletionNewParams, error) {
	params := sdk.ChatCompletionNewParams{
		Model:           req.Model,
		StreamOptions:   sdk.ChatCompletionStreamOptionsParam{IncludeUsage: sdk.Bool(true)},
		ReasoningEffort: efforts[req.Effort],
	}
	if req.System != "" {
		params.Messages = append(params.Messages, sdk.SystemMessage(req.System))
	}
	turn := lastUser(req.Messages)
	for i, message := range req.Messages {
		translated, err := chatMessage(message, i > turn)
		if err != nil {
			return params, err
		}
		params.Messages = append(params.Messages, translated...)
	}
	for _, tool := range req.Tools {
		translated, err := chatTool(tool)
		if err != nil {
			return params, err
		}
		params.Tools = append(params.Tools, translated)
	}
	if req.MaxOutputTokens > 0 {
		params.MaxTokens = sdk.Int(int64(req.MaxOutputTokens))
	}
	if req.User != "" {
		params.User = sdk.String(req.User)
	}
	return params, nil
}

var efforts = map[llm.Effort]shared.ReasoningEffort{
	llm.EffortOff:    shared.ReasoningEffortNone,
	llm.EffortLow:    shared.ReasoningEffortLow,
	llm.EffortMedium: shared.ReasoningEffortMedium,
	llm.EffortHigh:   shared.ReasoningEffortHigh,
}

// lastUser is the index of the last user message: what follows it is the current turn.
func lastUser(messages []llm.Message) int {
	for i := len(messages) - 1; i >= 0; i-- {
		if messages[i].Role == llm.RoleUser {
			return i
		}
	}
	return -1
}

func chatTool(tool llm.Tool) (sdk.ChatCompletionToolUnionParam, error) {
	schema, err := wire.Schema(tool)
	if err != nil {
		return sdk.ChatCompletionToolUnionParam{}, err
	}
	function := shared.FunctionDefinitionParam{Name: tool.Name, Parameters: schema}
	if tool.Description != "" {
		function.Description = sdk.String(tool.Description)
	}
	return sdk.ChatCompletionFunctionTool(function), nil
}

// chatMessage translates one message into one or, for tool results, several.
func chatMessage(message llm.Message, currentTurn bool) ([]sdk.ChatCompletionMessageParamUnion, error) {
	switch message.Role {
	case llm.RoleUser:
		translated, err := chatUser(message.Parts)
		return []sdk.ChatCompletionMessageParamUnion{translated}, err
	case llm.RoleAssistant:
		return chatAssistant(message.Parts, currentTurn)
	case llm.RoleTool:
		var results []sdk.ChatCompletionMessageParamUnion
		for _, part := range message.Parts {
			result, ok := part.(llm.ToolResult)
			if !ok {
				return nil, wire.Unexpected(part, message.Role)
			}
			results = append(results, sdk.ToolMessage(wire.ResultText(result), result.CallID))
		}
		return results, nil
	}
	return nil, wire.UnknownRole(message.Role)
}

// chatUser is plain text where it can be, which every server takes.
func chatUser(parts []llm.Part) (sdk.ChatCompletionMessageParamUnion, error) {
	var content []sdk.ChatCompletionContentPartUnionParam
	var words []string
	plain := true
	for _, part := range parts {
		switch part := part.(type) {
		case llm.Text:
			words = append(words, part.Text)
			content = append(content, sdk.TextContentPart(part.Text))
		case llm.File:
			translated, err := chatFile(part)
			if err != nil {
				return sdk.ChatCompletionMessageParamUnion{}, err
			}
			content = append(content, translated)
			plain = false
		default:
			return sdk.ChatCompletionMessageParamUnion{}, wire.Unexpected(part, llm.RoleUser)
		}
	}
	if plain {
		return sdk.UserMessage(strings.Join(words, "\n\n")), nil
	}
	return sdk.UserMessage(content), nil
}

func chatFile(file llm.File) (part sdk.ChatCompletionContentPartUnionParam, err error) {
	switch kind := fileKind(file); {
	case kind == kindImage:
		return sdk.ImageContentPart(sdk.ChatCompletionContentPartImageImageURLParam{URL: location(file)}), nil
	case kind == kindPDF && len(file.Data) > 0:
		return sdk.FileContentPart(sdk.ChatCompletionContentPartFileFileParam{
			Filename: sdk.String(fileName(file)), FileData: sdk.String(wire.DataURL(file)),
		}), nil
	case kind == kindText:
		words, _ := wire.TextFile(file)
		return sdk.TextContentPart(words), nil
	}
	return part, unsupported(file)
}

// chatAssistant translates a reply of the model. Its reasoning goes back only where the server demands it: to the server
// that gave it, in the field it came in, while the tool loop of the current turn goes on.
func chatAssistant(parts []llm.Part, currentTurn bool) ([]sdk.ChatCompletionMessageParamUnion, error) {
	var message sdk.ChatCompletionAssistantMessageParam
	var words []string
	reasoning := map[string]any{}
	for _, part := range parts {
		switch part := part.(type) {
		case llm.Text:
			words = append(words, part.Text)
		case llm.Reasoning:
			if field := reasoningField(part.Meta); field != "" {
				earlier, _ := reasoning[field].(string)
				reasoning[field] = earlier + part.Text
			}
		case llm.ToolCall:
			message.ToolCalls = append(message.ToolCalls, sdk.ChatCompletionMessageToolCallUnionParam{
				OfFunction: &sdk.ChatCompletionMessageFunctionToolCallParam{
					ID:       part.ID,
					Function: sdk.ChatCompletionMessageFunctionToolCallFunctionParam{Name: part.Name, Arguments: string(wire.SentArguments(part))},
				},
			})
		case llm.File: // chat completions have no place for it
		default:
			return nil, wire.Unexpected(part, llm.RoleAssistant)
		}
	}
	if len(words) > 0 {
		message.Content.OfString = sdk.String(strings.Join(words, "\n\n"))
	}
	if len(words) == 0 && len(message.ToolCalls) == 0 {
		return nil, nil // servers reject an assistant message without content
	}
	if currentTurn && len(message.ToolCalls) > 0 && len(reasoning) > 0 {
		message.SetExtraFields(reasoning)
	}
	return []sdk.ChatCompletionMessageParamUnion{{OfAssistant: &message}}, nil
}

// metaKey is the provider's key in metadata.
const metaKey = "openai"

// chatMeta is the metadata of reasoning.
type chatMeta struct {
	// ReasoningField is the name under which the server gave it and wants it back.
	ReasoningField string `json:"reasoningField"`
}

func reasoningField(meta llm.Metadata) string {
	var own chatMeta
	if !wire.ReadMeta(meta, metaKey, &own) {
		return ""
	}
	switch own.ReasoningField {
	case "reasoning_content", "reasoning":
		return own.ReasoningField
	}
	return ""
}
