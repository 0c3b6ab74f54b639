package api

import (
	"context"
	"net/http"
	"time"

	"twobrains/internal/auth"
	"twobrains/internal/problem"
	"twobrains/internal/search"
)

// SearchHit is the wire form of search.Hit.
type SearchHit struct {
	ConversationID string         `json:"conversationId"`
	Title          string         `json:"title" doc:"Of the conversation."`
	MessageID      *string        `json:"messageId" doc:"Null where the title was found."`
	Role           *string        `json:"role" enum:"user,assistant" doc:"Null where the title was found."`
	Shown          bool           `json:"shown" doc:"The message is on the path that the conversation shows; another one is brought into view by selecting it."`
	Snippet        []SnippetPiece `json:"snippet" doc:"The title, or the surroundings of what was found, as plain text."`
	CreatedAt      time.Time      `json:"createdAt" doc:"Of the message, or of the conversation."`
}

// SnippetPiece is the wire form of search.Piece.
type SnippetPiece struct {
	Text  string `json:"text"`
	Match bool   `json:"match" doc:"It is what was searched for."`
}

// SearchPage is the wire form of search.Page.
type SearchPage struct {
	Items      []SearchHit `json:"items" doc:"Conversations by their titles first, then messages, newest first."`
	NextCursor *string     `json:"nextCursor" doc:"Gives the next page; null on the last one."`
	Indexing   bool        `json:"indexing" doc:"Not all messages could be looked at yet; the same search finds more in a while."`
}

func (s *Server) searchRoutes() {
	type params struct {
		Query  string `query:"q" required:"true" maxLength:"200" doc:"Words, \"phrases in quotes\", or, -not. The last word may be unfinished unless a space follows it."`
		Cursor string `query:"cursor" doc:"nextCursor of the page before."`
		Limit  int    `query:"limit" minimum:"1" maximum:"50" default:"20"`
	}
	register(s, operation{
		id: "search", method: http.MethodGet, path: "/api/search", tag: "Conversations",
		summary:     "Search messages and titles",
		description: "In all versions of all messages, archived conversations included, temporary ones not.",
		codes:       []problem.Code{problem.CodeBadRequest, problem.CodeInvalid},
	}, func(ctx context.Context, user auth.User, in *params) (*struct{ Body SearchPage }, error) {
		page, err := s.search.Search(ctx, user, search.Params{Query: in.Query, Cursor: in.Cursor, Limit: in.Limit})
		if err != nil {
			return nil, err
		}
		out := SearchPage{Items: make([]SearchHit, len(page.Items)), NextCursor: nullable(page.NextCursor), Indexing: page.Indexing}
		for i, hit := range page.Items {
			out.Items[i] = SearchHit{
				ConversationID: hit.ConversationID, Title: hit.Title, MessageID: nullable(hit.MessageID), Role: nullable(hit.Role),
				Shown: hit.Shown, Snippet: make([]SnippetPiece, len(hit.Snippet)), CreatedAt: hit.CreatedAt,
			}
			for j, piece := range hit.Snippet {
				out.Items[i].Snippet[j] = SnippetPiece(piece)
			}
		}
		return &struct{ Body SearchPage }{out}, nil
	})
}
