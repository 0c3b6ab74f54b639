package completion

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCleanTitle(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("word ", 30)
	for answer, want := range map[string]string{
		"Weather in Paris":                  "Weather in Paris",
		"  \"Weather in Paris.\"\n":         "Weather in Paris",
		"## **Weather\tin  Paris**\nMore.":  "Weather in Paris",
		"\n\n„Wetter in Köln“\n":            "Wetter in Köln",
		"\u202eevil\u0000\x07 \u200btitle":  "evil title",
		"\n \"\" \n...\n":                   "",
		"":                                  "",
		long:                                "word word word word word word word word word word word…",
		strings.Repeat("ü", 80):             strings.Repeat("ü", 59) + "…",
		"<script>alert(1)</script>\nsecond": "<script>alert(1)</script>",
	} {
		got := cleanTitle(answer)
		if got != want || utf8.RuneCountInString(got) > maxTitle {
			t.Errorf("%q: got %q, want %q", answer, got, want)
		}
	}
}
