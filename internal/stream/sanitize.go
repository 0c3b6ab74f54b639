package stream

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// ErrNotJSON says that a value is no single JSON value, or is nested deeper than 200 levels (browsers and Postgres take
// more, but not without bound).
var ErrNotJSON = errors.New("not acceptable as JSON")

const maxDepth = 200

// Sanitize rewrites foreign JSON (tool inputs and outputs, provider metadata) so that it can be sent and stored: on one
// line without insignificant space; keys __proto__ and constructor-holding-prototype removed, for which clients reject
// the whole chunk; U+0000, lone surrogates and invalid UTF-8 replaced by U+FFFD and numbers outside the range of a
// float64 turned into strings, for which Postgres rejects the whole message. All else keeps its meaning and its order.
// Nothing at all becomes null. The error is ErrNotJSON.
func Sanitize(value json.RawMessage) (json.RawMessage, error) {
	s := sanitizer{in: value, out: make([]byte, 0, len(value))}
	s.space()
	if s.pos == len(s.in) {
		return json.RawMessage("null"), nil
	}
	if !s.value(0) {
		return nil, fmt.Errorf("%w: at byte %d", ErrNotJSON, s.pos)
	}
	s.space()
	if s.pos != len(s.in) {
		return nil, fmt.Errorf("%w: text after the end at byte %d", ErrNotJSON, s.pos)
	}
	return s.out, nil
}

// SanitizeText makes a text storable: U+0000 and invalid UTF-8 become U+FFFD.
func SanitizeText(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// sanitizer is a recursive-descent reader that copies while it checks. Its methods report false on malformed input.
type sanitizer struct {
	in  []byte
	pos int
	out []byte
}

func (s *sanitizer) space() {
	for s.pos < len(s.in) {
		switch s.in[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// take consumes c, after space, and copies it.
func (s *sanitizer) take(c byte) bool {
	s.space()
	if s.pos == len(s.in) || s.in[s.pos] != c {
		return false
	}
	s.pos++
	s.out = append(s.out, c)
	return true
}

func (s *sanitizer) value(depth int) bool {
	s.space()
	if s.pos == len(s.in) || depth > maxDepth {
		return false
	}
	switch c := s.in[s.pos]; c {
	case '{':
		_, ok := s.object(depth)
		return ok
	case '[':
		return s.array(depth)
	case '"':
		text, ok := s.text()
		if ok {
			s.out = appendString(s.out, text)
		}
		return ok
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	default:
		return s.number()
	}
}

// object copies an object and reports whether it had a key "prototype".
func (s *sanitizer) object(depth int) (prototype, ok bool) {
	s.take('{')
	if s.take('}') {
		return false, true
	}
	first := true
	for {
		s.space()
		key, ok := s.text()
		if !ok {
			return false, false
		}
		mark := len(s.out)
		if !first {
			s.out = append(s.out, ',')
		}
		s.out = appendString(s.out, key)
		if !s.take(':') {
			return false, false
		}
		holds := false
		s.space()
		if s.pos < len(s.in) && s.in[s.pos] == '{' && depth < maxDepth {
			holds, ok = s.object(depth + 1)
		} else {
			ok = s.value(depth + 1)
		}
		if !ok {
			return false, false
		}
		switch string(key) {
		case "__proto__":
			s.out = s.out[:mark]
		case "constructor":
			if holds {
				s.out = s.out[:mark]
			}
		case "prototype":
			prototype = true
		}
		first = first && len(s.out) == mark
		s.space()
		if s.pos == len(s.in) {
			return false, false
		}
		c := s.in[s.pos]
		s.pos++
		switch c {
		case ',':
		case '}':
			s.out = append(s.out, '}')
			return prototype, true
		default:
			return false, false
		}
	}
}

func (s *sanitizer) array(depth int) bool {
	s.take('[')
	if s.take(']') {
		return true
	}
	for {
		if !s.value(depth + 1) {
			return false
		}
		if s.take(']') {
			return true
		}
		if !s.take(',') {
			return false
		}
	}
}

func (s *sanitizer) literal(word string) bool {
	if !strings.HasPrefix(string(s.in[s.pos:min(len(s.in), s.pos+len(word))]), word) {
		return false
	}
	s.pos += len(word)
	s.out = append(s.out, word...)
	return true
}

func (s *sanitizer) number() bool {
	from := s.pos
	for s.pos < len(s.in) && strings.IndexByte("+-.0123456789eE", s.in[s.pos]) >= 0 {
		s.pos++
	}
	number := s.in[from:s.pos]
	if !json.Valid(number) {
		s.pos = from
		return false
	}
	f, err := strconv.ParseFloat(string(number), 64)
	vanished := f == 0 && bytes.ContainsAny(number[:mantissa(number)], "123456789")
	if err != nil || vanished || len(number) > 512 {
		s.out = appendString(s.out, number)
		return true
	}
	s.out = append(s.out, number...)
	return true
}

func mantissa(number []byte) int {
	if i := bytes.IndexAny(number, "eE"); i >= 0 {
		return i
	}
	return len(number)
}

// text reads a string and returns it unescaped, a part of the input where it had no escapes.
func (s *sanitizer) text() ([]byte, bool) {
	if s.pos == len(s.in) || s.in[s.pos] != '"' {
		return nil, false
	}
	s.pos++
	from := s.pos
	var text []byte
	for s.pos < len(s.in) {
		switch c := s.in[s.pos]; {
		case c == '"':
			rest := s.in[from:s.pos]
			s.pos++
			if text == nil {
				return rest, true
			}
			return append(text, rest...), true
		case c < ' ':
			return nil, false
		case c != '\\':
			s.pos++
		default:
			text = append(text, s.in[from:s.pos]...)
			var ok bool
			if text, ok = s.escape(text); !ok {
				return nil, false
			}
			from = s.pos
		}
	}
	return nil, false
}

func (s *sanitizer) escape(text []byte) ([]byte, bool) {
	if s.pos+1 >= len(s.in) {
		return nil, false
	}
	c := s.in[s.pos+1]
	if c == 'u' {
		r, ok := s.hex(s.pos + 2)
		if !ok {
			return nil, false
		}
		s.pos += 6
		if utf16.IsSurrogate(r) {
			r = s.lowSurrogate(r)
		}
		return utf8.AppendRune(text, r), true
	}
	i := strings.IndexByte(`"\/bfnrt`, c)
	if i < 0 {
		return nil, false
	}
	s.pos += 2
	return append(text, "\"\\/\b\f\n\r\t"[i]), true
}

// lowSurrogate joins high with the escape that follows; alone it becomes U+FFFD.
func (s *sanitizer) lowSurrogate(high rune) rune {
	if s.pos+1 < len(s.in) && s.in[s.pos] == '\\' && s.in[s.pos+1] == 'u' {
		if low, ok := s.hex(s.pos + 2); ok {
			if r := utf16.DecodeRune(high, low); r != utf8.RuneError {
				s.pos += 6
				return r
			}
		}
	}
	return utf8.RuneError
}

func (s *sanitizer) hex(at int) (rune, bool) {
	if at+4 > len(s.in) {
		return 0, false
	}
	n, err := strconv.ParseUint(string(s.in[at:at+4]), 16, 32)
	return rune(n), err == nil
}
