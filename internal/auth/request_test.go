package auth_test

import (
	"io"
	"net/http"
	"sync"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/auth/authtest"
)

// Fiber's strings alias buffers that the next request overwrites. Without Immutable, too, nobody may be taken for
// somebody else.
func TestNobodyIsTakenForSomebodyElse(t *testing.T) {
	t.Parallel()
	ids := authtest.NewIdentities(t)
	r := startReplica(t, replicaOptions{kratos: ids.URL, configure: func(c *fiber.Config) { c.Immutable = false }})
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4}}
	t.Cleanup(client.CloseIdleConnections)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 60 {
				id := uuid.New()
				for range 2 { // asked, then remembered
					req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+"/me", nil)
					if err != nil {
						t.Error(err)
						return
					}
					req.Header.Set("X-Session-Token", ids.Token(id))
					resp, err := client.Do(req)
					if err != nil {
						t.Error(err)
						return
					}
					body, _ := io.ReadAll(resp.Body)
					resp.Body.Close()
					if string(body) != id.String() {
						t.Errorf("%s was taken for %s", id, body)
					}
				}
			}
		})
	}
	wg.Wait()
}

func TestCredentialsOverTheWire(t *testing.T) {
	t.Parallel()
	ids := authtest.NewIdentities(t)
	r := startReplica(t, replicaOptions{kratos: ids.URL})
	token := ids.Token(uuid.New())
	const end = "Host: x\r\nConnection: close\r\n\r\n"
	for request, want := range map[string]int{
		"GET /me HTTP/1.1\r\nAuthorization: Bearer " + token + "\r\n" + end:                                                                          http.StatusOK,
		"GET /me HTTP/1.1\r\nx-session-token: " + token + "\r\n" + end:                                                                               http.StatusOK,
		"GET /me HTTP/1.1\r\n" + end:                                                                                                                 http.StatusUnauthorized,
		"GET /me HTTP/1.1\r\nAuthorization: Bearer " + token + "\r\nAuthorization: Bearer " + token + "\r\n" + end:                                   http.StatusUnauthorized,
		"GET /me HTTP/1.1\r\nX-Session-Token: " + token + "\r\nX-Session-Token: other\r\n" + end:                                                     http.StatusUnauthorized,
		"GET /me HTTP/1.1\r\nX-Session-Token: " + token + "\r\nAuthorization: Bearer " + token + "\r\n" + end:                                        http.StatusBadRequest,
		"GET /me HTTP/1.1\r\nX-Session-Token: " + token + "\r\nCookie: ory_kratos_session=x\r\n" + end:                                               http.StatusBadRequest,
		"GET /me HTTP/1.1\r\nCookie: ory_kratos_session=x\r\nCookie: ory_kratos_session=y\r\n" + end:                                                 http.StatusBadRequest,
		"GET /me HTTP/1.1\r\nCookie: a=1\r\nCookie: ory_kratos_session=x; b=2;ory_kratos_session=y\r\n" + end:                                        http.StatusBadRequest,
		"POST /me HTTP/1.1\r\nCookie: ory_kratos_session=x\r\nTransfer-Encoding: chunked\r\n" + end + "0\r\n\r\n":                                    http.StatusForbidden,
		"POST /me HTTP/1.1\r\nCookie: ory_kratos_session=x\r\nOrigin: " + r.url + "\r\nTransfer-Encoding: chunked\r\n" + end + "1\r\na\r\n0\r\n\r\n": http.StatusUnsupportedMediaType,
		"POST /me HTTP/1.1\r\nCookie: ory_kratos_session=x\r\nOrigin: " + r.url + "\r\nOrigin: https://evil.test\r\n" + end:                          http.StatusForbidden,
	} {
		status, body := raw(t, r, request)
		require.Equal(t, want, status, "%s%s", request, body)
	}
}
