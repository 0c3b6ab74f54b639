package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/api/apitest"
)

// Whoever is no admin finds nothing, at any address of admins and with any method, in the very words of an address that does not exist.
func TestAdministrationIsNotThere(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Env: map[string]string{"RATE_LIMIT_USER": "off"}})
	user, nobody := s.NewUser(), s.Anonymous()
	user.Get(t, "/api/session").Want(t, 200)
	paths := map[string]bool{"/api/admin": true, "/api/admin/": true, "/api/admin/nothing": true}
	for _, route := range s.App.Routes() {
		if _, path, _ := strings.Cut(route, " "); strings.HasPrefix(path, "/api/admin") {
			paths[strings.NewReplacer(":id", uuid.NewString(), ":report", "usage").Replace(path)] = true
		}
	}
	require.Greater(t, len(paths), 10)
	nowhere := user.Get(t, "/api/nothing")
	nowhere.Refused(t, 404, "not_found")
	for path := range paths {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
			for _, body := range []string{"", "{}", "not JSON"} {
				if method == "GET" || method == "HEAD" {
					body = ""
				}
				got := user.Do(t, method, path, body)
				require.Equal(t, 404, got.Status, "%s %s: %s", method, path, got.Body)
				if method != "HEAD" {
					p, q := got.Refused(t, 404, "not_found"), nowhere.Refused(t, 404, "not_found")
					p.RequestID, q.RequestID = "", ""
					require.Equal(t, q, p, "%s %s", method, path)
				}
				require.Equal(t, names(nowhere.Header), names(got.Header), "%s %s", method, path)
				require.Equal(t, 401, nobody.Do(t, method, path, body).Status, "%s %s", method, path)
			}
		}
	}
	// What only begins alike is not administration.
	nobody.Get(t, "/api/administration").Refused(t, 404, "not_found")
}

func names(h http.Header) map[string]bool {
	all := map[string]bool{}
	for name := range h {
		if name != "Content-Length" {
			all[name] = true
		}
	}
	return all
}

// Who is granted is an admin at once, and who is revoked is none at once.
func TestAdminAtOnce(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	id := uuid.New()
	c := s.As(id)
	scenario{path: "/api/session", status: 200, has: []string{`"admin":false`}}.run(t, c)
	c.Get(t, "/api/admin/plans").Refused(t, 404, "not_found")
	s.Grant(t, id)
	scenario{path: "/api/session", status: 200, has: []string{`"admin":true`}}.run(t, c)
	c.Get(t, "/api/admin/plans").Want(t, 200)
	c.Do(t, "POST", "/api/admin/plans", "{}", "Content-Type", "text/plain").Refused(t, 415, "unsupported_media_type")
	_, err := s.Database.Owner(t).Exec(t.Context(), "DELETE FROM public.admins")
	require.NoError(t, err)
	c.Get(t, "/api/admin/plans").Refused(t, 404, "not_found")
	scenario{path: "/api/session", status: 200, has: []string{`"admin":false`}}.run(t, c)
}

func TestAdminSecondFactor(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Env: map[string]string{"ADMIN_SECOND_FACTOR_FOR": "10m"}})
	c, id := s.NewAdmin(t)
	c.Get(t, "/api/admin/plans").Refused(t, 403, "second_factor_required")
	s.Identities.GiveSecondFactor(id, time.Now().Add(-11*time.Minute))
	c.Get(t, "/api/admin/plans").Refused(t, 403, "reauthentication_required")
	s.Identities.GiveSecondFactor(id, time.Now().Add(-9*time.Minute))
	c.Get(t, "/api/admin/plans").Want(t, 200)
	// It gives nobody else anything.
	other := uuid.New()
	s.Identities.GiveSecondFactor(other, time.Now())
	s.As(other).Get(t, "/api/admin/plans").Refused(t, 404, "not_found")
}
