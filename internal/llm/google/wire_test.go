package google

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"google.golang.org/genai"

	"twobrains/internal/llm"
)

func TestThinking(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		model  string
		effort llm.Effort
		want   string
	}{
		{"gemini-4-argon", "", `{"includeThoughts":true}`},
		{"gemini-4-argon", llm.EffortHigh, `{"includeThoughts":true,"thinkingLevel":"HIGH"}`},
		{"gemini-3.8-flash", llm.EffortMedium, `{"includeThoughts":true,"thinkingLevel":"MEDIUM"}`},
		{"models/gemini-3-flash-preview", llm.EffortLow, `{"includeThoughts":true,"thinkingLevel":"LOW"}`},
		{"gemini-3.5-flash-lite", llm.EffortOff, `{"thinkingLevel":"MINIMAL"}`},
		{"gemini-flash-latest", llm.EffortOff, `{"thinkingLevel":"MINIMAL"}`},
		{"gemini-10", llm.EffortLow, `{"includeThoughts":true,"thinkingLevel":"LOW"}`},
		{"gemini-2.5-flash", "", `{"includeThoughts":true}`},
		{"gemini-2.5-flash", llm.EffortOff, `{"thinkingBudget":0}`},
		{"gemini-2.5-pro", llm.EffortOff, `{"thinkingBudget":128}`},
		{"gemini-2.5-pro", llm.EffortHigh, `{"includeThoughts":true,"thinkingBudget":24576}`},
		{"gemini-2.5-flash-lite", llm.EffortLow, `{"includeThoughts":true,"thinkingBudget":1024}`},
		{"gemini-2.5-flash-lite", "", `null`},
		{"gemini-2.5-flash-image", "", `null`},
		{"gemini-2.0-flash", "", `null`},
		{"gemini-nano-banana-2.1", "", `null`},
		{"gemma-4-26b-a4b-it", "", `null`},
		{"gemma-4-26b-a4b-it", llm.EffortHigh, `{"includeThoughts":true,"thinkingLevel":"HIGH"}`},
	} {
		got, err := json.Marshal(thinking(c.model, c.effort))
		if err != nil || string(got) != c.want {
			t.Errorf("%s, %s: %s %v", c.model, c.effort, got, err)
		}
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]llm.Usage{
		`{}`: {},
		`{"promptTokenCount":10,"cachedContentTokenCount":4,"candidatesTokenCount":5,"thoughtsTokenCount":7}`: {Input: 10, CachedInput: 4, Output: 12, Reasoning: 7},
		`{"promptTokenCount":10,"toolUsePromptTokenCount":3,"cachedContentTokenCount":40}`:                    {Input: 13, CachedInput: 13},
		`{"promptTokenCount":-1,"candidatesTokenCount":-5,"thoughtsTokenCount":-5}`:                           {},
	} {
		var u usage
		if err := json.Unmarshal([]byte(body), &u); err != nil || u.normal() != want {
			t.Errorf("%s: %+v %v", body, u.normal(), err)
		}
	}
}

func TestPieces(t *testing.T) {
	t.Parallel()
	s := func(value string, from, to int) signature { return signature{Value: value, From: from, To: to} }
	for _, c := range []struct {
		text       string
		signatures []signature
		want       string
	}{
		{"", nil, `null`},
		{"ab", nil, `[{"text":"ab"}]`},
		{"ab", []signature{s("S", 2, 2)}, `[{"text":"ab"},{"text":"","thoughtSignature":"S"}]`},
		{"abc", []signature{s("S", 0, 1), s("T", 1, 2)}, `[{"text":"a","thoughtSignature":"S"},{"text":"b","thoughtSignature":"T"},{"text":"c"}]`},
		{"aéb", []signature{s("S", 2, 3)}, `[{"text":"aéb","thoughtSignature":"S"}]`},
		{"ab", []signature{s("S", 1, 9)}, `[{"text":"ab","thoughtSignature":"S"}]`},
		{"ab", []signature{s("S", -1, 1)}, `[{"text":"ab","thoughtSignature":"S"}]`},
		{"ab", []signature{s("S", 1, 0)}, `[{"text":"ab","thoughtSignature":"S"}]`},
		{"ab", []signature{s("S", 0, 2), s("T", 1, 2)}, `[{"text":"ab","thoughtSignature":"T"}]`},
	} {
		got, err := json.Marshal(pieces(c.text, c.signatures))
		if err != nil || string(got) != c.want {
			t.Errorf("%q %v: %s", c.text, c.signatures, got)
		}
	}
}

const sampleChunk = `{"candidates": [{"content": {"parts": [{"text": " Harmony"}],"role": "model"},"index": 0}],"usageMetadata": {"promptTokenCount": 20,"candidatesTokenCount": 5,"totalTokenCount": 25,"promptTokensDetails": [{"modality": "TEXT","tokenCount": 20}]},"modelVersion": "gemini-3.8-flash","responseId": "rK0aaZ-Test1"}`

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
		var c genai.GenerateContentResponse
		if err := json.Unmarshal([]byte(sampleChunk), &c); err != nil {
			b.Fatal(err)
		}
	}
}

// FuzzChunk feeds arbitrary events: never a panic, and the events that come out keep the port's promises.
func FuzzChunk(f *testing.F) {
	for _, name := range []string{"tool", "parallel-tools-no-ids", "signatures", "grounding", "file", "prompt-blocked", "error-rate-limit"} {
		data, err := os.ReadFile("testdata/" + name + ".sse")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		called, texts := map[string]bool{}, map[string]string{}
		r := newReply(llm.Request{Model: "gemini-3.8-flash"}, func(event llm.Event) {
			switch ev := event.(type) {
			case llm.TextDelta:
				texts[ev.Block] += ev.Text
				signatures, _ := madeBy("gemini-3.8-flash", ev.Meta)
				pieces(texts[ev.Block], signatures)
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
		})
		for line := range bytes.SplitSeq(data, []byte("\n")) {
			_ = r.chunk(bytes.TrimPrefix(line, []byte("data: ")))
		}
		_ = r.end()
	})
}
