package admin

import (
	"context"
	"fmt"

	"twobrains/internal/llm/catalog"
	"twobrains/internal/problem"
	"twobrains/internal/publicdb"
	"twobrains/internal/tenant"
)

// uniqueModelDefault is the index that lets one model be the default one.
const uniqueModelDefault = "model_settings_default"

// ModelInfo is a model of the list with what admins have set about it.
type ModelInfo struct {
	// Model is as the settings in force have it.
	catalog.Model
	// Preferred: admins have made it the default.
	Preferred bool
	// Listed are its prices by the list.
	Listed catalog.Prices
}

// Changed reports whether it is otherwise than listed.
func (m ModelInfo) Changed() bool { return m.Disabled || m.Preferred || m.Prices != m.Listed }

// ModelChange is all that can be set about a model.
type ModelChange struct {
	// ID is a full id of the list.
	ID      string
	Enabled bool
	// Default: it is the model for who has chosen none. There is one at most; false: if it was, there is none.
	Default bool
	// Prices from now on, catalog.MaxPrice at most; nil: the listed ones.
	Prices *catalog.Prices
}

// Models lists all models in the order of the list.
func (s *Service) Models(ctx context.Context, a Admin) ([]ModelInfo, error) {
	if a.IsZero() {
		return nil, errNotAdmin()
	}
	if err := s.opts.Models.Read(ctx); err != nil {
		return nil, err
	}
	list := s.opts.Models.o.Catalog
	inForce, preferred := list.Models(), list.Preferred()
	models := make([]ModelInfo, len(inForce))
	for i, m := range list.Listed() {
		models[i] = ModelInfo{Model: inForce[i], Preferred: m.ID == preferred, Listed: m.Prices}
	}
	return models, nil
}

// ChangeModel sets what is to be of a model, in the place of all that was set. It counts for replies that begin from now on: in this
// process at once, in others a moment later. Problems: CodeInvalid; CodeConflict: another model was made the default at the same time.
func (s *Service) ChangeModel(ctx context.Context, a Admin, c ModelChange) error {
	if err := s.checkModel(c); err != nil {
		return err
	}
	p := publicdb.ModelSetParams{Model: c.ID, Enabled: c.Enabled, IsDefault: c.Default}
	if c.Prices != nil {
		p.InputMicrousd, p.CachedInputMicrousd, p.OutputMicrousd = &c.Prices.Input, &c.Prices.CachedInput, &c.Prices.Output
	}
	err := s.Tx(ctx, a, func(tx *tenant.Tx) error {
		if c.Default {
			tenant.QueueExec(tx, func(db tenant.DBTX) error { return s.q.ModelYieldDefault(ctx, db, c.ID) }).Public()
		}
		tenant.QueueExec(tx, func(db tenant.DBTX) error { return s.q.ModelSet(ctx, db, p) }).Public()
		return nil
	})
	switch {
	case broke(err, uniqueModelDefault):
		return problem.New(problem.CodeConflict, "Another model has just been made the default one.").Because(err)
	case err != nil:
		return err
	}
	s.opts.Models.changed(ctx)
	return nil
}

func (s *Service) checkModel(c ModelChange) error {
	invalid := problem.New(problem.CodeInvalid, "The model cannot be like this.")
	if _, ok := s.opts.Models.o.Catalog.Model(c.ID); !ok {
		invalid.Field("id", "is no model of this installation")
	}
	if c.Default && !c.Enabled {
		invalid.Field("isDefault", "must be false for a model that is not offered")
	}
	if p := c.Prices; p != nil {
		for name, price := range map[string]int64{"input": p.Input, "cachedInput": p.CachedInput, "output": p.Output} {
			if price < 0 || price > catalog.MaxPrice {
				invalid.Field("prices."+name, fmt.Sprintf("must be from 0 to %d", int64(catalog.MaxPrice)))
			}
		}
		if p.CachedInput > p.Input {
			invalid.Field("prices.cachedInput", "must not be above the price of input")
		}
	}
	if len(invalid.Fields) > 0 {
		return invalid
	}
	return nil
}
