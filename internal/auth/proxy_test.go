package auth_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func TestProxyAllowList(t *testing.T) {
	t.Parallel()
	u := startUpstream(t, nil)
	r := startReplica(t, replicaOptions{kratos: u.URL})
	id := uuid.NewString()
	const absent, method, ok = http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusOK
	for _, c := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/self-service/login/browser", ok},
		{"GET", "/self-service/login/browser?refresh=true&return_to=%2Fx", ok},
		{"GET", "/self-service/login/api", ok},
		{"GET", "/self-service/registration/browser", ok},
		{"GET", "/self-service/recovery/browser", ok},
		{"GET", "/self-service/verification/api", ok},
		{"GET", "/self-service/settings/browser", ok},
		{"GET", "/self-service/settings/flows?id=" + id, ok},
		{"POST", "/self-service/login?flow=" + id, ok},
		{"POST", "/self-service/settings?flow=" + id, ok},
		{"GET", "/self-service/verification?code=123456&flow=" + id, ok},
		{"GET", "/self-service/errors?id=" + id, ok},
		{"GET", "/self-service/logout/browser", ok},
		{"GET", "/self-service/logout?token=x", ok},
		{"DELETE", "/self-service/logout/api", ok},
		{"GET", "/self-service/methods/oidc/callback/google?code=x&state=y", ok},
		{"GET", "/sessions", ok},
		{"DELETE", "/sessions", ok},
		{"DELETE", "/sessions/" + id, ok},
		{"GET", "/sessions/whoami", ok},

		{"POST", "/sessions/whoami", method},
		{"HEAD", "/sessions/whoami", method},
		{"GET", "/self-service/login", method},
		{"PUT", "/self-service/login", method},
		{"OPTIONS", "/self-service/login", method},
		{"TRACE", "/sessions", method},
		{"PATCH", "/sessions", method},
		{"GET", "/sessions/" + id, method},
		{"POST", "/self-service/logout", method},

		{"GET", "", absent},
		{"GET", "/", absent},
		{"GET", "/health/ready", absent},
		{"GET", "/health/alive", absent},
		{"GET", "/version", absent},
		{"GET", "/schemas", absent},
		{"GET", "/schemas/user_v1", absent},
		{"GET", "/admin/identities", absent},
		{"GET", "/identities", absent},
		{"GET", "/metrics/prometheus", absent},
		{"GET", "/sessions/token-exchange", absent},
		{"DELETE", "/sessions/" + strings.ToUpper(id), absent},
		{"DELETE", "/sessions/" + strings.ReplaceAll(id, "-", ""), absent},
		{"DELETE", "/sessions/" + id + "/extend", absent},
		{"DELETE", "/sessions/" + id + "/", absent},
		{"GET", "/sessions/", absent},
		{"GET", "/sessions//whoami", absent},
		{"GET", "//sessions/whoami", absent},
		{"GET", "/sessions/./whoami", absent},
		{"GET", "/sessions/x/../whoami", absent},
		{"GET", "/../admin/identities", absent},
		{"GET", "/sessions/%77hoami", absent},
		{"GET", "/sessions%2Fwhoami", absent},
		{"GET", "/sessions/..%2F..%2Fadmin%2Fidentities", absent},
		{"GET", "/sessions/whoami%00", absent},
		{"GET", "/sessions/whoami;x=y", absent},
		{"GET", `/sessions\whoami`, absent},
		{"GET", "/Sessions/Whoami", absent},
		{"GET", "/self-service/methods/oidc/callback/", absent},
		{"GET", "/self-service/methods/oidc/callback/a/b", absent},
		{"GET", "/self-service/methods/oidc/callback/..", absent},
		{"GET", "/self-service/methods/oidc/callback/%2e%2e", absent},
		{"GET", "/self-service/methods/oidc/callback/" + strings.Repeat("a", 65), absent},

		{"GET", "/sessions/whoami?tokenize_as=chat", http.StatusBadRequest},
		{"GET", "/self-service/errors?id=" + strings.Repeat("x", 9000), http.StatusBadRequest},
		{"POST", "/self-service/login?flow=" + strings.ReplaceAll(id, "-", ""), http.StatusBadRequest},
		{"POST", "/self-service/login?flow=%zz", http.StatusBadRequest},
	} {
		before := u.count()
		status, body := raw(t, r, c.method+" /.ory"+c.path+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		require.Equal(t, c.want, status, "%s %s: %s", c.method, c.path, body)
		if c.want != ok {
			require.Equal(t, before, u.count(), "%s %s was forwarded", c.method, c.path)
			continue
		}
		request, _ := u.last(t)
		require.Equal(t, c.path, request.URL.RequestURI())
		require.Equal(t, c.method, request.Method)
	}
	for _, line := range []string{"GET /.ORY/sessions HTTP/1.1", "GET /%2eory/sessions HTTP/1.1", "GET /x/../.ory/sessions HTTP/1.1"} {
		before := u.count()
		status, _ := raw(t, r, line+"\r\nHost: x\r\nConnection: close\r\n\r\n")
		require.Equal(t, absent, status, line)
		require.Equal(t, before, u.count(), line)
	}
}
