package completion

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"twobrains/internal/auth"
	"twobrains/internal/llm/catalog"
	"twobrains/internal/problem"
	"twobrains/internal/publicdb"
	"twobrains/internal/tenant"
)

// ModelInfo is a model as one user sees it.
type ModelInfo struct {
	catalog.Model
	Available bool
	// Reason says, in a sentence for people, why it is not available.
	Reason string
	// Chosen marks the model that is used where a request names none.
	Chosen bool
}

// Models lists all models, the ones that the user cannot use included.
func (s *Service) Models(ctx context.Context, user auth.User) ([]ModelInfo, error) {
	brain, err := s.opts.DB.Open(ctx, user)
	if err != nil {
		return nil, err
	}
	var settings *tenant.Result[publicdb.SettingsGetRow]
	err = brain.Tx(ctx, func(tx *tenant.Tx) error {
		settings = tenant.Queue(tx, func(db tenant.DBTX) (publicdb.SettingsGetRow, error) { return s.public.SettingsGet(ctx, db) })
		return nil
	})
	if err != nil {
		return nil, err
	}
	chosen, err := s.choose("", settings.Value().DefaultModel)
	if err != nil && !problem.HasCode(err, problem.CodeModelUnavailable) {
		return nil, err
	}
	var infos []ModelInfo
	for _, m := range s.opts.Catalog.Models() {
		reason := s.unavailable(m)
		infos = append(infos, ModelInfo{Model: m, Available: reason == "", Reason: reason, Chosen: err == nil && m.ID == chosen.ID})
	}
	return infos, nil
}

// unavailable says why a model cannot be used, or nothing.
func (s *Service) unavailable(m catalog.Model) string {
	switch {
	case m.Access == catalog.AccessOwnKey:
		return "This model needs a key of your own."
	case s.opts.Providers[m.Provider] == nil:
		return "The provider of this model is not configured here."
	}
	return ""
}

// choose finds the model of a request: the one it names, else the user's default if that can be used, else the
// installation's.
func (s *Service) choose(requested string, preferred *string) (catalog.Model, error) {
	if requested != "" {
		m, ok := s.opts.Catalog.Model(requested)
		if !ok {
			return m, problem.New(problem.CodeInvalid, "There is no such model.").Field("modelId", "is not one of the models offered")
		}
		if reason := s.unavailable(m); reason != "" {
			return m, problem.New(problem.CodeModelUnavailable, reason)
		}
		return m, nil
	}
	for _, id := range []string{value(preferred), s.opts.DefaultModel} {
		if m, ok := s.opts.Catalog.Model(id); ok && s.unavailable(m) == "" {
			return m, nil
		}
	}
	m, ok := s.opts.Catalog.Default(func(m catalog.Model) bool { return s.unavailable(m) == "" })
	if !ok {
		return m, problem.New(problem.CodeModelUnavailable, "No model is configured on this server.")
	}
	return m, nil
}

func isNoRows(err error) bool { return errors.Is(err, pgx.ErrNoRows) }
