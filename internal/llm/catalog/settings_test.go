package catalog

import (
	"math"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSettings(t *testing.T) {
	t.Parallel()
	c, err := Load(Options{OpenAIModels: "a;input=10;cached=5;price_output=20, b;input=1"})
	require.NoError(t, err)
	all := func(Model) bool { return true }
	before, _ := c.Model("openai:a")
	require.Empty(t, c.Preferred())

	c.Apply([]Setting{
		{Model: "openai:a", Enabled: false, Default: true, Output: new(int64(99))},
		{Model: "openai:b", Enabled: true, Default: true, Input: new(int64(7)), CachedInput: new(int64(0)), Output: new(int64(math.MaxInt64))},
		{Model: "nobody:nothing", Enabled: true, Default: true},
	})
	a, _ := c.Model("openai:a")
	require.True(t, a.Disabled)
	require.Equal(t, Prices{10, 5, 99}, a.Prices, "what is not said is as listed")
	require.Equal(t, Prices{10, 5, 20}, before.Prices, "who holds a model keeps its prices")
	b, _ := c.Model("openai:b")
	require.Equal(t, Prices{7, 0, MaxPrice}, b.Prices)
	require.Equal(t, "openai:b", c.Preferred(), "neither one that is off nor one that is not listed")
	require.Contains(t, c.Models(), a)
	require.Contains(t, c.Listed(), before)
	m, ok := c.Default(all)
	require.True(t, ok)
	require.NotEqual(t, "openai:a", m.ID, "the first default of the list is off")

	c.Apply(nil)
	require.Equal(t, c.Listed(), c.Models())
	require.Empty(t, c.Preferred())
	off := make([]Setting, 0, len(c.Listed()))
	for _, m := range c.Listed() {
		off = append(off, Setting{Model: m.ID})
	}
	c.Apply(off)
	_, ok = c.Default(all)
	require.False(t, ok)
}

// A reader sees settings of one time: all of them, or all of another's.
func TestSettingsAreExchangedWhole(t *testing.T) {
	t.Parallel()
	c, err := Load(Options{OpenAIModels: "a, b"})
	require.NoError(t, err)
	var writer sync.WaitGroup
	writer.Go(func() {
		for n := range int64(1000) {
			c.Apply([]Setting{{Model: "openai:a", Enabled: true, Input: &n, Output: &n}, {Model: "openai:b", Enabled: true, Input: &n, Output: &n}})
		}
	})
	for range 1000 {
		var seen []Prices
		for _, m := range c.Models() {
			if m.Provider == "openai" {
				seen = append(seen, m.Prices)
			}
		}
		require.Len(t, seen, 2)
		require.Equal(t, seen[0], seen[1])
		require.Equal(t, seen[0].Input, seen[0].Output)
	}
	writer.Wait()
}
