package chat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"twobrains/internal/problem"
)

// idPattern is what clients may choose as id of a conversation or message. The client library makes 16 letters and
// digits; UUIDs fit too.
var idPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// ValidID reports whether a client may name a conversation or message so: 1 to 64 letters, digits, dashes, underscores.
func ValidID(id string) bool { return idPattern.MatchString(id) }

// UserMessage is a message that a client may send: its own words, validated and rewritten to what is stored.
type UserMessage struct {
	ID string
	// Parts is the stored form, a JSON array of UIMessage parts of type text and file.
	Parts json.RawMessage
	// Text is that of all text parts. It is empty in a message that is files only.
	Text string
	// Files are the attachments that the message refers to, in order, each once.
	Files []FileRef
}

// maxParts bounds the parts of one user message.
const maxParts = 100

// ParseUserMessage reads a UIMessage of role user. What a client must not say (another role, parts that only a reply
// has) and what cannot be stored is answered with a *problem.Error of CodeInvalid that lists the members, path being the
// message's own path in the request.
func ParseUserMessage(raw json.RawMessage, path string, maxChars int) (UserMessage, error) {
	var in struct {
		ID    *string           `json:"id"`
		Role  string            `json:"role"`
		Parts []json.RawMessage `json:"parts"`
	}
	invalid := problem.New(problem.CodeInvalid, "The message is not acceptable.")
	if err := json.Unmarshal(raw, &in); err != nil {
		return UserMessage{}, invalid.Field(path, "must be a message object with id, role and parts")
	}
	m := UserMessage{}
	switch {
	case in.ID == nil || *in.ID == "":
		invalid.Field(path+".id", "is required")
	case !ValidID(*in.ID):
		invalid.Field(path+".id", "must be 1 to 64 letters, digits, dashes or underscores")
	default:
		m.ID = *in.ID
	}
	if in.Role != "user" {
		invalid.Field(path+".role", "must be user: replies, tool results and instructions come from the server")
	}
	if len(in.Parts) == 0 {
		invalid.Field(path+".parts", "must hold at least one part")
	}
	if len(in.Parts) > maxParts {
		invalid.Field(path+".parts", fmt.Sprintf("must hold at most %d parts", maxParts))
		return UserMessage{}, invalid
	}
	var stored []userPart
	var texts []string
	for i, raw := range in.Parts {
		where := fmt.Sprintf("%s.parts[%d]", path, i)
		part, file, complaint := parseUserPart(raw)
		switch {
		case complaint.text != "":
			invalid.Field(where+complaint.member, complaint.text)
		case part.Type == "file":
			file.path = where
			m.Files = append(m.Files, file)
			stored = append(stored, part)
		default:
			texts = append(texts, *part.Text)
			stored = append(stored, part)
		}
	}
	if complaint := checkFiles(m.Files); complaint != "" {
		invalid.Field(path+".parts", complaint)
	}
	m.Text = strings.Join(texts, "\n\n")
	if len(invalid.Fields) == 0 {
		if complaint := checkText(m.Text, maxChars, len(m.Files) > 0); complaint != "" {
			invalid.Field(path+".parts", complaint)
		}
	}
	if len(invalid.Fields) > 0 {
		return UserMessage{}, invalid
	}
	m.Parts = encodeParts(stored)
	return m, nil
}

// userPart is a part of a user's message as it is stored.
type userPart struct {
	Type      string  `json:"type"`
	Text      *string `json:"text,omitempty"`
	MediaType string  `json:"mediaType,omitempty"`
	URL       string  `json:"url,omitempty"`
	Filename  string  `json:"filename,omitempty"`
}

// complaint says what is wrong with a part; member, as ".url", is what in it is.
type complaint struct{ member, text string }

func parseUserPart(raw json.RawMessage) (userPart, FileRef, complaint) {
	var part userPart
	if err := json.Unmarshal(raw, &part); err != nil {
		return part, FileRef{}, complaint{text: "must be a part object"}
	}
	switch {
	case part.Type == "file":
		return parseFilePart(part)
	case part.Type != "text":
		return part, FileRef{}, complaint{text: "must be of type text or file"}
	case part.Text == nil:
		return part, FileRef{}, complaint{text: "must have a text"}
	}
	return userPart{Type: part.Type, Text: part.Text}, FileRef{}, complaint{}
}

func checkText(text string, maxChars int, files bool) string {
	blank := strings.TrimFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) }) == ""
	switch {
	case strings.ContainsRune(text, 0):
		return "must not contain the character U+0000"
	case blank && !files:
		return "must not be empty"
	case utf8.RuneCountInString(text) > maxChars:
		return fmt.Sprintf("must not exceed %d characters", maxChars)
	}
	return ""
}

func encodeParts(parts []userPart) json.RawMessage {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(parts); err != nil {
		panic(err) // unreachable: strings
	}
	return bytes.TrimSpace(out.Bytes())
}

// maxTitle is the length of a title made from a message, in characters.
const maxTitle = 60

// TitleFrom makes a title from the first words of a message.
func TitleFrom(text string) string {
	words := strings.Fields(text)
	var title strings.Builder
	length := 0
	for i, word := range words {
		n := utf8.RuneCountInString(word)
		if i > 0 && length+1+n > maxTitle {
			return title.String() + "…"
		}
		if i > 0 {
			title.WriteByte(' ')
			length++
		}
		if n > maxTitle {
			return title.String() + string([]rune(word)[:maxTitle]) + "…"
		}
		title.WriteString(word)
		length += n
	}
	return title.String()
}
