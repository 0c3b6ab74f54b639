package api

import (
	"bytes"
	"context"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"twobrains/internal/auth"
	"twobrains/internal/problem"
)

// AIRequest documents what POST /api/ai takes. Package completion reads it.
type AIRequest struct {
	ID              string      `json:"id" pattern:"^[A-Za-z0-9_-]{1,64}$" doc:"The conversation, which is created if there is none. conversationId is another name for it."`
	Messages        []AIMessage `json:"messages,omitempty" doc:"The client's history, of which only the last message is read: history comes from the database."`
	Message         *AIMessage  `json:"message,omitempty" doc:"Instead of messages."`
	Trigger         string      `json:"trigger,omitempty" enum:"submit-message,regenerate-message" default:"submit-message"`
	MessageID       string      `json:"messageId,omitempty" doc:"The message to edit (of the user), to make anew, or the reply whose requests for approval are answered."`
	ModelID         string      `json:"modelId,omitempty" doc:"Left out: the user's default, else the installation's."`
	ReasoningEffort string      `json:"reasoningEffort,omitempty" enum:"off,low,medium,high"`
	Temporary       bool        `json:"temporary,omitempty" doc:"With the first message: the conversation is in no list and no search, and is deleted when its owner comes a day after its last message, if not before. For one that is there and is not temporary: 409."`
}

// AIMessage documents the last message: the user's, or the reply that asked for approval, with the answers.
type AIMessage struct {
	ID    string   `json:"id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	Role  string   `json:"role" enum:"user,assistant" doc:"assistant only to answer requests for approval, with its id as messageId; of its parts only the answers are read."`
	Parts []AIPart `json:"parts" minItems:"1"`
}

// AIPart documents a part: text, a file, or a tool call that asked for approval.
type AIPart struct {
	Type       string      `json:"type" doc:"text or file; in a reply, tool-NAME or dynamic-tool." example:"text"`
	Text       string      `json:"text,omitempty"`
	MediaType  string      `json:"mediaType,omitempty" doc:"Of a file."`
	URL        string      `json:"url,omitempty" doc:"Of a file: that of an attachment."`
	Filename   string      `json:"filename,omitempty"`
	ToolCallID string      `json:"toolCallId,omitempty"`
	State      string      `json:"state,omitempty" doc:"approval-responded, for an answer." example:"approval-responded"`
	Approval   *AIApproval `json:"approval,omitempty"`
}

// AIApproval documents an answer to a request for approval.
type AIApproval struct {
	ID       string `json:"id"`
	Approved bool   `json:"approved"`
	Reason   string `json:"reason,omitempty" maxLength:"1000" doc:"Told to the model where the call is denied."`
}

// Stopped tells whether there was a reply to stop.
type Stopped struct {
	Stopped bool `json:"stopped"`
}

const (
	aiPath       = "/api/ai"
	aiStreamPath = aiPath + "/{conversationId}/stream"
	aiTag        = "Replies"
)

// aiRoutes are served by raw handlers, since huma's streams lose the errors that say that a client is gone.
func (s *Server) aiRoutes() {
	r := s.api.OpenAPI().Components.Schemas
	send := limits{name: "ai", perIP: s.config.Limits.AIPerIP, user: s.config.Limits.AIPerUser}
	s.app.Post(aiPath, append(append([]fiber.Handler{s.admitReply}, s.access(send)...), s.admitStored, s.startReply)...)
	request := r.Schema(reflect.TypeFor[AIRequest](), true, "")
	r.SchemaFromRef(request.Ref).AdditionalProperties = true
	s.document(huma.Operation{
		OperationID: "sendMessage", Method: http.MethodPost, Path: aiPath,
		Summary: "Send a message and stream the reply",
		Description: "Speaks the UI message stream of the AI SDK (npm package ai, versions 5 to 7). The reply goes on when the client leaves; " +
			"what goes wrong after the stream has begun is told in it. A message that is sent again, with the same id and content, is not stored or " +
			"counted again: it gets the reply under way, or the one that there is.",
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: request}}},
	}, codesBody, []problem.Code{
		problem.CodeNotFound, problem.CodeConflict, problem.CodeRunActive, problem.CodeModelUnavailable, problem.CodeQuotaDay, problem.CodeQuotaMonth,
		problem.CodeSecretUnreadable, problem.CodeStorageFull,
	})

	handlers := append(s.access(), s.followReply)
	s.app.Add(http.MethodGet, paramNames.Replace(aiStreamPath), handlers...)
	s.document(huma.Operation{
		OperationID: "resumeReply", Method: http.MethodGet, Path: aiStreamPath,
		Summary: "Stream the reply under way from its beginning",
		Description: "Whichever replica makes it. 204 when nothing is under way in this conversation, whether it exists or not; resume_unavailable when " +
			"something is and its stream cannot be read here now.",
		Parameters: []*huma.Param{{
			Name: "conversationId", In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString},
		}},
		Responses: map[string]*huma.Response{"204": {Description: "Nothing is under way."}},
	}, []problem.Code{problem.CodeResumeUnavailable})

	type stop struct {
		ID string `path:"conversationId"`
	}
	register(s, operation{
		id: "stopReply", method: http.MethodPost, path: aiPath + "/{conversationId}/stop", tag: aiTag,
		summary:     "Stop the reply under way",
		description: "Whichever replica makes it. What there is of it is kept. Answers when it is stored.",
	}, func(ctx context.Context, user auth.User, in *stop) (*struct{ Body Stopped }, error) {
		stopped, err := s.completions.Stop(ctx, user, in.ID)
		return &struct{ Body Stopped }{Stopped{stopped}}, err
	})
}

// document adds a hand-made operation that answers with a stream.
func (s *Server) document(op huma.Operation, codes ...[]problem.Code) {
	own := op.Responses
	op.Tags = []string{aiTag}
	op.Responses = problems(s.api.OpenAPI().Components.Schemas, codes...)
	for status, response := range own {
		op.Responses[status] = response
	}
	op.Responses["200"] = &huma.Response{
		Description: "UI message stream: server-sent events, ended by data: [DONE].",
		Content: map[string]*huma.MediaType{"text/event-stream": {
			Schema: &huma.Schema{Type: huma.TypeString, Description: "Events whose data is one chunk of JSON each; docs/stream.md lists them."},
		}},
	}
	s.api.OpenAPI().AddOperation(&op)
}

// admitReply refuses what there is no room for before Kratos, Redis or Postgres are asked anything: at overload a refusal must
// cost next to nothing.
func (s *Server) admitReply(c *fiber.Ctx) error {
	if s.completions.Active() >= s.config.Limits.MaxStreams {
		return problem.New(problem.CodeBusy, "The server has no room for another reply now; try again in a moment.").After(5 * time.Second)
	}
	if err := s.admitStream(); err != nil {
		return err
	}
	return c.Next()
}

func (s *Server) startReply(c *fiber.Ctx) error {
	// A copy: what is kept of the body outlives the request's buffers.
	follower, err := s.completions.Start(c.UserContext(), exchangeOf(c).user, bytes.Clone(c.Request().Body()))
	if err != nil {
		return err
	}
	return s.streams.Serve(c, follower)
}

func (s *Server) followReply(c *fiber.Ctx) error {
	if err := s.admitStream(); err != nil {
		return err
	}
	follower, err := s.completions.Follow(c.UserContext(), exchangeOf(c).user, strings.Clone(c.Params("conversationId")))
	if err != nil {
		return err
	}
	if follower == nil {
		return c.SendStatus(fiber.StatusNoContent)
	}
	return s.streams.Serve(c, follower)
}

func (s *Server) admitStream() error {
	if s.streams.Active() >= s.config.Limits.MaxStreams {
		return problem.New(problem.CodeBusy, "The server has no room for another stream now; try again in a moment.").After(5 * time.Second)
	}
	return nil
}
