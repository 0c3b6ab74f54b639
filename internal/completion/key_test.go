package completion_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/byok"
	"twobrains/internal/completion"
	"twobrains/internal/llm"
	"twobrains/internal/llm/catalog"
	"twobrains/internal/problem"
	"twobrains/internal/secret"
)

// ownKeys lets users bring keys; what runs make of them is recorded.
type ownKeys struct {
	*byok.Keys
	provider *scripted
	mu       sync.Mutex
	made     []string
}

func withOwnKeys(t *testing.T, change ...func(*completion.Options)) (*testBundle, *ownKeys) {
	t.Helper()
	own := &ownKeys{provider: &scripted{script: says("From", " your key.")}}
	b := setup(t)
	own.Keys = byok.New(byok.Options{DB: b.DB, Ring: b.Keys, Providers: byok.Providers(byok.BaseURLs{})})
	b.options.Keys = own.Keys
	factory := func(name string) completion.Factory {
		return func(key secret.Secret) (llm.Provider, error) {
			own.mu.Lock()
			defer own.mu.Unlock()
			own.made = append(own.made, name+" "+key.Reveal())
			return own.provider, nil
		}
	}
	b.options.Factories = map[string]completion.Factory{"openai": factory("openai"), "anthropic": factory("anthropic")}
	for _, c := range change {
		c(&b.options)
	}
	b.Service = b.newService()
	return b, own
}

func (o *ownKeys) put(b *testBundle, provider, key string) {
	b.t.Helper()
	_, err := o.Put(b.t.Context(), b.user, provider, secret.New(key))
	require.NoError(b.t, err)
}

func (b *testBundle) sendWith(conversation, id, model, text string) error {
	b.t.Helper()
	var body map[string]any
	require.NoError(b.t, json.Unmarshal(userText(conversation, id, text), &body))
	body["modelId"] = model
	raw, err := json.Marshal(body)
	require.NoError(b.t, err)
	f, err := b.Start(b.t.Context(), b.user, raw)
	if err == nil {
		read(b.t, f)
	}
	return err
}

func TestOwnKeyIsUsedAndCostsNoQuota(t *testing.T) {
	t.Parallel()
	b, own := withOwnKeys(t, func(o *completion.Options) { o.Quota = completion.Quota{Day: 1, Month: 10} })
	b.send("c1", "m1", "on the platform")
	own.put(b, "openai", "sk-own-canary-1")
	for _, id := range []string{"m2", "m3", "m4"} {
		m := b.send("c1", id, "on my own")
		require.Equal(t, "From your key.", m.Text())
		require.Equal(t, "own", m.Metadata["keySource"])
	}
	require.Equal(t, []string{"openai sk-own-canary-1", "openai sk-own-canary-1", "openai sk-own-canary-1"}, own.made)
	require.Len(t, b.provider.requests, 1, "the platform's provider was asked once")
	require.Equal(t, 1, b.count("SELECT day_used FROM public.quota_counters"))
	require.Equal(t, 3, b.count("SELECT count(*) FROM BRAIN.runs WHERE key_source = 'own' AND charged_on IS NULL"))
	require.Equal(t, 3, b.count("SELECT messages FROM public.usage_daily WHERE key_source = 'own'"))
	require.Equal(t, 1, b.count("SELECT count(*) FROM public.user_api_keys WHERE last_used_at IS NOT NULL"))

	require.NoError(t, own.Delete(t.Context(), b.user, "openai"))
	_, err := b.Start(t.Context(), b.user, userText("c1", "m5", "on the platform again"))
	require.True(t, problem.HasCode(err, problem.CodeQuotaDay), "%v", err)
}

func TestOwnKeyThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	b, own := withOwnKeys(t)
	own.put(b, "openai", "sk-own-canary-1")
	b.send("c1", "m1", "good")
	for name, c := range map[string]struct {
		kind   llm.Kind
		code   problem.Code
		detail string
	}{
		"refused": {llm.Auth, problem.CodeProviderAuth, "did not accept your own key"},
		"limited": {llm.RateLimited, problem.CodeProviderRate, "with your own key"},
	} {
		own.provider.script = func(_ context.Context, _ llm.Request, yield func(llm.Event, error) bool) {
			yield(nil, llm.NewError(c.kind, errors.New("status 401")))
		}
		m := b.send("c-"+name, name, "x")
		require.Contains(t, m.ErrorText, c.detail)
		require.NotContains(t, m.ErrorText, "canary")
	}
	b.provider.script = func(_ context.Context, _ llm.Request, yield func(llm.Event, error) bool) {
		yield(nil, llm.NewError(llm.Auth, errors.New("status 401")))
	}
	other := b.user
	b.user = b.ids.User(t, uuid.New())
	require.Contains(t, b.send("c1", "m1", "x").ErrorText, "the key of this server")

	// Another user's row in place of one's own opens nothing.
	own.put(b, "openai", "sk-other-canary-2")
	super := b.Superuser(t)
	_, err := super.Exec(t.Context(), `UPDATE public.user_api_keys a SET id = b.id, ciphertext = b.ciphertext, key_id = b.key_id
		FROM public.user_api_keys b WHERE a.user_id = $1 AND b.user_id = $2`, b.user.ID(), other.ID())
	require.NoError(t, err)
	made := len(own.made)
	_, err = b.Start(t.Context(), b.user, userText("c2", "m9", "swapped"))
	require.True(t, problem.HasCode(err, problem.CodeSecretUnreadable), "%v", err)
	require.Len(t, own.made, made)
	require.Equal(t, 0, b.count("SELECT count(*) FROM BRAIN.messages WHERE conversation_id = 'c2'"))
}

func TestModelsNeedKeys(t *testing.T) {
	t.Parallel()
	models, err := catalog.Load(catalog.Options{})
	require.NoError(t, err)
	b, own := withOwnKeys(t, func(o *completion.Options) { o.Catalog, o.Tools = models, nil })
	for model, detail := range map[string]string{
		"anthropic:claude-fable-5-1": "a key of your own",
		"anthropic:claude-haiku-5-5": "This server has no key",
		"google:gemini-3.8-flash":    "not configured here",
		"demo:demo":                  "not configured here",
	} {
		err := b.sendWith("c1", "m1", model, "hello")
		require.True(t, problem.HasCode(err, problem.CodeModelUnavailable), "%s: %v", model, err)
		require.Contains(t, problem.From(err).Detail, detail, model)
	}
	lacks := func() map[string]completion.Lack {
		infos, err := b.Models(t.Context(), b.user)
		require.NoError(t, err)
		got := map[string]completion.Lack{}
		for _, m := range infos {
			got[m.ID] = m.Lack
			require.Equal(t, m.Lack == "", m.Available)
			require.Equal(t, m.Available, m.Reason == "" && m.KeySource != "")
		}
		return got
	}
	got := lacks()
	require.Equal(t, completion.LackOwnKey, got["anthropic:claude-fable-5-1"])
	require.Equal(t, completion.LackPlatformKey, got["anthropic:claude-haiku-5-5"])
	require.Equal(t, completion.LackProvider, got["google:gemini-3.8-flash"])
	require.Empty(t, got["openai:gpt-6-luna"])
	own.put(b, "anthropic", "sk-ant-canary")
	got = lacks()
	require.Empty(t, got["anthropic:claude-fable-5-1"])
	require.Empty(t, got["anthropic:claude-haiku-5-5"])
	require.NoError(t, b.sendWith("c1", "m1", "anthropic:claude-fable-5-1", "hello"))
	require.Equal(t, []string{"anthropic sk-ant-canary"}, own.made)
	require.Equal(t, "claude-fable-5-1", own.provider.last(t).Model)
}
