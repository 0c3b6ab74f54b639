package openai

import (
	"encoding/json"
	"reflect"
	"testing"
)

func TestSkim(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]string{
		sampleChunk: " Harmony",
		`{"choices":[{"index":0,"delta":{"role":"assistant","content":"ä","refusal":null},"finish_reason":null}]}`: "ä",
		` { "choices" : [ { "delta" : { "content" : "" } } ] } `:                                                   "",
	} {
		if words, ok := skim([]byte(data)); !ok || string(words) != want {
			t.Errorf("%s: %q %v", data, words, ok)
		}
	}
	for _, data := range []string{
		``, `{}`, `{"choices":[]}`, `{"choices":[{"index":1,"delta":{"content":"a"}}]}`, `{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}`,
		`{"choices":[{"delta":{"content":"a\n"}}]}`, `{"choices":[{"delta":{"content":"a"}},{}]}`, `{"choices":[{"delta":{"content":"a"}}],"usage":{}}`,
		`{"choices":[{"delta":{"content":"a"}}]}x`, `{"choices":[{"delta":{"Content":"a"}}]}`, `{"choices":[{"delta":{"content":"a"}}],"created":01}`,
	} {
		if words, ok := skim([]byte(data)); ok {
			t.Errorf("%s: taken as %q", data, words)
		}
	}
}

func FuzzSkim(f *testing.F) {
	addRecordings(f, "", "tool", "parallel-tools", "reasoning", "compatible-no-ids", "error-unknown")
	f.Add([]byte(sampleChunk))
	f.Fuzz(func(t *testing.T, data []byte) {
		words, ok := skim(data)
		if !ok {
			return
		}
		var got, want chunk
		if err := json.Unmarshal(data, &got); err != nil {
			t.Fatalf("%q is no chunk: %v", data, err)
		}
		want = chunk{Error: got.Error, Choices: got.Choices[:1:1]}
		want.Choices[0].Delta = delta{Content: words}
		if string(got.Error) != "null" && got.Error != nil || got.Usage != nil || len(got.Choices) != 1 || got.Choices[0].Index != 0 ||
			got.Choices[0].FinishReason != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: %+v, want %q", data, got, words)
		}
	})
}

func BenchmarkSkim(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := skim([]byte(sampleChunk)); !ok {
			b.Fatal("not taken")
		}
	}
}
