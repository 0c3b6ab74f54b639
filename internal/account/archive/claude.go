package archive

import (
	"encoding/json"
	"strings"
	"time"
)

// Claude's conversations.json is a list of conversations with chat_messages. A message has a sender, human or assistant; its content is
// a list of blocks (text, thinking, tool_use, tool_result and others), beside which text repeats what is said, or, in older exports,
// stands alone. Attachments come with the text that was extracted from them, files with their names only. Newer exports name the
// message that each follows; where several follow the same one, the newest is the one that is shown.

type claudeConversation struct {
	UUID      string          `json:"uuid"`
	Name      string          `json:"name"`
	CreatedAt string          `json:"created_at"`
	UpdatedAt string          `json:"updated_at"`
	Starred   bool            `json:"is_starred"`
	Messages  []claudeMessage `json:"chat_messages"`
	// Leaf is the end of the path that is shown, where it is said.
	Leaf string `json:"current_leaf_message_uuid"`
}

type claudeMessage struct {
	UUID      string `json:"uuid"`
	Sender    string `json:"sender"`
	Text      string `json:"text"`
	CreatedAt string `json:"created_at"`
	Parent    string `json:"parent_message_uuid"`
	Content   []struct {
		Type     string `json:"type"`
		Text     string `json:"text"`
		Thinking string `json:"thinking"`
	} `json:"content"`
	Attachments []struct {
		Name string `json:"file_name"`
		Text string `json:"extracted_content"`
	} `json:"attachments"`
	Files []json.RawMessage `json:"files"`
}

func parseClaude(raw json.RawMessage) Conversation {
	var in claudeConversation
	if json.Unmarshal(raw, &in) != nil || in.UUID == "" {
		return Conversation{}
	}
	c := Conversation{
		ID: foreignID(KindClaude, in.UUID), Title: cleanTitle(in.Name), Pinned: in.Starred,
		CreatedAt: moment(in.CreatedAt), UpdatedAt: moment(in.UpdatedAt),
	}
	known := map[string]bool{}
	tree := false
	for _, m := range in.Messages {
		tree = tree || known[m.Parent]
		known[m.UUID] = true
	}
	// parents of messages as they are taken: what follows one that is left out follows the one before.
	parents, before := map[string]string{}, ""
	for _, m := range in.Messages {
		parent := before
		if tree {
			parent = parents[m.Parent]
		}
		parts, reasons := m.parts()
		for _, reason := range reasons {
			c.Skipped = append(c.Skipped, Skip{reason, m.UUID})
		}
		if m.UUID == "" || len(parts) == 0 {
			parents[m.UUID] = parent
			continue
		}
		role := map[string]string{"human": "user", "assistant": "assistant"}[m.Sender]
		id := foreignID(KindClaude, in.UUID, m.UUID)
		c.Messages = append(c.Messages, Message{
			ID: id, ParentID: parent, Role: role, Parts: encode(parts), Metadata: origin(KindClaude, ""), Status: "complete",
			CreatedAt: moment(m.CreatedAt), Shown: !tree,
		})
		parents[m.UUID], before = id, id
	}
	if tree {
		show(&c, parents[in.Leaf])
	}
	settle(&c)
	return c
}

func (m *claudeMessage) parts() (parts []map[string]any, reasons []Reason) {
	if m.Sender != "human" && m.Sender != "assistant" || m.UUID == "" {
		return nil, []Reason{ReasonUnreadable}
	}
	for _, b := range m.Content {
		switch b.Type {
		case "text":
			if strings.TrimSpace(b.Text) != "" {
				parts = append(parts, textPart(b.Text))
			}
		case "thinking":
			if b.Thinking != "" && m.Sender == "assistant" {
				parts = append(parts, map[string]any{"type": "reasoning", "text": clean(b.Thinking), "state": "done"})
			}
		case "tool_use", "tool_result":
			reasons = append(reasons, ReasonTool)
		case "token_budget", "flag":
		default:
			reasons = append(reasons, ReasonContent)
		}
	}
	if len(m.Content) == 0 && strings.TrimSpace(m.Text) != "" {
		parts = append(parts, textPart(m.Text))
	}
	for _, a := range m.Attachments {
		if a.Text == "" {
			reasons = append(reasons, ReasonFile)
			continue
		}
		parts = append(parts, textPart("["+cleanTitle(a.Name)+"]\n\n"+a.Text))
	}
	for range m.Files {
		reasons = append(reasons, ReasonFile)
	}
	if len(parts) == 0 && len(reasons) == 0 {
		reasons = []Reason{ReasonEmpty}
	}
	return parts, reasons
}

// moment reads a time; the zero time for what is none.
func moment(text string) time.Time {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil || at.Year() < 2000 || at.Year() > 9999 {
		return time.Time{}
	}
	return at.UTC().Truncate(time.Microsecond)
}
