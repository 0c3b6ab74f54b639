package catalog

import "slices"

// MaxPrice of what admins set, in micro-dollars for a million tokens: $10,000, with which the cost of any reply can be counted.
const MaxPrice = 10_000_000_000

// Setting is what admins say of a model otherwise than the list.
type Setting struct {
	// Model is a full id. A setting of a model that is not listed says nothing.
	Model   string
	Enabled bool
	// Default: it is the model for who has chosen none, before the one that configuration names.
	Default bool
	// Input, CachedInput and Output are prices as in Prices, MaxPrice at most; nil: as listed.
	Input, CachedInput, Output *int64
}

// view is the list with settings over it. Nobody changes one.
type view struct {
	models []Model
	// preferred is the id of the default that admins have set; empty: none.
	preferred string
}

// Apply puts settings in force, in the place of all that were. Models that somebody holds already stay as they are.
func (c *Catalog) Apply(settings []Setting) {
	v := &view{models: slices.Clone(c.listed)}
	for _, s := range settings {
		i, ok := c.byID[s.Model]
		if !ok {
			continue
		}
		m := &v.models[i]
		m.Disabled = !s.Enabled
		override(&m.Prices.Input, s.Input)
		override(&m.Prices.CachedInput, s.CachedInput)
		override(&m.Prices.Output, s.Output)
		if s.Default && s.Enabled {
			v.preferred = s.Model
		}
	}
	c.inForce.Store(v)
}

func override(listed *int64, price *int64) {
	if price != nil {
		*listed = max(0, min(*price, MaxPrice))
	}
}

// Preferred is the id of the model that admins have made the default; empty: none.
func (c *Catalog) Preferred() string { return c.inForce.Load().preferred }
