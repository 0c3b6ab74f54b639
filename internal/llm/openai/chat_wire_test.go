package openai

import (
	"encoding/json"
	"testing"

	sdk "github.com/openai/openai-go/v3"

	"twobrains/internal/llm"
)

const sampleChunk = `{"id":"chatcmpl-D8Z5oo6uDh67AD85p73ksdT1KxhE0","object":"chat.completion.chunk","created":1770933892,"model":"gpt-6-luna","service_tier":"default","system_fingerprint":"fp_de604bd877","choices":[{"index":0,"delta":{"content":" Harmony"},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"Q7"}`

func BenchmarkDecode(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		var c chunk
		if err := json.Unmarshal([]byte(sampleChunk), &c); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeSDK(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		var c sdk.ChatCompletionChunk
		if err := json.Unmarshal([]byte(sampleChunk), &c); err != nil {
			b.Fatal(err)
		}
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]llm.Usage{
		`{}`: {},
		`{"prompt_tokens":10,"completion_tokens":5,"prompt_cache_hit_tokens":4}`:                                                                     {Input: 10, CachedInput: 4, Output: 5},
		`{"prompt_tokens":10,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":40},"completion_tokens_details":{"reasoning_tokens":9}}`: {Input: 10, CachedInput: 10, Output: 5, Reasoning: 5},
		`{"prompt_tokens":-1,"completion_tokens":-5}`:                                                                                                {},
	} {
		var u usage
		if err := json.Unmarshal([]byte(body), &u); err != nil || u.normal() != want {
			t.Errorf("%s: %+v %v", body, u.normal(), err)
		}
	}
}
