package openai

import (
	"bytes"
	"encoding/json"
	"os"
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

func TestClassify(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]llm.Kind{
		`{"error":{"message":"m","type":"insufficient_quota","code":"insufficient_quota"}}`:                         llm.RateLimited,
		`{"error":{"message":"m","type":"invalid_request_error","code":"model_not_found"}}`:                         llm.Failed,
		`{"error":{"message":"m","type":"invalid_request_error","code":"content_policy_violation"}}`:                llm.Refused,
		`{"error":{"message":"Unknown parameter: 'safety_identifier'.","type":"invalid_request_error","code":"x"}}`: llm.Failed,
		`{"error":{"message":"The response was filtered due to … content management policy","code":400}}`:           llm.Refused,
		`{"error":"the request exceeds the available context size, try increasing it"}`:                             llm.ContextTooLong,
		`{"object":"error","message":"This model's maximum context length is 10 tokens","code":400}`:                llm.ContextTooLong,
		`{"detail":"Not Found"}`:                          llm.Failed,
		`{"error":{"code":429}}`:                          llm.RateLimited,
		`{"error":{"code":"503"}}`:                        llm.Overloaded,
		`{"error":{"code":401,"message":"m"}}`:            llm.Auth,
		`{"error":{}}`:                                    llm.Failed,
		`{"error":["?"]}`:                                 llm.Failed,
		`{"error":{"code":402,"message":"more credits"}}`: llm.RateLimited,
	} {
		e := parseFailure([]byte(body))
		if e == (wireError{}) {
			t.Errorf("%s: not seen as an error", body)
		}
		if got := classify(0, nil, e).Kind; got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
	for _, body := range []string{``, `[]`, `"x"`, `{}`, `{"error":null}`, `{"choices":[],"message":"m"}`, `{"object":"chat.completion.chunk"}`} {
		if e := parseFailure([]byte(body)); e != (wireError{}) {
			t.Errorf("%s: %+v", body, e)
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

// FuzzChunk feeds arbitrary events: never a panic, and the events that come out keep the port's promises.
func FuzzChunk(f *testing.F) {
	for _, name := range []string{"tool", "parallel-tools", "reasoning", "compatible-no-ids", "error-unknown"} {
		data, err := os.ReadFile("testdata/" + name + ".sse")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		called := map[string]bool{}
		r := newReply(llm.Request{}, func(event llm.Event, _ error) bool {
			switch ev := event.(type) {
			case llm.ToolInputDelta:
				if called[ev.ID] {
					t.Fatal("delta after its call")
				}
			case llm.ToolCall:
				if called[ev.ID] || !json.Valid(ev.Input) || (!ev.Malformed && ev.Input[0] != '{') {
					t.Fatalf("%+v", ev)
				}
				called[ev.ID] = true
			}
			return true
		})
		for line := range bytes.SplitSeq(data, []byte("\n")) {
			_ = r.chunk(bytes.TrimPrefix(line, []byte("data: ")))
		}
		r.end()
	})
}
