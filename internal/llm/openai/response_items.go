package openai

import (
	"encoding/base64"

	sdk "github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/responses"

	"twobrains/internal/llm"
	"twobrains/internal/llm/wire"
)

// itemMeta is the metadata of parts that came from the Responses API: the item they belong to.
type itemMeta struct {
	ItemID string `json:"itemId,omitempty"`
	// Phase tells commentary from the final answer; models expect it back.
	Phase string `json:"phase,omitempty"`
	// Encrypted is the reasoning itself, on the last part of its item. Nobody but the provider can read it.
	Encrypted string `json:"encryptedContent,omitempty"`
}

func readItem(meta llm.Metadata, a asks) itemMeta {
	var own itemMeta
	if a.noItems || !wire.ReadMeta(meta, metaKey, &own) {
		return itemMeta{}
	}
	return own
}

// assistantItems rebuilds the items of an earlier reply. The provider keeps nothing, so reasoning goes back only with
// its encrypted content; and it refuses reasoning that nothing follows, which a reply that broke off may end with.
func assistantItems(parts []llm.Part, a asks) (responses.ResponseInputParam, error) {
	var items responses.ResponseInputParam
	var reasoning *responses.ResponseReasoningItemParam
	var message *responses.ResponseOutputMessageParam
	keep := 0 // items up to the last one that is no reasoning
	for _, part := range parts {
		if _, ok := part.(llm.Reasoning); !ok {
			reasoning = nil
		}
		if _, ok := part.(llm.Text); !ok {
			message = nil
		}
		switch part := part.(type) {
		case llm.Reasoning:
			own := readItem(part.Meta, a)
			if own.ItemID == "" {
				continue
			}
			if reasoning == nil || reasoning.ID != own.ItemID {
				item := responses.ResponseInputItemParamOfReasoning(own.ItemID, []responses.ResponseReasoningItemSummaryParam{})
				items, reasoning = append(items, item), item.OfReasoning
			}
			if part.Text != "" {
				reasoning.Summary = append(reasoning.Summary, responses.ResponseReasoningItemSummaryParam{Text: part.Text})
			}
			if own.Encrypted != "" {
				reasoning.EncryptedContent = sdk.String(own.Encrypted)
			}
			continue
		case llm.Text:
			own := readItem(part.Meta, a)
			switch {
			case own.ItemID == "":
				items = append(items, responses.ResponseInputItemParamOfMessage(part.Text, responses.EasyInputMessageRoleAssistant))
				items[len(items)-1].OfMessage.Phase = responses.EasyInputMessagePhase(own.Phase)
			case message != nil && message.ID == own.ItemID:
				message.Content = append(message.Content, outputText(part.Text))
			default:
				item := responses.ResponseInputItemParamOfOutputMessage([]responses.ResponseOutputMessageContentUnionParam{outputText(part.Text)},
					own.ItemID, responses.ResponseOutputMessageStatusCompleted)
				item.OfOutputMessage.Phase = responses.ResponseOutputMessagePhase(own.Phase)
				items, message = append(items, item), item.OfOutputMessage
			}
		case llm.ToolCall:
			item := responses.ResponseInputItemParamOfFunctionCall(string(wire.SentArguments(part)), part.ID, part.Name)
			if own := readItem(part.Meta, a); own.ItemID != "" {
				item.OfFunctionCall.ID = sdk.String(own.ItemID)
			}
			items = append(items, item)
		case llm.File:
			own := readItem(part.Meta, a)
			if own.ItemID == "" || len(part.Data) == 0 {
				continue
			}
			items = append(items, responses.ResponseInputItemParamOfImageGenerationCall(own.ItemID, base64.StdEncoding.EncodeToString(part.Data), "completed"))
		default:
			return nil, wire.Unexpected(part, llm.RoleAssistant)
		}
		keep = len(items)
	}
	items = items[:keep]
	kept := items[:0]
	for _, item := range items {
		if item.OfReasoning == nil || item.OfReasoning.EncryptedContent.Valid() {
			kept = append(kept, item)
		}
	}
	return kept, nil
}

func outputText(words string) responses.ResponseOutputMessageContentUnionParam {
	return responses.ResponseOutputMessageContentUnionParam{OfOutputText: &responses.ResponseOutputTextParam{
		Text: words, Annotations: []responses.ResponseOutputTextAnnotationUnionParam{},
	}}
}
