package completion

import (
	"fmt"
	"slices"

	"twobrains/internal/llm/catalog"
	"twobrains/internal/stream"
	"twobrains/internal/tenantdb"
)

// maxHistory bounds the messages given to a model, whatever its window.
const maxHistory = 200

// charsPerToken is how many characters of text a token has at least, on average and in most languages: the history is cut
// by characters, since every provider counts tokens in its own way.
const charsPerToken = 3

// budget is how many characters of history may be read: what the model's window leaves beside its reply. Where the
// model is still to be chosen the largest window counts, and readHistory cuts.
func (r *run) budget() int64 {
	window := 0
	for _, m := range r.opts.Catalog.Models() {
		if r.req.model == "" || r.req.model == m.ID {
			window = max(window, inputWindow(m))
		}
	}
	budget := int64(window) * charsPerToken
	if r.continues != nil { // the newest message, which its run adds by itself
		budget += int64(len(r.continues.parts))
	}
	return budget
}

func inputWindow(m catalog.Model) int {
	return max(m.ContextWindow-min(m.OutputLimit, m.ContextWindow/2), m.ContextWindow/4)
}

// remember puts the user's notes behind their instructions: a quarter of what the model reads at most.
func (r *run) remember() {
	notes := r.recall.Prompt(inputWindow(r.model) * charsPerToken / 4)
	if r.system != "" && notes != "" {
		r.system += "\n\n"
	}
	r.system += notes
}

// readHistory keeps the newest messages that fit the model, and begins with one of the user's.
func (r *run) readHistory(rows []tenantdb.MessageHistoryRow) error {
	r.history, r.userText, r.asked = nil, 0, len(rows)
	left := int64(inputWindow(r.model))*charsPerToken - int64(len(r.system))
	if r.continues != nil { // the reply itself, which its run adds
		left -= int64(len(r.continues.parts))
		rows = slices.DeleteFunc(rows, func(row tenantdb.MessageHistoryRow) bool { return row.ID == r.messageID })
	}
	first := len(rows)
	for first > 0 {
		size := int64(len(rows[first-1].Parts))
		if first < len(rows) && size > left {
			break
		}
		left -= size
		first--
	}
	for first < len(rows)-1 && rows[first].Role != "user" {
		first++
	}
	for _, row := range rows[first:] {
		parts, err := stream.CloseLost(row.Parts)
		if err != nil {
			return fmt.Errorf("message %s: %w", row.ID, err)
		}
		messages, err := r.files.Messages(row.Role, parts)
		if err != nil {
			return fmt.Errorf("message %s: %w", row.ID, err)
		}
		r.history = append(r.history, messages...)
		r.userText += int64(len(row.Parts))
	}
	return nil
}
