package chat_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"twobrains/internal/chat"
	"twobrains/internal/problem"
)

func userMessage(parts ...string) json.RawMessage {
	return json.RawMessage(`{"id":"m1","role":"user","parts":[` + strings.Join(parts, ",") + `]}`)
}

func filePart(url string, more ...string) string {
	return fmt.Sprintf(`{"type":"file","mediaType":"image/png","url":%q%s}`, url, strings.Join(more, ""))
}

func TestParseFileParts(t *testing.T) {
	t.Parallel()
	a, b := uuid.New(), uuid.New()
	urlOf := func(id uuid.UUID) string { return "/api/attachments/" + id.String() }
	m, err := chat.ParseUserMessage(userMessage(
		filePart(urlOf(a), `,"filename":"../x/ä<b>.png","providerMetadata":{"x":1},"text":"y"`), `{"type":"text","text":"What is <this>?","url":"javascript:1"}`, filePart(urlOf(b)),
	), "message", 100)
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"type":"file","mediaType":"image/png","url":"` + urlOf(a) + `","filename":"ä<b>.png"},` +
		`{"type":"text","text":"What is <this>?"},{"type":"file","mediaType":"image/png","url":"` + urlOf(b) + `"}]`
	if string(m.Parts) != want || m.Text != "What is <this>?" || len(m.Files) != 2 || m.Files[0].ID != a || m.Files[1].ID != b {
		t.Fatalf("got %s, %q, %+v", m.Parts, m.Text, m.Files)
	}
	if m, err := chat.ParseUserMessage(userMessage(filePart(urlOf(a))), "message", 100); err != nil || m.Text != "" {
		t.Errorf("a file and no words: %q, %v", m.Text, err)
	}
	if m, err := chat.ParseUserMessage(userMessage(`{"type":"text","text":""}`, filePart(urlOf(a))), "message", 100); err != nil || !strings.HasPrefix(string(m.Parts), `[{"type":"text","text":""}`) {
		t.Errorf("a file and empty words: %s, %v", m.Parts, err)
	}
}

func TestRefuseFileParts(t *testing.T) {
	t.Parallel()
	good := "/api/attachments/" + uuid.NewString()
	var many []string
	for range 21 {
		many = append(many, filePart("/api/attachments/"+uuid.NewString()))
	}
	for name, tc := range map[string]struct {
		parts []string
		path  string
		says  string
	}{
		"script":          {[]string{filePart("javascript:alert(1)")}, "messages[0].parts[0].url", "must be that of an attachment"},
		"inline":          {[]string{filePart("DATA:image/png;base64,AAAA")}, "messages[0].parts[0].url", "must not hold the file"},
		"foreign":         {[]string{`{"type":"text","text":"x"}`, filePart("https://evil.example" + good)}, "messages[0].parts[1].url", "must be that of an attachment"},
		"protocol":        {[]string{filePart("//evil.example" + good)}, "messages[0].parts[0].url", "must be that of an attachment"},
		"private address": {[]string{filePart("http://169.254.169.254/latest")}, "messages[0].parts[0].url", "must be that of an attachment"},
		"file":            {[]string{filePart("file:///etc/passwd")}, "messages[0].parts[0].url", "must be that of an attachment"},
		"another path":    {[]string{filePart("/api/conversations/" + uuid.NewString())}, "messages[0].parts[0].url", "must be that of an attachment"},
		"climbing":        {[]string{filePart("/api/attachments/../settings")}, "messages[0].parts[0].url", "must be that of an attachment"},
		"no url":          {[]string{`{"type":"file","mediaType":"image/png"}`}, "messages[0].parts[0].url", "is required"},
		"no type":         {[]string{`{"type":"file","url":"` + good + `"}`}, "messages[0].parts[0].mediaType", "is required"},
		"no text in url":  {[]string{`{"type":"file","mediaType":"image/png","url":{"a":1}}`}, "messages[0].parts[0]", "must be a part object"},
		"twice":           {[]string{filePart(good), filePart(good)}, "messages[0].parts", "must hold each file once"},
		"many":            {many, "messages[0].parts", "must hold at most 20 files"},
		"another kind":    {[]string{`{"type":"reasoning","text":"x"}`}, "messages[0].parts[0]", "must be of type text or file"},
		"nothing":         {[]string{`{"type":"text","text":" \u200b"}`}, "messages[0].parts", "must not be empty"},
		"long words":      {[]string{filePart(good), `{"type":"text","text":"` + strings.Repeat("ä", 101) + `"}`}, "messages[0].parts", "must not exceed 100 characters"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := chat.ParseUserMessage(userMessage(tc.parts...), "messages[0]", 100)
			fields := problem.From(err).Fields
			if !problem.HasCode(err, problem.CodeInvalid) || len(fields) != 1 || fields[0].Path != tc.path || !strings.Contains(fields[0].Message, tc.says) {
				t.Fatalf("got %+v", fields)
			}
			if strings.Contains(fields[0].Message, "evil") {
				t.Errorf("the refusal repeats the URL: %s", fields[0].Message)
			}
		})
	}
}
