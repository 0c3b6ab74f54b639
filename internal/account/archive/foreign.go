package archive

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/google/uuid"
)

// What the formats of other services have in common.

// space keeps ids made from theirs apart from all others.
var space = uuid.MustParse("6f1a7a1c-7d0e-5c57-9a38-0d7c2f6a51e4")

// foreignID is the same for the same ids, so that what is imported twice is there once. Theirs themselves could be anything.
func foreignID(kind Kind, ids ...string) string {
	return uuid.NewSHA1(space, []byte(string(kind)+"\x00"+strings.Join(ids, "\x00"))).String()
}

// origin is the metadata of a message that came from elsewhere.
func origin(kind Kind, model string) json.RawMessage {
	from := map[string]any{"importedFrom": string(kind)}
	if model != "" && len(model) <= 100 {
		from["originalModel"] = clean(model)
	}
	return encode(from)
}

func textPart(text string) map[string]any {
	return map[string]any{"type": "text", "text": clean(text)}
}

// clean makes a text one that the database takes.
func clean(text string) string {
	return strings.ReplaceAll(text, "\x00", "\uFFFD")
}

// join adds parts to those of a message.
func join(parts json.RawMessage, more []map[string]any) json.RawMessage {
	return append(append(parts[:len(parts)-1:len(parts)-1], ','), encode(more)[1:]...)
}

// settle fills in what an export leaves open: sizes, times, a path.
func settle(c *Conversation) {
	shown := false
	for i := range c.Messages {
		m := &c.Messages[i]
		_, m.Size, _ = cleanParts(m.Role, m.Parts)
		if m.CreatedAt.IsZero() {
			m.CreatedAt = c.CreatedAt
			if i > 0 {
				m.CreatedAt = latest(c.CreatedAt, c.Messages[i-1].CreatedAt)
			}
		}
		shown = shown || m.Shown
	}
	if !shown {
		show(c, "")
	}
}

// show marks the path that ends at a message, or at the newest one where there is no such.
func show(c *Conversation, end string) {
	index := map[string]int{}
	for i, m := range c.Messages {
		index[m.ID] = i
		c.Messages[i].Shown = false
	}
	if _, ok := index[end]; !ok && len(c.Messages) > 0 {
		end = c.Messages[len(c.Messages)-1].ID
	}
	for i, ok := index[end]; ok && !c.Messages[i].Shown; i, ok = index[c.Messages[i].ParentID] {
		c.Messages[i].Shown = true
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
