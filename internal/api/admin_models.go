package api

import (
	"context"
	"net/http"

	"twobrains/internal/admin"
	"twobrains/internal/llm/catalog"
	"twobrains/internal/problem"
)

// AdminModelList is all models.
type AdminModelList struct {
	Models []AdminModel `json:"models" doc:"In the order of the list."`
}

// AdminModel is the wire form of admin.ModelInfo.
type AdminModel struct {
	ID           string         `json:"id" example:"openai:gpt-6-luna"`
	Provider     string         `json:"provider"`
	Name         string         `json:"name"`
	Access       string         `json:"access" enum:"platform,own-key"`
	Enabled      bool           `json:"enabled" doc:"It can be chosen."`
	IsDefault    bool           `json:"isDefault" doc:"Admins have made it the one for who has chosen none."`
	Prices       catalog.Prices `json:"prices" doc:"In force: micro-dollars for a million tokens."`
	ListedPrices catalog.Prices `json:"listedPrices" doc:"Of the server's list."`
	Changed      bool           `json:"changed" doc:"It is otherwise than listed."`
}

// PricesInput is catalog.Prices as they come in, or null.
type PricesInput struct {
	_           struct{} `nullable:"true"`
	Input       int64    `json:"input" minimum:"0" maximum:"10000000000"`
	CachedInput int64    `json:"cachedInput" minimum:"0" maximum:"10000000000" doc:"Not above input."`
	Output      int64    `json:"output" minimum:"0" maximum:"10000000000"`
}

func (s *Server) adminModelRoutes() {
	const path = "/api/admin/models"
	registerAdmin(s, operation{
		id: "listAllModels", method: http.MethodGet, path: path, summary: "List models and what is set about them",
	}, func(ctx context.Context, a admin.Admin, _ *struct{}) (*struct{ Body AdminModelList }, error) {
		models, err := s.admin.Models(ctx, a)
		out := AdminModelList{make([]AdminModel, len(models))}
		for i, m := range models {
			out.Models[i] = AdminModel{
				ID: m.ID, Provider: m.Provider, Name: m.Name, Access: string(m.Access), Enabled: !m.Disabled, IsDefault: m.Preferred,
				Prices: m.Prices, ListedPrices: m.Listed, Changed: m.Changed(),
			}
		}
		return &struct{ Body AdminModelList }{out}, err
	})

	registerAdmin(s, operation{
		id: "changeModel", method: http.MethodPut, path: path, summary: "Set what is to be of a model",
		description: "It counts for replies that begin afterwards. One that is the default takes that from the one that was.",
		codes:       []problem.Code{problem.CodeConflict},
	}, func(ctx context.Context, a admin.Admin, in *struct {
		Body struct {
			ID        string       `json:"id" minLength:"1" maxLength:"200"`
			Enabled   bool         `json:"enabled"`
			IsDefault bool         `json:"isDefault"`
			Prices    *PricesInput `json:"prices" doc:"Micro-dollars for a million tokens; null: as listed."`
		} `nameHint:"ModelChange"`
	}) (*struct{}, error) {
		change := admin.ModelChange{ID: in.Body.ID, Enabled: in.Body.Enabled, Default: in.Body.IsDefault}
		if p := in.Body.Prices; p != nil {
			change.Prices = &catalog.Prices{Input: p.Input, CachedInput: p.CachedInput, Output: p.Output}
		}
		return nil, s.admin.ChangeModel(ctx, a, change)
	})
}
