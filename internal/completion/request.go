package completion

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"

	"twobrains/internal/chat"
	"twobrains/internal/llm"
	"twobrains/internal/problem"
)

type action int

const (
	// actSend appends a new user message.
	actSend action = iota
	// actEdit replaces a user message and drops what followed it.
	actEdit
	// actRegenerate drops a reply, and what followed it, and makes another.
	actRegenerate
	// actContinue goes on with a reply that asked for approval.
	actContinue
)

// request is what a client may ask for, after validation. Whatever else it sent of the conversation is not looked at:
// history comes from the database.
type request struct {
	action       action
	conversation string
	// target is the message to edit or to regenerate; empty regenerates the last reply.
	target  string
	message chat.UserMessage
	// content is the digest of message.Parts.
	content [sha256.Size]byte
	model   string
	effort  llm.Effort
	// temporary: the conversation that a first message begins leaves no trace.
	temporary bool
	// decisions of actContinue.
	decisions []decision
}

// body is the wire form: what the client library posts, and the extra members of our own.
type body struct {
	ID              *string           `json:"id"`
	ConversationID  *string           `json:"conversationId"`
	Message         json.RawMessage   `json:"message"`
	Messages        []json.RawMessage `json:"messages"`
	Trigger         string            `json:"trigger"`
	MessageID       *string           `json:"messageId"`
	ModelID         *string           `json:"modelId"`
	ReasoningEffort *string           `json:"reasoningEffort"`
	Temporary       bool              `json:"temporary"`
}

// parse reads and checks a request. Errors are *problem.Error: CodeBadRequest for what is no JSON object of this shape,
// CodeInvalid with the members otherwise.
func parse(raw []byte, maxChars int) (_ request, err error) {
	var in body
	if err := json.Unmarshal(raw, &in); err != nil {
		return request{}, problem.New(problem.CodeBadRequest, "The body is not the JSON object this call takes.").Because(err)
	}
	invalid := problem.New(problem.CodeInvalid, "The request is not acceptable.")
	req := request{conversation: in.conversation(invalid), model: value(in.ModelID), temporary: in.Temporary}
	if in.ReasoningEffort != nil {
		req.effort = llm.Effort(*in.ReasoningEffort)
		if !req.effort.Valid() {
			invalid.Field("reasoningEffort", "must be off, low, medium or high")
		}
	}
	if len(req.model) > 200 {
		invalid.Field("modelId", "is too long")
	}
	req.target = value(in.MessageID)
	if req.target != "" && !chat.ValidID(req.target) {
		invalid.Field("messageId", "must be 1 to 64 letters, digits, dashes or underscores")
	}
	switch in.Trigger {
	case "", "submit-message":
		req.action = actSend
		if req.target != "" {
			req.action = actEdit
		}
		in.parseMessage(&req, invalid, maxChars)
	case "regenerate-message":
		req.action = actRegenerate
	default:
		invalid.Field("trigger", "must be submit-message or regenerate-message")
	}
	if len(invalid.Fields) > 0 {
		return request{}, invalid
	}
	if req.action == actSend || req.action == actEdit {
		if req.content, err = contentOf(req.message.Parts); err != nil {
			return request{}, err
		}
	}
	return req, nil
}

// repeats says whether a later request is this one again, as a client sends it that got no answer.
func (req request) repeats(later request) bool {
	return (req.action == actSend || req.action == actEdit) && later.action == req.action &&
		later.conversation == req.conversation && later.message.ID == req.message.ID && later.content == req.content
}

// contentOf is a digest of parts that is the same however they are written down.
func contentOf(parts json.RawMessage) (digest [sha256.Size]byte, err error) {
	var value any
	if err := json.Unmarshal(parts, &value); err != nil {
		return digest, fmt.Errorf("read parts: %w", err)
	}
	return sha256.Sum256(encode(value)), nil
}

func (in *body) conversation(invalid *problem.Error) string {
	field, id := "id", in.ID
	if in.ConversationID != nil {
		if id != nil && *id != *in.ConversationID {
			invalid.Field("conversationId", "must equal id where both are given")
		}
		field, id = "conversationId", in.ConversationID
	}
	switch {
	case id == nil || *id == "":
		invalid.Field(field, "is required")
	case !chat.ValidID(*id):
		invalid.Field(field, "must be 1 to 64 letters, digits, dashes or underscores")
	default:
		return *id
	}
	return ""
}

// parseMessage finds the user's message: the one given, or the last of the client's history. Roles that a client has no
// business sending are refused wherever they stand.
func (in *body) parseMessage(req *request, invalid *problem.Error, maxChars int) {
	raw, path := in.Message, "message"
	if raw == nil {
		if len(in.Messages) == 0 {
			invalid.Field("messages", "must end with the user's message")
			return
		}
		last := len(in.Messages) - 1
		raw, path = in.Messages[last], fmt.Sprintf("messages[%d]", last)
		for i, earlier := range in.Messages[:last] {
			if role := roleOf(earlier); role != "user" && role != "assistant" {
				invalid.Field(fmt.Sprintf("messages[%d].role", i), "must be user or assistant")
			}
		}
	}
	if req.action == actEdit && roleOf(raw) == "assistant" {
		req.action = actContinue
		in.parseDecisions(raw, path, req, invalid)
		return
	}
	message, err := chat.ParseUserMessage(raw, path, maxChars)
	if err != nil {
		invalid.Fields = append(invalid.Fields, problem.From(err).Fields...)
		return
	}
	if req.action == actEdit && message.ID != req.target {
		invalid.Field("messageId", "must be the id of the edited message")
	}
	req.message = message
}

// roleOf reads a message's role; empty if there is none.
func roleOf(raw json.RawMessage) string {
	var m struct {
		Role string `json:"role"`
	}
	if json.Unmarshal(raw, &m) != nil {
		return ""
	}
	return m.Role
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
