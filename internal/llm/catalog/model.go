package catalog

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"twobrains/internal/llm"
)

// Access says whose key pays for a model.
type Access string

const (
	// AccessPlatform is the operator's key, counted against the user's quota.
	AccessPlatform Access = "platform"
	// AccessOwnKey is for models that only a key of the user's own opens.
	AccessOwnKey Access = "own-key"
)

// Model describes one model.
type Model struct {
	// ID is "provider:model", as clients name it.
	ID string `json:"id"`
	// Provider is the part of ID before the first colon.
	Provider     string       `json:"-"`
	Name         string       `json:"name"`
	Description  string       `json:"description"`
	Access       Access       `json:"access"`
	Capabilities Capabilities `json:"capabilities"`
	// ContextWindow counts tokens, input and output together; OutputLimit those of one reply, reasoning included.
	ContextWindow int    `json:"contextWindow"`
	OutputLimit   int    `json:"outputLimit"`
	Prices        Prices `json:"prices"`
	// Efforts are the amounts of reasoning that may be asked for, in rising order. Empty: the model has no such control.
	Efforts []llm.Effort `json:"efforts,omitempty"`
	// ToolEfforts, where not empty, are the only efforts with which the model takes tools.
	ToolEfforts []llm.Effort `json:"toolEfforts,omitempty"`
	// Default marks the model that a new conversation starts with, where it can be used.
	Default bool `json:"default,omitempty"`
	// Titles marks a model cheap enough to name conversations with.
	Titles bool `json:"titles,omitempty"`
	// Disabled: admins have turned the model off. Nobody can choose it; what is under way with it goes on.
	Disabled bool `json:"-"`
}

// Capabilities say what a model takes and gives besides text.
type Capabilities struct {
	Reasoning bool `json:"reasoning"`
	Tools     bool `json:"tools"`
	Images    bool `json:"images"`
	Files     bool `json:"files"`
}

// Prices are micro-dollars for a million tokens: $0.25 is 250,000.
type Prices struct {
	Input       int64 `json:"input"`
	CachedInput int64 `json:"cachedInput"`
	Output      int64 `json:"output"`
}

// ProviderModel is the provider's own id of the model, for llm.Request.
func (m Model) ProviderModel() string {
	_, model, _ := strings.Cut(m.ID, ":")
	return model
}

// Effort returns what to put into llm.Request when want is wished for: want itself where the model offers it, else the
// nearest that it offers (the lower one of two), and "" for a model without such a control or an empty wish. With tools
// in the request the choice is among the efforts that go with tools, even for an empty wish.
func (m Model) Effort(want llm.Effort, tools bool) llm.Effort {
	offered := m.Efforts
	if tools && len(m.ToolEfforts) > 0 {
		offered = m.ToolEfforts
		if want == "" {
			return offered[0]
		}
	}
	level := slices.Index(levels, want)
	if level < 0 || len(offered) == 0 {
		return ""
	}
	best := offered[0]
	for _, effort := range offered[1:] {
		if distance(effort, level) < distance(best, level) {
			best = effort
		}
	}
	return best
}

var levels = []llm.Effort{llm.EffortOff, llm.EffortLow, llm.EffortMedium, llm.EffortHigh}

func distance(effort llm.Effort, level int) int {
	d := slices.Index(levels, effort) - level
	return max(d, -d)
}

// Cost prices a usage in micro-dollars, rounded up, so that nothing that costs is counted as free.
func (m Model) Cost(u llm.Usage) int64 {
	cached := max(min(u.CachedInput, u.Input), 0)
	plain := max(u.Input-cached, 0)
	total := plain*m.Prices.Input + cached*m.Prices.CachedInput + max(u.Output, 0)*m.Prices.Output
	return (total + 999_999) / 1_000_000
}

// idPattern allows what servers use in model names (slashes, colons, dots, at signs) and nothing that needs quoting.
var idPattern = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}:[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}$`)

// maxWindow is far beyond any model, and fits the database.
const maxWindow = 1_000_000_000

// validate checks one entry; its errors name what is wrong with it, not which entry it is.
func (m Model) validate() error {
	var errs []error
	if !idPattern.MatchString(m.ID) {
		errs = append(errs, errors.New(`id must look like "provider:model"`))
	}
	if m.Name == "" {
		errs = append(errs, errors.New("name is missing"))
	}
	if m.Access != AccessPlatform && m.Access != AccessOwnKey {
		errs = append(errs, fmt.Errorf("access must be %q or %q", AccessPlatform, AccessOwnKey))
	}
	if m.ContextWindow < 1024 || m.ContextWindow > maxWindow || m.OutputLimit < 1 || m.OutputLimit >= m.ContextWindow {
		errs = append(errs, fmt.Errorf("contextWindow must be at least 1024 and at most %d, and outputLimit between 1 and contextWindow", maxWindow))
	}
	if p := m.Prices; p.Input < 0 || p.Output < 0 || p.CachedInput < 0 || p.CachedInput > p.Input {
		errs = append(errs, errors.New("prices must not be negative, and cachedInput not above input"))
	}
	for name, efforts := range map[string][]llm.Effort{"efforts": m.Efforts, "toolEfforts": m.ToolEfforts} {
		if !slices.IsSortedFunc(efforts, byLevel) || len(slices.Compact(slices.Clone(efforts))) != len(efforts) {
			errs = append(errs, fmt.Errorf("%s must rise from off to high without repetition", name))
		}
		if slices.ContainsFunc(efforts, func(e llm.Effort) bool { return !e.Valid() }) {
			errs = append(errs, fmt.Errorf("%s may hold off, low, medium, high", name))
		}
	}
	if len(m.Efforts) > 0 && !m.Capabilities.Reasoning {
		errs = append(errs, errors.New("efforts need the reasoning capability"))
	}
	for _, effort := range m.ToolEfforts {
		if !slices.Contains(m.Efforts, effort) {
			errs = append(errs, fmt.Errorf("toolEfforts: %q is not among efforts", effort))
		}
	}
	return errors.Join(errs...)
}

func byLevel(a, b llm.Effort) int { return slices.Index(levels, a) - slices.Index(levels, b) }
