package auth_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"twobrains/internal/auth"
	"twobrains/internal/problem"
)

func TestCheckOrigin(t *testing.T) {
	t.Parallel()
	const origin = "https://chat.example.test"
	const ok, cross, media = "", problem.CodeCrossSite, problem.CodeUnsupportedMediaType
	credential := func(header, value string) auth.Credential {
		cred, err := auth.CredentialFrom(func(name string) string {
			if name == header {
				return value
			}
			return ""
		}, "")
		require.NoError(t, err)
		return cred
	}
	cookie, token := credential("Cookie", "ory_kratos_session=a"), credential("X-Session-Token", "a")
	type headers map[string]string
	good := headers{"Origin": origin, "Sec-Fetch-Site": "same-origin", "Content-Type": "application/json", "Content-Length": "2"}
	with := func(name, value string) headers {
		h := headers{}
		for k, v := range good {
			h[k] = v
		}
		h[name] = value
		return h
	}
	for name, c := range map[string]struct {
		method  string
		cred    auth.Credential
		headers headers
		want    problem.Code
	}{
		"good":                  {"POST", cookie, good, ok},
		"without fetch site":    {"POST", cookie, with("Sec-Fetch-Site", ""), ok},
		"charset":               {"PATCH", cookie, with("Content-Type", "application/json; charset=UTF-8"), ok},
		"delete without a body": {"DELETE", cookie, headers{"Origin": origin}, ok},
		"post of length 0":      {"POST", cookie, headers{"Origin": origin, "Content-Length": "0"}, ok},
		"get":                   {"GET", cookie, headers{}, ok},
		"get from elsewhere":    {"GET", cookie, headers{"Origin": "https://evil.test", "Sec-Fetch-Site": "cross-site"}, ok},
		"head":                  {"HEAD", cookie, headers{}, ok},
		"token":                 {"POST", token, headers{}, ok},
		"token from elsewhere":  {"POST", token, headers{"Origin": "https://evil.test"}, ok},

		"no origin":             {"POST", cookie, with("Origin", ""), cross},
		"null origin":           {"POST", cookie, with("Origin", "null"), cross},
		"other origin":          {"POST", cookie, with("Origin", "https://evil.test"), cross},
		"other scheme":          {"POST", cookie, with("Origin", "http://chat.example.test"), cross},
		"other port":            {"POST", cookie, with("Origin", "https://chat.example.test:8443"), cross},
		"subdomain":             {"POST", cookie, with("Origin", "https://a.chat.example.test"), cross},
		"prefix":                {"POST", cookie, with("Origin", "https://chat.example.test.evil.test"), cross},
		"trailing slash":        {"POST", cookie, with("Origin", origin+"/"), cross},
		"two origins":           {"POST", cookie, with("Origin", origin+", https://evil.test"), cross},
		"cross-site":            {"POST", cookie, with("Sec-Fetch-Site", "cross-site"), cross},
		"same-site":             {"DELETE", cookie, with("Sec-Fetch-Site", "same-site"), cross},
		"typed by the user":     {"POST", cookie, with("Sec-Fetch-Site", "none"), cross},
		"method in small":       {"post", cookie, headers{}, cross},
		"options":               {"OPTIONS", cookie, headers{}, cross},
		"form":                  {"POST", cookie, with("Content-Type", "application/x-www-form-urlencoded"), media},
		"plain text":            {"POST", cookie, with("Content-Type", "text/plain"), media},
		"json in a parameter":   {"POST", cookie, with("Content-Type", "text/plain; a=application/json"), media},
		"json of another kind":  {"POST", cookie, with("Content-Type", "application/jsonp"), media},
		"another charset":       {"POST", cookie, with("Content-Type", "application/json; charset=utf-7"), media},
		"body without type":     {"POST", cookie, with("Content-Type", ""), media},
		"chunks without type":   {"POST", cookie, headers{"Origin": origin, "Transfer-Encoding": "chunked"}, media},
		"delete with text body": {"DELETE", cookie, with("Content-Type", "text/plain"), media},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := auth.CheckOrigin(c.method, c.cred, func(name string) string { return c.headers[name] }, origin)
			if c.want == ok {
				require.NoError(t, err)
				return
			}
			require.Equal(t, c.want, code(t, err))
		})
	}
}
