package api_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"twobrains/internal/api"
	"twobrains/internal/api/apitest"
	"twobrains/internal/tenant"
)

func TestModelsSayWhoseKeyIsNeeded(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Env: map[string]string{"OPENAI_API_KEY": "sk-platform", "DEMO_MODEL": "off"}})
	u := s.NewUser()
	type model struct {
		ID, KeySource, Lack, Reason string
		Available, Default          bool
		Prices                      struct{ Input int64 }
	}
	find := func(id string) (found model) {
		t.Helper()
		var list page[model]
		u.Get(t, "/api/models").Want(t, 200).Decode(t, &list)
		for _, m := range list.Items {
			if m.ID == id {
				found = m
			}
		}
		return found
	}
	if m := find("openai:gpt-6-luna"); !m.Available || !m.Default || m.KeySource != "platform" || m.Prices.Input != 100_000 {
		t.Errorf("got %+v", m)
	}
	for id, lack := range map[string]string{
		"anthropic:claude-fable-5-1": "own_key_needed", "anthropic:claude-haiku-5-5": "platform_key_missing",
		"google:gemini-3.8-flash": "platform_key_missing", "demo:demo": "provider_not_configured",
	} {
		if m := find(id); m.Available || m.Lack != lack || m.Reason == "" || m.KeySource != "" {
			t.Errorf("got %+v", m)
		}
		scenario{method: "POST", path: "/api/ai", body: ask("c", "m1", id, "hello"), status: 403, code: "model_unavailable"}.run(t, u)
	}
	u.Do(t, "PUT", "/api/settings/keys/anthropic", `{"key":"sk-ant-0123456789"}`).Want(t, 200)
	for _, id := range []string{"anthropic:claude-fable-5-1", "anthropic:claude-haiku-5-5"} {
		if m := find(id); !m.Available || m.KeySource != "own" || m.Lack != "" {
			t.Errorf("got %+v", m)
		}
	}
	if m := find("openai:gpt-6-luna"); !m.Default {
		t.Errorf("got %+v", m)
	}
}

func TestModelsAreSynced(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	ctx, super := t.Context(), s.Database.Superuser(t)
	cfg := *s.App.Config
	file := filepath.Join(t.TempDir(), "models.json")
	sync := func() {
		t.Helper()
		db := s.Database.Kernel(t, func(o *tenant.Options) { o.Sync = api.SyncModels(&cfg) })
		if err := db.Migrate(ctx, false, nil); err != nil {
			t.Fatal(err)
		}
	}
	write := func(models string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(`{"models":[`+models+`]}`), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg.Models.File = file
		sync()
	}
	sync()
	state := func(id string) (input int64, updated time.Time, retired bool) {
		t.Helper()
		if err := super.QueryRow(ctx, "SELECT input_microusd, updated_at, retired_at IS NOT NULL FROM public.models WHERE id = $1", id).Scan(&input, &updated, &retired); err != nil {
			t.Fatal(err)
		}
		return input, updated, retired
	}
	input, first, retired := state("openai:gpt-6-luna")
	if input != 100_000 || retired {
		t.Errorf("got %d, retired %v", input, retired)
	}
	sync()
	if _, again, _ := state("openai:gpt-6-luna"); !again.Equal(first) {
		t.Error("written although nothing changed")
	}
	const demo = `{"id":"demo:demo","name":"Demo","description":"","access":"platform","contextWindow":2048,"outputLimit":1024,"prices":{"input":5,"cachedInput":1,"output":9}}`
	write(demo)
	if input, _, retired := state("openai:gpt-6-luna"); input != 100_000 || !retired {
		t.Error("a model that is offered no more stays, retired")
	}
	if input, _, retired := state("demo:demo"); input != 5 || retired {
		t.Errorf("got %d, retired %v", input, retired)
	}
	cfg.Models.File = ""
	sync()
	if _, _, retired := state("openai:gpt-6-luna"); retired {
		t.Error("offered again, and retired still")
	}
	// The analyst joins prices to usage.
	if _, err := super.Exec(ctx, "SET ROLE twobrains_analyst"); err != nil {
		t.Fatal(err)
	}
	if _, err := super.Exec(ctx, `SELECT m.name, sum(u.output_tokens) * m.output_microusd FROM public.usage_daily u JOIN public.models m ON m.id = u.model
		GROUP BY m.name, m.output_microusd`); err != nil {
		t.Error(err)
	}
	if _, err := super.Exec(ctx, "UPDATE public.models SET input_microusd = 0"); err == nil {
		t.Error("the analyst changed a price")
	}
}
