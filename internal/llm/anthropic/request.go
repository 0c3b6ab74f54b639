package anthropic

import (
	"strings"

	sdk "github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/packages/param"

	"twobrains/internal/llm"
	"twobrains/internal/llm/wire"
)

// translation is a request on its way into the wire format.
type translation struct {
	model  string
	params sdk.MessageNewParams
	betas  []string
	// thinks: thinking of earlier replies goes back.
	thinks bool
}

// translate makes the request's body. Its errors are of kind Invalid.
func translate(req llm.Request) (*translation, error) {
	plan := planOf(req)
	t := &translation{model: req.Model, params: sdk.MessageNewParams{
		Model:        req.Model,
		MaxTokens:    limit(req),
		Thinking:     plan.config,
		OutputConfig: sdk.OutputConfigParam{Effort: plan.effort},
	}}
	if !blank(req.System) {
		t.params.System = []sdk.TextBlockParam{{Text: req.System}}
	}
	if req.User != "" {
		t.params.Metadata.UserID = sdk.String(req.User)
	}
	for _, tool := range req.Tools {
		if err := t.tool(tool); err != nil {
			return nil, err
		}
	}
	turn := turnStart(req.Messages)
	for i, message := range req.Messages {
		if err := t.message(message, plan.replay == replayAll || plan.replay == replayTurn && i >= turn); err != nil {
			return nil, err
		}
	}
	t.bind()
	t.cache()
	return t, nil
}

func (t *translation) tool(tool llm.Tool) error {
	schema, err := wire.Schema(tool)
	if err != nil {
		return err
	}
	if _, ok := schema["type"]; !ok {
		schema["type"] = "object" // demanded
	}
	translated := sdk.ToolParam{Name: tool.Name, InputSchema: param.Override[sdk.ToolInputSchemaParam](schema)}
	if tool.Description != "" {
		translated.Description = sdk.String(tool.Description)
	}
	t.params.Tools = append(t.params.Tools, sdk.ToolUnionParam{OfTool: &translated})
	return nil
}

// message adds a message's blocks. Messages of the same side that follow each other become one, results of tools
// first, as the API wants them after calls.
func (t *translation) message(message llm.Message, thinking bool) error {
	var blocks []sdk.ContentBlockParamUnion
	var err error
	role := sdk.MessageParamRoleUser
	switch message.Role {
	case llm.RoleUser:
		blocks, err = userBlocks(message.Parts)
	case llm.RoleAssistant:
		role = sdk.MessageParamRoleAssistant
		blocks, err = t.assistantBlocks(message.Parts, thinking)
	case llm.RoleTool:
		blocks, err = resultBlocks(message.Parts)
	default:
		err = wire.UnknownRole(message.Role)
	}
	if err != nil || len(blocks) == 0 {
		return err
	}
	if last := len(t.params.Messages) - 1; last >= 0 && t.params.Messages[last].Role == role {
		t.params.Messages[last].Content = append(t.params.Messages[last].Content, blocks...)
		return nil
	}
	t.params.Messages = append(t.params.Messages, sdk.MessageParam{Role: role, Content: blocks})
	return nil
}

const bindingBeta = sdk.AnthropicBetaThinkingBindingControls2026_08_01

// bind makes the API drop thinking that has lost its place. A block is valid while the system prompt, the tools and all
// messages before it are what they were when the model made it; newer models refuse a request that holds one of which
// that is no longer so, and would refuse all that follow. Here users edit their messages, and tools and instructions
// come and go, so the model rather goes without. It is a beta that all models take.
func (t *translation) bind() {
	if !t.thinks {
		return
	}
	binding := map[string]any{"block_binding": map[string]any{
		"prefix_mismatch_behavior": sdk.BetaThinkingPrefixMismatchBehaviorDropBlock,
	}}
	switch config := t.params.Thinking; {
	case config.OfAdaptive != nil:
		config.OfAdaptive.SetExtraFields(binding)
	case config.OfEnabled != nil:
		config.OfEnabled.SetExtraFields(binding)
	default:
		return
	}
	t.betas = append(t.betas, bindingBeta)
}

// cache marks what the API is to keep for five minutes: the instructions together with the tools, which stand before
// them and are the same for many conversations; and the conversation up to its end, of which the next step of a loop of
// tools and the next turn read all that is there now. Written tokens cost a quarter more than plain ones, read tokens a
// tenth or less: one follow-up within the time pays for it. The API ignores marks on prompts that are too short (512 to
// 4,096 tokens, by model).
func (t *translation) cache() {
	mark := sdk.NewCacheControlEphemeralParam()
	if len(t.params.System) > 0 {
		t.params.System[0].CacheControl = mark
	} else if n := len(t.params.Tools); n > 0 {
		t.params.Tools[n-1].OfTool.CacheControl = mark
	}
	if n := len(t.params.Messages); n > 0 {
		content := t.params.Messages[n-1].Content
		if control := content[len(content)-1].GetCacheControl(); control != nil {
			*control = mark
		}
	}
}

// blank reports that the API would not take the text as a block.
func blank(text string) bool { return strings.TrimSpace(text) == "" }
