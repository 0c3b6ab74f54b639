package mcp

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"twobrains/internal/stream"
	"twobrains/internal/tool"
)

// maxErrorText bounds what a tool may say about its failure, in characters.
const maxErrorText = 4000

// output turns a result into JSON for the model: the text, as a JSON string; or the structured content, where there is no text or the text
// is the same again; or both, as {"text", "structured"}. What is neither is described in words.
func (r *remote) output(result *sdk.CallToolResult) (json.RawMessage, error) {
	if len(result.InputRequests) > 0 {
		return nil, tool.Error("The tool asks for something that it cannot be given here.")
	}
	text := r.scrub(words(result.Content))
	if result.IsError {
		return nil, tool.Error(cmp.Or(cut(strings.TrimSpace(stream.SanitizeText(text)), maxErrorText), "The tool failed without saying why."))
	}
	if result.StructuredContent == nil {
		return textOutput(text), nil
	}
	structured, err := json.Marshal(result.StructuredContent)
	if err != nil {
		return nil, tool.Error("The tool's answer cannot be read.")
	}
	if structured, err = stream.Sanitize(structured); err != nil {
		return nil, tool.Error("The tool's answer is nested too deep.")
	}
	structured = r.scrubJSON(structured)
	output := structured
	if text != "" && !json.Valid([]byte(text)) {
		output, err = stream.Sanitize(fmt.Appendf(nil, `{"text":%s,"structured":%s}`, encode(text), structured))
		if err != nil {
			return nil, tool.Error("The tool's answer is nested too deep.")
		}
	}
	if len(output) > tool.MaxOutput {
		// An object cannot be cut; its text can.
		return textOutput(cmp.Or(text, string(structured))), nil
	}
	return output, nil
}

// words puts contents together. Models get text only; of the rest they learn that it is there.
func words(contents []sdk.Content) string {
	var parts []string
	for _, content := range contents {
		switch c := content.(type) {
		case *sdk.TextContent:
			parts = append(parts, c.Text)
		case *sdk.ImageContent:
			parts = append(parts, fmt.Sprintf("[An image is not shown here: %s, %d bytes.]", kind(c.MIMEType), len(c.Data)))
		case *sdk.AudioContent:
			parts = append(parts, fmt.Sprintf("[A recording is not played here: %s, %d bytes.]", kind(c.MIMEType), len(c.Data)))
		case *sdk.ResourceLink:
			parts = append(parts, strings.TrimSpace(fmt.Sprintf("[Link: %s %s] %s", cmp.Or(c.Title, c.Name), c.URI, c.Description)))
		case *sdk.EmbeddedResource:
			switch res := c.Resource; {
			case res == nil:
			case res.Blob != nil:
				parts = append(parts, fmt.Sprintf("[A file is not shown here: %s, %s, %d bytes.]", res.URI, kind(res.MIMEType), len(res.Blob)))
			default:
				parts = append(parts, fmt.Sprintf("[%s]\n%s", res.URI, res.Text))
			}
		default:
			parts = append(parts, "[Something of an unknown kind is not shown here.]")
		}
	}
	return strings.Join(parts, "\n\n")
}

func kind(mime string) string { return cmp.Or(cut(mime, 100), "of no known type") }

// textOutput encodes a text, cut where it would be too large, with a note that says so.
func textOutput(text string) json.RawMessage {
	text = stream.SanitizeText(text)
	encoded := encode(text)
	if len(encoded) <= tool.MaxOutput {
		return encoded
	}
	note := fmt.Sprintf("\n\n[The answer had %d KiB; the rest is cut off here.]", len(text)>>10)
	for keep := min(len(text), tool.MaxOutput-len(note)-16); ; keep -= max(keep/8, 1) {
		for keep > 0 && !utf8.RuneStart(text[keep]) {
			keep--
		}
		if encoded = encode(text[:keep] + note); len(encoded) <= tool.MaxOutput {
			return encoded
		}
	}
}

func encode(text string) json.RawMessage {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		return json.RawMessage(`""`)
	}
	return json.RawMessage(strings.TrimSuffix(b.String(), "\n"))
}
