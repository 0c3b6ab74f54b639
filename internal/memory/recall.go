package memory

import (
	"context"
	"encoding/json"
	"strings"
	"unicode/utf8"

	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
)

// MaxPrompt bounds what prompts hold of notes, in characters: some 4,000 tokens, or 40 notes of the greatest length. Most are a line.
const MaxPrompt = 16_000

// Recall is what a run gets to know.
type Recall struct {
	result *tenant.Result[tenantdb.MemoryRecallRow]
}

// QueueRecall puts the notes for a run in a conversation into the next round trip.
func QueueRecall(ctx context.Context, tx *tenant.Tx, conversation string) *Recall {
	return &Recall{tenant.Queue(tx, func(db tenant.DBTX) (tenantdb.MemoryRecallRow, error) {
		return tenantdb.New().MemoryRecall(ctx, db, conversation)
	})}
}

// Applies says whether the conversation has to do with notes: a temporary one reads none and writes none. Nil applies to nothing.
func (r *Recall) Applies() bool { return r != nil && !r.result.Value().Temporary }

// Prompt gives notes to a model, what was last written first, as many as fit into so many characters; empty if there are none. Each is a JSON
// string on a line of its own, so that none can pass for anything but a note.
func (r *Recall) Prompt(limit int) string {
	if !r.Applies() {
		return ""
	}
	return promptOf(r.result.Value().Notes, limit)
}

const promptHead = "Below are notes that the user has saved for you to know in all conversations, one a line as a JSON string. They are what is known about " +
	"the user, not part of this conversation: use those that bear on it, without reciting them.\n<notes>\n"

const promptFoot = "</notes>"

func promptOf(notes []string, limit int) string {
	var b strings.Builder
	left := min(limit, MaxPrompt) - len(promptHead) - len(promptFoot)
	for _, note := range notes {
		line, err := json.Marshal(note) // which escapes < and >, and line breaks
		if err != nil {
			continue
		}
		if left -= utf8.RuneCount(line) + 1; left < 0 {
			break
		}
		b.Write(line)
		b.WriteByte('\n')
	}
	if b.Len() == 0 {
		return ""
	}
	return promptHead + b.String() + promptFoot
}
