package auth_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/auth"
	"twobrains/internal/auth/authtest"
	"twobrains/internal/problem"
)

func newVerifier(t *testing.T, o auth.Options) *auth.Verifier {
	t.Helper()
	o.PublicURL = authtest.Kratos(t).Public
	v, err := auth.NewVerifier(o)
	require.NoError(t, err)
	t.Cleanup(v.Close)
	return v
}

func TestKratosToken(t *testing.T) {
	t.Parallel()
	k, clock := authtest.Kratos(t), newClock()
	v := newVerifier(t, auth.Options{Clock: clock.Now})
	email := authtest.NewEmail()
	cred := authtest.Credential(t, k.Login(t, email))
	u, meta, err := v.Verify(t.Context(), cred)
	require.NoError(t, err)
	require.Equal(t, k.Identity(t, email), u.ID())
	require.Equal(t, email, u.Email())
	require.Equal(t, "aal1", u.AAL())
	require.Empty(t, meta.SetCookie)
	require.Equal(t, []string{u.SessionID()}, k.Sessions(t, u.ID()))
	require.NoError(t, v.Ready(t.Context()))

	// Revoked behind our back: noticed when the TTL is over, or at once by those who must know.
	k.Revoke(t, u.SessionID())
	_, _, err = v.Verify(t.Context(), cred)
	require.NoError(t, err)
	clock.Advance(auth.DefaultTTL)
	_, _, err = v.Verify(t.Context(), cred)
	require.Equal(t, problem.CodeUnauthenticated, code(t, err))

	again := authtest.Credential(t, k.Login(t, email))
	u, _, err = v.Verify(t.Context(), again)
	require.NoError(t, err)
	k.Revoke(t, u.SessionID())
	_, _, err = v.VerifyFresh(t.Context(), again)
	require.Equal(t, problem.CodeUnauthenticated, code(t, err))
}

func TestKratosRefusals(t *testing.T) {
	t.Parallel()
	k := authtest.Kratos(t)
	v := newVerifier(t, auth.Options{})
	_, _, err := v.Verify(t.Context(), authtest.Credential(t, "ory_st_"+strings.Repeat("x", 32)))
	require.Equal(t, problem.CodeUnauthenticated, code(t, err), "unknown token")

	cookie, err := auth.CredentialFrom(func(name string) string {
		return map[string]string{"Cookie": "ory_kratos_session=MTczMjI2MjYyMnxEWDhFQVFM"}[name]
	}, "")
	require.NoError(t, err)
	_, _, err = v.Verify(t.Context(), cookie)
	require.Equal(t, problem.CodeUnauthenticated, code(t, err), "a cookie of other secrets")

	email := authtest.NewEmail()
	cred := authtest.Credential(t, k.Login(t, email))
	id := k.Identity(t, email)
	k.Patch(t, id, "/state", "inactive")
	_, _, err = v.Verify(t.Context(), cred)
	require.Equal(t, problem.CodeUnauthenticated, code(t, err), "an inactive identity")
	k.Patch(t, id, "/state", "active")
	_, _, err = v.Verify(t.Context(), cred)
	require.NoError(t, err)

	k.Delete(t, id)
	_, _, err = v.VerifyFresh(t.Context(), cred)
	require.Equal(t, problem.CodeUnauthenticated, code(t, err), "a deleted identity")
}

func TestKratosSecondFactor(t *testing.T) {
	t.Parallel()
	k := authtest.Kratos(t)
	r := startReplica(t, replicaOptions{})
	email := authtest.NewEmail()
	first := k.Login(t, email)
	client := &authtest.Client{Base: r.url + auth.PathPrefix, Mode: "api", Header: http.Header{"X-Session-Token": {first}}}
	flow := client.Begin(t, "settings")
	secret := totpSecret(t, client, flow)
	done := client.Submit(t, flow, map[string]any{"method": "totp", "totp_code": totp(t, secret, time.Now())})
	require.Equal(t, http.StatusOK, done.Status, string(done.Body))

	second := k.Native().ByCode(t, k, "login", email, map[string]any{"identifier": email}).Token
	_, _, err := r.verifier.Verify(t.Context(), authtest.Credential(t, second))
	require.Equal(t, problem.CodeSecondFactorRequired, code(t, err))
}

func totpSecret(t *testing.T, c *authtest.Client, f authtest.Flow) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.Base+"/self-service/settings/flows?id="+f.ID, nil)
	require.NoError(t, err)
	req.Header = c.Header.Clone()
	status, body, _ := do(t, req)
	require.Equal(t, http.StatusOK, status)
	var read struct {
		UI struct {
			Nodes []struct {
				Attributes struct {
					ID   string
					Text struct{ Text string }
				}
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(body), &read))
	for _, n := range read.UI.Nodes {
		if n.Attributes.ID == "totp_secret_key" {
			return n.Attributes.Text.Text
		}
	}
	t.Fatal("no secret in the settings flow")
	return ""
}

// totp is RFC 6238 with the usual parameters.
func totp(t *testing.T, secret string, now time.Time) string {
	t.Helper()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	require.NoError(t, err)
	mac := hmac.New(sha1.New, key)
	require.NoError(t, binary.Write(mac, binary.BigEndian, uint64(now.Unix()/30)))
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 0xf
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[offset:])&0x7fffffff%1_000_000)
}

func TestKratosBrowser(t *testing.T) {
	t.Parallel()
	k, clock := authtest.Kratos(t), newClock()
	r := startReplica(t, replicaOptions{auth: auth.Options{Clock: clock.Now}})
	b := r.browser(t)
	email := authtest.NewEmail()

	a := b.ByCode(t, k, "registration", email, map[string]any{"traits": map[string]any{"email": email}})
	require.Empty(t, a.Token, "browsers get a cookie, not a token")
	id := k.Identity(t, email)
	status, body, _ := r.me(t, b, http.MethodGet)
	require.Equal(t, http.StatusOK, status, body)
	require.Equal(t, id.String(), body)

	// Extended by Kratos: the browser gets the longer-lived cookie, once.
	k.Extend(t, a.Session.ID)
	clock.Advance(auth.DefaultTTL)
	status, _, header := r.me(t, b, http.MethodGet)
	require.Equal(t, http.StatusOK, status)
	require.Len(t, header.Values("Set-Cookie"), 1)
	require.Contains(t, header.Get("Set-Cookie"), auth.DefaultCookieName+"=")
	require.Contains(t, header.Get("Set-Cookie"), "HttpOnly")
	status, _, header = r.me(t, b, http.MethodGet)
	require.Equal(t, http.StatusOK, status)
	require.Empty(t, header.Values("Set-Cookie"))

	// The cookie alone does not let other sites act.
	b.Header.Set("Origin", "https://evil.test")
	status, body, _ = r.me(t, b, http.MethodPost)
	require.Equal(t, http.StatusForbidden, status)
	require.Contains(t, body, string(problem.CodeCrossSite))
	b.Header.Set("Origin", r.url)

	// Sign-out takes effect with the answer to it.
	status, body, _ = r.get(t, b, "/self-service/logout/browser")
	require.Equal(t, http.StatusOK, status)
	var out struct {
		Token string `json:"logout_token"`
	}
	require.NoError(t, json.Unmarshal([]byte(body), &out))
	kept := sessionCookie(t, b, r)
	status, _, _ = r.get(t, b, "/self-service/logout?token="+url.QueryEscape(out.Token))
	require.Contains(t, []int{http.StatusNoContent, http.StatusSeeOther}, status)
	require.Equal(t, http.StatusUnauthorized, r.with(t, "Cookie", kept), "the old cookie, put back")
	status, _, _ = r.me(t, b, http.MethodGet)
	require.Equal(t, http.StatusUnauthorized, status)

	// And in again.
	b.ByCode(t, k, "login", email, map[string]any{"identifier": email})
	status, body, _ = r.me(t, b, http.MethodGet)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, id.String(), body)
}

func TestKratosRevocationsThroughTheProxy(t *testing.T) {
	t.Parallel()
	k := authtest.Kratos(t)
	prefix := "test:" + uuid.NewString() + ":"
	one, other := startReplica(t, replicaOptions{prefix: prefix}), startReplica(t, replicaOptions{prefix: prefix})
	email := authtest.NewEmail()

	signedIn := func(token string) bool {
		// Both replicas believe it from now on.
		return one.with(t, "X-Session-Token", token) == http.StatusOK && other.with(t, "X-Session-Token", token) == http.StatusOK
	}
	proxied := func(method, path, token string, body string) int {
		req, err := http.NewRequestWithContext(t.Context(), method, one.url+auth.PathPrefix+path, strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("X-Session-Token", token)
		req.Header.Set("Content-Type", "application/json")
		status, text, _ := do(t, req)
		require.Less(t, status, 300, text)
		return status
	}
	gone := func(token string) {
		t.Helper()
		require.Equal(t, http.StatusUnauthorized, one.with(t, "X-Session-Token", token), "at once where it was done")
		eventually(t, "the other replica hears of it", func() bool {
			return other.with(t, "X-Session-Token", token) == http.StatusUnauthorized
		})
	}

	token := k.Login(t, email)
	require.True(t, signedIn(token))
	proxied(http.MethodDelete, "/self-service/logout/api", "", `{"session_token":"`+token+`"}`)
	gone(token)

	mine, lost := k.Login(t, email), k.Login(t, email)
	require.True(t, signedIn(mine) && signedIn(lost))
	u, _, err := one.verifier.Verify(t.Context(), authtest.Credential(t, lost))
	require.NoError(t, err)
	proxied(http.MethodDelete, "/sessions/"+u.SessionID(), mine, "")
	gone(lost)
	require.True(t, signedIn(mine))

	lost = k.Login(t, email)
	require.True(t, signedIn(lost))
	proxied(http.MethodDelete, "/sessions", mine, "")
	gone(lost)
	require.True(t, signedIn(mine))

	// A new password revokes the other sessions (a hook of Kratos), which it does not tell us.
	lost = k.Login(t, email)
	require.True(t, signedIn(lost))
	client := &authtest.Client{Base: one.url + auth.PathPrefix, Mode: "api", Header: http.Header{"X-Session-Token": {mine}}}
	done := client.Submit(t, client.Begin(t, "settings"), map[string]any{"method": "password", "password": uuid.NewString()})
	require.Equal(t, http.StatusOK, done.Status, string(done.Body))
	gone(lost)
	require.True(t, signedIn(mine))
}

func (r *replica) me(t *testing.T, c *authtest.Client, method string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.url+"/me", nil)
	require.NoError(t, err)
	req.Header = c.Header.Clone()
	return doWith(t, c.HTTP, req)
}

func (r *replica) get(t *testing.T, c *authtest.Client, path string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.Base+path, nil)
	require.NoError(t, err)
	req.Header = c.Header.Clone()
	req.Header.Set("Accept", "application/json")
	return doWith(t, c.HTTP, req)
}

// with asks who is signed in, with one header.
func (r *replica) with(t *testing.T, header, value string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+"/me", nil)
	require.NoError(t, err)
	req.Header.Set(header, value)
	status, _, _ := do(t, req)
	return status
}

func sessionCookie(t *testing.T, c *authtest.Client, r *replica) string {
	t.Helper()
	u, err := url.Parse(r.url)
	require.NoError(t, err)
	for _, cookie := range c.HTTP.Jar.Cookies(u) {
		if cookie.Name == auth.DefaultCookieName {
			return cookie.Name + "=" + cookie.Value
		}
	}
	t.Fatal("the browser has no session cookie")
	return ""
}

func do(t *testing.T, r *http.Request) (int, string, http.Header) {
	t.Helper()
	return doWith(t, &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		Timeout:       30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, r)
}

func doWith(t *testing.T, c *http.Client, r *http.Request) (int, string, http.Header) {
	t.Helper()
	resp, err := c.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body), resp.Header
}
