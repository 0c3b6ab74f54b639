package archive

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"twobrains/internal/attachment"
	"twobrains/internal/chat"
)

// parseOwn reads a line that Write may have written, or somebody else.
func parseOwn(raw json.RawMessage) Conversation {
	var c Conversation
	if json.Unmarshal(raw, &c) != nil || !chat.ValidID(c.ID) {
		return Conversation{}
	}
	c.Title = cleanTitle(c.Title)
	kept := c.Messages[:0]
	parents := map[string]string{} // of messages that were left out
	for _, m := range c.Messages {
		if parent, gone := parents[m.ParentID]; gone {
			m.ParentID = parent
		}
		reason := cleanOwn(&m)
		if reason != "" {
			c.Skipped = append(c.Skipped, Skip{reason, m.ID})
			parents[m.ID] = m.ParentID
			continue
		}
		kept = append(kept, m)
	}
	c.Messages = kept
	return c
}

func cleanOwn(m *Message) Reason {
	if !chat.ValidID(m.ID) {
		m.ID = strings.ToValidUTF8(m.ID, "")
		return ReasonUnreadable
	}
	if m.Role != "user" && m.Role != "assistant" {
		return ReasonUnreadable
	}
	switch m.Status {
	case "complete", "interrupted", "aborted", "failed":
	default:
		m.Status = "complete"
	}
	parts, size, reason := cleanParts(m.Role, m.Parts)
	if reason != "" {
		return reason
	}
	m.Parts, m.Size = parts, size
	var metadata map[string]any
	if decode(m.Metadata, &metadata) != nil || metadata == nil {
		metadata = map[string]any{}
	}
	delete(metadata, "branch")
	if !storable(metadata, maxDepth) {
		return ReasonNotStorable
	}
	m.Metadata = encode(metadata)
	return ""
}

// maxDepth of JSON that is stored.
const maxDepth = 64

// cleanParts keeps the parts that a stored message can have: of whatever else a page or a model might make something unforeseen.
func cleanParts(role string, raw json.RawMessage) (json.RawMessage, int, Reason) {
	var parts []map[string]any
	if decode(raw, &parts) != nil {
		return nil, 0, ReasonUnreadable
	}
	kept := make([]map[string]any, 0, len(parts))
	size := 0
	for _, p := range parts {
		if keepPart(role, p) {
			if !storable(p, maxDepth) {
				return nil, 0, ReasonNotStorable
			}
			if p["type"] == "text" {
				size += len(p["text"].(string))
			}
			kept = append(kept, p)
		}
	}
	if len(kept) == 0 && len(parts) > 0 {
		return nil, 0, ReasonContent
	}
	return encode(kept), size, ""
}

func keepPart(role string, p map[string]any) bool {
	kind, _ := p["type"].(string)
	text := func(name string) bool { _, ok := p[name].(string); return ok }
	switch kind {
	case "text":
		return text("text")
	case "file": // from nowhere but here
		url, _ := p["url"].(string)
		_, ok := attachment.ParseURL(url)
		return ok && text("mediaType")
	}
	if role == "user" {
		return false
	}
	switch {
	case kind == "step-start":
		return true
	case kind == "reasoning":
		return text("text")
	case kind == "source-url":
		url, _ := p["url"].(string)
		return strings.HasPrefix(url, "https://") || strings.HasPrefix(url, "http://")
	case kind == "source-document":
		return text("title")
	case kind == "dynamic-tool", strings.HasPrefix(kind, "tool-"):
		// What waits for an answer waits for that of who imports it, to something that they have never seen.
		state, _ := p["state"].(string)
		return text("toolCallId") && (state == "output-available" || state == "output-error" || state == "output-denied")
	}
	return false
}

// decode keeps numbers as they are written.
func decode(raw json.RawMessage, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	return decoder.Decode(into)
}

func encode(value any) json.RawMessage {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err) // unreachable: decoded JSON, or strings
	}
	return bytes.TrimSpace(out.Bytes())
}

// storable reports whether jsonb takes a value: no U+0000, no number that it has no digits for, no depth that exhausts a stack.
func storable(value any, depth int) bool {
	if depth == 0 {
		return false
	}
	switch v := value.(type) {
	case string:
		return !strings.ContainsRune(v, 0)
	case json.Number:
		_, err := strconv.ParseFloat(v.String(), 64)
		return err == nil && len(v) < 100
	case []any:
		for _, item := range v {
			if !storable(item, depth-1) {
				return false
			}
		}
	case map[string]any:
		for key, item := range v {
			if strings.ContainsRune(key, 0) || !storable(item, depth-1) {
				return false
			}
		}
	}
	return true
}

// cleanTitle makes a title of what was one elsewhere: one line, of a length that fits.
func cleanTitle(title string) string {
	title = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return ' '
		}
		return r
	}, title)), " ")
	if utf8.RuneCountInString(title) > chat.MaxTitle {
		title = string([]rune(title)[:chat.MaxTitle-1]) + "…"
	}
	return title
}
