package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"twobrains/internal/auth"
	"twobrains/internal/completion"
	"twobrains/internal/config"
	"twobrains/internal/llm/catalog"
	"twobrains/internal/publicdb"
	"twobrains/internal/tenant"
)

// Model is a model as the caller sees it.
type Model struct {
	ID            string               `json:"id" example:"openai:gpt-6-luna"`
	Name          string               `json:"name"`
	Description   string               `json:"description"`
	Provider      string               `json:"provider"`
	Access        string               `json:"access" enum:"platform,own-key" doc:"Who may use it: everybody on the operator's key, or only who has an own one."`
	Available     bool                 `json:"available" doc:"The caller can use it now."`
	KeySource     string               `json:"keySource,omitempty" enum:"platform,own" doc:"Whose key a reply would use. An own one comes first, and costs no quota."`
	Lack          string               `json:"lack,omitempty" enum:"own_key_needed,platform_key_missing,provider_not_configured,not_in_plan,disabled" doc:"Why it is not available."`
	Reason        string               `json:"reason,omitempty" doc:"The same as a sentence."`
	Capabilities  catalog.Capabilities `json:"capabilities"`
	ContextWindow int                  `json:"contextWindow" doc:"Tokens."`
	OutputLimit   int                  `json:"outputLimit" doc:"Tokens of one reply."`
	Prices        catalog.Prices       `json:"prices" doc:"Micro-dollars for a million tokens."`
	Efforts       []string             `json:"efforts" doc:"Amounts of reasoning that can be asked for."`
	Default       bool                 `json:"default" doc:"Used where a request names none."`
}

// ModelList is the list of models.
type ModelList struct {
	Items []Model `json:"items"`
}

func (s *Server) modelRoutes(tag string) {
	register(s, operation{
		id: "listModels", method: http.MethodGet, path: "/api/models", tag: tag, summary: "List models",
		description: "All that this installation offers, those the caller cannot use included.",
	}, func(ctx context.Context, user auth.User, _ *struct{}) (*struct{ Body ModelList }, error) {
		models, err := s.completions.Models(ctx, user)
		if err != nil {
			return nil, err
		}
		out := ModelList{Items: make([]Model, len(models))}
		for i, m := range models {
			out.Items[i] = wireModel(m)
		}
		return &struct{ Body ModelList }{out}, nil
	})
}

func catalogOf(c *config.Config) (*catalog.Catalog, error) {
	models, err := catalog.Load(catalog.Options{File: c.Models.File, OpenAIModels: c.Models.OpenAIModels})
	if err != nil {
		return nil, fmt.Errorf("load catalog: %w", err)
	}
	return models, nil
}

// SyncModels writes the models that the configuration offers into the public brain, so that SQL can join their prices, and
// marks those that are offered no more. Run again it changes nothing.
func SyncModels(c *config.Config) func(context.Context, tenant.DBTX) error {
	return func(ctx context.Context, db tenant.DBTX) error {
		models, err := catalogOf(c)
		if err != nil {
			return err
		}
		q, now, listed := publicdb.New(), time.Now().UTC(), []string{}
		for _, m := range models.Models() {
			listed = append(listed, m.ID)
			if err := q.ModelPut(ctx, db, modelRow(m, now)); err != nil {
				return fmt.Errorf("list model: %w", err)
			}
		}
		if _, err := q.ModelRetire(ctx, db, publicdb.ModelRetireParams{Now: now, Listed: listed}); err != nil {
			return fmt.Errorf("retire models: %w", err)
		}
		return nil
	}
}

func modelRow(m catalog.Model, now time.Time) publicdb.ModelPutParams {
	return publicdb.ModelPutParams{
		ID: m.ID, Provider: m.Provider, Name: m.Name, Description: m.Description, Access: string(m.Access),
		InputMicrousd: m.Prices.Input, CachedInputMicrousd: m.Prices.CachedInput, OutputMicrousd: m.Prices.Output,
		ContextWindow: int32(m.ContextWindow), OutputLimit: int32(m.OutputLimit),
		Reasoning: m.Capabilities.Reasoning, Tools: m.Capabilities.Tools, Images: m.Capabilities.Images, Files: m.Capabilities.Files,
		Efforts: effortsOf(m), Now: now,
	}
}

func effortsOf(m catalog.Model) []string {
	efforts := make([]string, len(m.Efforts))
	for i, e := range m.Efforts {
		efforts[i] = string(e)
	}
	return efforts
}

func wireModel(m completion.ModelInfo) Model {
	return Model{
		ID: m.ID, Name: m.Name, Description: m.Description, Provider: m.Provider, Access: string(m.Access),
		Available: m.Available, KeySource: string(m.KeySource), Lack: string(m.Lack), Reason: m.Reason,
		Capabilities: m.Capabilities, ContextWindow: m.ContextWindow, OutputLimit: m.OutputLimit, Prices: m.Prices,
		Efforts: effortsOf(m.Model), Default: m.Chosen,
	}
}
