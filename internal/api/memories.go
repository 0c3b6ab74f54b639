package api

import (
	"context"
	"net/http"
	"time"

	"twobrains/internal/auth"
	"twobrains/internal/memory"
	"twobrains/internal/problem"
)

// Memory is the wire form of memory.Note.
type Memory struct {
	ID             string    `json:"id" format:"uuid"`
	Content        string    `json:"content" example:"Prefers metric units."`
	Source         string    `json:"source" enum:"user,model" doc:"Whose words it is in; a model's are approved by the user."`
	ConversationID *string   `json:"conversationId" doc:"Where a model wrote it; null: the user did, or the conversation is gone."`
	CreatedAt      time.Time `json:"createdAt"`
	UpdatedAt      time.Time `json:"updatedAt"`
}

// MemoryList holds all of the caller's notes.
type MemoryList struct {
	Items []Memory `json:"items" doc:"Newest first."`
	Limit int      `json:"limit" doc:"How many there may be." example:"200"`
}

// MemoryParam names a note in the path.
type MemoryParam struct {
	ID string `path:"id" doc:"Id of the note."`
}

// MemoryInput is what a note says.
type MemoryInput struct {
	Content string `json:"content" minLength:"1" maxLength:"400" doc:"Space around it is left out."`
}

// memoryRoutes are about the notes that models get to know.
func (s *Server) memoryRoutes() {
	const tag, base = "Memory", "/api/memories"
	type output struct{ Body Memory }
	register(s, operation{
		id: "listMemories", method: http.MethodGet, path: base, tag: tag, summary: "List all notes",
		description: "They stand in prompts if the setting memory is on.",
	}, func(ctx context.Context, user auth.User, _ *struct{}) (*struct{ Body MemoryList }, error) {
		notes, err := s.memory.List(ctx, user)
		if err != nil {
			return nil, err
		}
		out := MemoryList{Items: make([]Memory, len(notes)), Limit: memory.MaxNotes}
		for i, n := range notes {
			out.Items[i] = wireMemory(n)
		}
		return &struct{ Body MemoryList }{out}, nil
	})

	type create struct{ Body MemoryInput }
	register(s, operation{
		id: "createMemory", method: http.MethodPost, path: base, tag: tag, status: http.StatusCreated, summary: "Write a note",
		description: "If there is one that says the same, the answer is that one.",
		codes:       []problem.Code{problem.CodeMemoryFull},
	}, func(ctx context.Context, user auth.User, in *create) (*output, error) {
		note, err := s.memory.Add(ctx, user, in.Body.Content)
		return &output{wireMemory(note)}, err
	})

	type update struct {
		MemoryParam
		Body MemoryInput
	}
	register(s, operation{
		id: "updateMemory", method: http.MethodPatch, path: base + "/{id}", tag: tag, summary: "Change a note",
		codes: []problem.Code{problem.CodeNotFound},
	}, func(ctx context.Context, user auth.User, in *update) (*output, error) {
		id, err := memory.ParseID(in.ID)
		if err != nil {
			return nil, err
		}
		note, err := s.memory.Update(ctx, user, id, in.Body.Content)
		return &output{wireMemory(note)}, err
	})

	register(s, operation{
		id: "deleteMemory", method: http.MethodDelete, path: base + "/{id}", tag: tag, summary: "Delete a note",
		codes: []problem.Code{problem.CodeNotFound},
	}, func(ctx context.Context, user auth.User, in *MemoryParam) (*struct{}, error) {
		id, err := memory.ParseID(in.ID)
		if err != nil {
			return nil, err
		}
		return nil, s.memory.Delete(ctx, user, id)
	})

	register(s, operation{
		id: "deleteMemories", method: http.MethodDelete, path: base, tag: tag, summary: "Delete all notes",
	}, func(ctx context.Context, user auth.User, _ *struct{}) (*struct{}, error) {
		return nil, s.memory.Clear(ctx, user)
	})
}

func wireMemory(n memory.Note) Memory {
	m := Memory{ID: n.ID.String(), Content: n.Content, Source: "user", ConversationID: orNull(n.ConversationID), CreatedAt: n.CreatedAt, UpdatedAt: n.UpdatedAt}
	if n.ByModel {
		m.Source = "model"
	}
	return m
}
