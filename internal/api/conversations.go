package api

import (
	"context"
	"net/http"
	"time"

	"twobrains/internal/auth"
	"twobrains/internal/chat"
	"twobrains/internal/problem"
)

// Conversation is the wire form of chat.Conversation.
type Conversation struct {
	ID          string     `json:"id" example:"0198c0de-7f00-7000-8000-000000000001"`
	Title       string     `json:"title" doc:"Empty until named." example:"Tax return"`
	TitleByUser bool       `json:"titleByUser" doc:"The user chose the title; it is not replaced by a generated one."`
	Pinned      bool       `json:"pinned"`
	Temporary   bool       `json:"temporary" doc:"In no list and in no search; deleted when its owner comes a day after its last message, if not before."`
	ArchivedAt  *time.Time `json:"archivedAt" doc:"Null unless archived."`
	CreatedAt   time.Time  `json:"createdAt"`
	UpdatedAt   time.Time  `json:"updatedAt" doc:"When the last message came."`
	Running     bool       `json:"running" doc:"A reply is under way."`
}

func wireConversation(c chat.Conversation) Conversation { return Conversation(c) }

// ConversationPage is a part of the list of conversations.
type ConversationPage struct {
	Items      []Conversation `json:"items"`
	NextCursor *string        `json:"nextCursor" doc:"Gives the next page; null on the last one."`
}

// Message is the wire form of chat.Message: a UIMessage.
type Message struct {
	ID       string  `json:"id"`
	Role     string  `json:"role" enum:"user,assistant"`
	Parts    objects `json:"parts" doc:"UIMessage parts: text, reasoning, tool-*, dynamic-tool, source-url, file, data-*, step-start."`
	Metadata object  `json:"metadata" doc:"createdAt and status (complete, interrupted, aborted, failed); of replies also model, finishReason, usage; branch (position and count) of a message with several versions."`
}

// MessagePage is a part of a conversation.
type MessagePage struct {
	Items      []Message `json:"items" doc:"In chronological order."`
	NextCursor *string   `json:"nextCursor" doc:"Gives the page of older messages; null on the oldest one."`
}

// PageParams select a page of a list. (huma reads the fields of exported embedded types only.)
type PageParams struct {
	Cursor string `query:"cursor" doc:"nextCursor of the page before."`
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"30"`
}

// ConversationParam names a conversation in the path.
type ConversationParam struct {
	ID string `path:"id" doc:"Id of the conversation: 1 to 64 letters, digits, dashes, underscores."`
}

type conversationOutput struct{ Body Conversation }

func (s *Server) conversationRoutes() {
	const tag, base = "Conversations", "/api/conversations"
	type list struct {
		PageParams
		Archived bool `query:"archived" doc:"The archived ones instead of the others."`
	}
	register(s, operation{
		id: "listConversations", method: http.MethodGet, path: base, tag: tag,
		summary:     "List conversations",
		description: "Those with the newest message first, pinned ones before the rest. Pages follow each other by cursor.",
		codes:       []problem.Code{problem.CodeBadRequest, problem.CodeInvalid},
	}, func(ctx context.Context, user auth.User, in *list) (*struct{ Body ConversationPage }, error) {
		page, err := s.chat.List(ctx, user, chat.ListParams{Archived: in.Archived, Cursor: in.Cursor, Limit: in.Limit})
		if err != nil {
			return nil, err
		}
		out := ConversationPage{Items: make([]Conversation, len(page.Items)), NextCursor: nullable(page.NextCursor)}
		for i, c := range page.Items {
			out.Items[i] = wireConversation(c)
		}
		return &struct{ Body ConversationPage }{out}, nil
	})

	type create struct {
		Body struct {
			ID    string `json:"id,omitempty" pattern:"^[A-Za-z0-9_-]{1,64}$" patternDescription:"1 to 64 letters, digits, dashes or underscores" doc:"Chosen by the client; left out, the server makes one."`
			Title string `json:"title,omitempty" maxLength:"200"`
		} `nameHint:"ConversationCreate"`
	}
	type created struct {
		Location string `header:"Location"`
		Body     Conversation
	}
	register(s, operation{
		id: "createConversation", method: http.MethodPost, path: base, tag: tag, status: http.StatusCreated,
		summary:     "Create an empty conversation",
		description: "Not needed before POST /api/ai, which creates the conversation it names.",
		codes:       []problem.Code{problem.CodeConflict},
	}, func(ctx context.Context, user auth.User, in *create) (*created, error) {
		c, err := s.chat.Create(ctx, user, chat.CreateParams{ID: in.Body.ID, Title: in.Body.Title})
		if err != nil {
			return nil, err
		}
		return &created{Location: base + "/" + c.ID, Body: wireConversation(c)}, nil
	})

	register(s, operation{
		id: "getConversation", method: http.MethodGet, path: base + "/{id}", tag: tag,
		summary: "Get a conversation",
		codes:   []problem.Code{problem.CodeNotFound},
	}, func(ctx context.Context, user auth.User, in *ConversationParam) (*conversationOutput, error) {
		c, err := s.chat.Get(ctx, user, in.ID)
		return &conversationOutput{wireConversation(c)}, err
	})

	type update struct {
		ConversationParam
		Body struct {
			Title    maybe[string] `json:"title,omitempty" maxLength:"200" nullable:"false" doc:"One line."`
			Pinned   maybe[bool]   `json:"pinned,omitempty" nullable:"false"`
			Archived maybe[bool]   `json:"archived,omitempty" nullable:"false"`
		} `nameHint:"ConversationUpdate"`
	}
	register(s, operation{
		id: "updateConversation", method: http.MethodPatch, path: base + "/{id}", tag: tag,
		summary:     "Rename, pin or archive a conversation",
		description: "Members that are left out stay as they are.",
		codes:       []problem.Code{problem.CodeNotFound},
	}, func(ctx context.Context, user auth.User, in *update) (*conversationOutput, error) {
		invalid := problem.New(problem.CodeInvalid, "The conversation cannot be changed like this.")
		patch := chat.Patch{
			Title:    notNull(invalid, "title", in.Body.Title),
			Pinned:   notNull(invalid, "pinned", in.Body.Pinned),
			Archived: notNull(invalid, "archived", in.Body.Archived),
		}
		if len(invalid.Fields) > 0 {
			return nil, invalid
		}
		c, err := s.chat.Update(ctx, user, in.ID, patch)
		return &conversationOutput{wireConversation(c)}, err
	})

	register(s, operation{
		id: "deleteConversation", method: http.MethodDelete, path: base + "/{id}", tag: tag,
		summary:     "Delete a conversation and its messages, all versions included",
		description: "A reply under way is stopped first.",
		codes:       []problem.Code{problem.CodeNotFound},
	}, func(ctx context.Context, user auth.User, in *ConversationParam) (*struct{}, error) {
		return nil, s.chat.Delete(ctx, user, in.ID)
	})

	type messages struct {
		ConversationParam
		PageParams
	}
	register(s, operation{
		id: "listMessages", method: http.MethodGet, path: base + "/{id}/messages", tag: tag,
		summary: "List the messages of a conversation",
		description: "Of messages with several versions the one that is shown. The newest page first, each in chronological order; the cursor leads to " +
			"older ones and is not disturbed by new ones. A reply under way is not listed before it has ended.",
		codes: []problem.Code{problem.CodeBadRequest, problem.CodeInvalid, problem.CodeNotFound},
	}, func(ctx context.Context, user auth.User, in *messages) (*struct{ Body MessagePage }, error) {
		page, err := s.chat.Messages(ctx, user, in.ID, chat.MessagesParams{Cursor: in.Cursor, Limit: in.Limit})
		return wireMessages(page, err)
	})
	s.branchRoutes()
}

func wireMessage(m chat.Message) Message {
	return Message{ID: m.ID, Role: m.Role, Parts: objects{m.Parts}, Metadata: object{m.Metadata}}
}

func wireMessages(page chat.Page[chat.Message], err error) (*struct{ Body MessagePage }, error) {
	if err != nil {
		return nil, err
	}
	out := MessagePage{Items: make([]Message, len(page.Items)), NextCursor: nullable(page.NextCursor)}
	for i, m := range page.Items {
		out.Items[i] = wireMessage(m)
	}
	return &struct{ Body MessagePage }{out}, nil
}

func nullable(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// notNull refuses null for a member that has no such state.
func notNull[T any](invalid *problem.Error, name string, m maybe[T]) *T {
	if m.set && m.value == nil {
		invalid.Field(name, "must not be null")
	}
	return m.value
}
