package completion

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/jackc/pgx/v5"

	"twobrains/internal/auth"
	"twobrains/internal/byok"
	"twobrains/internal/llm/catalog"
	"twobrains/internal/plan"
	"twobrains/internal/problem"
	"twobrains/internal/publicdb"
	"twobrains/internal/tenant"
)

// KeySource says whose key a run uses, as the database names it.
type KeySource string

const (
	// KeyPlatform is the operator's; the run counts against the user's quota.
	KeyPlatform KeySource = "platform"
	// KeyOwn is the user's own; the run costs no quota.
	KeyOwn KeySource = "own"
)

// Lack says why a model cannot be used. It is part of the API.
type Lack string

const (
	// LackOwnKey: the model is open to keys of users only, and this user has stored none for its provider.
	LackOwnKey Lack = "own_key_needed"
	// LackPlatformKey: this server has no key for the provider; a key of the user's own would do.
	LackPlatformKey Lack = "platform_key_missing"
	// LackPlan: the user's plan does not have the model on the operator's keys.
	LackPlan Lack = "not_in_plan"
	// LackDisabled: admins have turned the model off, for own keys too.
	LackDisabled Lack = "disabled"
	// LackProvider: the provider is not offered here at all.
	LackProvider Lack = "provider_not_configured"
)

var lackSentences = map[Lack]string{
	LackOwnKey:      "This model needs a key of your own.",
	LackPlatformKey: "This server has no key for the provider of this model; it needs a key of your own.",
	LackPlan:        "Your plan does not include this model.",
	LackDisabled:    "This model is not offered here now.",
	LackProvider:    "The provider of this model is not configured here.",
}

// ModelInfo is a model as one user sees it.
type ModelInfo struct {
	catalog.Model
	Available bool
	// KeySource is whose key would be used; empty where the model is not available.
	KeySource KeySource
	// Lack and Reason, a sentence for people, say why it is not available.
	Lack   Lack
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
	var keys *tenant.Result[[]publicdb.KeyListRow]
	var limits *tenant.Result[json.RawMessage]
	err = brain.Tx(ctx, func(tx *tenant.Tx) error {
		settings = tenant.Queue(tx, func(db tenant.DBTX) (publicdb.SettingsGetRow, error) { return s.public.SettingsGet(ctx, db) }).Public()
		keys = s.queueKeys(ctx, tx)
		limits = tenant.Queue(tx, func(db tenant.DBTX) (json.RawMessage, error) { return s.public.PlanLimits(ctx, db) }).Public()
		return nil
	})
	if err != nil {
		return nil, err
	}
	own := ownKeys(keys.Value())
	may, err := s.readLimits(limits.Value())
	if err != nil {
		return nil, err
	}
	chosen, err := s.choose("", settings.Value().DefaultModel, own, may)
	if err != nil && !problem.HasCode(err, problem.CodeModelUnavailable) {
		return nil, err
	}
	var infos []ModelInfo
	for _, m := range s.opts.Catalog.Models() {
		source, lack := s.access(m, own, may)
		infos = append(infos, ModelInfo{
			Model: m, Available: lack == "", KeySource: source, Lack: lack, Reason: lackSentences[lack], Chosen: err == nil && m.ID == chosen.ID,
		})
	}
	return infos, nil
}

// ownKeys are a user's keys as they are stored.
type ownKeys []publicdb.KeyListRow

func (k ownKeys) of(provider string) (publicdb.KeyListRow, bool) { return byok.Find(k, provider) }

func (s *Service) queueKeys(ctx context.Context, tx *tenant.Tx) *tenant.Result[[]publicdb.KeyListRow] {
	return tenant.Queue(tx, func(db tenant.DBTX) ([]publicdb.KeyListRow, error) { return s.public.KeyList(ctx, db) }).Public()
}

// access says whose key a run with the model uses, or what is lacking. A key of the user's own is preferred to the
// platform's: who stored one wants it used, and it costs no quota.
func (s *Service) access(m catalog.Model, own ownKeys, may plan.Limits) (KeySource, Lack) {
	if m.Disabled {
		return "", LackDisabled
	}
	takesOwn := s.opts.Keys != nil && s.opts.Factories[m.Provider] != nil
	if takesOwn {
		if _, ok := own.of(m.Provider); ok {
			return KeyOwn, ""
		}
	}
	switch {
	case m.Access == catalog.AccessOwnKey && takesOwn:
		return "", LackOwnKey
	case m.Access == catalog.AccessPlatform && s.opts.Providers[m.Provider] != nil && !may.Allows(m.ID):
		return "", LackPlan
	case m.Access == catalog.AccessPlatform && s.opts.Providers[m.Provider] != nil:
		return KeyPlatform, ""
	case takesOwn:
		return "", LackPlatformKey
	}
	return "", LackProvider
}

// known finds a model by the id that a request names.
func (s *Service) known(id string) (catalog.Model, error) {
	m, ok := s.opts.Catalog.Model(id)
	if !ok {
		return m, problem.New(problem.CodeInvalid, "There is no such model.").Field("modelId", "is not one of the models offered")
	}
	return m, nil
}

// choose finds the model of a request: the one it names, else the user's default if that can be used, else the
// installation's: the one that admins have set, then the one of the configuration, then the list's.
func (s *Service) choose(requested string, preferred *string, own ownKeys, may plan.Limits) (catalog.Model, error) {
	if requested != "" {
		m, err := s.known(requested)
		if err != nil {
			return m, err
		}
		if _, lack := s.access(m, own, may); lack != "" {
			return m, problem.New(problem.CodeModelUnavailable, lackSentences[lack])
		}
		return m, nil
	}
	usable := func(m catalog.Model) bool {
		_, lack := s.access(m, own, may)
		return lack == ""
	}
	for _, id := range []string{value(preferred), s.opts.Catalog.Preferred(), s.opts.DefaultModel} {
		if m, ok := s.opts.Catalog.Model(id); ok && usable(m) {
			return m, nil
		}
	}
	m, ok := s.opts.Catalog.Default(usable)
	if !ok {
		return m, problem.New(problem.CodeModelUnavailable, "No model can be used here without a key of your own.")
	}
	return m, nil
}

func (s *Service) readLimits(row json.RawMessage) (plan.Limits, error) {
	return plan.Read(row, plan.Configured{Day: s.opts.Quota.Day, Month: s.opts.Quota.Month})
}

func isNoRows(err error) bool { return errors.Is(err, pgx.ErrNoRows) }
