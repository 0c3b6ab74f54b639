package stream_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"twobrains/internal/llm"
	"twobrains/internal/stream"
)

// What a model makes is kept aside: chunks and parts hold its address and nothing of its bytes.
func TestGeneratedFiles(t *testing.T) {
	t.Parallel()
	a, log := newAssembler(stream.Options{})
	must(t,
		a.Apply(llm.TextDelta{Block: "0", Text: "Here it is."}),
		a.Apply(llm.GeneratedFile{MediaType: "image/png", Data: []byte("canary-bytes")}),
		a.Apply(llm.GeneratedFile{MediaType: "image/png"}), // nothing at all
		a.Apply(llm.GeneratedFile{MediaType: "image/png\r\nX-Evil: 1", Data: []byte("other")}),
		a.Apply(llm.TextDelta{Block: "0", Text: "And another."}),
		a.Finish(llm.FinishStop, nil),
	)
	agree(t, a, log)
	files := a.Files()
	if len(files) != 2 || files[0].ID == files[1].ID || files[0].MediaType != "image/png" || string(files[0].Data) != "canary-bytes" {
		t.Fatalf("files %+v", files)
	}
	if files[1].MediaType != "application/octet-stream" {
		t.Errorf("a type that is none is kept: %q", files[1].MediaType)
	}
	for name, text := range map[string][]byte{"log": log.all, "late log": log.late, "parts": a.Parts()} {
		if bytes.Contains(text, []byte("canary")) || bytes.Contains(text, []byte("Evil")) || !bytes.Contains(text, []byte("/api/attachments/"+files[0].ID.String())) {
			t.Errorf("%s: %s", name, text)
		}
	}
	if !a.Produced() || !strings.Contains(string(a.Parts()), `"text":"Here it is.","state":"done"},{"type":"file"`) {
		t.Errorf("parts %s", a.Parts())
	}
}

func TestGeneratedFilesAreBounded(t *testing.T) {
	t.Parallel()
	for name, data := range map[string][]byte{"by number": []byte("x"), "by size": make([]byte, 8<<20)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, log := newAssembler(stream.Options{})
			n := 0
			var err error
			for ; err == nil && n < 100; n++ {
				err = a.Apply(llm.GeneratedFile{MediaType: "image/png", Data: data})
			}
			if !errors.Is(err, stream.ErrTooLarge) || n > 17 {
				t.Fatalf("file %d: %v", n, err)
			}
			must(t, a.Abort(nil))
			agree(t, a, log)
			if got := strings.Count(string(a.Parts()), `"type":"file"`); got != len(a.Files()) || got != n-1 {
				t.Errorf("%s parts, %d files, refused the %dth", fmt.Sprint(got), len(a.Files()), n)
			}
		})
	}
}
