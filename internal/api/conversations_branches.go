package api

import (
	"context"
	"net/http"
	"time"

	"twobrains/internal/auth"
	"twobrains/internal/chat"
	"twobrains/internal/problem"
)

// MessageVersion is the wire form of chat.Version.
type MessageVersion struct {
	Message
	Position  int       `json:"position" minimum:"1" doc:"Its place among the versions, oldest first."`
	Current   bool      `json:"current" doc:"It is the one that the list of messages holds."`
	CreatedAt time.Time `json:"createdAt"`
}

// MessageVersionPage is a part of the versions of a message.
type MessageVersionPage struct {
	Items      []MessageVersion `json:"items" doc:"Oldest first."`
	NextCursor *string          `json:"nextCursor" doc:"Gives the page of newer versions; null on the newest one."`
}

// MessageParam names a message of a conversation in the path.
type MessageParam struct {
	ConversationParam
	MessageID string `path:"messageId" doc:"Id of a message in it, whether or not it is shown."`
}

func (s *Server) branchRoutes() {
	const tag, base = "Conversations", "/api/conversations/{id}/messages/{messageId}"
	type siblings struct {
		MessageParam
		PageParams
	}
	register(s, operation{
		id: "listMessageVersions", method: http.MethodGet, path: base + "/siblings", tag: tag,
		summary:     "List the versions of a message",
		description: "The edits of a message of the user's, or the replies to one: all messages that follow the same one, the named one among them.",
		codes:       []problem.Code{problem.CodeBadRequest, problem.CodeInvalid, problem.CodeNotFound},
	}, func(ctx context.Context, user auth.User, in *siblings) (*struct{ Body MessageVersionPage }, error) {
		page, err := s.chat.Siblings(ctx, user, in.ID, in.MessageID, chat.SiblingsParams{Cursor: in.Cursor, Limit: in.Limit})
		if err != nil {
			return nil, err
		}
		out := MessageVersionPage{Items: make([]MessageVersion, len(page.Items)), NextCursor: nullable(page.NextCursor)}
		for i, v := range page.Items {
			out.Items[i] = MessageVersion{wireMessage(v.Message), v.Position, v.Current, v.CreatedAt}
		}
		return &struct{ Body MessageVersionPage }{out}, nil
	})

	type choice struct {
		MessageParam
		Limit int `query:"limit" minimum:"1" maximum:"100" default:"30"`
	}
	register(s, operation{
		id: "selectMessageVersion", method: http.MethodPost, path: base + "/select", tag: tag,
		summary: "Show another version of a message",
		description: "The messages that are listed, and that a model reads, are then those before it, it, and those that came after it, down to the newest. " +
			"The answer is their newest page, as listMessages gives it. Not while a reply is under way.",
		codes: []problem.Code{problem.CodeInvalid, problem.CodeNotFound, problem.CodeRunActive},
	}, func(ctx context.Context, user auth.User, in *choice) (*struct{ Body MessagePage }, error) {
		page, err := s.chat.Select(ctx, user, in.ID, in.MessageID, in.Limit)
		return wireMessages(page, err)
	})
}
