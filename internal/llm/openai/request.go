package openai

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	sdk "github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/packages/param"
	"github.com/openai/openai-go/v3/shared"

	"twobrains/internal/llm"
)

// params makes the request's body. Its errors are of kind Invalid.
func (p *Provider) params(req llm.Request) (sdk.ChatCompletionNewParams, error) {
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
		translated, err := p.message(message, i > turn)
		if err != nil {
			return params, err
		}
		params.Messages = append(params.Messages, translated...)
	}
	for _, tool := range req.Tools {
		translated, err := translateTool(tool)
		if err != nil {
			return params, err
		}
		params.Tools = append(params.Tools, translated)
	}
	limit, user := param.Opt[int64]{}, param.Opt[string]{}
	if req.MaxOutputTokens > 0 {
		limit = sdk.Int(int64(req.MaxOutputTokens))
	}
	if req.User != "" {
		user = sdk.String(req.User)
	}
	if p.o.Dialect == DialectOpenAI {
		params.MaxCompletionTokens, params.SafetyIdentifier, params.Store = limit, user, sdk.Bool(false)
	} else {
		params.MaxTokens, params.User = limit, user
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

func translateTool(tool llm.Tool) (sdk.ChatCompletionToolUnionParam, error) {
	schema := shared.FunctionParameters{"type": "object", "properties": map[string]any{}}
	if len(tool.InputSchema) > 0 {
		schema = nil
		if err := json.Unmarshal(tool.InputSchema, &schema); err != nil || schema == nil {
			return sdk.ChatCompletionToolUnionParam{}, llm.NewError(llm.Invalid, fmt.Errorf("schema of tool %q is no JSON object", tool.Name))
		}
	}
	function := shared.FunctionDefinitionParam{Name: tool.Name, Parameters: schema}
	if tool.Description != "" {
		function.Description = sdk.String(tool.Description)
	}
	return sdk.ChatCompletionFunctionTool(function), nil
}

// message translates one message into one or, for tool results, several.
func (p *Provider) message(message llm.Message, currentTurn bool) ([]sdk.ChatCompletionMessageParamUnion, error) {
	switch message.Role {
	case llm.RoleUser:
		words, err := plainText(message.Parts)
		return []sdk.ChatCompletionMessageParamUnion{sdk.UserMessage(words)}, err
	case llm.RoleAssistant:
		return p.assistant(message.Parts, currentTurn)
	case llm.RoleTool:
		var results []sdk.ChatCompletionMessageParamUnion
		for _, part := range message.Parts {
			result, ok := part.(llm.ToolResult)
			if !ok {
				return nil, unexpected(part, message.Role)
			}
			results = append(results, sdk.ToolMessage(resultText(result), result.CallID))
		}
		return results, nil
	}
	return nil, llm.NewError(llm.Invalid, fmt.Errorf("unknown role %q", message.Role))
}

func plainText(parts []llm.Part) (string, error) {
	var words []string
	for _, part := range parts {
		switch p := part.(type) {
		case llm.Text:
			words = append(words, p.Text)
		case llm.File:
			return "", llm.NewError(llm.Invalid, errors.New("file part")).WithDetail("This model takes no attachments here.")
		default:
			return "", unexpected(part, llm.RoleUser)
		}
	}
	return strings.Join(words, "\n\n"), nil
}

func unexpected(part llm.Part, role llm.Role) error {
	return llm.NewError(llm.Invalid, fmt.Errorf("part %T in a message of role %s", part, role))
}

// assistant translates a reply of the model. Its reasoning goes back only where the server demands it: to the server
// that gave it, in the field it came in, while the tool loop of the current turn goes on.
func (p *Provider) assistant(parts []llm.Part, currentTurn bool) ([]sdk.ChatCompletionMessageParamUnion, error) {
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
					Function: sdk.ChatCompletionMessageFunctionToolCallFunctionParam{Name: part.Name, Arguments: sentArguments(part)},
				},
			})
		default:
			return nil, unexpected(part, llm.RoleAssistant)
		}
	}
	if len(words) > 0 {
		message.Content.OfString = sdk.String(strings.Join(words, "\n\n"))
	}
	if len(words) == 0 && len(message.ToolCalls) == 0 {
		return nil, nil // servers reject an assistant message without content
	}
	if p.o.Dialect == DialectCompatible && currentTurn && len(message.ToolCalls) > 0 && len(reasoning) > 0 {
		message.SetExtraFields(reasoning)
	}
	return []sdk.ChatCompletionMessageParamUnion{{OfAssistant: &message}}, nil
}

// sentArguments are the arguments as the model wrote them, or none where they were no object: servers parse them.
func sentArguments(call llm.ToolCall) string {
	if call.Malformed || len(call.Input) == 0 || call.Input[0] != '{' {
		return "{}"
	}
	return string(call.Input)
}

func reasoningField(meta llm.Metadata) string {
	var own struct {
		OpenAI struct {
			Field string `json:"reasoningField"`
		} `json:"openai"`
	}
	if len(meta) == 0 || json.Unmarshal(meta, &own) != nil {
		return ""
	}
	switch own.OpenAI.Field {
	case "reasoning_content", "reasoning":
		return own.OpenAI.Field
	}
	return ""
}

// resultText is a result as the model reads it: strings as they are, everything else as JSON.
func resultText(result llm.ToolResult) string {
	words := loose(result.Output)
	if result.IsError {
		return "Error: " + words
	}
	return words
}
