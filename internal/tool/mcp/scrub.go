package mcp

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"twobrains/internal/secret"
)

const redacted = "[redacted]"

// scrub takes the header values that the server was sent out of what it answers: an echo would put them into the
// conversation. Short ones could be anything, and stay.
func (r *remote) scrub(text string) string { return scrub(text, r.canaries()) }

func scrub(text string, canaries []string) string {
	for _, canary := range canaries {
		text = strings.ReplaceAll(text, canary, redacted)
	}
	return text
}

// canaries are the header values in all spellings, longest first, for one can be part of another.
func (r *remote) canaries() []string {
	const shortest = 8
	var list []string
	for _, value := range r.server.Headers {
		list = append(list, spellings(value)...)
	}
	list = slices.DeleteFunc(list, func(s string) bool { return len(s) < shortest })
	slices.SortFunc(list, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b)) })
	return list
}

// spellings of a header value: all of it, what follows its scheme, and both as in JSON.
func spellings(value secret.Secret) []string {
	whole := value.Reveal()
	list := []string{whole}
	if _, token, ok := strings.Cut(whole, " "); ok {
		list = append(list, strings.TrimSpace(token))
	}
	for _, plain := range list {
		if quoted := strings.Trim(string(encode(plain)), `"`); quoted != plain {
			list = append(list, quoted)
		}
	}
	return list
}

// scrubJSON is scrub for each string of clean JSON, keys included. A number that is a header's value becomes a string.
func (r *remote) scrubJSON(value json.RawMessage) json.RawMessage {
	canaries := r.canaries()
	if len(canaries) == 0 {
		return value
	}
	out := make(json.RawMessage, 0, len(value))
	for i := 0; i < len(value); {
		end := i + 1
		switch c := value[i]; {
		case c == '"':
			end = endOfString(value, i)
			out = append(out, scrubString(value[i:end], canaries)...)
		case c == '-' || (c >= '0' && c <= '9'):
			for end < len(value) && strings.IndexByte("+-.eE0123456789", value[end]) >= 0 {
				end++
			}
			if number := value[i:end]; slices.Contains(canaries, string(number)) {
				out = append(out, encode(redacted)...)
			} else {
				out = append(out, number...)
			}
		default:
			out = append(out, c)
		}
		i = end
	}
	return out
}

func scrubString(literal json.RawMessage, canaries []string) json.RawMessage {
	var text string
	if err := json.Unmarshal(literal, &text); err != nil {
		return encode(redacted)
	}
	if clean := scrub(text, canaries); clean != text {
		return encode(clean)
	}
	return literal
}

// endOfString finds what follows the string that begins at start.
func endOfString(value json.RawMessage, start int) int {
	for i := start + 1; i < len(value); i++ {
		switch value[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(value)
}
