package localstack

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// What tools/kratos/config says for containers and a rendered copy says otherwise.
const (
	containerConfigDir = "file:///etc/config/kratos/"
	containerPublicURL = "http://127.0.0.1:8080"
	containerServerURL = "http://twobrains:8080"
	containerHookKey   = "development-hook-key"
	containerMailKey   = "development-mail-key"
)

// renderKratosConfig copies tools/kratos/config to the stack's directory, with its own addresses and keys, and returns the
// path of the configuration file.
func renderKratosConfig(opts Options) (string, error) {
	source, target := filepath.Join(opts.Checkout, "tools", "kratos", "config"), filepath.Join(opts.Dir, "kratos")
	if err := os.MkdirAll(target, 0o700); err != nil {
		return "", fmt.Errorf("create %s: %w", target, err)
	}
	replacer := strings.NewReplacer(
		containerConfigDir, "file://"+target+"/",
		containerPublicURL, opts.ServerURL,
		containerServerURL, opts.ServerURL,
		containerHookKey, opts.HookKey,
		containerMailKey, opts.MailKey,
	)
	files, err := os.ReadDir(source)
	if err != nil {
		return "", fmt.Errorf("read configuration of Kratos: %w", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(source, file.Name()))
		if err != nil {
			return "", fmt.Errorf("read configuration of Kratos: %w", err)
		}
		if err := os.WriteFile(filepath.Join(target, file.Name()), []byte(replacer.Replace(string(text))), 0o600); err != nil {
			return "", fmt.Errorf("write configuration of Kratos: %w", err)
		}
	}
	return filepath.Join(target, "kratos.yml"), nil
}

// oidcProvider is a provider as Kratos's configuration wants it.
type oidcProvider struct {
	ID              string         `json:"id"`
	Provider        string         `json:"provider"`
	ClientID        string         `json:"client_id"`
	ClientSecret    string         `json:"client_secret"`
	MapperURL       string         `json:"mapper_url"`
	Scope           []string       `json:"scope"`
	RequestedClaims map[string]any `json:"requested_claims,omitempty"`
}

// kratosMethods turns PASSWORD_LOGIN, GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET, GITHUB_CLIENT_ID and GITHUB_CLIENT_SECRET
// into the variables that switch Kratos's login methods on.
func kratosMethods(getenv func(string) string, configDir string) ([]string, error) {
	var environment []string
	if value := getenv("PASSWORD_LOGIN"); value != "" {
		on, err := strconv.ParseBool(value)
		if err != nil {
			return nil, fmt.Errorf("PASSWORD_LOGIN is %q; say true or false", value)
		}
		environment = append(environment, "SELFSERVICE_METHODS_PASSWORD_ENABLED="+strconv.FormatBool(on))
	}
	essential := map[string]any{"essential": true}
	var providers []oidcProvider
	for _, p := range []oidcProvider{
		{ID: "google", Scope: []string{"openid", "email", "profile"}, RequestedClaims: map[string]any{
			"id_token": map[string]any{"email": essential, "email_verified": essential},
		}},
		{ID: "github", Scope: []string{"user:email"}},
	} {
		prefix := strings.ToUpper(p.ID)
		p.Provider, p.ClientID, p.ClientSecret = p.ID, getenv(prefix+"_CLIENT_ID"), getenv(prefix+"_CLIENT_SECRET")
		p.MapperURL = "file://" + filepath.Join(configDir, "oidc."+p.ID+".jsonnet")
		if p.ClientID == "" && p.ClientSecret == "" {
			continue
		}
		if p.ClientID == "" || p.ClientSecret == "" {
			return nil, fmt.Errorf("login with %s needs both %s_CLIENT_ID and %s_CLIENT_SECRET", p.ID, prefix, prefix)
		}
		providers = append(providers, p)
	}
	if len(providers) > 0 {
		text, err := json.Marshal(providers)
		if err != nil {
			return nil, fmt.Errorf("write login providers: %w", err)
		}
		environment = append(environment, "SELFSERVICE_METHODS_OIDC_ENABLED=true", "SELFSERVICE_METHODS_OIDC_CONFIG_PROVIDERS="+string(text))
	}
	return environment, nil
}
