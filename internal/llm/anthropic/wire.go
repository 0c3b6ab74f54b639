package anthropic

import (
	"encoding/json"

	"twobrains/internal/llm"
)

// event is one event of the stream: only the members that are used. Every member may be missing or null.
type event struct {
	Type    string `json:"type"`
	Index   int    `json:"index"`
	Message *struct {
		Usage usage `json:"usage"`
	} `json:"message"`
	ContentBlock contentBlock `json:"content_block"`
	Delta        delta        `json:"delta"`
	Usage        usage        `json:"usage"`
}

type contentBlock struct {
	Type      string     `json:"type"`
	Text      string     `json:"text"`
	Citations []citation `json:"citations"`
	Thinking  string     `json:"thinking"`
	Signature string     `json:"signature"`
	// Data is that of redacted thinking.
	Data string `json:"data"`
	ID   string `json:"id"`
	Name string `json:"name"`
	// Input is {} where the arguments follow as deltas.
	Input json.RawMessage `json:"input"`
	// Content of a web search is a list of results, or an object that says what went wrong.
	Content json.RawMessage `json:"content"`
}

type delta struct {
	Type        string   `json:"type"`
	Text        string   `json:"text"`
	PartialJSON string   `json:"partial_json"`
	Thinking    string   `json:"thinking"`
	Signature   string   `json:"signature"`
	Citation    citation `json:"citation"`
	StopReason  string   `json:"stop_reason"`
}

// citation is also a result of a web search. Those of documents have neither URL nor Source.
type citation struct {
	URL    string `json:"url"`
	Source string `json:"source"`
	Title  string `json:"title"`
}

// usage as counted so far. What a later event says replaces what an earlier one said, member by member.
type usage struct {
	Input         *int64 `json:"input_tokens"`
	CacheRead     *int64 `json:"cache_read_input_tokens"`
	CacheCreation *int64 `json:"cache_creation_input_tokens"`
	Output        *int64 `json:"output_tokens"`
	Details       *struct {
		Thinking int64 `json:"thinking_tokens"`
	} `json:"output_tokens_details"`
}

func (u *usage) update(later usage) {
	for _, m := range []struct{ dst, src **int64 }{
		{&u.Input, &later.Input}, {&u.CacheRead, &later.CacheRead}, {&u.CacheCreation, &later.CacheCreation}, {&u.Output, &later.Output},
	} {
		if *m.src != nil {
			*m.dst = *m.src
		}
	}
	if later.Details != nil {
		u.Details = later.Details
	}
}

// normal counts as the port does: input_tokens are those that the cache neither gave nor took.
func (u usage) normal() llm.Usage {
	count := func(n *int64) int64 {
		if n == nil {
			return 0
		}
		return max(*n, 0)
	}
	n := llm.Usage{CachedInput: count(u.CacheRead), Output: count(u.Output)}
	n.Input = count(u.Input) + n.CachedInput + count(u.CacheCreation)
	if u.Details != nil {
		n.Reasoning = min(max(u.Details.Thinking, 0), n.Output)
	}
	return n
}
