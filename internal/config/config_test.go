package config

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// complete is a configuration that serves.
func complete(more ...string) []string {
	return append([]string{
		"PUBLIC_URL=https://chat.example.com",
		"DATABASE_URL=postgres://app:database-password@db/twobrains",
		"DATABASE_OWNER_URL=postgres://owner:owner-password@db/twobrains",
		"MASTER_KEYS=k1:" + strings.Repeat("A", 43) + "=",
		"REDIS_URL=redis://:redis-password@redis:6379/0",
		"KRATOS_PUBLIC_URL=http://kratos:4433/",
		"KRATOS_ADMIN_URL=http://kratos:4434",
		"KRATOS_HOOK_KEY=hook-key-0123456789",
	}, more...)
}

func TestLoad(t *testing.T) {
	t.Parallel()
	c, err := Load(complete("PORT=9000", "OPENAI_API_KEY=sk-openai", "RATE_LIMIT_USER=5/2h", "TRUSTED_PROXIES=10.0.0.0/8, ::1", "QUOTA_DAY="), ForServe)
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen() != "127.0.0.1:9000" || c.SignIn.KratosPublicURL != "http://kratos:4433" || c.Limits.QuotaDay != 50 ||
		c.Limits.PerUser != (Rate{5, 2 * time.Hour}) || c.Development() {
		t.Errorf("got %+v", c)
	}
	for address, want := range map[string]bool{"10.1.2.3": true, "::1": true, "::ffff:10.0.0.1": true, "11.0.0.1": false, "::2": false} {
		if got := c.Server.TrustedProxies.Contains(netip.MustParseAddr(address)); got != want {
			t.Errorf("trusted %s: %v", address, got)
		}
	}
	if !c.OpenAI() || c.DemoModel() {
		t.Error("with a key, the provider answers and the demo model does not")
	}
	c, err = Load([]string{"SERVER_ENV=development", "PORT=8081"}, ForShow)
	if err != nil || c.Server.PublicURL != "http://127.0.0.1:8081" || c.OpenAI() || !c.DemoModel() {
		t.Errorf("development: %+v, %v", c, err)
	}
	if c, err := Load([]string{"OPENAI_BASE_URL=http://127.0.0.1:11434/v1/"}, ForShow); err != nil || !c.OpenAI() || c.DemoModel() {
		t.Errorf("own server: %v", err)
	}
}

func TestNeeds(t *testing.T) {
	t.Parallel()
	var broken *Error
	if _, err := Load(nil, ForDatabase); !errors.As(err, &broken) || len(broken.Problems) != 3 {
		t.Errorf("for the database: %v", err)
	}
	if _, err := Load(nil, ForServe); !errors.As(err, &broken) || len(broken.Problems) != 8 {
		t.Errorf("to serve: %v", err)
	}
	if _, err := Load(nil, ForShow); err != nil {
		t.Errorf("to show: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for entry, want := range map[string]string{
		"PORT=abc":                                "PORT is invalid: want a whole number",
		"PORT=70000":                              "PORT must be between 1 and 65535",
		"DRAIN_TIMEOUT=30":                        "DRAIN_TIMEOUT is invalid: want a duration such as 500ms, 30s or 10m",
		"SESSION_TTL=1h":                          "SESSION_TTL must be between 1s and 5m",
		"SERVER_ENV=staging":                      "SERVER_ENV must be production or development",
		"PUBLIC_URL=http://chat.example.com":      "PUBLIC_URL must be https in production",
		"PUBLIC_URL=https://chat.example.com/x":   "PUBLIC_URL must be http(s)://host[:port] without a path",
		"DATABASE_URL=mysql://u:canary@db/x":      "DATABASE_URL must be a URL beginning with postgres:// or postgresql://",
		"DATABASE_URL=postgres://u:canary%zz@d/x": "DATABASE_URL must be a URL",
		"MASTER_KEYS=k1:canary":                   `MASTER_KEYS is invalid: master key "k1"`,
		"REDIS_URL=canary":                        "REDIS_URL must be a URL beginning with redis://",
		"KRATOS_HOOK_KEY=canary":                  "KRATOS_HOOK_KEY must have at least 16 characters",
		"DEV_MAIL_KEY=canary-canary":              "DEV_MAIL_KEY shows sign-in codes and is for development only",
		"RATE_LIMIT_USER=many":                    "RATE_LIMIT_USER is invalid: want a number per duration such as 300/1m, or off",
		"RATE_LIMIT_USER=0/1m":                    "RATE_LIMIT_USER is invalid",
		"LOGIN_LIMIT_IP=off":                      "LOGIN_LIMIT_IP cannot be off",
		"TRUSTED_PROXIES=proxy":                   "TRUSTED_PROXIES is invalid",
		"LOG_LEVEL=loud":                          "LOG_LEVEL is invalid: want DEBUG, INFO, WARN or ERROR",
		"LOG_FORMAT=xml":                          "LOG_FORMAT must be json or text",
		"INTERNAL_LISTEN=9090":                    "INTERNAL_LISTEN must be host:port, or off",
		"TOOLS_ALLOW_PRIVATE=true":                "TOOLS_ALLOW_PRIVATE opens the server's own network",
		"QUOTA_DAY=-1":                            "QUOTA_DAY must be between 0",
		"SESSION_COOKIE=a b":                      "SESSION_COOKIE must be a cookie name",
	} {
		var broken *Error
		_, err := Load(complete(entry), ForServe)
		if !errors.As(err, &broken) || len(broken.Problems) != 1 || !strings.HasPrefix(broken.Problems[0], want) {
			t.Errorf("%s: %v", entry, err)
		}
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: the error repeats a secret: %v", entry, err)
		}
	}
	var broken *Error
	if _, err := Load(complete("PORT=x", "QUOTA_DAY=y", "LOG_FORMAT=z"), ForServe); !errors.As(err, &broken) || len(broken.Problems) != 3 {
		t.Errorf("three at once: %v", err)
	}
}

func TestSecretFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte("hook-key-from-a-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	without := slices.DeleteFunc(complete(), func(s string) bool { return strings.HasPrefix(s, "KRATOS_HOOK_KEY=") })
	c, err := Load(append(without, "KRATOS_HOOK_KEY_FILE="+path), ForServe)
	if err != nil || c.SignIn.KratosHookKey.Reveal() != "hook-key-from-a-file" {
		t.Errorf("from a file: %v", err)
	}
	if _, err := Load(complete("KRATOS_HOOK_KEY_FILE="+path), ForServe); err == nil || !strings.Contains(err.Error(), "KRATOS_HOOK_KEY and KRATOS_HOOK_KEY_FILE are both set") {
		t.Errorf("both: %v", err)
	}
	if _, err := Load(append(without, "KRATOS_HOOK_KEY_FILE="+path+"x"), ForServe); err == nil || !strings.Contains(err.Error(), "KRATOS_HOOK_KEY cannot be read from its file") {
		t.Errorf("no file: %v", err)
	}
	if c, err := Load(complete("PORT_FILE="+path), ForServe); err != nil || c.Server.Port != 8080 {
		t.Errorf("a file for what is no secret: %v", err)
	}
}

// Every key is documented and named once, and its default is one that it accepts and prints.
func TestKeys(t *testing.T) {
	t.Parallel()
	c, err := Load(nil, ForShow)
	if err != nil {
		t.Fatal(err)
	}
	var shown strings.Builder
	if err := c.Print(&shown); err != nil {
		t.Fatal(err)
	}
	names, fields := map[string]bool{}, map[string]bool{}
	for _, k := range Keys() {
		if k.Name == "" || k.Doc == "" || k.Group == "" || names[k.Name] || fields[k.field] {
			t.Errorf("key %+v", k)
		}
		names[k.Name], fields[k.field] = true, true
		if want := k.Name + "=" + k.Default + "\n"; !strings.Contains(shown.String(), want) {
			t.Errorf("the printed default is not %q", want)
		}
	}
}

func TestPrintRedacts(t *testing.T) {
	t.Parallel()
	c, err := Load(complete("OPENAI_API_KEY=sk-canary"), ForServe)
	if err != nil {
		t.Fatal(err)
	}
	var shown strings.Builder
	if err := c.Print(&shown); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"password", "sk-canary", "AAAA", "hook-key"} {
		if strings.Contains(shown.String(), secret) {
			t.Errorf("%q is shown", secret)
		}
	}
	if !strings.Contains(shown.String(), "OPENAI_API_KEY=[redacted]\n") {
		t.Errorf("got %s", shown.String())
	}
}

func TestRateText(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"300/1m", "1/1s", "5/2h", "7/90s", "3/1h30m", "off", "2/24h"} {
		var r, again Rate
		if err := r.UnmarshalText([]byte(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if err := again.UnmarshalText([]byte(r.String())); err != nil || again != r {
			t.Errorf("%s became %s: %v", text, r, err)
		}
	}
}

func TestDocumentationIsUpToDate(t *testing.T) {
	t.Parallel()
	kept, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	var now strings.Builder
	if err := Markdown(&now); err != nil {
		t.Fatal(err)
	}
	if now.String() != string(kept) {
		t.Error("docs/configuration.md is out of date; run: make generate")
	}
}
