package google

import (
	"encoding/json"

	"google.golang.org/genai"

	"twobrains/internal/llm"
)

// content is a turn, in requests and in replies.
type content struct {
	Role  string `json:"role,omitempty"`
	Parts []part `json:"parts"`
}

// part holds one of Text, InlineData, FunctionCall, FunctionResponse.
type part struct {
	// Text may be empty and yet carry a signature, so it is left out only where it is nil.
	Text             *string           `json:"text,omitempty"`
	Thought          bool              `json:"thought,omitempty"`
	InlineData       *genai.Blob       `json:"inlineData,omitempty"`
	FunctionCall     *functionCall     `json:"functionCall,omitempty"`
	FunctionResponse *functionResponse `json:"functionResponse,omitempty"`
	// ThoughtSignature is base64, passed on as it came.
	ThoughtSignature string `json:"thoughtSignature,omitempty"`
}

type functionCall struct {
	ID   string          `json:"id,omitempty"`
	Name string          `json:"name"`
	Args json.RawMessage `json:"args,omitempty"`
}

// functionResponse answers a call. The model reads "output" or "error" of its object.
type functionResponse struct {
	ID       string                     `json:"id,omitempty"`
	Name     string                     `json:"name"`
	Response map[string]json.RawMessage `json:"response"`
}

// chunk is one event of the stream: the members that are used. Every one may be missing.
type chunk struct {
	Candidates []struct {
		Index        int                `json:"index"`
		Content      content            `json:"content"`
		FinishReason genai.FinishReason `json:"finishReason"`
		Grounding    *grounding         `json:"groundingMetadata"`
	} `json:"candidates"`
	PromptFeedback *struct {
		BlockReason genai.BlockedReason `json:"blockReason"`
	} `json:"promptFeedback"`
	Usage *usage          `json:"usageMetadata"`
	Error json.RawMessage `json:"error"`
}

// grounding lists what the answer rests on; later chunks may repeat what earlier ones said.
type grounding struct {
	Chunks []struct {
		Web     *page `json:"web"`
		Maps    *page `json:"maps"`
		Context *page `json:"retrievedContext"`
	} `json:"groundingChunks"`
}

type page struct {
	URI   string `json:"uri"`
	Title string `json:"title"`
}

// usage is cumulative: each chunk that has it counts all from the beginning. Prompt includes Cached; Candidates and
// Thoughts are apart.
type usage struct {
	Prompt     int64 `json:"promptTokenCount"`
	Cached     int64 `json:"cachedContentTokenCount"`
	Candidates int64 `json:"candidatesTokenCount"`
	Thoughts   int64 `json:"thoughtsTokenCount"`
	ToolUse    int64 `json:"toolUsePromptTokenCount"`
}

// atLeast keeps what an earlier chunk counted and a later one leaves out.
func (u usage) atLeast(v usage) usage {
	return usage{
		Prompt:     max(u.Prompt, v.Prompt),
		Cached:     max(u.Cached, v.Cached),
		Candidates: max(u.Candidates, v.Candidates),
		Thoughts:   max(u.Thoughts, v.Thoughts),
		ToolUse:    max(u.ToolUse, v.ToolUse),
	}
}

// normal counts as llm.Usage does.
func (u usage) normal() llm.Usage {
	n := llm.Usage{Input: max(u.Prompt, 0) + max(u.ToolUse, 0), Output: max(u.Candidates, 0) + max(u.Thoughts, 0)}
	n.CachedInput = min(max(u.Cached, 0), n.Input)
	n.Reasoning = max(u.Thoughts, 0)
	return n
}
