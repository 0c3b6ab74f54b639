package wire_test

import (
	"encoding/json"
	"testing"

	"twobrains/internal/llm"
	"twobrains/internal/llm/wire"
)

func TestArguments(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]struct {
		input     string
		malformed bool
	}{
		"": {"{}", false}, " null\n": {"{}", false}, `""`: {"{}", false}, ` {"a": 1} `: {`{"a": 1}`, false},
		`{"a"`: {`"{\"a\""`, true}, `[1]`: {`"[1]"`, true}, `{"a":1}{}`: {`"{\"a\":1}{}"`, true}, "\xff": {`"\ufffd"`, true},
	} {
		input, malformed := wire.Arguments([]byte(raw))
		if string(input) != want.input || malformed != want.malformed {
			t.Errorf("%q: %s %v", raw, input, malformed)
		}
	}
	if got := wire.SentArguments(llm.ToolCall{Input: json.RawMessage(`"x"`), Malformed: true}); string(got) != "{}" {
		t.Errorf("%s", got)
	}
}

func TestResultText(t *testing.T) {
	t.Parallel()
	for output, want := range map[string]string{`"plain"`: "plain", `{"a":1}`: `{"a":1}`, `null`: "", `3`: "3"} {
		if got := wire.ResultText(llm.ToolResult{Output: json.RawMessage(output)}); got != want {
			t.Errorf("%s: %q", output, got)
		}
	}
	if got := wire.ResultText(llm.ToolResult{Output: json.RawMessage(`"no"`), IsError: true}); got != "Error: no" {
		t.Error(got)
	}
}

func TestMeta(t *testing.T) {
	t.Parallel()
	type own struct {
		Signature string `json:"signature"`
	}
	meta := wire.Meta("some", own{"s"})
	var got own
	if string(meta) != `{"some":{"signature":"s"}}` || !wire.ReadMeta(meta, "some", &got) || got.Signature != "s" {
		t.Errorf("%s %+v", meta, got)
	}
	for _, other := range []string{"", "null", "[]", `{"other":{}}`, `{"some":3}`, `{"some":{"signature":3}}`, "{"} {
		if wire.ReadMeta(llm.Metadata(other), "some", &got) {
			t.Errorf("%s was read", other)
		}
	}
}

func TestCallIDs(t *testing.T) {
	t.Parallel()
	ids := wire.NewCallIDs(llm.Request{Messages: []llm.Message{{Parts: []llm.Part{llm.ToolCall{ID: "a"}, llm.ToolCall{ID: "call_1"}}}}})
	for _, step := range [][2]string{{"a", "a_1"}, {"a", "a_2"}, {"b", "b"}, {"", "call_2"}, {"", "call_3"}} {
		if got := ids.New(step[0]); got != step[1] {
			t.Errorf("%q: %q", step[0], got)
		}
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	file := llm.File{MediaType: "image/png", Data: []byte{0, 1, 2}}
	back, ok := wire.ParseDataURL(wire.DataURL(file))
	if !ok || back.MediaType != file.MediaType || string(back.Data) != string(file.Data) {
		t.Errorf("%+v", back)
	}
	for _, bad := range []string{"", "http://x/", "data:text/plain,hi", "data:image/png;base64,", "data:image/png;base64,!"} {
		if _, ok := wire.ParseDataURL(bad); ok {
			t.Errorf("%q was read", bad)
		}
	}
	for mediaType, data := range map[string]string{"text/plain": "\xff", "image/png": "x", "text/markdown": "", "": "x", "application/zip": "x"} {
		if _, ok := wire.TextFile(llm.File{MediaType: mediaType, Data: []byte(data)}); ok {
			t.Errorf("%q %q is a text file", mediaType, data)
		}
	}
	for _, mediaType := range []string{"text/csv", "application/json", "text/plain; charset=utf-8"} {
		if words, ok := wire.TextFile(llm.File{MediaType: mediaType, Name: `a"b`, Data: []byte("x")}); !ok || words != "<file name=\"a\\\"b\">\nx\n</file>" {
			t.Errorf("%q: %q", mediaType, words)
		}
	}
	if _, err := wire.Schema(llm.Tool{InputSchema: json.RawMessage(`null`)}); llm.KindOf(err) != llm.Invalid {
		t.Error(err)
	}
}
