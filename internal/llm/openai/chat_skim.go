package openai

import (
	"bytes"
	"unicode/utf8"
)

// skim reads a chunk of the most common form, one choice with some words and nothing else that matters, without
// allocating anything but the words: four fifths of what a chunk costs is decoding it. ok is false for everything else, also for
// what is no JSON; the decoder then has the say. What skim accepts it reads as the decoder would (FuzzSkim).
func skim(data []byte) (words text, ok bool) {
	s := skimmer{data: data}
	choices := 0
	ok = s.object(func(key []byte) bool {
		switch string(key) {
		case "choices":
			choices++
			return choices == 1 && s.choice(&words)
		case "usage", "error":
			return s.literal("null")
		}
		return s.scalar()
	})
	s.space()
	return words, ok && choices == 1 && s.at == len(data)
}

func (s *skimmer) choice(words *text) bool {
	if !s.byte('[') {
		return false
	}
	deltas := 0
	return s.object(func(key []byte) bool {
		switch string(key) {
		case "index":
			return s.literal("0")
		case "finish_reason", "logprobs":
			return s.literal("null")
		case "delta":
			deltas++
			return deltas == 1 && s.delta(words)
		}
		return false
	}) && s.byte(']')
}

func (s *skimmer) delta(words *text) bool {
	contents := 0
	return s.object(func(key []byte) bool {
		switch string(key) {
		case "content":
			contents++
			plain, ok := s.string()
			*words = text(plain)
			return ok && contents == 1
		case "role":
			_, ok := s.string()
			return ok
		case "refusal", "tool_calls", "reasoning_content", "reasoning":
			return s.literal("null")
		}
		return false
	})
}

// skimmer walks over JSON. Its methods skip space before what they look for.
type skimmer struct {
	data []byte
	at   int
}

func (s *skimmer) space() {
	for s.at < len(s.data) && (s.data[s.at] == ' ' || s.data[s.at] == '\n' || s.data[s.at] == '\t' || s.data[s.at] == '\r') {
		s.at++
	}
}

func (s *skimmer) byte(c byte) bool {
	s.space()
	if s.at >= len(s.data) || s.data[s.at] != c {
		return false
	}
	s.at++
	return true
}

// object calls value where the value of a key stands.
func (s *skimmer) object(value func(key []byte) bool) bool {
	if !s.byte('{') {
		return false
	}
	if s.byte('}') {
		return true
	}
	for {
		key, ok := s.string()
		if !ok || !isPlainKey(key) || !s.byte(':') || !value(key) {
			return false
		}
		if !s.byte(',') {
			return s.byte('}')
		}
	}
}

// isPlainKey is true of keys that the decoder, which does not mind capitals, takes as we do.
func isPlainKey(key []byte) bool {
	for _, c := range key {
		if c != '_' && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// string takes one without escapes.
func (s *skimmer) string() ([]byte, bool) {
	if !s.byte('"') {
		return nil, false
	}
	end := bytes.IndexByte(s.data[s.at:], '"')
	if end < 0 {
		return nil, false
	}
	plain := s.data[s.at : s.at+end]
	for _, c := range plain {
		if c < ' ' || c == '\\' {
			return nil, false
		}
	}
	s.at += end + 1
	return plain, utf8.Valid(plain)
}

// literal takes exactly this word or number.
func (s *skimmer) literal(word string) bool {
	s.space()
	if !bytes.HasPrefix(s.data[s.at:], []byte(word)) {
		return false
	}
	s.at += len(word)
	return s.at < len(s.data) && (s.data[s.at] == ',' || s.data[s.at] == '}' || s.data[s.at] == ']' || s.data[s.at] <= ' ')
}

// scalar takes a string, a whole number without a sign, or null.
func (s *skimmer) scalar() bool {
	s.space()
	if s.at >= len(s.data) {
		return false
	}
	switch c := s.data[s.at]; {
	case c == '"':
		_, ok := s.string()
		return ok
	case c >= '1' && c <= '9':
		for s.at < len(s.data) && s.data[s.at] >= '0' && s.data[s.at] <= '9' {
			s.at++
		}
		return true
	}
	return s.literal("null")
}
