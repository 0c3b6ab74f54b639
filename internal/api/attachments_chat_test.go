package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"twobrains/internal/api/apitest"
	"twobrains/internal/llm"
)

// painter is a model that looks at files and makes one.
type painter struct {
	mu   sync.Mutex
	last llm.Request
}

const painted = "\x89PNG\r\n\x1a\nmade by a model"

func (p *painter) Stream(_ context.Context, req llm.Request) iter.Seq2[llm.Event, error] {
	p.mu.Lock()
	p.last = req
	p.mu.Unlock()
	return func(yield func(llm.Event, error) bool) {
		_ = yield(llm.TextDelta{Block: "0", Text: "I see."}, nil) &&
			yield(llm.GeneratedFile{MediaType: "image/png", Data: []byte(painted), Meta: json.RawMessage(`{"openai":{"itemId":"ig_1"}}`)}, nil) &&
			yield(llm.Finish{Reason: llm.FinishStop}, nil)
	}
}

func (p *painter) asked() llm.Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

func startPainter(t *testing.T) (*apitest.Server, *painter) {
	t.Helper()
	p := &painter{}
	return apitest.Start(t, apitest.Options{
		Providers: map[string]llm.Provider{"openai": p},
		Env: map[string]string{
			"OPENAI_MODELS": "painter;images;files,blind;name=Blind", "OPENAI_API_KEY": "sk-test", "DEFAULT_MODEL": "openai:painter", "TITLES": "false",
		},
	}), p
}

func sendFiles(conversation, message, model string, parts ...string) string {
	return fmt.Sprintf(`{"id":%q,"modelId":%q,"messages":[{"id":%q,"role":"user","parts":[%s]}]}`, conversation, model, message, strings.Join(parts, ","))
}

func (a uploaded) part() string {
	return fmt.Sprintf(`{"type":"file","mediaType":%q,"url":%q,"filename":%q}`, a.MediaType, a.URL, a.Name)
}

// From the upload to the model and back: files reach it, what it makes is kept, and the next turn has both.
func TestFilesInAConversation(t *testing.T) {
	t.Parallel()
	s, model := startPainter(t)
	u := s.NewUser()
	photo := upload(t, u, "photo.png", "image/png", pngText(t))
	notes := upload(t, u, "notes.md", "text/markdown", "# notes")
	stream := u.Do(t, "POST", "/api/ai", sendFiles("c", "m1", "openai:painter", photo.part(), notes.part(), `{"type":"text","text":"Look."}`)).Want(t, 200).Body
	parts := model.asked().Messages[0].Parts
	if len(parts) != 3 || parts[2].(llm.Text).Text != "Look." {
		t.Fatalf("the model got %+v", parts)
	}
	for i, want := range []llm.File{
		{MediaType: "image/png", Name: "photo.png", Data: []byte(pngText(t))}, {MediaType: "text/markdown", Name: "notes.md", Data: []byte("# notes")},
	} {
		if got, _ := parts[i].(llm.File); got.MediaType != want.MediaType || got.Name != want.Name || string(got.Data) != string(want.Data) {
			t.Errorf("the model got %+v, want %+v", got, want)
		}
	}

	var page struct {
		Items []struct {
			Role  string
			Parts []struct{ Type, URL, MediaType, Filename string }
		}
	}
	u.Get(t, "/api/conversations/c/messages").Want(t, 200).Decode(t, &page)
	if got := page.Items[0].Parts; len(got) != 3 || got[0].URL != photo.URL || got[0].Filename != "photo.png" || got[1].MediaType != "text/markdown" {
		t.Errorf("stored message %+v", got)
	}
	reply := page.Items[1].Parts
	made := reply[len(reply)-1]
	if made.Type != "file" || made.MediaType != "image/png" || !strings.Contains(stream, `{"type":"file","url":"`+made.URL+`","mediaType":"image/png"}`) {
		t.Fatalf("reply %+v, stream %s", reply, stream)
	}
	if strings.Contains(stream, "made by a model") {
		t.Error("the stream holds the file")
	}
	got := u.Get(t, made.URL).Want(t, 200)
	if got.Body != painted || got.Header.Get("Content-Type") != "image/png" || got.Header.Get("Content-Disposition") != `inline; filename="file.png"` {
		t.Errorf("got %q, %v", got.Body, got.Header)
	}
	s.NewUser().Get(t, made.URL).Refused(t, 404, "not_found")

	u.Do(t, "POST", "/api/ai", sendFiles("c", "m2", "openai:painter", `{"type":"text","text":"Again."}`)).Want(t, 200)
	messages := model.asked().Messages
	if len(messages) != 3 {
		t.Fatalf("the model got %d messages", len(messages))
	}
	if photo, _ := messages[0].Parts[0].(llm.File); len(photo.Data) == 0 {
		t.Errorf("the user's file is gone: %+v", messages[0].Parts[0])
	}
	back, _ := messages[1].Parts[1].(llm.File)
	if string(back.Data) != painted || !strings.Contains(string(back.Meta), "ig_1") {
		t.Errorf("the model's own file came back as %+v", messages[1].Parts[1])
	}

	u.Do(t, "DELETE", "/api/conversations/c", "").Want(t, 204)
	for _, url := range []string{photo.URL, notes.URL, made.URL} {
		u.Get(t, url).Refused(t, 404, "not_found")
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	t.Parallel()
	s, model := startPainter(t)
	user := uuid.New()
	u, other := s.As(user), s.NewUser()
	photo, theirs := upload(t, u, "photo.png", "image/png", pngText(t)), upload(t, other, "theirs.png", "image/png", pngText(t))
	note := upload(t, u, "note.txt", "text/plain", "note")
	url := func(url string) string { return fmt.Sprintf(`{"type":"file","mediaType":"image/png","url":%q}`, url) }
	claimed := upload(t, u, "claimed.png", "image/png", pngText(t))
	u.Do(t, "POST", "/api/ai", sendFiles("first", "m0", "openai:painter", claimed.part())).Want(t, 200)
	before := model.asked()
	const path, where = "/api/ai", "messages[0].parts[0].url"
	try(t, s, u,
		scenario{name: "of another user", method: "POST", path: path, body: sendFiles("c", "m1", "", theirs.part()), status: 422, code: "invalid", fields: []string{where}, lacks: []string{theirs.ID}},
		scenario{name: "unknown", method: "POST", path: path, body: sendFiles("c", "m1", "", url("/api/attachments/"+uuid.NewString())), status: 422, code: "invalid", fields: []string{where}},
		scenario{name: "of another conversation", method: "POST", path: path, body: sendFiles("c", "m1", "", claimed.part()), status: 422, code: "invalid", fields: []string{where}},
		scenario{name: "of another type", method: "POST", path: path, body: sendFiles("c", "m1", "", url(note.URL)), status: 422, code: "invalid", fields: []string{"messages[0].parts[0].mediaType"}},
		scenario{name: "a script", method: "POST", path: path, body: sendFiles("c", "m1", "", url("javascript:alert(1)")), status: 422, code: "invalid", fields: []string{where}},
		scenario{name: "from elsewhere", method: "POST", path: path, body: sendFiles("c", "m1", "", url("https://evil.example/x.png")), status: 422, code: "invalid", fields: []string{where}, lacks: []string{"evil"}},
		scenario{name: "inline", method: "POST", path: path, body: sendFiles("c", "m1", "", url("data:image/png;base64,AAAA")), status: 422, code: "invalid", fields: []string{where}, has: []string{"upload it to /api/attachments"}},
		scenario{name: "to a model that cannot see", method: "POST", path: path, body: sendFiles("c", "m1", "openai:blind", photo.part()), status: 422, code: "invalid", fields: []string{"modelId"}, has: []string{"Blind cannot read images"}},
	)
	if after := model.asked(); len(after.Messages) != len(before.Messages) {
		t.Error("a refused message reached the model")
	}
	if n := rows(t, s, user, "conversations"); n != 1 {
		t.Errorf("%d conversations are stored, want the first alone", n)
	}
	// None of it was used up by the refusals; a text goes to every model.
	u.Do(t, "POST", path, sendFiles("c", "m1", "openai:painter", photo.part())).Want(t, 200)
	u.Do(t, "POST", path, sendFiles("c", "m2", "openai:blind", note.part())).Want(t, 200)
	if file, _ := model.asked().Messages[2].Parts[0].(llm.File); string(file.Data) != "note" {
		t.Errorf("the text came as %+v", model.asked().Messages[2].Parts[0])
	}
	if text, _ := model.asked().Messages[0].Parts[0].(llm.Text); text.Text != "[attachment photo.png is no longer included]" {
		t.Errorf("the image came as %+v", model.asked().Messages[0].Parts[0])
	}
}
