package localstack

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRenderedConfigurationNamesNothingOfTheContainers(t *testing.T) {
	t.Parallel()
	opts := testOptions(t, Development)
	path, err := renderKratosConfig(opts)
	require.NoError(t, err)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, left := range []string{containerConfigDir, containerPublicURL, containerServerURL, containerHookKey, containerMailKey} {
		require.NotContains(t, string(text), left)
	}
	require.Contains(t, string(text), "url: http://127.0.0.1:8999/hooks/kratos/login")
	require.Contains(t, string(text), "value: the-hook-key")
	require.Contains(t, string(text), "url: http://127.0.0.1:8999/dev/mail")
	for _, name := range []string{"identity.schema.json", "hook.jsonnet", "mail.jsonnet", "oidc.google.jsonnet", "oidc.github.jsonnet"} {
		require.FileExists(t, filepath.Join(filepath.Dir(path), name))
	}
}

func TestLoginMethods(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		environment map[string]string
		contains    []string
		err         string
	}{
		"code alone": {},
		"password":   {environment: map[string]string{"PASSWORD_LOGIN": "1"}, contains: []string{"SELFSERVICE_METHODS_PASSWORD_ENABLED=true"}},
		"not a boolean": {
			environment: map[string]string{"PASSWORD_LOGIN": "maybe"}, err: `PASSWORD_LOGIN is "maybe"`,
		},
		"provider without its secret": {
			environment: map[string]string{"GITHUB_CLIENT_ID": "id"}, err: "needs both GITHUB_CLIENT_ID and GITHUB_CLIENT_SECRET",
		},
		"both providers": {
			environment: map[string]string{
				"GITHUB_CLIENT_ID": "hub", "GITHUB_CLIENT_SECRET": "s1", "GOOGLE_CLIENT_ID": "goo", "GOOGLE_CLIENT_SECRET": "s2",
			},
			contains: []string{
				"SELFSERVICE_METHODS_OIDC_ENABLED=true",
				`SELFSERVICE_METHODS_OIDC_CONFIG_PROVIDERS=[` +
					`{"id":"google","provider":"google","client_id":"goo","client_secret":"s2","mapper_url":"file:///c/oidc.google.jsonnet",` +
					`"scope":["openid","email","profile"],` +
					`"requested_claims":{"id_token":{"email":{"essential":true},"email_verified":{"essential":true}}}},` +
					`{"id":"github","provider":"github","client_id":"hub","client_secret":"s1","mapper_url":"file:///c/oidc.github.jsonnet",` +
					`"scope":["user:email"]}]`,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			environment, err := kratosMethods(func(name string) string { return test.environment[name] }, "/c")
			if test.err != "" {
				require.ErrorContains(t, err, test.err)
				return
			}
			require.NoError(t, err)
			require.ElementsMatch(t, test.contains, environment)
		})
	}
}
