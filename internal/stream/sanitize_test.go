package stream_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"twobrains/internal/stream"
)

func TestSanitize(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		``:                                  `null`,
		" \n null ":                         `null`,
		"{ \"a\" : [ 1 , true, \"x\" ] }\n": `{"a":[1,true,"x"]}`,
		`{"b":1,"a":2}`:                     `{"b":1,"a":2}`,
		`{"__proto__":{"x":1},"a":1}`:       `{"a":1}`,
		`{"a":1,"__proto__":2}`:             `{"a":1}`,
		`{"__proto__":1}`:                   `{}`,
		`[{"a":{"\u005f_proto__":1}}]`:      `[{"a":{}}]`,
		`{"constructor":{"prototype":1}}`:   `{}`,
		`{"constructor":{"a":{"prototype":1}},"b":1}`:   `{"constructor":{"a":{"prototype":1}},"b":1}`,
		`{"constructor":{"x":1,"prototype":{}},"b":1}`:  `{"b":1}`,
		`{"constructor":"prototype"}`:                   `{"constructor":"prototype"}`,
		`{"constructor":[{"prototype":1}]}`:             `{"constructor":[{"prototype":1}]}`,
		`{"prototype":{"constructor":{"__proto__":1}}}`: `{"prototype":{"constructor":{}}}`,
		`"a\u0000b"`: "\"a\uFFFDb\"",
		`"\ud83d\ude00 \ud83d \ude00 \ud83dx \ud83d\ud83d"`: "\"😀 \uFFFD \uFFFD \uFFFDx \uFFFD\uFFFD\"",
		`{"k\u0000":1}`:      "{\"k\uFFFD\":1}",
		"\"\xff\"":           "\"\uFFFD\"",
		`"\/\b\f\n\r\t\"\\"`: `"/\u0008\u000c\n\r\t\"\\"`,
		`-1.5e3`:             `-1.5e3`,
		`1e999`:              `"1e999"`,
		`-1E-999`:            `"-1E-999"`,
		`0e-999`:             `0e-999`,
	} {
		got, err := stream.Sanitize(json.RawMessage(in))
		if err != nil || string(got) != want {
			t.Errorf("%s: %s %v, want %s", in, got, err, want)
		}
	}
	for _, in := range []string{`{`, `}`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `[1,]`, `[`, `[1 2]`, `tru`, `01`, `1.`, `--1`, `"`, `"\x"`, `"\u12"`, `"\`, "\"\n\"", `1 2`, `nulll`, `{1:2}`, strings.Repeat("[", 300) + strings.Repeat("]", 300), strings.Repeat(`{"a":`, 300)} {
		if got, err := stream.Sanitize(json.RawMessage(in)); !errors.Is(err, stream.ErrNotJSON) {
			t.Errorf("%.40s: %s %v", in, got, err)
		}
	}
	deep := strings.Repeat("[", 150) + strings.Repeat("]", 150)
	if got, err := stream.Sanitize(json.RawMessage(deep)); err != nil || string(got) != deep {
		t.Errorf("150 levels: %v", err)
	}
}

func TestSanitizeText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"": "", "Grüße": "Grüße", "a\x00b": "a\uFFFDb", "a\xff\x00": "a\uFFFD\uFFFD"} {
		if got := stream.SanitizeText(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

// FuzzSanitize compares with encoding/json: the same inputs are acceptable, and the result means the same but for what
// must not be there.
func FuzzSanitize(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,-2.5e10,"x\u0000\ud83d\ude00",null,true,{"__proto__":1,"constructor":{"prototype":{}}}]}`,
		`[[],{},""]`, "\"\xff\u2028\"", `{"a":1,"a":2}`, `1e400`, ` [ 1 , 2 ] `, `{"constructor":{"prototype":1,"x":{"__proto__":[]}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := stream.Sanitize(in)
		if len(bytes.TrimSpace(in)) == 0 {
			return
		}
		if err != nil {
			if json.Valid(in) && depth(in) <= 200 {
				t.Fatalf("refused: %v", err)
			}
			return
		}
		if !json.Valid(in) || !json.Valid(got) || !utf8.Valid(got) || bytes.ContainsAny(got, "\n\x00") || bytes.Contains(got, []byte(`\u0000`)) {
			t.Fatalf("%q became %q", in, got)
		}
		again, err := stream.Sanitize(got)
		if err != nil || !bytes.Equal(again, got) {
			t.Fatalf("not stable: %q %q %v", got, again, err)
		}
		if want, have := strip(decode(t, in)), decode(t, got); !reflect.DeepEqual(want, have) {
			t.Fatalf("%q\nwant %#v\nhave %#v", in, want, have)
		}
	})
}

func decode(t *testing.T, in []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(in))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

func strip(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, member := range v {
			o, isObject := member.(map[string]any)
			_, holds := o["prototype"]
			if key == "__proto__" || (key == "constructor" && isObject && holds) {
				continue
			}
			out[strings.ReplaceAll(key, "\x00", "\uFFFD")] = strip(member)
		}
		return out
	case []any:
		for i := range v {
			v[i] = strip(v[i])
		}
	case string:
		return strings.ReplaceAll(v, "\x00", "\uFFFD")
	case json.Number:
		f, err := strconv.ParseFloat(string(v), 64)
		lead, _, _ := strings.Cut(strings.ToLower(string(v)), "e")
		if err != nil || len(v) > 512 || (f == 0 && strings.ContainsAny(lead, "123456789")) {
			return string(v)
		}
	}
	return value
}

func depth(in []byte) (deepest int) {
	d := json.NewDecoder(bytes.NewReader(in))
	level := 0
	for {
		token, err := d.Token()
		if err != nil {
			return deepest
		}
		switch token {
		case json.Delim('['), json.Delim('{'):
			level++
		case json.Delim(']'), json.Delim('}'):
			level--
		}
		deepest = max(deepest, level+1)
	}
}
