package archive

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"
)

// ChatGPT's conversations.json (or conversations-000.json and so on) is a list of conversations. The messages of one are the nodes of a
// tree, mapping, by id, each with parent and children; current_node is the end of the path that is shown. A node without a message is a
// root. Besides those of user and assistant there are messages of system and tool, hidden ones, and an assistant's turn can be several
// nodes: thoughts, code for a tool, the answer. Times are seconds since 1970 with a fraction, and may be null.

type gptConversation struct {
	ID             string             `json:"id"`
	ConversationID string             `json:"conversation_id"`
	Title          *string            `json:"title"`
	CreateTime     float64            `json:"create_time"`
	UpdateTime     float64            `json:"update_time"`
	CurrentNode    string             `json:"current_node"`
	Archived       bool               `json:"is_archived"`
	Starred        bool               `json:"is_starred"`
	Mapping        map[string]gptNode `json:"mapping"`
}

type gptNode struct {
	Message  *gptMessage `json:"message"`
	Parent   *string     `json:"parent"`
	Children []string    `json:"children"`
}

type gptMessage struct {
	Author struct {
		Role string `json:"role"`
	} `json:"author"`
	CreateTime float64 `json:"create_time"`
	Recipient  string  `json:"recipient"`
	Content    struct {
		Type     string            `json:"content_type"`
		Parts    []json.RawMessage `json:"parts"`
		Text     string            `json:"text"`
		Language string            `json:"language"`
		Thoughts []struct {
			Content string `json:"content"`
		} `json:"thoughts"`
	} `json:"content"`
	Metadata struct {
		Hidden bool   `json:"is_visually_hidden_from_conversation"`
		Model  string `json:"model_slug"`
	} `json:"metadata"`
}

func parseChatGPT(raw json.RawMessage) Conversation {
	var in gptConversation
	if json.Unmarshal(raw, &in) != nil || in.Mapping == nil {
		return Conversation{}
	}
	if in.ConversationID != "" {
		in.ID = in.ConversationID
	}
	if in.ID == "" {
		return Conversation{}
	}
	t := gptTree{in: in, seen: map[string]bool{}, shown: map[string]bool{}}
	t.c = Conversation{
		ID: foreignID(KindChatGPT, in.ID), Pinned: in.Starred, CreatedAt: seconds(in.CreateTime), UpdatedAt: seconds(in.UpdateTime),
	}
	if in.Title != nil {
		t.c.Title = cleanTitle(*in.Title)
	}
	if in.Archived {
		at := latest(t.c.UpdatedAt, t.c.CreatedAt)
		t.c.ArchivedAt = &at
	}
	for id := in.CurrentNode; id != "" && !t.shown[id]; {
		t.shown[id] = true
		if parent := in.Mapping[id].Parent; parent != nil {
			id = *parent
		} else {
			id = ""
		}
	}
	var roots []string
	for id, node := range in.Mapping {
		if node.Parent == nil || in.Mapping[*node.Parent].Children == nil {
			roots = append(roots, id)
		}
	}
	slices.Sort(roots)
	for _, id := range roots {
		t.walk(id)
	}
	for id, node := range in.Mapping { // in a circle, or of nobody
		if node.Message != nil && !t.seen[id] {
			t.c.Skipped = append(t.c.Skipped, Skip{ReasonUnreadable, id})
		}
	}
	settle(&t.c)
	return t.c
}

// gptTree turns nodes into messages.
type gptTree struct {
	in    gptConversation
	c     Conversation
	seen  map[string]bool
	shown map[string]bool
}

type gptPlace struct {
	id, parent string
	// open is the index of the message that the node may add to; -1: none.
	open int
}

// walk goes through the tree without recursion: its depth is the file's to choose.
func (t *gptTree) walk(root string) {
	stack := []gptPlace{{id: root, open: -1}}
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		node, ok := t.in.Mapping[at.id]
		if !ok || t.seen[at.id] {
			continue
		}
		t.seen[at.id] = true
		parent, open := t.take(at, node)
		if len(node.Children) > 1 {
			open = -1 // what branches here is a message of its own
		}
		for _, child := range slices.Backward(node.Children) {
			stack = append(stack, gptPlace{child, parent, open})
		}
	}
}

// take adds what a node says, and returns what its children follow and may add to.
func (t *gptTree) take(at gptPlace, node gptNode) (parent string, open int) {
	m := node.Message
	if m == nil {
		return at.parent, -1
	}
	parts, reasons := m.parts()
	for _, reason := range reasons {
		t.c.Skipped = append(t.c.Skipped, Skip{reason, at.id})
	}
	if len(parts) == 0 {
		return at.parent, at.open
	}
	if m.Author.Role == "assistant" && at.open >= 0 {
		last := &t.c.Messages[at.open]
		last.Parts = join(last.Parts, parts)
		return at.parent, at.open
	}
	message := Message{
		ID: foreignID(KindChatGPT, t.in.ID, at.id), ParentID: at.parent, Role: m.Author.Role, Parts: encode(parts), Status: "complete",
		CreatedAt: seconds(m.CreateTime), Shown: t.shown[at.id], Metadata: origin(KindChatGPT, m.Metadata.Model),
	}
	t.c.Messages = append(t.c.Messages, message)
	if m.Author.Role == "assistant" {
		return message.ID, len(t.c.Messages) - 1
	}
	return message.ID, -1
}

// parts of a message that are taken, and why others are not.
func (m *gptMessage) parts() (parts []map[string]any, reasons []Reason) {
	role, kind := m.Author.Role, m.Content.Type
	switch {
	case m.Metadata.Hidden, role == "system", kind == "user_editable_context", kind == "model_editable_context":
		if kind == "text" && len(m.Content.Parts) == 1 && string(m.Content.Parts[0]) == `""` {
			return nil, nil // every conversation begins with one
		}
		return nil, []Reason{ReasonSystem}
	case role == "tool", role == "assistant" && m.Recipient != "" && m.Recipient != "all":
		return nil, []Reason{ReasonTool}
	case role != "user" && role != "assistant":
		return nil, []Reason{ReasonUnreadable}
	}
	switch kind {
	case "text", "multimodal_text":
		for _, raw := range m.Content.Parts {
			text, reason := gptPart(raw)
			if reason != "" {
				reasons = append(reasons, reason)
			} else if strings.TrimSpace(text) != "" {
				parts = append(parts, textPart(text))
			}
		}
	case "code":
		if m.Content.Text != "" {
			language := m.Content.Language
			if language == "unknown" || strings.ContainsAny(language, "`\n\r") {
				language = ""
			}
			parts = append(parts, textPart("```"+language+"\n"+m.Content.Text+"\n```"))
		}
	case "thoughts":
		for _, thought := range m.Content.Thoughts {
			if thought.Content != "" {
				parts = append(parts, map[string]any{"type": "reasoning", "text": clean(thought.Content), "state": "done"})
			}
		}
	case "reasoning_recap":
		return nil, nil // says how long the thoughts took
	case "execution_output", "tether_browsing_display", "tether_quote":
		return nil, []Reason{ReasonTool}
	default:
		return nil, []Reason{ReasonContent}
	}
	if len(parts) == 0 && len(reasons) == 0 && kind != "thoughts" {
		reasons = []Reason{ReasonEmpty}
	}
	return parts, reasons
}

// gptPart is a text, or an object that may hold one.
func gptPart(raw json.RawMessage) (string, Reason) {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text, ""
	}
	var object struct {
		Type string  `json:"content_type"`
		Text *string `json:"text"`
	}
	switch {
	case json.Unmarshal(raw, &object) != nil:
		return "", ReasonUnreadable
	case object.Text != nil:
		return *object.Text, ""
	case strings.HasSuffix(object.Type, "_asset_pointer"):
		return "", ReasonFile
	}
	return "", ReasonContent
}

// seconds since 1970; the zero time for what is none.
func seconds(s float64) time.Time {
	if math.IsNaN(s) || s <= 0 || s > 1e11 {
		return time.Time{}
	}
	whole, fraction := math.Modf(s)
	return time.Unix(int64(whole), int64(fraction*1e9)).UTC().Truncate(time.Microsecond)
}
