package openai

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"twobrains/internal/llm"
)

// promises checks the events of a reply against what the port promises of calls.
func promises(t *testing.T) func(llm.Event) {
	called := map[string]bool{}
	return func(event llm.Event) {
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
	}
}

func addRecordings(f *testing.F, dir string, names ...string) {
	for _, name := range names {
		data, err := os.ReadFile("testdata/" + dir + name + ".sse")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
}

// FuzzChunk feeds arbitrary events: never a panic, and the events that come out keep the port's promises.
func FuzzChunk(f *testing.F) {
	addRecordings(f, "", "tool", "parallel-tools", "reasoning", "compatible-no-ids", "error-unknown")
	f.Fuzz(func(t *testing.T, data []byte) {
		r := newChatReply(llm.Request{}, promises(t))
		for line := range bytes.SplitSeq(data, []byte("\n")) {
			_ = r.chunk(bytes.TrimPrefix(line, []byte("data: ")))
		}
		r.end()
	})
}

// FuzzResponseEvent does so with the events of the Responses API.
func FuzzResponseEvent(f *testing.F) {
	addRecordings(f, "responses/", "tool", "parallel-tools", "reasoning-tools", "file", "sources", "error-unknown")
	f.Fuzz(func(t *testing.T, data []byte) {
		r := newResponseReply(llm.Request{}, promises(t))
		for line := range bytes.SplitSeq(data, []byte("\n")) {
			_ = r.event(bytes.TrimPrefix(line, []byte("data: ")))
		}
	})
}
