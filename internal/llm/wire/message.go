package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"mime"
	"strconv"
	"strings"
	"unicode/utf8"

	"twobrains/internal/llm"
)

// Arguments makes valid JSON of a call's collected arguments: an object ({} for none), or the raw text as a JSON string
// with malformed set, as llm.ToolCall wants them.
func Arguments(raw []byte) (input json.RawMessage, malformed bool) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || string(raw) == "null" || string(raw) == `""` {
		return json.RawMessage("{}"), false
	}
	if raw[0] == '{' && json.Valid(raw) {
		return raw, false
	}
	quoted, err := json.Marshal(string(raw))
	if err != nil {
		quoted = []byte(`""`)
	}
	return quoted, true
}

// SentArguments are the arguments of an earlier call as providers take them back: {} where they were no object.
func SentArguments(call llm.ToolCall) json.RawMessage {
	if call.Malformed || len(call.Input) == 0 || call.Input[0] != '{' {
		return json.RawMessage("{}")
	}
	return call.Input
}

// ResultText is a result as the model reads it: a JSON string's content, any other value as JSON. Errors are marked.
func ResultText(result llm.ToolResult) string {
	words := Loose(result.Output)
	if result.IsError {
		return "Error: " + words
	}
	return words
}

// Loose returns a JSON string's content, and the text of any other value.
func Loose(value json.RawMessage) string {
	var s string
	if json.Unmarshal(value, &s) == nil {
		return s
	}
	return string(value)
}

// Schema decodes a tool's schema; one without has an object without properties. The error is of kind Invalid.
func Schema(tool llm.Tool) (map[string]any, error) {
	if len(tool.InputSchema) == 0 {
		return map[string]any{"type": "object", "properties": map[string]any{}}, nil
	}
	var schema map[string]any
	if err := json.Unmarshal(tool.InputSchema, &schema); err != nil || schema == nil {
		return nil, llm.NewError(llm.Invalid, fmt.Errorf("schema of tool %q is no JSON object", tool.Name))
	}
	return schema, nil
}

// Unexpected is the error for a part that has no place in a message of the role.
func Unexpected(part llm.Part, role llm.Role) error {
	return llm.NewError(llm.Invalid, fmt.Errorf("part %T in a message of role %s", part, role))
}

// UnknownRole is the error for a message of no known role.
func UnknownRole(role llm.Role) error {
	return llm.NewError(llm.Invalid, fmt.Errorf("unknown role %q", role))
}

// UnsupportedFile is the error for a file that the model cannot be given.
func UnsupportedFile(file llm.File, detail string) error {
	return llm.NewError(llm.Invalid, fmt.Errorf("file part of type %q", file.MediaType)).WithDetail(detail)
}

// TextFile returns a text file's content as words of the user, with its name, for providers that take no text files
// as such; ok is false for all other files.
func TextFile(file llm.File) (words string, ok bool) {
	mediaType, _, err := mime.ParseMediaType(file.MediaType)
	if err != nil || len(file.Data) == 0 || !utf8.Valid(file.Data) {
		return "", false
	}
	if !strings.HasPrefix(mediaType, "text/") && mediaType != "application/json" && mediaType != "application/xml" && mediaType != "application/yaml" {
		return "", false
	}
	return fmt.Sprintf("<file name=%q>\n%s\n</file>", file.Name, file.Data), true
}

// DataURL holds the file's bytes.
func DataURL(file llm.File) string {
	return "data:" + file.MediaType + ";base64," + base64.StdEncoding.EncodeToString(file.Data)
}

// Meta makes metadata that ReadMeta reads: {"provider": values}.
func Meta(provider string, values any) llm.Metadata {
	meta, err := json.Marshal(map[string]any{provider: values})
	if err != nil {
		return nil
	}
	return meta
}

// ReadMeta reads the provider's own metadata into values, a pointer to a struct, and reports whether there was any.
// Metadata of other providers is none, and so is what does not fit: it has been stored, and may be older than this code.
func ReadMeta(meta llm.Metadata, provider string, values any) bool {
	if len(meta) == 0 {
		return false
	}
	var all map[string]json.RawMessage
	if json.Unmarshal(meta, &all) != nil || len(all[provider]) == 0 {
		return false
	}
	return json.Unmarshal(all[provider], values) == nil
}

// CallIDs makes ids of calls that are new in the conversation.
type CallIDs map[string]bool

// NewCallIDs knows the ids of the request's calls.
func NewCallIDs(req llm.Request) CallIDs {
	ids := CallIDs{}
	for _, message := range req.Messages {
		for _, part := range message.Parts {
			if c, ok := part.(llm.ToolCall); ok {
				ids[c.ID] = true
			}
		}
	}
	return ids
}

// New keeps the provider's id where it is new, for some servers start at call_0 in every reply, and some give none.
func (ids CallIDs) New(wireID string) string {
	base := wireID
	if base == "" {
		base = "call"
	}
	id := base
	for n := 1; ids[id] || (wireID == "" && n == 1); n++ {
		id = base + "_" + strconv.Itoa(n)
	}
	ids[id] = true
	return id
}

// ParseDataURL reads what DataURL makes.
func ParseDataURL(url string) (file llm.File, ok bool) {
	rest, ok := strings.CutPrefix(url, "data:")
	if !ok {
		return file, false
	}
	head, body, _ := strings.Cut(rest, ",")
	file.MediaType, ok = strings.CutSuffix(head, ";base64")
	if !ok {
		return file, false
	}
	data, err := base64.StdEncoding.DecodeString(body)
	file.Data = data
	return file, err == nil && len(data) > 0
}
