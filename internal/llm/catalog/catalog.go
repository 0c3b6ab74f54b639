// Package catalog is the list of models that this installation offers: embedded data, plus the models of an
// OpenAI-compatible server that configuration names. Ids, limits and prices are data (docs/models.md says where they
// come from); no other package knows a model by name. What admins set about the models of the list comes over it while the
// server runs.
package catalog

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"
)

//go:embed models.json
var embedded []byte

// Catalog is an ordered, validated list of models, which stays what it is, with the settings in force, which Apply exchanges. It is
// safe for concurrent use.
type Catalog struct {
	listed  []Model
	byID    map[string]int
	inForce atomic.Pointer[view]
}

// Options say what differs from the embedded data.
type Options struct {
	// File, where not empty, is the path of a list to use instead of the embedded one, of the same form.
	File string
	// OpenAIModels, where not empty, replaces the embedded models of provider "openai" with the ones it names, in its
	// order. See ParseModels for its form.
	OpenAIModels string
}

// Load builds the catalog. An error names the entry and everything that is wrong with it.
func Load(o Options) (*Catalog, error) {
	models, err := read(o.File)
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(o.OpenAIModels) != "" {
		named, err := ParseModels(openAI, o.OpenAIModels, models)
		if err != nil {
			return nil, fmt.Errorf("read OPENAI_MODELS: %w", err)
		}
		isOpenAI := func(m Model) bool { return m.Provider == openAI }
		at := slices.IndexFunc(models, isOpenAI)
		if at < 0 {
			at = len(models)
		}
		models = slices.Insert(slices.DeleteFunc(models, isOpenAI), at, named...)
	}
	return build(models)
}

func read(file string) ([]Model, error) {
	data, name := embedded, "embedded models"
	if file != "" {
		var err error
		if data, err = os.ReadFile(file); err != nil {
			return nil, fmt.Errorf("read models: %w", err)
		}
		name = "models of " + file
	}
	models, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return models, nil
}

const openAI = "openai"

func decode(data []byte) ([]Model, error) {
	var file struct {
		Models []Model `json:"models"`
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&file); err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("decode: text after the end")
	}
	for i := range file.Models {
		file.Models[i].Provider, _, _ = strings.Cut(file.Models[i].ID, ":")
	}
	return file.Models, nil
}

func build(models []Model) (*Catalog, error) {
	c := &Catalog{listed: models, byID: make(map[string]int, len(models))}
	defaults := map[string]bool{}
	var errs []error
	for i, m := range models {
		if err := m.validate(); err != nil {
			errs = append(errs, fmt.Errorf("model %q: %w", m.ID, err))
		}
		if _, dup := c.byID[m.ID]; dup {
			errs = append(errs, fmt.Errorf("model %q: listed twice", m.ID))
		}
		if m.Default && defaults[m.Provider] {
			errs = append(errs, fmt.Errorf("model %q: second default of provider %s", m.ID, m.Provider))
		}
		c.byID[m.ID], defaults[m.Provider] = i, defaults[m.Provider] || m.Default
	}
	if len(models) == 0 {
		errs = append(errs, errors.New("no models"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	c.Apply(nil)
	return c, nil
}

// Models lists all models in order, as the settings in force have them, those that are turned off too. The slice is the caller's.
func (c *Catalog) Models() []Model { return slices.Clone(c.inForce.Load().models) }

// Listed lists all models in order, as the list has them. The slice is the caller's.
func (c *Catalog) Listed() []Model { return slices.Clone(c.listed) }

// Model finds a model by its full id, as the settings in force have it, also one that is turned off.
func (c *Catalog) Model(id string) (Model, bool) {
	i, ok := c.byID[id]
	if !ok {
		return Model{}, false
	}
	return c.inForce.Load().models[i], true
}

// Default returns the model for who has chosen none, where admins have made none the default: the first usable one that the list
// marks as default, else the first usable one of a real provider, else the demo. One that is turned off is not usable.
func (c *Catalog) Default(usable func(Model) bool) (Model, bool) {
	rank := func(m Model) int {
		switch {
		case m.Default:
			return 2
		case m.Provider != demo:
			return 1
		}
		return 0
	}
	models, best := c.inForce.Load().models, -1
	for i, m := range models {
		if !m.Disabled && usable(m) && (best < 0 || rank(m) > rank(models[best])) {
			best = i
		}
	}
	if best < 0 {
		return Model{}, false
	}
	return models[best], true
}

const demo = "demo"
