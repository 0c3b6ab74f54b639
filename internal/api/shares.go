package api

import (
	"context"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"twobrains/internal/auth"
	"twobrains/internal/problem"
	"twobrains/internal/share"
)

// Share is the wire form of share.Share.
type Share struct {
	ID             string    `json:"id" doc:"22 characters; whoever knows it may look." example:"3q2-7wEjRWeJq83vASNFZw"`
	URL            string    `json:"url" format:"uri" doc:"The page that shows it, to whoever has this link." example:"https://chat.example.com/s/3q2-7wEjRWeJq83vASNFZw"`
	ConversationID string    `json:"conversationId"`
	Title          string    `json:"title" doc:"That of the conversation when it was shared."`
	Messages       int       `json:"messages" doc:"How many messages the copy has."`
	CreatedAt      time.Time `json:"createdAt"`
	ExpiresAt      time.Time `json:"expiresAt"`
}

// ShareList is all that a user shares.
type ShareList struct {
	Items []Share `json:"items" doc:"Newest first; 100 at most."`
}

// Shared is the wire form of share.Shared.
type Shared struct {
	Title     string          `json:"title"`
	CreatedAt time.Time       `json:"createdAt" doc:"When it was shared."`
	ExpiresAt time.Time       `json:"expiresAt"`
	Messages  []SharedMessage `json:"messages" doc:"In chronological order."`
}

// SharedMessage is the wire form of share.Message.
type SharedMessage struct {
	Role      string       `json:"role" enum:"user,assistant"`
	Parts     []SharedPart `json:"parts"`
	CreatedAt time.Time    `json:"createdAt"`
	Model     string       `json:"model,omitempty" doc:"The name of the model that wrote it."`
}

// SharedPart is the wire form of share.Part.
type SharedPart struct {
	Type string `json:"type" enum:"text,tool,file"`
	Text string `json:"text,omitempty" doc:"Markdown, of a text."`
	Name string `json:"name,omitempty" doc:"Of a tool that was called."`
	Kind string `json:"kind,omitempty" enum:"image,pdf,text,file" doc:"Of a file, which itself is not shared."`
}

func (s *Server) wireShare(sh share.Share) Share {
	return Share{
		ID: sh.ID, URL: s.config.Server.PublicURL + sharedPages + sh.ID, ConversationID: sh.ConversationID, Title: sh.Title, Messages: sh.Messages,
		CreatedAt: sh.CreatedAt, ExpiresAt: sh.ExpiresAt,
	}
}

func (s *Server) shareRoutes() {
	const tag = "Sharing"
	type create struct {
		ConversationParam
		Body *struct {
			ExpiresInDays maybe[int]    `json:"expiresInDays,omitempty" minimum:"1" maximum:"365" nullable:"false" doc:"30 if it is left out."`
			MessageID     maybe[string] `json:"messageId,omitempty" nullable:"false" pattern:"^[A-Za-z0-9_-]{1,64}$" patternDescription:"1 to 64 letters, digits, dashes or underscores" doc:"The last message to be shared, on whatever branch; left out, the newest one of those that are shown."`
		} `nameHint:"ShareCreate" required:"false"`
	}
	register(s, operation{
		id: "shareConversation", method: http.MethodPost, path: "/api/conversations/{id}/share", tag: tag, status: http.StatusCreated,
		summary: "Share a conversation by link",
		description: "Makes a frozen copy for whoever has the link: title, texts, when they were written and by which model. Reasoning, what tools were " +
			"given and gave, files and their names, and instructions are not in it. Later messages are not added.",
		codes: []problem.Code{problem.CodeNotFound, problem.CodeConflict, problem.CodeTemporaryConversation, problem.CodeShareTooLarge, problem.CodeShareLimit},
	}, func(ctx context.Context, user auth.User, in *create) (*struct{ Body Share }, error) {
		p := share.CreateParams{ConversationID: in.ID}
		if in.Body != nil {
			invalid := problem.New(problem.CodeInvalid, "The conversation cannot be shared like this.")
			if days := notNull(invalid, "expiresInDays", in.Body.ExpiresInDays); days != nil {
				p.Days = *days
			}
			if message := notNull(invalid, "messageId", in.Body.MessageID); message != nil {
				p.MessageID = *message
			}
			if len(invalid.Fields) > 0 {
				return nil, invalid
			}
		}
		made, err := s.shares.Create(ctx, user, p)
		return &struct{ Body Share }{s.wireShare(made)}, err
	})

	register(s, operation{
		id: "listShares", method: http.MethodGet, path: "/api/shares", tag: tag,
		summary: "List what the caller shares", description: "Without those that have expired.",
	}, func(ctx context.Context, user auth.User, _ *struct{}) (*struct{ Body ShareList }, error) {
		list, err := s.shares.List(ctx, user)
		out := ShareList{Items: make([]Share, len(list))}
		for i, sh := range list {
			out.Items[i] = s.wireShare(sh)
		}
		return &struct{ Body ShareList }{out}, err
	})

	register(s, operation{
		id: "revokeShare", method: http.MethodDelete, path: "/api/shares/{id}", tag: tag,
		summary: "Revoke a link", description: "From the answer on nobody gets what was shared under it.",
		codes: []problem.Code{problem.CodeNotFound},
	}, func(ctx context.Context, user auth.User, in *struct {
		ID string `path:"id"`
	}) (*struct{}, error) {
		return nil, s.shares.Revoke(ctx, user, in.ID)
	})

	s.app.Get("/api/shared/:id", unlisted, s.limitAddress, s.getShared)
	schemas := s.api.OpenAPI().Components.Schemas
	op := &huma.Operation{
		OperationID: "getShared", Method: http.MethodGet, Path: "/api/shared/{id}", Tags: []string{tag}, Summary: "Look at a shared conversation",
		Description: "Needs no session. What never was, has expired and was revoked cannot be told apart.",
		Security:    []map[string][]string{},
		Parameters: []*huma.Param{{
			Name: "id", In: "path", Required: true, Description: "The share's id.", Schema: &huma.Schema{Type: huma.TypeString, Pattern: "^[A-Za-z0-9_-]{22}$"},
		}},
		Responses: problems(schemas, []problem.Code{problem.CodeNotFound}),
	}
	op.Responses["200"] = &huma.Response{Description: "The copy.", Content: map[string]*huma.MediaType{
		"application/json": {Schema: schemas.Schema(reflect.TypeFor[Shared](), true, "")},
	}}
	s.api.OpenAPI().AddOperation(op)
}

// unlist keeps what is shared by link out of the indexes of search engines, and the link out of the requests that a page makes.
func unlist(c *fiber.Ctx) {
	c.Set("X-Robots-Tag", "noindex, nofollow")
	c.Set(fiber.HeaderReferrerPolicy, "no-referrer")
}

func unlisted(c *fiber.Ctx) error {
	unlist(c)
	return c.Next()
}

func (s *Server) getShared(c *fiber.Ctx) error {
	ctx, cancel := context.WithTimeout(c.UserContext(), requestTimeout)
	defer cancel()
	shared, err := s.shares.Read(ctx, c.Params("id"))
	if err != nil {
		return err
	}
	out := Shared{Title: shared.Title, CreatedAt: shared.CreatedAt, ExpiresAt: shared.ExpiresAt, Messages: make([]SharedMessage, len(shared.Messages))}
	for i, m := range shared.Messages {
		parts := make([]SharedPart, len(m.Parts))
		for j, p := range m.Parts {
			parts[j] = SharedPart(p)
		}
		out.Messages[i] = SharedMessage{Role: m.Role, Parts: parts, CreatedAt: m.CreatedAt, Model: m.Model}
	}
	return c.JSON(out)
}
