package auth_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"twobrains/internal/auth"
	"twobrains/internal/problem"
)

func TestCredentialFrom(t *testing.T) {
	t.Parallel()
	const ok, unauthenticated, bad = "", problem.CodeUnauthenticated, problem.CodeBadRequest
	long := strings.Repeat("a", 5000)
	for name, c := range map[string]struct {
		headers map[string]string
		cookie  string // name
		want    problem.Code
		isToken bool
	}{
		"bearer":                     {headers: map[string]string{"Authorization": "Bearer ory_st_abc"}, want: ok, isToken: true},
		"bearer in capitals":         {headers: map[string]string{"Authorization": "BEARER ory_st_abc"}, want: ok, isToken: true},
		"session token":              {headers: map[string]string{"X-Session-Token": "ory_st_abc"}, want: ok, isToken: true},
		"cookie":                     {headers: map[string]string{"Cookie": "ory_kratos_session=abc"}, want: ok},
		"cookie among others":        {headers: map[string]string{"Cookie": "a=1; ory_kratos_session=abc; b=2"}, want: ok},
		"cookie without spaces":      {headers: map[string]string{"Cookie": "a=1;ory_kratos_session=abc;b=2"}, want: ok},
		"cookie of production":       {headers: map[string]string{"Cookie": "__Host-session=abc; ory_kratos_session=x"}, cookie: "__Host-session", want: ok},
		"bearer beside other cookie": {headers: map[string]string{"Authorization": "Bearer t", "Cookie": "csrf_token_1=x"}, want: ok, isToken: true},

		"nothing":                {want: unauthenticated},
		"other cookies only":     {headers: map[string]string{"Cookie": "a=1; ory_kratos_session_x=2; xory_kratos_session=3"}, want: unauthenticated},
		"name in other case":     {headers: map[string]string{"Cookie": "Ory_Kratos_Session=abc"}, want: unauthenticated},
		"empty cookie":           {headers: map[string]string{"Cookie": "ory_kratos_session="}, want: unauthenticated},
		"cookie without value":   {headers: map[string]string{"Cookie": "ory_kratos_session"}, want: unauthenticated},
		"basic":                  {headers: map[string]string{"Authorization": "Basic YTpi"}, want: unauthenticated},
		"bearer without token":   {headers: map[string]string{"Authorization": "Bearer "}, want: unauthenticated},
		"bearer of two words":    {headers: map[string]string{"Authorization": "Bearer a b"}, want: unauthenticated},
		"long token":             {headers: map[string]string{"X-Session-Token": long}, want: unauthenticated},
		"token with newline":     {headers: map[string]string{"X-Session-Token": "a\r\nCookie: x=y"}, want: unauthenticated},
		"token with NUL":         {headers: map[string]string{"X-Session-Token": "a\x00b"}, want: unauthenticated},
		"token of other letters": {headers: map[string]string{"X-Session-Token": "ory_st_ä"}, want: unauthenticated},
		"long cookie":            {headers: map[string]string{"Cookie": "ory_kratos_session=" + long}, want: unauthenticated},
		"quoted cookie":          {headers: map[string]string{"Cookie": `ory_kratos_session="abc"`}, want: unauthenticated},

		"two cookies":               {headers: map[string]string{"Cookie": "ory_kratos_session=a; ory_kratos_session=b"}, want: bad},
		"two equal cookies":         {headers: map[string]string{"Cookie": "ory_kratos_session=a; ory_kratos_session=a"}, want: bad},
		"cookie and bearer":         {headers: map[string]string{"Authorization": "Bearer t", "Cookie": "ory_kratos_session=a"}, want: bad},
		"cookie and token":          {headers: map[string]string{"X-Session-Token": "t", "Cookie": "ory_kratos_session=a"}, want: bad},
		"bearer and token":          {headers: map[string]string{"X-Session-Token": "t", "Authorization": "Bearer t"}, want: bad},
		"two bearers":               {headers: map[string]string{"Authorization": "Bearer a, Bearer b"}, want: unauthenticated},
		"two tokens":                {headers: map[string]string{"X-Session-Token": "a, b"}, want: unauthenticated},
		"newline in cookies":        {headers: map[string]string{"Cookie": "ory_kratos_session=a\r\nX-Session-Token: b"}, want: bad},
		"NUL in another's cookie":   {headers: map[string]string{"Cookie": "x=\x00; ory_kratos_session=a"}, want: bad},
		"endless cookies":           {headers: map[string]string{"Cookie": strings.Repeat("a=b; ", 4000)}, want: bad},
		"cookie and broken bearer":  {headers: map[string]string{"Authorization": "Bearer a b", "Cookie": "ory_kratos_session=a"}, want: unauthenticated},
		"cookie under other's name": {headers: map[string]string{"Cookie": "ory_kratos_session=abc"}, cookie: "__Host-session", want: unauthenticated},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cred, err := auth.CredentialFrom(func(name string) string { return c.headers[name] }, c.cookie)
			if c.want != ok {
				require.Equal(t, c.want, code(t, err))
				require.True(t, cred.IsZero())
				for _, secret := range []string{"abc", "ory_st", "YTpi"} {
					require.NotContains(t, err.Error(), secret)
				}
				return
			}
			require.NoError(t, err)
			require.Equal(t, !c.isToken, cred.IsCookie())
			for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
				shown := fmt.Sprintf(format, cred)
				require.NotContains(t, shown, "abc")
			}
		})
	}
}
