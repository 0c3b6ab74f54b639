package llmtest

import (
	"encoding/base64"
	"encoding/json"
	"testing"

	"twobrains/internal/llm"
)

// Ask is the request that most cases send.
func Ask() llm.Request {
	return llm.Request{
		Model:    "test-model",
		Messages: []llm.Message{{Role: llm.RoleUser, Parts: []llm.Part{llm.Text{Text: "Hi"}}}},
		Tools:    []llm.Tool{{Name: "get_weather", InputSchema: json.RawMessage(`{"type":"object","properties":{"city":{"type":"string"}}}`)}},
	}
}

// Files that the suite sends and expects.
var (
	// Image is a picture of one pixel; file.sse brings the same bytes.
	Image = llm.File{MediaType: "image/png", Name: "pixel.png", Data: decode(ImageBase64)}
	// PDF only has to look like one.
	PDF = llm.File{MediaType: "application/pdf", Name: "paper.pdf", Data: []byte("%PDF-1.4\n%%EOF\n")}
	// TextFile has a name and content that must both reach the model.
	TextFile = llm.File{MediaType: "text/plain; charset=utf-8", Name: "notes.txt", Data: []byte("Buy milk.")}
)

// ImageBase64 is Image.Data as recordings hold it.
const ImageBase64 = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

func decode(text string) []byte {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return data
}

// AskAbout is the request with an attachment, which stands before the question.
func AskAbout(file llm.File) llm.Request {
	req := Ask()
	req.Messages = []llm.Message{{Role: llm.RoleUser, Parts: []llm.Part{file, llm.Text{Text: "What is this?"}}}}
	return req
}

// inputs are the attachments: taken in the provider's form, or refused before it is called.
func inputs(t *testing.T, a Adapter) {
	for name, c := range map[string]struct {
		file  llm.File
		check func(t *testing.T, body []byte)
	}{
		"image":     {Image, a.Image},
		"pdf":       {PDF, a.PDF},
		"text-file": {TextFile, a.TextFile},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a.lacks(t, name)
			if c.check == nil {
				t.Fatalf("the adapter neither checks the case %q nor says that it lacks it", name)
			}
			server := NewServer(t, Answer{Body: a.recording(t, "text.sse")})
			if r := Collect(t.Context(), t, a.New(t, server.URL, patient), AskAbout(c.file)); r.Finish != llm.FinishStop {
				t.Fatalf("%+v", r)
			}
			body := server.Requests()[0].Body
			if !json.Valid(body) {
				t.Fatalf("no JSON: %s", body)
			}
			c.check(t, body)
		})
	}
	refused := map[string]llm.File{
		"archive":      {MediaType: "application/zip", Name: "a.zip", Data: []byte("PK")},
		"empty":        {MediaType: "image/png", Name: "empty.png"},
		"without type": {Name: "x", Data: []byte("x")},
		"not UTF-8":    {MediaType: "text/plain", Name: "x.txt", Data: []byte("\xff\xfe")},
	}
	for name, file := range map[string]llm.File{"image": Image, "pdf": PDF, "text-file": TextFile} {
		if a.Lacks[name] != "" {
			refused[name] = file
		}
	}
	for name, file := range refused {
		t.Run("refuses "+name, func(t *testing.T) {
			t.Parallel()
			server := NewServer(t, Answer{Body: a.recording(t, "text.sse")})
			r := Collect(t.Context(), t, a.New(t, server.URL, patient), AskAbout(file))
			if llm.KindOf(r.Err) != llm.Invalid || len(server.Requests()) != 0 {
				t.Errorf("%d requests, %+v", len(server.Requests()), r)
			}
		})
	}
}
