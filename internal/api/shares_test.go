package api_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"

	"twobrains/internal/api/apitest"
)

type sharedLink struct {
	ID, URL, ConversationID, Title string
	Messages                       int
	CreatedAt, ExpiresAt           time.Time
}

type sharedCopy struct {
	Title                string
	CreatedAt, ExpiresAt time.Time
	Messages             []struct {
		Role, Model string
		Parts       []struct{ Type, Text, Name, Kind string }
	}
}

func shareOf(t *testing.T, u *apitest.Client, conversation, body string) (link sharedLink) {
	t.Helper()
	u.Do(t, "POST", "/api/conversations/"+conversation+"/share", body).Want(t, 201).Decode(t, &link)
	return link
}

func TestShareByLink(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := uuid.New()
	u, visitor := s.As(user), s.Anonymous()
	create(t, u, `{"id":"c","title":"Tax return"}`)
	seed(t, s, user, "c", 4)
	link := shareOf(t, u, "c", `{"expiresInDays":7}`)
	if link.URL != s.URL+"/s/"+link.ID || link.ConversationID != "c" || link.Messages != 4 || link.Title != "Tax return" {
		t.Errorf("got %+v", link)
	}
	if id, err := base64.RawURLEncoding.DecodeString(link.ID); err != nil || len(id) != 16 {
		t.Errorf("id %q", link.ID)
	}
	if days := link.ExpiresAt.Sub(link.CreatedAt).Hours() / 24; days < 6.9 || days > 7.1 {
		t.Errorf("lasts %f days", days)
	}
	u.Do(t, "POST", "/api/ai", send("c", "later", "what comes later")).Want(t, 200)

	// Whoever has the link sees the same, with a session or without, with a broken one too.
	for _, c := range []*apitest.Client{visitor, s.NewUser(), u, {Base: s.URL, Token: "none"}} {
		answer := c.Get(t, "/api/shared/"+link.ID).Want(t, 200)
		var got sharedCopy
		answer.Decode(t, &got)
		if got.Title != "Tax return" || len(got.Messages) != 4 || got.Messages[1].Parts[0].Text != "text 2" || got.Messages[1].Model != "Demo" {
			t.Errorf("got %+v", got)
		}
		for _, never := range []string{"what comes later", user.String(), `"c"`, "m1", "metadata"} {
			if strings.Contains(answer.Body, never) {
				t.Errorf("it tells %q: %s", never, answer.Body)
			}
		}
		wantHeaders(t, answer)
	}
	var list struct{ Items []sharedLink }
	u.Get(t, "/api/shares").Want(t, 200).Decode(t, &list)
	if len(list.Items) != 1 || list.Items[0] != link {
		t.Errorf("got %+v", list)
	}
	s.NewUser().Get(t, "/api/shares").Want(t, 200).Decode(t, &list)
	if len(list.Items) != 0 {
		t.Errorf("somebody else has %+v", list)
	}

	s.NewUser().Do(t, "DELETE", "/api/shares/"+link.ID, "").Refused(t, 404, "not_found")
	visitor.Do(t, "DELETE", "/api/shares/"+link.ID, "").Refused(t, 401, "unauthenticated")
	visitor.Do(t, "DELETE", "/api/shared/"+link.ID, "").Refused(t, 405, "method_not_allowed")
	visitor.Get(t, "/api/shares").Refused(t, 401, "unauthenticated")
	visitor.Do(t, "POST", "/api/conversations/c/share", `{}`).Refused(t, 401, "unauthenticated")
	visitor.Get(t, "/api/shared/"+link.ID).Want(t, 200)

	u.Do(t, "DELETE", "/api/shares/"+link.ID, "").Want(t, 204)
	revoked := visitor.Get(t, "/api/shared/"+link.ID)
	revoked.Refused(t, 404, "not_found")
	wantHeaders(t, revoked)
	u.Do(t, "DELETE", "/api/shares/"+link.ID, "").Refused(t, 404, "not_found")
	if strings.Contains(s.Log.String(), link.ID) {
		t.Error("the link is in the log")
	}
}

func wantHeaders(t *testing.T, a apitest.Answer) {
	t.Helper()
	for name, want := range map[string]string{
		"X-Robots-Tag": "noindex, nofollow", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "Set-Cookie": "",
	} {
		if got := a.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestShareRefusals(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user, stranger := uuid.New(), uuid.New()
	u := s.As(user)
	create(t, u, `{"id":"c"}`)
	create(t, u, `{"id":"empty"}`)
	seed(t, s, user, "c", 2)
	create(t, s.As(stranger), `{"id":"theirs"}`)
	seed(t, s, stranger, "theirs", 2)
	theirs := shareOf(t, s.As(stranger), "theirs", `{}`)
	u.Do(t, "POST", "/api/ai", `{"id":"temporary","temporary":true,"messages":[{"id":"x1","role":"user","parts":[{"type":"text","text":"hi"}]}]}`).Want(t, 200)

	const path = "/api/conversations/c/share"
	days := []string{"expiresInDays"}
	bad := func(name, body string, fields []string) scenario {
		return scenario{name: name, method: "POST", path: path, body: body, status: 422, code: "invalid", fields: fields}
	}
	try(t, s, u,
		bad("no days", `{"expiresInDays":0}`, days),
		bad("too many days", `{"expiresInDays":366}`, days),
		bad("less than none", `{"expiresInDays":-1}`, days),
		bad("half a day", `{"expiresInDays":1.5}`, days),
		bad("a text", `{"expiresInDays":"30"}`, days),
		bad("for ever", `{"expiresInDays":null}`, days),
		bad("more than there are", `{"expiresInDays":1e30}`, days),
		bad("no message, said so", `{"messageId":null}`, []string{"messageId"}),
		bad("a message that is none", `{"messageId":"../x"}`, []string{"messageId"}),
		bad("an over-long message", `{"messageId":"`+strings.Repeat("m", 65)+`"}`, []string{"messageId"}),
		bad("a member too many", `{"expires":1}`, []string{"expires"}),
		bad("a list", `[]`, []string{"body"}),
		scenario{name: "no JSON", method: "POST", path: path, body: `{`, status: 400, code: "bad_request"},
		scenario{name: "unknown message", method: "POST", path: path, body: `{"messageId":"nope"}`, status: 404, code: "not_found"},
		scenario{name: "a message of elsewhere", method: "POST", path: path, body: `{"messageId":"x1"}`, status: 404, code: "not_found"},
		scenario{name: "unknown conversation", method: "POST", path: "/api/conversations/nope/share", body: `{}`, status: 404, code: "not_found"},
		scenario{name: "another's conversation", method: "POST", path: "/api/conversations/theirs/share", body: `{}`, status: 404, code: "not_found"},
		scenario{name: "malformed conversation", method: "POST", path: "/api/conversations/a%2Fb/share", body: `{}`, status: 404, code: "not_found"},
		scenario{name: "over-long conversation", method: "POST", path: "/api/conversations/" + strings.Repeat("c", 5000) + "/share", body: `{}`, status: 404, code: "not_found"},
		scenario{name: "empty conversation", method: "POST", path: "/api/conversations/empty/share", body: `{}`, status: 409, code: "conflict"},
		scenario{name: "temporary conversation", method: "POST", path: "/api/conversations/temporary/share", body: `{}`, status: 409, code: "temporary_conversation"},
		scenario{name: "another's share", method: "DELETE", path: "/api/shares/" + theirs.ID, status: 404, code: "not_found"},
		scenario{name: "cross-site", method: "POST", path: path, body: `{}`, headers: []string{"Authorization", "", "Cookie", "ory_kratos_session=x"}, status: 403, code: "cross_site"},
		scenario{name: "no body", method: "POST", path: path, status: 201},
		scenario{name: "one message", method: "POST", path: path, body: `{"messageId":"m1"}`, status: 201, has: []string{`"messages":1,`}},
		scenario{name: "the longest time", method: "POST", path: path, body: `{"expiresInDays":365}`, status: 201},
	)
	for _, id := range []string{
		"x", "%00", strings.Repeat("A", 22), strings.Repeat("A", 21), strings.Repeat("A", 8000), "%27%20OR%20true--aaaaaaaaaa", theirs.ID + "A", theirs.ID[:21],
		strings.ToLower(theirs.ID) + "%20", "%25%25%25%25%25%25%25%25%25%25%25%25%25%25%25%25%25%25%25%25%25%25", "______________________",
	} {
		s.Anonymous().Get(t, "/api/shared/"+id).Refused(t, 404, "not_found")
		u.Do(t, "DELETE", "/api/shares/"+id, "").Refused(t, 404, "not_found")
	}
	s.Anonymous().Get(t, "/api/shared/").Refused(t, 404, "not_found")
	s.Anonymous().Get(t, "/api/shared/"+theirs.ID).Want(t, 200)
}

func TestShareEndsWithItsConversation(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := uuid.New()
	u := s.As(user)
	create(t, u, `{"id":"c"}`)
	seed(t, s, user, "c", 2)
	first, second := shareOf(t, u, "c", `{}`), shareOf(t, u, "c", `{}`)
	s.Anonymous().Get(t, "/api/shared/"+second.ID).Want(t, 200)
	u.Do(t, "DELETE", "/api/conversations/c", "").Want(t, 204)
	for _, id := range []string{first.ID, second.ID} {
		s.Anonymous().Get(t, "/api/shared/"+id).Refused(t, 404, "not_found")
	}
}

func TestSharedIsLimitedByAddress(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Env: map[string]string{"RATE_LIMIT_IP": "3/1h", "TRUSTED_PROXIES": "127.0.0.0/8"}})
	ip := randomIP()
	for range 3 {
		s.Anonymous().Do(t, "GET", "/api/shared/"+strings.Repeat("A", 22), "", "X-Forwarded-For", ip).Refused(t, 404, "not_found")
	}
	s.Anonymous().Do(t, "GET", "/api/shared/"+strings.Repeat("B", 22), "", "X-Forwarded-For", ip).Refused(t, 429, "rate_limited")
	s.Anonymous().Do(t, "GET", "/api/shared/"+strings.Repeat("B", 22), "", "X-Forwarded-For", randomIP()).Refused(t, 404, "not_found")
}

func TestSharedPageIsNotIndexed(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Web: fstest.MapFS{"index.html": {Data: []byte("<!doctype html><title>the app</title>")}}})
	page := s.Anonymous().Get(t, "/s/"+strings.Repeat("A", 22)).Want(t, 200)
	if page.Header.Get("X-Robots-Tag") != "noindex, nofollow" || page.Header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("got %v", page.Header)
	}
	for _, path := range []string{"/", "/settings", "/sx/1"} {
		if got := s.Anonymous().Get(t, path).Header.Get("X-Robots-Tag"); got != "" {
			t.Errorf("%s: %q", path, got)
		}
	}
}

// From the answer to a deletion on, nobody gets what the account has shared, at any replica; and nothing is left of it.
func TestDeletedAccountSharesNothing(t *testing.T) {
	t.Parallel()
	d, servers := deletionReplicas(t, 2, nil)
	email, token := signIn(t)
	u := &apitest.Client{Base: servers[0].URL, Token: token}
	u.Do(t, "POST", "/api/ai", send("c", "m1", "shared words")).Want(t, 200)
	link := shareOf(t, u, "c", `{}`)
	for _, s := range servers {
		wantText(t, s.Anonymous().Get(t, "/api/shared/"+link.ID), "shared words")
	}
	var r receipt
	u.Do(t, "POST", "/api/account/delete", confirm(email)).Want(t, 202).Decode(t, &r)
	for _, s := range servers {
		s.Anonymous().Get(t, "/api/shared/"+link.ID).Refused(t, 404, "not_found")
	}
	untilDone(t, servers[1], r.ReceiptID)
	var left int
	if err := d.Superuser(t).QueryRow(t.Context(), "SELECT count(*) FROM public.shares").Scan(&left); err != nil || left != 0 {
		t.Errorf("%d are left: %v", left, err)
	}
}

// Bodies of the size that a share may have pass through.
func TestLargeShare(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := uuid.New()
	u := s.As(user)
	create(t, u, `{"id":"c"}`)
	seed(t, s, user, "c", 100)
	schema := "u_" + strings.ReplaceAll(user.String(), "-", "")
	if _, err := s.Database.Superuser(t).Exec(t.Context(), fmt.Sprintf(`UPDATE %s.messages SET size = 10000,
		parts = jsonb_build_array(jsonb_build_object('type', 'text', 'text', repeat('<a&b>"\', 900) || seq))`, schema)); err != nil {
		t.Fatal(err)
	}
	link := shareOf(t, u, "c", `{}`)
	var got sharedCopy
	s.Anonymous().Get(t, "/api/shared/"+link.ID).Want(t, 200).Decode(t, &got)
	if len(got.Messages) != 100 || !strings.HasSuffix(got.Messages[99].Parts[0].Text, `<a&b>"\100`) {
		t.Errorf("%d messages", len(got.Messages))
	}
}
