package attachment_test

import (
	"mime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/uuid"

	"twobrains/internal/attachment"
	"twobrains/internal/problem"
)

func TestCleanName(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", 300)
	for name, want := range map[string]string{
		"report.pdf":                    "report.pdf",
		"":                              "file",
		"..":                            "file",
		". .":                           "file",
		"../../etc/passwd":              "passwd",
		`C:\Users\x\photo.png`:          "photo.png",
		"a/":                            "file",
		"a\r\nSet-Cookie: x=1.png":      "aSet-Cookie: x=1.png",
		"a\x00b\x1b.txt":                "ab.txt",
		"  two\t  words .txt ":          "two words .txt",
		"harmless\u202Egnp.exe":         "harmlessgnp.exe",
		"zero\u200Bwidth\uFEFF.txt":     "zerowidth.txt",
		"line\u2028break.txt":           "line break.txt",
		"Fußnote \"1\" – 你好 😀.md":       "Fußnote \"1\" – 你好 😀.md",
		long + ".jpeg":                  strings.Repeat("ä", 195) + ".jpeg",
		long:                            strings.Repeat("ä", 200),
		"a." + strings.Repeat("b", 300): "a." + strings.Repeat("b", 198),
	} {
		got, err := attachment.CleanName(name)
		if err != nil || got != want {
			t.Errorf("%q: got %q, %v; want %q", name, got, err, want)
		}
	}
	if _, err := attachment.CleanName("a\xff.txt"); !problem.HasCode(err, problem.CodeInvalid) {
		t.Errorf("no UTF-8: %v", err)
	}
}

func FuzzCleanName(f *testing.F) {
	f.Add("a/b\\c\u202e.txt")
	f.Fuzz(func(t *testing.T, name string) {
		got, err := attachment.CleanName(name)
		if err != nil {
			return
		}
		if again, err := attachment.CleanName(got); err != nil || again != got {
			t.Errorf("%q became %q, then %q, %v", name, got, again, err)
		}
		if n := utf8.RuneCountInString(got); n == 0 || n > attachment.MaxName || strings.ContainsAny(got, "/\\\r\n\x00") {
			t.Errorf("%q became %q", name, got)
		}
		header := attachment.Disposition(attachment.Attachment{Name: got, MediaType: "text/plain"})
		if _, params, err := mime.ParseMediaType(header); err != nil || params["filename"] != got {
			t.Errorf("%q: header %q reads as %v, %v", got, header, params, err)
		}
	})
}

func TestDisposition(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, mediaType, want string }{
		{"a.png", "image/png", `inline; filename="a.png"`},
		{"a.pdf", "application/pdf", `attachment; filename="a.pdf"`},
		{"a b.txt", "text/plain", `attachment; filename="a b.txt"`},
		{`q"uo\te%41.txt`, "text/plain", `attachment; filename="q_uo_te_41.txt"; filename*=UTF-8''q%22uo%5Cte%2541.txt`},
		{"ü😀.csv", "text/csv", `attachment; filename="__.csv"; filename*=UTF-8''%C3%BC%F0%9F%98%80.csv`},
		{"", "image/png", `inline; filename="file.png"`},
		{"", "application/x-unheard-of", `attachment; filename="file"`},
		{"x.svg", "image/svg+xml", `attachment; filename="x.svg"`},
	} {
		if got := attachment.Disposition(attachment.Attachment{Name: tc.name, MediaType: tc.mediaType}); got != tc.want {
			t.Errorf("%q: got %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestURL(t *testing.T) {
	t.Parallel()
	id := uuid.New()
	if got, ok := attachment.ParseURL(attachment.URL(id)); !ok || got != id {
		t.Errorf("got %s, %v", got, ok)
	}
	for _, url := range []string{
		"", "/api/attachments/", "/api/attachments/" + uuid.Nil.String(), "/api/attachments/" + strings.ToUpper(id.String()) + "A",
		"/api/attachments/" + id.String() + "/", "/api/attachments/" + id.String() + "?a=b", "/api/attachments/{" + id.String() + "}",
		"/api/attachments/urn:uuid:" + id.String(), "/api/attachments/../attachments/" + id.String(), "//api/attachments/" + id.String(),
		"https://evil.example/api/attachments/" + id.String(), "javascript:alert(1)", "data:text/plain,hi", " /api/attachments/" + id.String(),
		"/api/attachments/" + strings.ReplaceAll(id.String(), "-", ""),
	} {
		if got, ok := attachment.ParseURL(url); ok {
			t.Errorf("%q is taken for %s", url, got)
		}
	}
}
