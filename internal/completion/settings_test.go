package completion_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"twobrains/internal/completion"
	"twobrains/internal/llm"
	"twobrains/internal/llm/catalog"
	"twobrains/internal/problem"
)

// What admins set while a reply is under way does not touch it: it ends, and costs what it would have.
func TestModelChangesDuringRun(t *testing.T) {
	t.Parallel()
	b := setup(t, talkative)
	spent := func() int { return b.count("SELECT sum(cost_microusd) FROM public.usage_daily") }
	b.provider.say(func(ctx context.Context, req llm.Request, yield func(llm.Event, error) bool) {
		b.options.Catalog.Apply([]catalog.Setting{{Model: "openai:test", Input: new(int64(50_000_000)), Output: new(int64(50_000_000))}})
		costs(100, 10)(ctx, req, yield)
	})
	b.send("c1", "m1", "at the price of its beginning")
	require.Equal(t, 120, spent())
	require.Zero(t, b.count("SELECT count(*) FROM "+b.schema()+".runs WHERE status <> 'complete'"))

	b.provider.say(costs(100, 10))
	require.True(t, problem.HasCode(b.sendWith("c1", "m2", "openai:test", "off by now"), problem.CodeModelUnavailable))
	b.options.Catalog.Apply([]catalog.Setting{{Model: "openai:test", Enabled: true, Input: new(int64(50_000_000)), Output: new(int64(50_000_000))}})
	require.NoError(t, b.sendWith("c1", "m2", "openai:test", "at the new price"))
	require.Equal(t, 120+5500, spent())
	b.moneyBalanced()
}

// A default that is turned off is passed over: the user's, the admins' and the configuration's.
func TestModelDefaults(t *testing.T) {
	t.Parallel()
	b := setup(t, talkative, func(o *completion.Options) { o.DefaultModel = "openai:test" })
	chosen := func() string {
		t.Helper()
		models, err := b.Models(t.Context(), b.user)
		require.NoError(t, err)
		for _, m := range models {
			if m.Chosen {
				return m.ID
			}
		}
		return ""
	}
	list := b.options.Catalog
	require.Equal(t, "openai:test", chosen())
	list.Apply([]catalog.Setting{{Model: "openai:free", Enabled: true, Default: true}})
	require.Equal(t, "openai:free", chosen())
	b.exec("INSERT INTO public.user_settings (user_id, default_model) VALUES ($1, 'openai:test')", b.user.ID())
	require.Equal(t, "openai:test", chosen())
	list.Apply([]catalog.Setting{{Model: "openai:free", Enabled: true, Default: true}, {Model: "openai:test"}})
	require.Equal(t, "openai:free", chosen())
	list.Apply([]catalog.Setting{{Model: "openai:test"}, {Model: "openai:free"}})
	require.Empty(t, chosen())
	b.refused(userText("c1", "m1", "with nothing"), problem.CodeModelUnavailable)
	list.Apply(nil)
	require.Equal(t, "openai:test", chosen())
}

// A model that is turned off names no conversations.
func TestDisabledModelNamesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t, talkative, func(o *completion.Options) { o.Titles = true })
	b.options.Catalog.Apply([]catalog.Setting{{Model: "openai:free"}})
	b.send("c1", "m1", "hello")
	b.drained()
	for _, request := range b.provider.requests {
		require.Equal(t, "test", request.Model)
	}
	require.Zero(t, b.count("SELECT count(*) FROM public.usage_daily WHERE model = 'openai:free'"))
}
