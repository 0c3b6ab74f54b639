package stream_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"testing"

	"twobrains/internal/llm"
	"twobrains/internal/stream"
	"twobrains/internal/stream/streamtest"
)

// TestPrefixed: who resumes a reply that goes on gets all of it, from the first chunk of the message on, whether the log was
// compacted or not, and however it is cut into pieces.
func TestPrefixed(t *testing.T) {
	t.Parallel()
	parts, metadata := asked(t)
	first := []stream.Decision{{ApprovalID: "apr_b", CallID: "b", Reason: "no"}}
	parts, err := stream.Answer(parts, first) // in an earlier run
	must(t, err)
	decisions := []stream.Decision{{ApprovalID: "apr_a", CallID: "a", Approved: true}, {ApprovalID: "apr_c", CallID: "c"}}
	answered, err := stream.Answer(parts, decisions)
	must(t, err)
	for _, compact := range []int{0, 100} {
		for _, early := range []bool{true, false} {
			m := stream.NewMemory(stream.MemoryOptions{})
			defer m.Close()
			key := stream.Key{Tenant: "u_1", Conversation: "c1"}
			log, err := m.Create(t.Context(), key, "r1")
			must(t, err)
			a := stream.NewAssembler(log, stream.Options{
				MessageID: "msg_1", Metadata: json.RawMessage(`{"usage":{"out":2}}`), Coalesce: -1, CompactBytes: compact,
			})
			var got []byte
			open := func() stream.Follower {
				bare, err := m.Open(t.Context(), key)
				must(t, err)
				f, err := stream.Prefixed(bare, "msg_1", answered, metadata)
				must(t, err)
				return f
			}
			read := func(f stream.Follower) (err error) {
				var frames []byte
				for {
					if frames, err = f.Next(t.Context(), 0); err != nil || frames == nil {
						return err
					}
					got = append(got, frames...)
				}
			}
			var f stream.Follower
			if early {
				f = open()
				must(t, read(f))
				if bytes.Count(got, []byte(`"type":"start"`)) != 1 {
					t.Fatalf("before the log's first chunk: %s", got)
				}
			}
			must(t, a.Resume(parts, metadata, decisions), a.ToolOutput("a", json.RawMessage(`"done"`)), a.StartStep())
			if early {
				must(t, read(f))
			}
			must(t, a.Apply(llm.TextDelta{Block: "0", Text: "It is "}), a.Apply(llm.TextDelta{Block: "0", Text: "gone."}))
			if !early {
				f = open()
			}
			must(t, a.Finish(llm.FinishStop, json.RawMessage(`{"status":"complete"}`)))
			if f.RunID() != "r1" || !f.Ended() {
				t.Errorf("run %q, ended %v", f.RunID(), f.Ended())
			}
			if err := read(f); !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			f.Close()
			whole, err := streamtest.ReadMessage(got)
			if err != nil || !whole.Finished || whole.ID != "msg_1" {
				t.Fatalf("%v\n%s", err, got)
			}
			if !sameJSON(a.Metadata(), mustJSON(t, whole.Metadata)) {
				t.Errorf("metadata %v, stored %s", whole.Metadata, a.Metadata())
			}
			if want := askedOnly(t, a.Parts()); !reflect.DeepEqual(whole.Parts, want) {
				t.Errorf("stored and streamed differ:\n%v\n%v", want, whole.Parts)
			}
		}
	}
}

// askedOnly are stored parts without what no chunk tells: how requests for approval were answered.
func askedOnly(t *testing.T, raw json.RawMessage) []map[string]any {
	t.Helper()
	parts := partsOf(t, raw)
	for _, p := range parts {
		if approval, ok := p["approval"].(map[string]any); ok {
			p["approval"] = map[string]any{"id": approval["id"]}
		}
	}
	return parts
}

func TestPrefixedNothing(t *testing.T) {
	t.Parallel()
	m := stream.NewMemory(stream.MemoryOptions{})
	defer m.Close()
	key := stream.Key{Tenant: "u_1", Conversation: "c1"}
	log, err := m.Create(t.Context(), key, "r1")
	must(t, err)
	log.Append([]byte(`data: {"type":"start","messageId":"msg_1"}` + "\n\n"))
	log.Close(stream.EndLost)
	if _, err := stream.Prefixed(log.Follow(), "msg_1", json.RawMessage(`{}`), nil); err == nil {
		t.Error("no parts were taken for some")
	}
	f, err := stream.Prefixed(log.Follow(), "msg_1", json.RawMessage(`[]`), json.RawMessage(`null`))
	must(t, err)
	frames, err := f.Next(t.Context(), 0)
	must(t, err)
	if got := string(frames); got != `data: {"type":"start","messageId":"msg_1"}`+"\n\n" {
		t.Errorf("%q", got)
	}
	if frames, err := f.Next(t.Context(), 0); !errors.Is(err, stream.ErrLost) {
		t.Errorf("%q %v", frames, err)
	}
	f.Close()
}
