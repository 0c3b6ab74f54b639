package google

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"mime"
	"slices"

	"google.golang.org/genai"

	"twobrains/internal/llm"
	"twobrains/internal/llm/wire"
)

// request is the body of streamGenerateContent.
type request struct {
	Contents          []content               `json:"contents"`
	SystemInstruction *content                `json:"systemInstruction,omitempty"`
	Tools             []genai.Tool            `json:"tools,omitempty"`
	GenerationConfig  *genai.GenerationConfig `json:"generationConfig,omitempty"`
}

// encode makes the body of a request. Its errors are of kind Invalid.
func encode(req llm.Request) ([]byte, error) {
	var r request
	if req.System != "" {
		r.SystemInstruction = &content{Parts: []part{textPart(req.System)}}
	}
	t := translator{model: req.Model, generation: generationOf(req.Model), names: map[string]string{}}
	turn := lastUser(req.Messages)
	for i, message := range req.Messages {
		c, err := t.message(message, i > turn)
		if err != nil {
			return nil, err
		}
		if len(c.Parts) > 0 { // the API refuses contents without parts
			r.Contents = append(r.Contents, c)
		}
	}
	if len(r.Contents) == 0 {
		return nil, llm.NewError(llm.Invalid, errors.New("a request without content")).WithDetail("There is nothing to answer.")
	}
	functions, err := declarations(req.Tools)
	if err != nil {
		return nil, err
	}
	if len(functions) > 0 {
		r.Tools = []genai.Tool{{FunctionDeclarations: functions}}
	}
	limit, think := max(req.MaxOutputTokens, 0), thinking(req.Model, req.Effort)
	if limit > 0 || think != nil {
		r.GenerationConfig = &genai.GenerationConfig{MaxOutputTokens: int32(min(limit, math.MaxInt32)), ThinkingConfig: think}
	}
	body, err := json.Marshal(r)
	if err != nil {
		return nil, llm.NewError(llm.Invalid, fmt.Errorf("encode request: %w", err))
	}
	return body, nil
}

func textPart(text string) part { return part{Text: &text} }

// lastUser is the index of the last user message: what follows it is the current turn.
func lastUser(messages []llm.Message) int {
	for i, message := range slices.Backward(messages) {
		if message.Role == llm.RoleUser {
			return i
		}
	}
	return -1
}

// declarations leave out the schema of a tool that has none: then the function takes no arguments.
func declarations(tools []llm.Tool) ([]*genai.FunctionDeclaration, error) {
	functions := make([]*genai.FunctionDeclaration, 0, len(tools))
	for _, tool := range tools {
		function := &genai.FunctionDeclaration{Name: tool.Name, Description: tool.Description}
		if len(tool.InputSchema) > 0 {
			if _, err := wire.Schema(tool); err != nil {
				return nil, err
			}
			function.ParametersJsonSchema = tool.InputSchema
		}
		functions = append(functions, function)
	}
	return functions, nil
}

// translator turns messages into contents, in their order.
type translator struct {
	model      string
	generation generation
	names      map[string]string // of the functions called so far, by call id
}

func (t *translator) message(message llm.Message, currentTurn bool) (content, error) {
	var c content
	var err error
	switch message.Role {
	case llm.RoleUser:
		c.Role = genai.RoleUser
		c.Parts, err = userParts(message.Parts)
	case llm.RoleAssistant:
		c.Role = genai.RoleModel
		c.Parts, err = t.modelParts(message.Parts)
		if currentTurn && t.generation == levels {
			excuse(c.Parts)
		}
	case llm.RoleTool:
		c.Role = genai.RoleUser
		c.Parts, err = t.results(message.Parts)
	default:
		err = wire.UnknownRole(message.Role)
	}
	return c, err
}

func userParts(parts []llm.Part) ([]part, error) {
	var translated []part
	for _, p := range parts {
		switch p := p.(type) {
		case llm.Text:
			if p.Text != "" {
				translated = append(translated, textPart(p.Text))
			}
		case llm.File:
			file, err := inline(p)
			if err != nil {
				return nil, err
			}
			translated = append(translated, file)
		default:
			return nil, wire.Unexpected(p, llm.RoleUser)
		}
	}
	return translated, nil
}

// modelParts gives the model its own reply back. Thoughts without a signature are summaries, of which it reads nothing.
func (t *translator) modelParts(parts []llm.Part) ([]part, error) {
	var translated []part
	for _, p := range parts {
		switch p := p.(type) {
		case llm.Text:
			signatures, _ := madeBy(t.model, p.Meta)
			translated = append(translated, pieces(p.Text, signatures)...)
		case llm.Reasoning:
			signatures, _ := madeBy(t.model, p.Meta)
			for _, thought := range pieces(p.Text, signatures) {
				if thought.ThoughtSignature != "" {
					thought.Thought = true
					translated = append(translated, thought)
				}
			}
		case llm.ToolCall:
			t.names[p.ID] = p.Name
			call := part{FunctionCall: &functionCall{ID: p.ID, Name: p.Name, Args: wire.SentArguments(p)}}
			signatures, _ := madeBy(t.model, p.Meta)
			translated = append(translated, sign(call, signatures))
		case llm.File:
			signatures, ok := madeBy(t.model, p.Meta)
			if file, err := inline(p); ok && err == nil { // only who makes images takes them as its own words
				translated = append(translated, sign(file, signatures))
			}
		default:
			return nil, wire.Unexpected(p, llm.RoleAssistant)
		}
	}
	return translated, nil
}

func sign(p part, signatures []signature) part {
	for _, s := range signatures {
		p.ThoughtSignature = s.Value
	}
	return p
}

func (t *translator) results(parts []llm.Part) ([]part, error) {
	var translated []part
	for _, p := range parts {
		result, ok := p.(llm.ToolResult)
		if !ok {
			return nil, wire.Unexpected(p, llm.RoleTool)
		}
		response := &functionResponse{ID: result.CallID, Name: result.Name}
		if name, known := t.names[result.CallID]; known {
			response.Name = name
		}
		if response.Name == "" {
			return nil, llm.NewError(llm.Invalid, fmt.Errorf("result of the unknown call %q", result.CallID))
		}
		key, output := "output", result.Output
		if result.IsError {
			key = "error"
		}
		if len(output) == 0 {
			output = json.RawMessage("null")
		}
		response.Response = map[string]json.RawMessage{key: output}
		translated = append(translated, part{FunctionResponse: response})
	}
	return translated, nil
}

// images are the types that the models take; they refuse others, GIF among them.
var images = []string{"image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"}

const fileTypes = "This model takes PNG, JPEG, WebP, HEIC and HEIF images, PDF and text files, each with its content."

// inline makes a part of a file. A text becomes text, for inline data has no name that the model would see, and the API
// refuses most types of text.
func inline(file llm.File) (part, error) {
	if words, ok := wire.TextFile(file); ok {
		return textPart(words), nil
	}
	mediaType, _, err := mime.ParseMediaType(file.MediaType)
	if err != nil || len(file.Data) == 0 || (mediaType != "application/pdf" && !slices.Contains(images, mediaType)) {
		return part{}, wire.UnsupportedFile(file, fileTypes)
	}
	return part{InlineData: &genai.Blob{MIMEType: mediaType, Data: file.Data}}, nil
}
