package openai

import (
	sdk "github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/responses"
	"github.com/openai/openai-go/v3/shared"

	"twobrains/internal/llm"
	"twobrains/internal/llm/wire"
)

// responseParams makes the request's body. Its errors are of kind Invalid.
func responseParams(req llm.Request, a asks) (responses.ResponseNewParams, error) {
	params := responses.ResponseNewParams{
		Model:     req.Model,
		Store:     sdk.Bool(false),
		Reasoning: shared.ReasoningParam{Effort: efforts[req.Effort]},
	}
	if !a.noEncrypted {
		params.Include = []responses.ResponseIncludable{responses.ResponseIncludableReasoningEncryptedContent}
	}
	if !a.noSummary && req.Effort != llm.EffortOff {
		params.Reasoning.Summary = shared.ReasoningSummaryAuto
	}
	if req.System != "" {
		params.Instructions = sdk.String(req.System)
	}
	if req.MaxOutputTokens > 0 {
		params.MaxOutputTokens = sdk.Int(int64(req.MaxOutputTokens))
	}
	if req.User != "" {
		params.SafetyIdentifier = sdk.String(req.User)
	}
	for _, message := range req.Messages {
		items, err := inputItems(message, a)
		if err != nil {
			return params, err
		}
		params.Input.OfInputItemList = append(params.Input.OfInputItemList, items...)
	}
	for _, tool := range req.Tools {
		schema, err := wire.Schema(tool)
		if err != nil {
			return params, err
		}
		// Strict is the default here, and refuses most schemas that were not written for it.
		function := responses.FunctionToolParam{Name: tool.Name, Parameters: schema, Strict: sdk.Bool(false)}
		if tool.Description != "" {
			function.Description = sdk.String(tool.Description)
		}
		params.Tools = append(params.Tools, responses.ToolUnionParam{OfFunction: &function})
	}
	return params, nil
}

func inputItems(message llm.Message, a asks) (responses.ResponseInputParam, error) {
	switch message.Role {
	case llm.RoleUser:
		return userItems(message.Parts)
	case llm.RoleAssistant:
		return assistantItems(message.Parts, a)
	case llm.RoleTool:
		var items responses.ResponseInputParam
		for _, part := range message.Parts {
			result, ok := part.(llm.ToolResult)
			if !ok {
				return nil, wire.Unexpected(part, message.Role)
			}
			item := responses.ResponseInputItemParamOfFunctionCallOutput(wire.ResultText(result))
			item.OfFunctionCallOutput.CallID = sdk.String(result.CallID)
			items = append(items, item)
		}
		return items, nil
	}
	return nil, wire.UnknownRole(message.Role)
}

func userItems(parts []llm.Part) (responses.ResponseInputParam, error) {
	var content responses.ResponseInputMessageContentListParam
	for _, part := range parts {
		switch part := part.(type) {
		case llm.Text:
			content = append(content, responses.ResponseInputContentParamOfInputText(part.Text))
		case llm.File:
			translated, err := inputFile(part)
			if err != nil {
				return nil, err
			}
			content = append(content, translated)
		default:
			return nil, wire.Unexpected(part, llm.RoleUser)
		}
	}
	return responses.ResponseInputParam{responses.ResponseInputItemParamOfMessage(content, responses.EasyInputMessageRoleUser)}, nil
}

func inputFile(file llm.File) (part responses.ResponseInputContentUnionParam, err error) {
	switch fileKind(file) {
	case kindImage:
		part = responses.ResponseInputContentParamOfInputImage(responses.ResponseInputImageDetailAuto)
		part.OfInputImage.ImageURL = sdk.String(location(file))
		return part, nil
	case kindPDF:
		part.OfInputFile = &responses.ResponseInputFileParam{}
		if len(file.Data) > 0 {
			part.OfInputFile.Filename = sdk.String(fileName(file))
			part.OfInputFile.FileData = sdk.String(wire.DataURL(file))
		} else {
			part.OfInputFile.FileURL = sdk.String(file.URL)
		}
		return part, nil
	case kindText:
		words, _ := wire.TextFile(file)
		return responses.ResponseInputContentParamOfInputText(words), nil
	}
	return part, unsupported(file)
}
