package wire

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func read(stream io.Reader) (got []string, err error) {
	for event, failure := range events(stream) {
		if failure != nil {
			return got, failure
		}
		got = append(got, event.Name+"|"+string(event.Data))
	}
	return got, nil
}

func TestEvents(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789", 10_000)
	for text, want := range map[string][]string{
		"":                                       nil,
		"data: a\n\ndata:b\n\n":                  {"|a", "|b"},
		"event: x\ndata: a\n\ndata: b\n\n":       {"x|a", "|b"},
		"data: a\ndata: b\n\n":                   {"|a\nb"},
		": note\n\nid: 7\nretry: 5\ndata: a\n\n": {"|a"},
		"event: ping\n\ndata: a\n\n":             {"|a"},
		"data\ndata:\n\ndata: a":                 {"|a"},
		"<html>\nhello\n":                        nil,
		"data: " + long + "\n\ndata: " + long[1:] + "\ndata: " + long + "\n\n": {"|" + long, "|" + long[1:] + "\n" + long},
	} {
		for form, stream := range map[string]io.Reader{
			"whole": strings.NewReader(text),
			"bytes": iotest.OneByteReader(strings.NewReader(text)),
			"crlf":  strings.NewReader(strings.ReplaceAll(text, "\n", "\r\n")),
			"eof":   iotest.DataErrReader(strings.NewReader(text)),
		} {
			if got, err := read(stream); err != nil || !slices.Equal(got, want) {
				t.Errorf("%s of %.60q: %.100q %v", form, text, got, err)
			}
		}
	}
	broken := errors.New("broken")
	got, err := read(io.MultiReader(strings.NewReader("data: a\n\ndata: b"), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) || !slices.Equal(got, []string{"|a"}) {
		t.Errorf("%q %v", got, err)
	}
}
