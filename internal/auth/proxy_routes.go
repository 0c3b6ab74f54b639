package auth

import (
	"net/http"
	"strings"

	"github.com/google/uuid"
)

// PathPrefix is where the proxy is mounted: Kratos's serve.public.base_url is the public origin and this.
const PathPrefix = "/.ory"

// action says what else a forwarded request means to us.
type action int

const (
	plain     action = iota
	whoami           // takes no query: tokenize_as would make tokens that cannot be recalled
	submit           // a step of signing in: limited
	change           // submit that may change credentials and revoke sessions
	logout           // ends the session of the cookie
	logoutAPI        // ends the session of the token in the body
	revoke           // ends other sessions of the user
)

// routes are the paths of Kratos v1.3.1 that browsers and native clients of ours need, by method. Everything else is not
// there: health, schemas, admin redirects, and paths that are spelled in any other way.
var routes = func() map[string]map[string]action {
	r := map[string]map[string]action{
		"/sessions":                    {http.MethodGet: plain, http.MethodDelete: revoke},
		"/sessions/whoami":             {http.MethodGet: whoami},
		"/self-service/errors":         {http.MethodGet: plain},
		"/self-service/logout":         {http.MethodGet: logout},
		"/self-service/logout/browser": {http.MethodGet: plain},
		"/self-service/logout/api":     {http.MethodDelete: logoutAPI},
		"/.well-known/ory/webauthn.js": {http.MethodGet: plain},
		"/self-service/login":          {http.MethodPost: submit},
		"/self-service/registration":   {http.MethodPost: submit},
		"/self-service/recovery":       {http.MethodPost: submit, http.MethodGet: plain}, // GET: the link in the mail
		"/self-service/verification":   {http.MethodPost: submit, http.MethodGet: plain},
		"/self-service/settings":       {http.MethodPost: change},
	}
	for _, flow := range []string{"login", "registration", "recovery", "verification", "settings"} {
		for _, path := range []string{"/browser", "/api", "/flows"} {
			r["/self-service/"+flow+path] = map[string]action{http.MethodGet: plain}
		}
	}
	return r
}()

const (
	sessionPath      = "/sessions/"
	oidcCallbackPath = "/self-service/methods/oidc/callback/"
)

// findRoute looks a path up, without PathPrefix and as it was sent, and returns what may be done there; nil means that
// there is nothing.
func findRoute(path string) map[string]action {
	if methods, ok := routes[path]; ok {
		return methods
	}
	if id, ok := strings.CutPrefix(path, sessionPath); ok && isCanonicalUUID(id) {
		return map[string]action{http.MethodDelete: revoke}
	}
	if provider, ok := strings.CutPrefix(path, oidcCallbackPath); ok && isPlainName(provider) {
		return map[string]action{http.MethodGet: plain}
	}
	return nil
}

func isCanonicalUUID(s string) bool {
	id, err := uuid.Parse(s)
	return err == nil && id.String() == s
}

func isPlainName(s string) bool {
	for _, r := range s {
		if !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_') {
			return false
		}
	}
	return s != "" && len(s) <= 64
}
