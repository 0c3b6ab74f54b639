package anthropic

import (
	"slices"
	"strings"

	sdk "github.com/anthropics/anthropic-sdk-go"

	"twobrains/internal/llm"
)

// How models think and what they refuse with 400, from the table in Anthropic's documentation (build-with-claude,
// "Troubleshooting thinking", October 2026):
//
//	                              empty      off            low, medium, high
//	Fable, Mythos, Opus 5.5       adaptive   adaptive, low  adaptive, effort
//	Sonnet 5.5                    adaptive   between_tools  adaptive, effort
//	other Claude 5 and later      adaptive   disabled       adaptive, effort
//	Opus 4.6–4.8, Sonnet 4.6      nothing    nothing        adaptive, effort
//	older                         nothing    nothing        enabled, budget
//	other names                   nothing    disabled       adaptive, effort
//
// "adaptive" asks for summarized thinking in all cases: newer models would otherwise send none of its text. An empty
// effort that sends adaptive is these models' own default.
type mode uint8

const (
	modeForeign  mode = iota // no model of Anthropic
	modeDefault              // thinks unless told not to
	modeAlways               // cannot be told not to
	modeBetween              // at least between its calls of tools
	modeOptional             // thinks if told to
	modeBudget               // thinks if told to, up to a budget
)

// modes are by prefix of the model's id; the first that fits counts.
var modes = []struct {
	prefix string
	mode   mode
}{
	{"claude-opus-4-6", modeOptional},
	{"claude-opus-4-7", modeOptional},
	{"claude-opus-4-8", modeOptional},
	{"claude-sonnet-4-6", modeOptional},
	{"claude-opus-4", modeBudget},
	{"claude-sonnet-4", modeBudget},
	{"claude-haiku-4", modeBudget},
	{"claude-3", modeBudget},
	{"claude-opus-5-5", modeAlways},
	{"claude-fable", modeAlways},
	{"claude-mythos", modeAlways},
	{"claude-sonnet-5-5", modeBetween},
	{"claude-", modeDefault},
}

func modeOf(model string) mode {
	for _, m := range modes {
		if strings.HasPrefix(model, m.prefix) {
			return m.mode
		}
	}
	return modeForeign
}

// Limits on the reply where the request sets none: the API demands one. The thinking counts towards it. All models that
// think adaptively give at least 64,000 tokens, the older ones at least 32,000.
const (
	adaptiveLimit = 64_000
	otherLimit    = 32_000
)

func limit(req llm.Request) int64 {
	switch mode := modeOf(req.Model); {
	case req.MaxOutputTokens > 0:
		return int64(req.MaxOutputTokens)
	case mode == modeForeign || mode == modeBudget:
		return otherLimit
	}
	return adaptiveLimit
}

// budgets of models that want one. It must be under the limit, of which it gets at most half, and not under minBudget.
var budgets = map[llm.Effort]int64{llm.EffortLow: 2_048, llm.EffortMedium: 8_192, llm.EffortHigh: 16_384}

const minBudget = 1_024

// replay says which of the earlier thinking goes back to the model.
type replay uint8

const (
	replayNone replay = iota
	// replayTurn: that of the current turn, since the last user message. It keeps a loop of tools going.
	replayTurn
	replayAll
)

// plan is how a request makes the model think.
type plan struct {
	config sdk.ThinkingConfigParamUnion
	effort sdk.OutputConfigEffort
	replay replay
}

func planOf(req llm.Request) plan {
	mode := modeOf(req.Model)
	switch {
	case mode == modeBudget:
		return budgetPlan(req)
	case mode == modeOptional && (req.Effort == "" || req.Effort == llm.EffortOff):
		return plan{}
	case mode == modeForeign && req.Effort == "":
		return plan{replay: replayTurn}
	case req.Effort != llm.EffortOff:
		return adaptive(sdk.OutputConfigEffort(req.Effort))
	case mode == modeAlways:
		return adaptive(sdk.OutputConfigEffortLow)
	case mode == modeBetween:
		// This type takes no block_binding, see translation.bind: only what cannot have lost its place goes back.
		between := sdk.NewThinkingConfigBetweenToolsParam()
		return plan{config: sdk.ThinkingConfigParamUnion{OfBetweenTools: &between}, replay: replayTurn}
	}
	disabled := sdk.NewThinkingConfigDisabledParam()
	return plan{config: sdk.ThinkingConfigParamUnion{OfDisabled: &disabled}}
}

func adaptive(effort sdk.OutputConfigEffort) plan {
	return plan{
		config: sdk.ThinkingConfigParamUnion{OfAdaptive: &sdk.ThinkingConfigAdaptiveParam{Display: sdk.ThinkingConfigAdaptiveDisplaySummarized}},
		effort: effort,
		replay: replayAll,
	}
}

// budgetPlan is for models that, once thinking, refuse a turn whose loop of tools began without.
func budgetPlan(req llm.Request) plan {
	budget := min(budgets[req.Effort], limit(req)/2)
	if budget < minBudget || !turnThinks(req) {
		return plan{}
	}
	return plan{config: sdk.ThinkingConfigParamOfEnabled(budget), replay: replayAll}
}

// turnThinks reports whether the first reply of the current turn that calls tools begins with thinking of the model;
// also if there is none.
func turnThinks(req llm.Request) bool {
	isCall := func(part llm.Part) bool {
		_, ok := part.(llm.ToolCall)
		return ok
	}
	for _, message := range req.Messages[turnStart(req.Messages):] {
		if message.Role == llm.RoleAssistant && slices.ContainsFunc(message.Parts, isCall) {
			first, _ := message.Parts[0].(llm.Reasoning)
			_, own := ownThinking(first, req.Model)
			return own
		}
	}
	return true
}

// turnStart is the index after the last user message: what follows is the current turn.
func turnStart(messages []llm.Message) int {
	for i := len(messages) - 1; i >= 0; i-- {
		if messages[i].Role == llm.RoleUser {
			return i + 1
		}
	}
	return 0
}
