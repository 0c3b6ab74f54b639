package completion

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"twobrains/internal/llm"
	"twobrains/internal/problem"
	"twobrains/internal/publicdb"
	"twobrains/internal/secret"
	"twobrains/internal/tenant"
)

// Factory makes a provider that uses a key and nothing else of anybody's. It is cheap: a run makes its own.
type Factory func(key secret.Secret) (llm.Provider, error)

// keys are what a run uses of the user's own.
type keys struct {
	source KeySource
	// model is the row of the key for the model's provider; nil: it is the platform's.
	model *publicdb.KeyListRow
	// search is the key for the web search, zero if there is none; searched is set once it was used.
	search    secret.Secret
	searchRow publicdb.KeyListRow
	searched  atomic.Bool
}

// unlock makes the run's provider, and opens the user's own keys that it takes. CodeSecretUnreadable: the key of the
// model's provider cannot be opened. One for the search that cannot be opened only costs the search.
func (r *run) unlock(own ownKeys) error {
	source, lack := r.access(r.model, own, r.limits)
	if lack != "" {
		return problem.New(problem.CodeModelUnavailable, lackSentences[lack])
	}
	r.keys = &keys{source: source}
	r.provider = r.opts.Providers[r.model.Provider]
	if source == KeyOwn {
		row, _ := own.of(r.model.Provider)
		key, err := r.opts.Keys.Reveal(r.user, row)
		if err != nil {
			return err
		}
		if r.provider, err = r.opts.Factories[r.model.Provider](key); err != nil {
			return fmt.Errorf("make provider for an own key: %w", err)
		}
		r.keys.model = &row
	}
	if row, ok := own.of(searchProvider); ok && r.opts.Keys != nil && r.opts.Search != nil && r.model.Capabilities.Tools {
		key, err := r.opts.Keys.Reveal(r.user, row)
		if err != nil {
			r.log.Error("own key for the search cannot be opened", "run", r.id, "error", err)
			r.notices = append(r.notices, "The web search is not available: your key for it can no longer be read; enter it again.")
			return nil
		}
		r.keys.search, r.keys.searchRow = key, row
	}
	return nil
}

// searchProvider is the provider of keys for the search.
const searchProvider = "exa"

// touch notes that the own keys were used.
func (r *run) touch(ctx context.Context, tx *tenant.Tx, now time.Time) {
	var used []publicdb.KeyListRow
	if r.keys.model != nil {
		used = append(used, *r.keys.model)
	}
	if r.keys.searched.Load() {
		used = append(used, r.keys.searchRow)
	}
	for _, row := range used {
		tenant.QueueExec(tx, func(db tenant.DBTX) error {
			return r.public.KeyTouch(ctx, db, publicdb.KeyTouchParams{Provider: row.Provider, ID: row.ID, Now: &now})
		}).Public()
	}
}

// blame words a provider's failure so that it says whose key it is about.
func (r *run) blame(err error) *problem.Error {
	public := problem.From(err)
	switch kind := llm.KindOf(err); {
	case kind == llm.Auth && r.keys.source == KeyOwn:
		public.Detail = "The provider of " + r.model.Name + " did not accept your own key. Check it in the settings."
	case kind == llm.Auth:
		public.Detail = "The provider of " + r.model.Name + " did not accept the key of this server."
	case kind == llm.RateLimited && r.keys.source == KeyOwn:
		public.Detail = "The provider of " + r.model.Name + " limits requests with your own key now, or its budget is used up."
	}
	return public
}
