package stream

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestChunkBytes(t *testing.T) {
	t.Parallel()
	raw := json.RawMessage(`{"a":1}`)
	for want, write := range map[string]func(e *encoder){
		`{"type":"start","messageId":"m"}`:                                                               func(e *encoder) { e.start("m", nil) },
		`{"type":"start","messageId":"m","messageMetadata":{"a":1}}`:                                     func(e *encoder) { e.start("m", raw) },
		`{"type":"start-step"}`:                                                                          func(e *encoder) { e.startStep() },
		`{"type":"finish-step"}`:                                                                         func(e *encoder) { e.finishStep() },
		`{"type":"abort"}`:                                                                               func(e *encoder) { e.abort() },
		`{"type":"text-start","id":"t1"}`:                                                                func(e *encoder) { e.blockStart("text", "t1", nil) },
		`{"type":"reasoning-delta","id":"r1","delta":"a\"\n"}`:                                           func(e *encoder) { e.blockDelta("reasoning", "r1", []byte("a\"\n")) },
		`{"type":"reasoning-end","id":"r1","providerMetadata":{"a":1}}`:                                  func(e *encoder) { e.blockEnd("reasoning", "r1", raw) },
		`{"type":"tool-input-start","toolCallId":"c","toolName":"n"}`:                                    func(e *encoder) { e.toolInputStart("c", "n", false) },
		`{"type":"tool-input-delta","toolCallId":"c","inputTextDelta":""}`:                               func(e *encoder) { e.toolInputDelta("c", nil) },
		`{"type":"tool-input-available","toolCallId":"c","toolName":"n","input":{"a":1},"dynamic":true}`: func(e *encoder) { e.toolInputAvailable("c", "n", raw, true) },
		`{"type":"tool-input-error","toolCallId":"c","toolName":"n","input":{"a":1},"errorText":"x"}`:    func(e *encoder) { e.toolInputError("c", "n", raw, "x", false) },
		`{"type":"tool-output-available","toolCallId":"c","output":null}`:                                func(e *encoder) { e.toolOutputAvailable("c", json.RawMessage("null"), false) },
		`{"type":"tool-output-error","toolCallId":"c","errorText":"x","dynamic":true}`:                   func(e *encoder) { e.toolOutputError("c", "x", true) },
		`{"type":"source-url","sourceId":"s","url":"https://example.test/"}`:                             func(e *encoder) { e.sourceURL("s", "https://example.test/", "") },
		`{"type":"file","url":"data:,x","mediaType":"text/plain"}`:                                       func(e *encoder) { e.file("data:,x", "text/plain") },
		`{"type":"data-n","id":"i","data":{"a":1},"transient":true}`:                                     func(e *encoder) { e.data("n", "i", raw, true) },
		`{"type":"message-metadata","messageMetadata":{"a":1}}`:                                          func(e *encoder) { e.messageMetadata(raw) },
		`{"type":"finish","finishReason":"stop","messageMetadata":{"a":1}}`:                              func(e *encoder) { e.finish("stop", raw) },
		`{"type":"finish"}`:                func(e *encoder) { e.finish("", nil) },
		`{"type":"error","errorText":"x"}`: func(e *encoder) { e.error("x") },
	} {
		var e encoder
		write(&e)
		if got := string(e.buf); got != "data: "+want+"\n\n" {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func FuzzString(f *testing.F) {
	for _, seed := range []string{"", "plain", "\x00\x01\x1f\x7f\"\\\n\r\t", "Grüße 😀", "\xff\xf0\x9f\x98", "\u2028"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := appendString(nil, s)
		if !bytes.Equal(got, appendString(nil, []byte(s))) {
			t.Fatal("string and bytes differ")
		}
		var back string
		if err := json.Unmarshal(got, &back); err != nil || !utf8.Valid(got) || bytes.ContainsAny(got, "\n\r") {
			t.Fatalf("%q: %q %v", s, got, err)
		}
		want := strings.ReplaceAll(string([]rune(s)), "\x00", "\uFFFD")
		if back != want {
			t.Fatalf("%q became %q", s, back)
		}
	})
}

const benchDelta = "a typical delta of some words, coalesced"

// BenchmarkDelta encodes one text delta; BenchmarkDeltaReflect does it by encoding/json, for comparison.
func BenchmarkDelta(b *testing.B) {
	var e encoder
	delta := []byte(benchDelta)
	b.ReportAllocs()
	for b.Loop() {
		e.reset()
		e.blockDelta("text", "t1", delta)
	}
}

func BenchmarkDeltaReflect(b *testing.B) {
	var buf bytes.Buffer
	b.ReportAllocs()
	for b.Loop() {
		buf.Reset()
		buf.WriteString("data: ")
		enc := json.NewEncoder(&buf)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(struct {
			Type  string `json:"type"`
			ID    string `json:"id"`
			Delta string `json:"delta"`
		}{"text-delta", "t1", benchDelta})
		buf.WriteByte('\n')
	}
}
