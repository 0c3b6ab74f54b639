// Package settings keeps what a user prefers: the model to begin with, how much it reasons, standing instructions, and
// whatever the client wants to remember. It lives in the public brain, so that it can be aggregated, behind the seal.
package settings

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"twobrains/internal/auth"
	"twobrains/internal/llm"
	"twobrains/internal/llm/catalog"
	"twobrains/internal/problem"
	"twobrains/internal/publicdb"
	"twobrains/internal/tenant"
)

// MaxInstructions is counted in characters.
const MaxInstructions = 8000

// MaxRetention is counted in days.
const MaxRetention = 3650

// What ToolApproval may be.
const (
	ApprovalAlways = "always"
	ApprovalNever  = "never"
)

// Settings of a user. Nil and empty mean: nothing chosen.
type Settings struct {
	// DefaultModel is a model id of the catalog.
	DefaultModel *string
	// ReasoningEffort is "off", "low", "medium" or "high".
	ReasoningEffort *string
	// ToolApproval is "always" or "never": when to ask before tools of MCP servers run, whatever the servers' own rule.
	ToolApproval *string
	// RetentionDays is 1 to MaxRetention: conversations without a message for as long are deleted. Nil: all are kept.
	RetentionDays *int
	// HistoryTool lets models query the user's private brain in SQL; the user is asked each time.
	HistoryTool bool
	// Memory puts the user's notes into prompts and lets models ask to change them; the user is asked each time.
	Memory bool
	// CustomInstructions go before every conversation.
	CustomInstructions string
	// Preferences is a JSON object that only clients understand.
	Preferences json.RawMessage
}

// Change is a member of a Patch: left alone unless Set; reset to nothing chosen if Set with Value nil.
type Change[T any] struct {
	Set   bool
	Value *T
}

// Patch says what to change.
type Patch struct {
	DefaultModel       Change[string]
	ReasoningEffort    Change[string]
	ToolApproval       Change[string]
	RetentionDays      Change[int]
	HistoryTool        Change[bool]
	Memory             Change[bool]
	CustomInstructions Change[string]
	Preferences        Change[json.RawMessage]
}

// Options of a Service; DB and Catalog are required.
type Options struct {
	DB      *tenant.DB
	Catalog *catalog.Catalog
	// Clock is time.Now unless a test says otherwise.
	Clock func() time.Time
}

// Service reads and writes settings. It is safe for concurrent use.
type Service struct {
	db      *tenant.DB
	q       *publicdb.Queries
	catalog *catalog.Catalog
	now     func() time.Time
}

// NewService makes a Service.
func NewService(o Options) *Service {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return &Service{db: o.DB, q: publicdb.New(), catalog: o.Catalog, now: o.Clock}
}

// Get returns the settings, defaults if there are none yet.
func (s *Service) Get(ctx context.Context, user auth.User) (Settings, error) {
	return s.run(ctx, user, nil)
}

// Update changes what the patch names and returns all settings as they are then. CodeInvalid lists members that cannot be
// so, and nothing is changed.
func (s *Service) Update(ctx context.Context, user auth.User, p Patch) (Settings, error) {
	params := publicdb.SettingsPatchParams{
		SetDefaultModel: p.DefaultModel.Set, DefaultModel: p.DefaultModel.Value,
		SetReasoningEffort: p.ReasoningEffort.Set, ReasoningEffort: p.ReasoningEffort.Value,
		SetToolApproval: p.ToolApproval.Set, ToolApproval: p.ToolApproval.Value,
		SetRetentionDays: p.RetentionDays.Set,
		SetHistoryTool:   p.HistoryTool.Set, HistoryTool: p.HistoryTool.Value != nil && *p.HistoryTool.Value,
		SetMemory: p.Memory.Set, Memory: p.Memory.Value != nil && *p.Memory.Value,
		SetCustomInstructions: p.CustomInstructions.Set, CustomInstructions: p.CustomInstructions.Value,
		SetPreferences: p.Preferences.Set,
		Now:            s.now(),
	}
	invalid := problem.New(problem.CodeInvalid, "These settings are not possible.")
	if id := p.DefaultModel.Value; id != nil {
		if _, ok := s.catalog.Model(*id); !ok {
			invalid.Field("defaultModel", "there is no such model")
		}
	}
	if effort := p.ReasoningEffort.Value; effort != nil && !llm.Effort(*effort).Valid() {
		invalid.Field("reasoningEffort", "must be off, low, medium or high")
	}
	if approval := p.ToolApproval.Value; approval != nil && *approval != ApprovalAlways && *approval != ApprovalNever {
		invalid.Field("toolApproval", "must be always or never")
	}
	if days := p.RetentionDays.Value; days != nil {
		if *days < 1 || *days > MaxRetention {
			invalid.Field("retentionDays", fmt.Sprintf("must be between 1 and %d", MaxRetention))
		}
		n := int32(min(max(*days, 1), MaxRetention))
		params.RetentionDays = &n
	}
	if text := p.CustomInstructions.Value; text != nil {
		switch {
		case utf8.RuneCountInString(*text) > MaxInstructions:
			invalid.Field("customInstructions", fmt.Sprintf("must have at most %d characters", MaxInstructions))
		case strings.ContainsRune(*text, 0):
			invalid.Field("customInstructions", "must not contain the character U+0000")
		}
	}
	if raw := p.Preferences.Value; raw != nil {
		preferences, complaint := normalizePreferences(*raw)
		if complaint != "" {
			invalid.Field("preferences", complaint)
		}
		params.Preferences = preferences
	}
	if len(invalid.Fields) > 0 {
		return Settings{}, invalid
	}
	got, err := s.run(ctx, user, &params)
	if tenant.HasState(err, stateCheckViolation) && p.Preferences.Value != nil {
		// Bytes of jsonb are not bytes of JSON: many small members take more room there.
		return Settings{}, invalid.Field("preferences", tooLarge)
	}
	return got, err
}

// stateCheckViolation: the database has limits of its own, the last line behind those above.
const stateCheckViolation = "23514"

// run patches, if there is something to patch, and reads, in one round trip.
func (s *Service) run(ctx context.Context, user auth.User, patch *publicdb.SettingsPatchParams) (Settings, error) {
	brain, err := s.db.Open(ctx, user)
	if err != nil {
		return Settings{}, err
	}
	var row *tenant.Result[publicdb.SettingsGetRow]
	err = brain.Tx(ctx, func(tx *tenant.Tx) error {
		if patch != nil {
			tenant.QueueExec(tx, func(db tenant.DBTX) error { return s.q.SettingsPatch(ctx, db, *patch) }).Public()
		}
		row = tenant.Queue(tx, func(db tenant.DBTX) (publicdb.SettingsGetRow, error) { return s.q.SettingsGet(ctx, db) }).Public()
		return nil
	})
	if err != nil {
		return Settings{}, fmt.Errorf("read settings: %w", err)
	}
	if errors.Is(row.Err(), pgx.ErrNoRows) {
		return Settings{Preferences: json.RawMessage("{}")}, nil
	}
	r := row.Value()
	var retention *int
	if r.RetentionDays != nil {
		days := int(*r.RetentionDays)
		retention = &days
	}
	return Settings{
		RetentionDays:      retention,
		DefaultModel:       r.DefaultModel,
		ReasoningEffort:    r.ReasoningEffort,
		ToolApproval:       r.ToolApproval,
		HistoryTool:        r.HistoryTool,
		Memory:             r.Memory,
		CustomInstructions: r.CustomInstructions,
		Preferences:        r.Preferences,
	}, nil
}
