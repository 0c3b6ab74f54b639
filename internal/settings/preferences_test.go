package settings

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestNormalizePreferences(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		`{}`:                           `{}`,
		` { "b" : [ 1 , 2.50 ] } `:     `{"b":[1,2.5]}`,
		`{"a":1,"a":2}`:                `{"a":2}`,
		`{"a":"<\u00e4\ud83d\ude00>"}`: `{"a":"<ä😀>"}`,
		`{"a":1e3,"b":-0.1}`:           `{"a":1000,"b":-0.1}`,
	} {
		if got, complaint := normalizePreferences(json.RawMessage(raw)); complaint != "" || string(got) != want {
			t.Errorf("%s: got %s, %q", raw, got, complaint)
		}
	}
	for _, raw := range []string{
		`null`, `[]`, `"a"`, `{"a":1e999}`, `{"a":"\u0000"}`, `{"\u0000":1}`, `{"a":[[["\u0000"]]]}`,
		`{"a":"` + strings.Repeat("x", MaxPreferences) + `"}`,
		`{"a":` + strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth) + `}`,
		`{"a":[` + strings.Repeat("1e300,", 60) + `1]}`,
	} {
		if got, complaint := normalizePreferences(json.RawMessage(raw)); complaint == "" {
			t.Errorf("%.60s was taken as %.60s", raw, got)
		}
	}
}
