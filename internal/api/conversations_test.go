package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"twobrains/internal/api/apitest"
)

type conversation struct {
	ID, Title                    string
	TitleByUser, Pinned, Running bool
	ArchivedAt                   *time.Time
	CreatedAt, UpdatedAt         time.Time
}

type page[T any] struct {
	Items      []T
	NextCursor *string
}

func create(t *testing.T, u *apitest.Client, body string) conversation {
	t.Helper()
	var c conversation
	u.Do(t, "POST", "/api/conversations", body).Want(t, 201).Decode(t, &c)
	return c
}

func list(t *testing.T, u *apitest.Client, query string) page[conversation] {
	t.Helper()
	var p page[conversation]
	u.Get(t, "/api/conversations?"+query).Want(t, 200).Decode(t, &p)
	return p
}

func ids(p page[conversation]) string {
	var all []string
	for _, c := range p.Items {
		all = append(all, c.ID)
	}
	return strings.Join(all, " ")
}

func TestConversationLifeCycle(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := uuid.New()
	u := s.As(user)

	made := create(t, u, `{}`)
	if _, err := uuid.Parse(made.ID); err != nil || made.Title != "" || made.TitleByUser || made.Pinned || made.Running || made.ArchivedAt != nil {
		t.Fatalf("got %+v", made)
	}
	named := create(t, u, `{"id":"mine_1-A","title":"Käse & Brot 🧀"}`)
	if named.ID != "mine_1-A" || named.Title != "Käse & Brot 🧀" || !named.TitleByUser {
		t.Fatalf("got %+v", named)
	}
	if location := u.Do(t, "POST", "/api/conversations", `{"id":"third"}`).Want(t, 201).Header.Get("Location"); location != "/api/conversations/third" {
		t.Fatalf("got location %q", location)
	}

	var c conversation
	path := "/api/conversations/mine_1-A"
	u.Do(t, "PATCH", path, `{"title":"New","pinned":true}`).Want(t, 200).Decode(t, &c)
	if c.Title != "New" || !c.Pinned || c.ArchivedAt != nil || !c.UpdatedAt.Equal(named.UpdatedAt) {
		t.Fatalf("got %+v", c)
	}
	u.Do(t, "PATCH", path, `{"archived":true}`).Want(t, 200).Decode(t, &c)
	if c.ArchivedAt == nil || c.Title != "New" || !c.Pinned {
		t.Fatalf("got %+v", c)
	}
	archivedAt := *c.ArchivedAt
	u.Do(t, "PATCH", path, `{"archived":true}`).Want(t, 200).Decode(t, &c)
	if !c.ArchivedAt.Equal(archivedAt) {
		t.Fatal("archiving twice moved the time")
	}
	if got := ids(list(t, u, "archived=true")); got != "mine_1-A" {
		t.Fatalf("archived: %s", got)
	}
	if got := ids(list(t, u, "")); strings.Contains(got, "mine_1-A") {
		t.Fatalf("not archived: %s", got)
	}
	u.Do(t, "PATCH", path, `{"archived":false}`).Want(t, 200)
	u.Do(t, "PATCH", path, `{}`).Want(t, 200).Decode(t, &c)
	if c.ArchivedAt != nil || c.Title != "New" {
		t.Fatalf("got %+v", c)
	}

	seed(t, s, user, "mine_1-A", 3)
	u.Do(t, "DELETE", path, "").Want(t, 204)
	u.Get(t, path).Refused(t, 404, "not_found")
	u.Do(t, "DELETE", path, "").Refused(t, 404, "not_found")
	if n := rows(t, s, user, "messages"); n != 0 {
		t.Fatalf("%d messages left", n)
	}
}

func TestConversationBadInput(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := uuid.New()
	u := s.As(user)
	create(t, u, `{"id":"taken"}`)
	long := strings.Repeat("ä", 201)
	none := func(t *testing.T, _ *apitest.Client) {
		if n := rows(t, s, user, "conversations"); n != 1 {
			t.Errorf("%d conversations, want the first one alone", n)
		}
	}
	const base = "/api/conversations"
	try(t, s, u,
		scenario{name: "id taken", method: "POST", path: base, body: `{"id":"taken"}`, status: 409, code: "conflict", after: none},
		scenario{name: "id with a space", method: "POST", path: base, body: `{"id":"a b"}`, status: 422, code: "invalid", fields: []string{"id"}, lacks: []string{"a b"}, after: none},
		scenario{name: "id too long", method: "POST", path: base, body: `{"id":"` + strings.Repeat("a", 65) + `"}`, status: 422, code: "invalid", fields: []string{"id"}, after: none},
		scenario{name: "title too long", method: "POST", path: base, body: `{"title":"` + long + `"}`, status: 422, code: "invalid", fields: []string{"title"}, lacks: []string{"ää"}, after: none},
		scenario{name: "title with U+0000", method: "POST", path: base, body: `{"title":"a\u0000b"}`, status: 422, code: "invalid", fields: []string{"title"}, after: none},
		scenario{name: "title of two lines", method: "POST", path: base, body: `{"title":"a\nb"}`, status: 422, code: "invalid", fields: []string{"title"}, after: none},
		scenario{name: "title of spaces", method: "POST", path: base, body: `{"title":"  "}`, status: 422, code: "invalid", fields: []string{"title"}, after: none},
		scenario{name: "title no string", method: "POST", path: base, body: `{"title":7}`, status: 422, code: "invalid", fields: []string{"title"}, after: none},
		scenario{name: "unknown member", method: "POST", path: base, body: `{"titel":"x"}`, status: 422, code: "invalid", fields: []string{"titel"}, after: none},
		scenario{name: "no object", method: "POST", path: base, body: `[1]`, status: 422, code: "invalid", fields: []string{"body"}, after: none},
		scenario{name: "malformed JSON", method: "POST", path: base, body: `{"title":`, status: 400, code: "bad_request", after: none},
		scenario{name: "two documents", method: "POST", path: base, body: `{} {}`, status: 400, code: "bad_request", after: none},
		scenario{name: "not UTF-8", method: "POST", path: base, body: "{\"title\":\"a\xff\"}", status: 400, code: "bad_request", after: none},
		scenario{name: "no body", method: "POST", path: base, status: 400, code: "bad_request", after: none},
		scenario{name: "a form", method: "POST", path: base, body: "title=x", headers: []string{"Content-Type", "application/x-www-form-urlencoded"}, status: 415, code: "unsupported_media_type", after: none},
		scenario{name: "no content type", method: "POST", path: base, body: "{}", headers: []string{"Content-Type", ""}, status: 415, code: "unsupported_media_type", after: none},
		scenario{name: "another charset", method: "POST", path: base, body: "{}", headers: []string{"Content-Type", "application/json; charset=latin1"}, status: 415, code: "unsupported_media_type", after: none},
		scenario{name: "compressed", method: "POST", path: base, body: "{}", headers: []string{"Content-Encoding", "gzip"}, status: 415, code: "unsupported_media_type", after: none},

		scenario{name: "patch: title empty", method: "PATCH", path: base + "/taken", body: `{"title":""}`, status: 422, code: "invalid", fields: []string{"title"}},
		scenario{name: "patch: nulls", method: "PATCH", path: base + "/taken", body: `{"title":null,"pinned":null,"archived":null}`, status: 422, code: "invalid", fields: []string{"title", "pinned", "archived"}},
		scenario{name: "patch: pinned no boolean", method: "PATCH", path: base + "/taken", body: `{"pinned":"yes"}`, status: 422, code: "invalid", fields: []string{"pinned"}},
		scenario{name: "patch: unknown", method: "PATCH", path: base + "/other", body: `{"title":"x"}`, status: 404, code: "not_found"},

		scenario{name: "get: unknown", path: base + "/other", status: 404, code: "not_found"},
		scenario{name: "get: no possible id", path: base + "/a%20b", status: 404, code: "not_found"},
		scenario{name: "get: encoded U+0000", path: base + "/a%00", status: 404, code: "not_found"},
		scenario{name: "delete: no possible id", method: "DELETE", path: base + "/" + strings.Repeat("a", 65), status: 404, code: "not_found"},
		scenario{name: "messages: unknown", path: base + "/other/messages", status: 404, code: "not_found"},

		scenario{name: "limit 0", path: base + "?limit=0", status: 422, code: "invalid", fields: []string{"limit"}},
		scenario{name: "limit 101", path: base + "?limit=101", status: 422, code: "invalid", fields: []string{"limit"}},
		scenario{name: "limit no number", path: base + "?limit=x", status: 422, code: "invalid", fields: []string{"limit"}},
		scenario{name: "unknown parameter", path: base + "?limits=5", status: 422, code: "invalid", fields: []string{"limits"}},
		scenario{name: "cursor no base64", path: base + "?cursor=%21", status: 400, code: "bad_request"},
		scenario{name: "cursor of messages", path: base + "?cursor=bSAx", status: 400, code: "bad_request"},
		scenario{name: "cursor too long", path: base + "?cursor=" + strings.Repeat("YWJj", 100), status: 400, code: "bad_request"},
		scenario{name: "messages: foreign cursor", path: base + "/taken/messages?cursor=YyAwIDEgYQ", status: 400, code: "bad_request"},
		scenario{name: "messages: limit", path: base + "/taken/messages?limit=-1", status: 422, code: "invalid", fields: []string{"limit"}},
	)
}

func TestConversationPages(t *testing.T) {
	t.Parallel()
	clock := newClock()
	s := apitest.Start(t, apitest.Options{Clock: clock.now})
	u := s.NewUser()
	for i := range 7 {
		clock.advance(time.Second)
		create(t, u, fmt.Sprintf(`{"id":"c%d"}`, i))
	}
	for _, id := range []string{"c1", "c4"} {
		u.Do(t, "PATCH", "/api/conversations/"+id, `{"pinned":true}`).Want(t, 200)
	}
	if got := ids(list(t, u, "")); got != "c4 c1 c6 c5 c3 c2 c0" {
		t.Fatalf("got %s", got)
	}
	first := list(t, u, "limit=3")
	if got := ids(first); got != "c4 c1 c6" || first.NextCursor == nil {
		t.Fatalf("first page: %s", got)
	}
	// What comes meanwhile is newer than every page to follow.
	clock.advance(time.Second)
	create(t, u, `{"id":"new"}`)
	second := list(t, u, "limit=3&cursor="+*first.NextCursor)
	if got := ids(second); got != "c5 c3 c2" || second.NextCursor == nil {
		t.Fatalf("second page: %s", got)
	}
	third := list(t, u, "limit=3&cursor="+*second.NextCursor)
	if got := ids(third); got != "c0" || third.NextCursor != nil {
		t.Fatalf("third page: %s", got)
	}
	// A full last page has no next one.
	if p := list(t, u, "limit=8"); len(p.Items) != 8 || p.NextCursor != nil {
		t.Fatalf("got %d items, cursor %v", len(p.Items), p.NextCursor)
	}
}

func TestConversationPagesAtOneInstant(t *testing.T) {
	t.Parallel()
	clock := newClock()
	s := apitest.Start(t, apitest.Options{Clock: clock.now})
	u := s.NewUser()
	for _, id := range []string{"b", "a", "C", "_", "1", "-"} {
		create(t, u, fmt.Sprintf(`{"id":%q}`, id))
	}
	want := ids(list(t, u, ""))
	var got []string
	for cursor := ""; ; {
		p := list(t, u, "limit=1&cursor="+cursor)
		got = append(got, ids(p))
		if p.NextCursor == nil {
			break
		}
		cursor = *p.NextCursor
	}
	if strings.Join(got, " ") != want || len(got) != 6 {
		t.Fatalf("pages of one: %v, one page: %s", got, want)
	}
}

func TestMessagePages(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := uuid.New()
	u := s.As(user)
	create(t, u, `{"id":"c"}`)
	seed(t, s, user, "c", 7)

	type message struct {
		ID, Role string
		Parts    []map[string]any
		Metadata map[string]any
	}
	read := func(query string) (page[message], string) {
		t.Helper()
		var p page[message]
		u.Get(t, "/api/conversations/c/messages?"+query).Want(t, 200).Decode(t, &p)
		var all []string
		for _, m := range p.Items {
			all = append(all, m.ID)
		}
		return p, strings.Join(all, " ")
	}
	first, got := read("limit=3")
	if got != "m5 m6 m7" || first.NextCursor == nil {
		t.Fatalf("newest page: %s", got)
	}
	m := first.Items[0]
	if m.Role != "user" || m.Parts[0]["text"] != "text 5" || m.Metadata["status"] != "complete" || m.Metadata["model"] != "demo:demo" {
		t.Fatalf("got %+v", m)
	}
	if _, err := time.Parse(time.RFC3339Nano, m.Metadata["createdAt"].(string)); err != nil {
		t.Fatalf("createdAt: %v", err)
	}
	// A message that comes meanwhile moves nothing.
	u.Do(t, "POST", "/api/ai", send("c", "m8", "hello")).Want(t, 200)
	second, got := read("limit=3&cursor=" + *first.NextCursor)
	if got != "m2 m3 m4" || second.NextCursor == nil {
		t.Fatalf("second page: %s", got)
	}
	third, got := read("limit=3&cursor=" + *second.NextCursor)
	if got != "m1" || third.NextCursor != nil {
		t.Fatalf("third page: %s", got)
	}
	if all, got := read(""); len(all.Items) != 9 || !strings.HasPrefix(got, "m1 m2 m3 m4 m5 m6 m7 m8 ") {
		t.Fatalf("all: %s", got)
	}
	create(t, u, `{"id":"empty"}`)
	u.Get(t, "/api/conversations/empty/messages").Want(t, 200)
}

func TestUsersAreApart(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	alice, bob := s.NewUser(), s.NewUser()
	create(t, alice, `{"id":"secret","title":"Alice's own"}`)
	alice.Do(t, "POST", "/api/ai", send("secret", "m1", "only for Alice")).Want(t, 200)
	alice.Do(t, "PATCH", "/api/settings", `{"customInstructions":"of Alice","preferences":{"of":"Alice"}}`).Want(t, 200)
	lacks := []string{"Alice", "secret"}
	for _, u := range []struct {
		name string
		*apitest.Client
		status int
		code   string
	}{{"bob", bob, 404, "not_found"}, {"nobody", s.Anonymous(), 401, "unauthenticated"}} {
		for _, sc := range []scenario{
			{path: "/api/conversations/secret"},
			{path: "/api/conversations/secret/messages"},
			{method: "PATCH", path: "/api/conversations/secret", body: `{"title":"stolen"}`},
			{method: "DELETE", path: "/api/conversations/secret"},
		} {
			t.Run(u.name+" "+sc.method+sc.path, func(t *testing.T) {
				sc.status, sc.code, sc.lacks = u.status, u.code, lacks[:1]
				sc.run(t, u.Client)
			})
		}
	}
	for _, path := range []string{"/api/conversations", "/api/settings", "/api/usage", "/api/session"} {
		scenario{path: path, status: 200, lacks: lacks}.run(t, bob)
	}
	scenario{path: "/api/ai/secret/stream", status: 204}.run(t, bob)
	scenario{method: "POST", path: "/api/ai/secret/stop", status: 200, has: []string{`"stopped":false`}}.run(t, bob)
	// The same ids are free for Bob, and his own.
	create(t, bob, `{"id":"secret"}`)
	bob.Do(t, "DELETE", "/api/conversations/secret", "").Want(t, 204)
	scenario{path: "/api/conversations/secret/messages", status: 200, has: []string{"only for Alice"}}.run(t, alice)
}
