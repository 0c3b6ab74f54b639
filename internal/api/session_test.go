package api_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"twobrains/internal/api/apitest"
	"twobrains/internal/auth/authtest"
)

func TestSession(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := uuid.New()
	token := s.Identities.Token(user)
	nobody := s.Anonymous()
	try(t, s, nobody,
		scenario{name: "no credential", path: "/api/session", status: 401, code: "unauthenticated"},
		scenario{name: "bearer", path: "/api/session", headers: []string{"Authorization", "Bearer " + token}, status: 200, has: []string{user.String(), authtest.Email(user), `"aal":"aal1"`, `"sql":true`}},
		scenario{name: "X-Session-Token", path: "/api/session", headers: []string{"X-Session-Token", token}, status: 200, has: []string{user.String()}},
		scenario{name: "unknown token", path: "/api/session", headers: []string{"Authorization", "Bearer nonsense"}, status: 401, code: "unauthenticated"},
		scenario{name: "basic", path: "/api/session", headers: []string{"Authorization", "Basic YTpi"}, status: 401, code: "unauthenticated"},
		scenario{name: "token and cookie", path: "/api/session", headers: []string{"Authorization", "Bearer " + token, "Cookie", "ory_kratos_session=x"}, status: 400, code: "bad_request"},
		scenario{name: "two session cookies", path: "/api/session", headers: []string{"Cookie", "ory_kratos_session=x; ory_kratos_session=y"}, status: 400, code: "bad_request"},
		scenario{name: "other cookies alone", path: "/api/session", headers: []string{"Cookie", "theme=dark"}, status: 401, code: "unauthenticated"},
	)
	answer := nobody.Get(t, "/api/session")
	if got := answer.Header.Get("WWW-Authenticate"); got == "" {
		t.Error("401 without WWW-Authenticate")
	}
	if got := answer.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("got Cache-Control %q", got)
	}
}

func TestSessionFaults(t *testing.T) {
	t.Parallel()
	for fault, want := range map[authtest.Fault]scenario{
		authtest.Refusing:     {name: "refused", status: 401, code: "unauthenticated"},
		authtest.DatabaseDown: {name: "database of Kratos down", status: 503, code: "unavailable"},
		authtest.Broken:       {name: "broken", status: 503, code: "unavailable", lacks: []string{"10.0.0.1"}},
		authtest.SecondFactor: {name: "second factor", status: 403, code: "second_factor_required"},
		authtest.Inactive:     {name: "inactive", status: 401, code: "unauthenticated"},
	} {
		t.Run(want.name, func(t *testing.T) {
			t.Parallel()
			s := apitest.Start(t, apitest.Options{})
			s.Identities.Set(fault)
			want.path = "/api/conversations"
			want.after = func(t *testing.T, u *apitest.Client) {
				if answer := u.Get(t, "/api/session"); want.status == 503 && answer.Header.Get("Retry-After") == "" {
					t.Error("503 without Retry-After")
				}
			}
			want.run(t, s.NewUser())
		})
	}
}

// What clients tell their users about the limits is what the server holds them to.
func TestSessionLimits(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Env: map[string]string{"MAX_MESSAGE_CHARS": "12", "ATTACHMENT_MAX_BYTES": "2048"}})
	u := s.NewUser()
	scenario{path: "/api/session", status: 200, has: []string{
		`"messageChars":12`, `"attachmentBytes":2048`, `"messageAttachmentBytes":20971520`,
	}}.run(t, u)
	u.Do(t, "POST", "/api/ai", send("c", "m1", strings.Repeat("ä", 12))).Want(t, 200)
	u.Do(t, "POST", "/api/ai", send("c", "m2", strings.Repeat("ä", 13))).Refused(t, 422, "invalid")
}

// A session that ends while its user is at work: what is under way goes on, the next request is refused.
func TestSessionExpiresMidWay(t *testing.T) {
	t.Parallel()
	clock := newClock()
	s := apitest.Start(t, apitest.Options{Clock: clock.now, Env: map[string]string{"SESSION_TTL": "1s"}})
	u := s.NewUser()
	u.Do(t, "POST", "/api/ai", send("c", "m1", "hello")).Want(t, 200)
	s.Identities.Set(authtest.Refusing)
	clock.advance(2 * time.Second)
	u.Do(t, "POST", "/api/ai", send("c", "m2", "again")).Refused(t, 401, "unauthenticated")
	u.Get(t, "/api/conversations/c/messages").Refused(t, 401, "unauthenticated")
	s.Identities.Set(authtest.None)
	scenario{path: "/api/conversations/c/messages", status: 200, has: []string{"hello"}, lacks: []string{"again"}}.run(t, u)
}

// The real Kratos: a token that it gave out, its cookie, and the end of the session.
func TestSessionOfKratos(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{RealKratos: true})
	kratos := authtest.Kratos(t)
	email := authtest.NewEmail()
	u := &apitest.Client{Base: s.URL, Token: kratos.Login(t, email)}
	scenario{path: "/api/session", status: 200, has: []string{email, kratos.Identity(t, email).String()}}.run(t, u)
	create(t, u, `{"id":"c","title":"of a real person"}`)

	// Another session of the same person opens the same brain; somebody else's does not.
	again := &apitest.Client{Base: s.URL, Token: kratos.Login(t, email)}
	scenario{path: "/api/conversations/c", status: 200, has: []string{"of a real person"}}.run(t, again)
	other := &apitest.Client{Base: s.URL, Token: kratos.Login(t, authtest.NewEmail())}
	scenario{path: "/api/conversations/c", status: 404, code: "not_found"}.run(t, other)

	u.Do(t, "DELETE", "/.ory/self-service/logout/api", `{"session_token":"`+u.Token+`"}`, "Authorization", "").Want(t, 204)
	u.Get(t, "/api/session").Refused(t, 401, "unauthenticated")
	again.Get(t, "/api/session").Want(t, 200)
}

func TestCookieRequestsProveTheirOrigin(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{RealKratos: true})
	// Kratos takes a session token for a cookie's value only where it made one, so the refusals are what can be seen
	// without a browser: they come before Kratos is asked.
	cookie := []string{"Cookie", "ory_kratos_session=whatever"}
	with := func(more ...string) []string { return append(cookie[:2:2], more...) }
	const path, body = "/api/conversations", `{}`
	try(t, s, s.Anonymous(),
		scenario{name: "no Origin", method: "POST", path: path, body: body, headers: cookie, status: 403, code: "cross_site"},
		scenario{name: "another origin", method: "POST", path: path, body: body, headers: with("Origin", "https://evil.example"), status: 403, code: "cross_site"},
		scenario{name: "null origin", method: "POST", path: path, body: body, headers: with("Origin", "null"), status: 403, code: "cross_site"},
		scenario{name: "same site is not same origin", method: "POST", path: path, body: body, headers: with("Origin", s.URL, "Sec-Fetch-Site", "same-site"), status: 403, code: "cross_site"},
		scenario{name: "a form", method: "POST", path: path, body: "a=b", headers: with("Origin", s.URL, "Content-Type", "text/plain"), status: 415, code: "unsupported_media_type"},
		scenario{name: "delete", method: "DELETE", path: path + "/c", headers: cookie, status: 403, code: "cross_site"},
		scenario{name: "send", method: "POST", path: "/api/ai", body: send("c", "m", "x"), headers: cookie, status: 403, code: "cross_site"},
		scenario{name: "our origin, unknown session", method: "POST", path: path, body: body, headers: with("Origin", s.URL, "Sec-Fetch-Site", "same-origin"), status: 401, code: "unauthenticated"},
		scenario{name: "reading needs none", path: path, headers: cookie, status: 401, code: "unauthenticated"},
	)
}

// A browser: it signs in through our own origin, keeps the cookie, proves its origin, and signs out.
func TestBrowser(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{RealKratos: true})
	kratos := authtest.Kratos(t)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &authtest.Client{
		Base: s.URL + "/.ory", Mode: "browser", Header: http.Header{"Origin": {s.URL}},
		HTTP: &http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}},
	}
	email := authtest.NewEmail()
	browser.ByCode(t, kratos, "registration", email, map[string]any{"traits": map[string]any{"email": email}})
	origin, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	cookie := ""
	for _, c := range jar.Cookies(origin) {
		if c.Name == "ory_kratos_session" {
			cookie = c.Name + "=" + c.Value
		}
	}
	page := &apitest.Client{Base: s.URL, Header: http.Header{"Cookie": {cookie}}}
	try(t, s, page,
		scenario{name: "session", path: "/api/session", status: 200, has: []string{email}},
		scenario{name: "create", method: "POST", path: "/api/conversations", body: `{"id":"c"}`, headers: []string{"Origin", s.URL, "Sec-Fetch-Site", "same-origin"}, status: 201},
		scenario{name: "create without Origin", method: "POST", path: "/api/conversations", body: `{"id":"d"}`, status: 403, code: "cross_site"},
		scenario{name: "send from another site", method: "POST", path: "/api/ai", body: send("c", "m", "x"), headers: []string{"Origin", "https://evil.example"}, status: 403, code: "cross_site"},
		scenario{name: "send", method: "POST", path: "/api/ai", body: send("c", "m", "x"), headers: []string{"Origin", s.URL}, status: 200},
		scenario{name: "delete", method: "DELETE", path: "/api/conversations/c", headers: []string{"Origin", s.URL}, status: 204},
		scenario{name: "nothing else was made", path: "/api/conversations", status: 200, has: []string{`"items":[]`}},
	)
	var out struct {
		Token string `json:"logout_token"`
	}
	page.Get(t, "/.ory/self-service/logout/browser").Want(t, 200).Decode(t, &out)
	page.Do(t, "GET", "/.ory/self-service/logout?token="+out.Token, "", "Accept", "application/json").Want(t, 204)
	page.Get(t, "/api/session").Refused(t, 401, "unauthenticated")
}
