package share

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"twobrains/internal/problem"
	"twobrains/internal/tenantdb"
)

// Message is one of a snapshot. It has no id: its place in the list is all that tells it from others.
type Message struct {
	// Role is user or assistant.
	Role      string    `json:"role"`
	Parts     []Part    `json:"parts"`
	CreatedAt time.Time `json:"createdAt"`
	// Model is the name of the one that wrote it; empty in a user's message.
	Model string `json:"model,omitempty"`
}

// The types of parts that a snapshot holds.
const (
	PartText = "text"
	PartTool = "tool"
	PartFile = "file"
)

// Part of a message. Whatever else a stored message is made of, is not in a snapshot: reasoning, sources, what tools were given and gave,
// files and their names, metadata.
type Part struct {
	Type string `json:"type"`
	// Text is Markdown, of a PartText.
	Text string `json:"text,omitempty"`
	// Name is that of the tool that was called, of a PartTool.
	Name string `json:"name,omitempty"`
	// Kind of a PartFile, which says no more: image, pdf, text or file.
	Kind string `json:"kind,omitempty"`
}

// snapshot makes the JSON of what may be seen of messages, and counts them. One that has nothing to be seen is left out.
func (s *Service) snapshot(rows []tenantdb.ShareMessagesRow) (json.RawMessage, int, error) {
	size := 0
	for _, row := range rows {
		size += int(row.Size)
	}
	if len(rows) > MaxMessages || size > MaxBytes {
		return nil, 0, errTooLarge()
	}
	messages := make([]Message, 0, len(rows))
	for _, row := range rows {
		parts, err := visible(row.Parts)
		if err != nil {
			return nil, 0, err
		}
		if len(parts) == 0 {
			continue
		}
		m := Message{Role: row.Role, Parts: parts, CreatedAt: row.CreatedAt.UTC().Truncate(time.Second)}
		if row.Role == "assistant" {
			if m.Model = s.o.ModelName(row.Model); m.Model == "" {
				m.Model = row.Model
			}
		}
		messages = append(messages, m)
	}
	if len(messages) == 0 {
		return nil, 0, problem.New(problem.CodeConflict, "There is nothing to be shared in this conversation yet.")
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(messages); err != nil {
		return nil, 0, fmt.Errorf("write snapshot: %w", err)
	}
	if out.Len() > MaxBytes {
		return nil, 0, errTooLarge()
	}
	return out.Bytes(), len(messages), nil
}

// storedPart is what a snapshot is made from; of a part nothing else is looked at.
type storedPart struct {
	Type      string `json:"type"`
	Text      string `json:"text"`
	ToolName  string `json:"toolName"`
	MediaType string `json:"mediaType"`
}

// visible is the allow-list.
func visible(stored json.RawMessage) ([]Part, error) {
	var parts []storedPart
	if err := json.Unmarshal(stored, &parts); err != nil {
		return nil, fmt.Errorf("read parts: %w", err)
	}
	shown := make([]Part, 0, len(parts))
	for _, p := range parts {
		tool, isTool := strings.CutPrefix(p.Type, "tool-")
		switch {
		case p.Type == "text" && strings.TrimSpace(p.Text) != "":
			shown = append(shown, Part{Type: PartText, Text: p.Text})
		case p.Type == "dynamic-tool":
			shown = append(shown, Part{Type: PartTool, Name: ownName(p.ToolName)})
		case isTool:
			shown = append(shown, Part{Type: PartTool, Name: ownName(tool)})
		case p.Type == "file":
			shown = append(shown, Part{Type: PartFile, Kind: kindOf(p.MediaType)})
		}
	}
	return shown, nil
}

// ownName is that of a tool without the one that its user has given the server which offers it.
func ownName(tool string) string {
	if _, name, ok := strings.Cut(tool, "__"); ok {
		return name
	}
	return tool
}

func kindOf(mediaType string) string {
	switch {
	case strings.HasPrefix(mediaType, "image/"):
		return "image"
	case mediaType == "application/pdf":
		return "pdf"
	case strings.HasPrefix(mediaType, "text/"):
		return "text"
	}
	return "file"
}

func errTooLarge() error {
	return problem.Newf(problem.CodeShareTooLarge, "The conversation is too long to be shared: at most %d messages and %d KiB of text are.", MaxMessages, MaxBytes>>10)
}
