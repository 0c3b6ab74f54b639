package openai

import (
	"encoding/json"

	"twobrains/internal/llm"
)

// responseEvent is one event of the stream: the members that are used, of all types. Items are told apart by their
// index, for some servers change the item's id from event to event.
type responseEvent struct {
	Type         string          `json:"type"`
	OutputIndex  int             `json:"output_index"`
	ContentIndex int             `json:"content_index"`
	SummaryIndex int             `json:"summary_index"`
	Delta        string          `json:"delta"`
	Item         outputItem      `json:"item"`
	Annotation   itemAnnotation  `json:"annotation"`
	Response     json.RawMessage `json:"response"`
}

// outputItem is a message, reasoning, a function_call, an image_generation_call, or of a type that is not used.
type outputItem struct {
	Type      string `json:"type"`
	ID        string `json:"id"`
	Phase     string `json:"phase"`
	Encrypted string `json:"encrypted_content"`
	CallID    string `json:"call_id"`
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
	// Result is an image, in base64.
	Result       string `json:"result"`
	OutputFormat string `json:"output_format"`
	Content      []struct {
		Type        string           `json:"type"`
		Text        string           `json:"text"`
		Refusal     string           `json:"refusal"`
		Annotations []itemAnnotation `json:"annotations"`
	} `json:"content"`
	Summary []struct {
		Text string `json:"text"`
	} `json:"summary"`
}

type itemAnnotation struct {
	Type  string `json:"type"`
	URL   string `json:"url"`
	Title string `json:"title"`
}

// response is the state of the whole reply, as the terminal events give it.
type response struct {
	Error   json.RawMessage `json:"error"`
	Details *struct {
		Reason string `json:"reason"`
	} `json:"incomplete_details"`
	Usage *struct {
		Input        int64 `json:"input_tokens"`
		Output       int64 `json:"output_tokens"`
		InputDetails *struct {
			Cached int64 `json:"cached_tokens"`
		} `json:"input_tokens_details"`
		OutputDetails *struct {
			Reasoning int64 `json:"reasoning_tokens"`
		} `json:"output_tokens_details"`
	} `json:"usage"`
}

// usage clamps the parts to the wholes they belong to, for servers that count otherwise.
func (r response) usage() (n llm.Usage) {
	u := r.Usage
	if u == nil {
		return n
	}
	n.Input, n.Output = max(u.Input, 0), max(u.Output, 0)
	if u.InputDetails != nil {
		n.CachedInput = min(max(u.InputDetails.Cached, 0), n.Input)
	}
	if u.OutputDetails != nil {
		n.Reasoning = min(max(u.OutputDetails.Reasoning, 0), n.Output)
	}
	return n
}
