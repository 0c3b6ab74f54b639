package catalog

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"twobrains/internal/llm"
)

func TestEmbedded(t *testing.T) {
	t.Parallel()
	c, err := Load(Options{})
	if err != nil {
		t.Fatal(err)
	}
	models := c.Models()
	models[0].Name = "changed"
	if m, ok := c.Model("demo:demo"); !ok || m.Name != "Demo" || m.Provider != "demo" || m.ProviderModel() != "demo" {
		t.Errorf("%+v", m)
	}
	if _, ok := c.Model("demo"); ok {
		t.Error("found without its provider")
	}
	m, ok := c.Default(func(Model) bool { return true })
	if !ok || m.Provider != "openai" {
		t.Errorf("default with a key: %+v", m)
	}
	m, ok = c.Default(func(m Model) bool { return m.Provider == "demo" })
	if !ok || m.ID != "demo:demo" {
		t.Errorf("default without a key: %+v", m)
	}
	if _, ok := c.Default(func(Model) bool { return false }); ok {
		t.Error("a default where nothing is usable")
	}
	titles := map[string]bool{}
	for _, m := range c.Models() {
		titles[m.Provider] = titles[m.Provider] || m.Titles
		if m.Provider != "demo" && (m.Prices.Input == 0 || m.Prices.Output == 0) {
			t.Errorf("%s has no price", m.ID)
		}
	}
	for _, provider := range []string{"openai", "anthropic", "google"} {
		if !titles[provider] {
			t.Errorf("no model of %s names conversations", provider)
		}
	}
}

func TestFile(t *testing.T) {
	t.Parallel()
	write := func(text string) string {
		path := filepath.Join(t.TempDir(), "models.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	c, err := Load(Options{File: write(`{"models":[{"id":"google:x","name":"X","description":"","access":"own-key","contextWindow":2048,"outputLimit":100}]}`)})
	if err != nil || len(c.Models()) != 1 || c.listed[0].Access != AccessOwnKey {
		t.Errorf("%+v, %v", c, err)
	}
	for want, path := range map[string]string{
		"read models":  filepath.Join(t.TempDir(), "absent.json"),
		"decode":       write(`{"models":[{"idd":""}]}`),
		"listed twice": write(`{"models":[{"id":"g:x","name":"X","access":"platform","contextWindow":2048,"outputLimit":100},{"id":"g:x","name":"X","access":"platform","contextWindow":2048,"outputLimit":100}]}`),
	} {
		if _, err := Load(Options{File: path}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestConfigured(t *testing.T) {
	t.Parallel()
	c, err := Load(Options{OpenAIModels: ` llama3.2, qwen3:8b;tools; reasoning ;images;files;context=40960;output=4096;name=Qwen 3;input=100;cached=10;price_output=400 ,, gpt-6-luna;name=Luna,meta-llama/Llama-3@1 `})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, m := range c.Models() {
		ids = append(ids, m.ID)
	}
	if got := strings.Join(ids, " "); !strings.HasPrefix(got, "demo:demo openai:llama3.2 openai:qwen3:8b openai:gpt-6-luna openai:meta-llama/Llama-3@1 anthropic:") {
		t.Fatal(got)
	}
	qwen, _ := c.Model("openai:qwen3:8b")
	if qwen.ProviderModel() != "qwen3:8b" || qwen.Name != "Qwen 3" || qwen.Capabilities != (Capabilities{true, true, true, true}) ||
		qwen.ContextWindow != 40960 || qwen.OutputLimit != 4096 || qwen.Prices != (Prices{100, 10, 400}) || len(qwen.Efforts) != 4 || qwen.Default {
		t.Errorf("%+v", qwen)
	}
	luna, _ := c.Model("openai:gpt-6-luna")
	if luna.Name != "Luna" || luna.ContextWindow != 1050000 || luna.Default || luna.Prices.Input != 100000 {
		t.Errorf("a known model starts from its data: %+v", luna)
	}
	llama, _ := c.Model("openai:llama3.2")
	if llama.Capabilities != (Capabilities{}) || !llama.Default || llama.Effort(llm.EffortHigh, false) != "" {
		t.Errorf("%+v", llama)
	}
	if m, ok := c.Default(func(Model) bool { return true }); !ok || m.ID != "openai:llama3.2" {
		t.Errorf("default %+v", m)
	}
	if small, err := Load(Options{OpenAIModels: "x;context=4096"}); err != nil || small.listed[1].OutputLimit != 2048 {
		t.Errorf("a small window shrinks the output limit: %v", err)
	}
}

func TestBadConfiguration(t *testing.T) {
	t.Parallel()
	for list, want := range map[string]string{
		",":                     "empty",
		"a,a":                   "listed twice",
		"a b":                   `model "a b"`,
		"a;wheels":              `unknown option "wheels"`,
		"a;context=many":        "whole number",
		"a;context=-5":          "whole number",
		"a;context=100":         "at least 1024",
		"a;output=99999999":     "outputLimit",
		"a;input=1;cached=2":    "cachedInput not above input",
		"good, <script>, b;x=1": "unknown option",
	} {
		if _, err := Load(Options{OpenAIModels: list}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", list, err, want)
		}
	}
}

func TestValidation(t *testing.T) {
	t.Parallel()
	good := Model{ID: "p:m", Provider: "p", Name: "M", Access: AccessPlatform, ContextWindow: 2048, OutputLimit: 1024}
	for want, change := range map[string]func(m *Model){
		"id must":           func(m *Model) { m.ID = "m" },
		"name is missing":   func(m *Model) { m.Name = "" },
		"access":            func(m *Model) { m.Access = "free" },
		"contextWindow":     func(m *Model) { m.OutputLimit = 2048 },
		"not be negative":   func(m *Model) { m.Prices.Output = -1 },
		"may hold":          func(m *Model) { m.Efforts = []llm.Effort{"max"} },
		"must rise":         func(m *Model) { m.Efforts = []llm.Effort{llm.EffortHigh, llm.EffortLow} },
		"repetition":        func(m *Model) { m.Efforts = []llm.Effort{llm.EffortLow, llm.EffortLow} },
		"need the":          func(m *Model) { m.Efforts = []llm.Effort{llm.EffortLow} },
		"not among efforts": func(m *Model) { m.ToolEfforts = []llm.Effort{llm.EffortOff} },
	} {
		m := good
		change(&m)
		if _, err := build([]Model{m}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	for _, data := range []string{`{`, `{"models":[]}`, `{"models":[],"x":1}`, `{"models":[{"idd":"x"}]}`, `{"models":[]} {}`} {
		models, err := decode([]byte(data))
		if err == nil {
			_, err = build(models)
		}
		if err == nil {
			t.Errorf("%s: accepted", data)
		}
	}
	two := good
	two.ID, two.Default = "p:n", true
	good.Default = true
	if _, err := build([]Model{good, two}); err == nil || !strings.Contains(err.Error(), "second default") {
		t.Errorf("two defaults of one provider: %v", err)
	}
}

func TestEffort(t *testing.T) {
	t.Parallel()
	m := Model{Efforts: []llm.Effort{llm.EffortLow, llm.EffortHigh}}
	luna := Model{Efforts: levels, ToolEfforts: []llm.Effort{llm.EffortOff}}
	for _, c := range []struct {
		model Model
		want  llm.Effort
		tools bool
		got   llm.Effort
	}{
		{m, llm.EffortOff, false, llm.EffortLow},
		{m, llm.EffortMedium, false, llm.EffortLow},
		{m, llm.EffortHigh, true, llm.EffortHigh},
		{m, "", true, ""},
		{m, "nonsense", false, ""},
		{Model{}, llm.EffortHigh, false, ""},
		{luna, llm.EffortHigh, false, llm.EffortHigh},
		{luna, llm.EffortHigh, true, llm.EffortOff},
		{luna, "", true, llm.EffortOff},
		{luna, "", false, ""},
	} {
		if got := c.model.Effort(c.want, c.tools); got != c.got {
			t.Errorf("%v wants %q with tools %v: %q", c.model.Efforts, c.want, c.tools, got)
		}
	}
}

func TestCost(t *testing.T) {
	t.Parallel()
	m := Model{Prices: Prices{Input: 2_000_000, CachedInput: 100_000, Output: 10_000_000}}
	for usage, want := range map[llm.Usage]int64{
		{}:                                       0,
		{Input: 1}:                               2,
		{Input: 1000, CachedInput: 400}:          1240,
		{Input: 1, CachedInput: 1}:               1,
		{Output: 3, Reasoning: 3}:                30,
		{Input: -5, CachedInput: 7, Output: -1}:  0,
		{Input: 1_000_000, Output: 1_000_000}:    12_000_000,
		{Input: 1e9, Output: 1e9, Reasoning: 50}: 12_000_000_000,
	} {
		if got := m.Cost(usage); got != want {
			t.Errorf("%+v: %d, want %d", usage, got, want)
		}
	}
}
