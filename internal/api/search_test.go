package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"twobrains/internal/api/apitest"
)

type searchPage struct {
	Items []struct {
		ConversationID, Title string
		MessageID, Role       *string
		Shown                 bool
		Snippet               []struct {
			Text  string
			Match bool
		}
		CreatedAt time.Time
	}
	NextCursor *string
	Indexing   bool
}

func find(t *testing.T, u *apitest.Client, query string) searchPage {
	t.Helper()
	var p searchPage
	u.Get(t, "/api/search?"+query).Want(t, 200).Decode(t, &p)
	return p
}

func TestSearch(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := uuid.New()
	u := s.As(user)
	create(t, u, `{"id":"c1","title":"Text about nothing"}`)
	seed(t, s, user, "c1", 30)

	p := find(t, u, "q=text&limit=10")
	if len(p.Items) != 10 || p.NextCursor == nil || p.Indexing {
		t.Fatalf("got %+v", p)
	}
	first := p.Items[0]
	if first.MessageID != nil || first.Role != nil || first.ConversationID != "c1" || first.Title != "Text about nothing" ||
		len(first.Snippet) != 2 || first.Snippet[0].Text != "Text" || !first.Snippet[0].Match {
		t.Fatalf("got %+v", first)
	}
	seen := map[string]bool{}
	for cursor := ""; ; cursor = "&cursor=" + *p.NextCursor {
		p = find(t, u, "q=text&limit=10"+cursor)
		for _, hit := range p.Items {
			if hit.MessageID != nil {
				seen[*hit.MessageID] = true
			}
		}
		if p.NextCursor == nil {
			break
		}
	}
	if len(seen) != 30 {
		t.Fatalf("found %d messages", len(seen))
	}
	hit := find(t, u, "q=17").Items[0]
	if *hit.MessageID != "m17" || *hit.Role != "user" || !hit.Shown {
		t.Fatalf("got %+v", hit)
	}
	if p := find(t, s.NewUser(), "q=text"); len(p.Items) != 0 || p.NextCursor != nil {
		t.Fatalf("somebody else found %+v", p)
	}
	u.Do(t, "DELETE", "/api/conversations/c1", "").Want(t, 204)
	if p := find(t, u, "q=text"); len(p.Items) != 0 {
		t.Fatalf("what was deleted is found: %+v", p)
	}

	try(t, s, u,
		scenario{name: "no query", path: "/api/search", status: 422, code: "invalid", fields: []string{"q"}},
		scenario{name: "an empty query", path: "/api/search?q=", status: 422, code: "invalid", fields: []string{"q"}},
		scenario{name: "a query without a word", path: "/api/search?q=%3F", status: 422, code: "invalid", fields: []string{"q"}},
		scenario{name: "a zero", path: "/api/search?q=a%00b", status: 422, code: "invalid", fields: []string{"q"}},
		scenario{name: "no UTF-8", path: "/api/search?q=a%ff", status: 422, code: "invalid", fields: []string{"q"}},
		scenario{name: "a long query", path: "/api/search?q=" + strings.Repeat("a", 201), status: 422, code: "invalid", fields: []string{"q"}},
		scenario{name: "too many", path: "/api/search?q=a&limit=51", status: 422, code: "invalid", fields: []string{"limit"}},
		scenario{name: "a cursor of another list", path: "/api/search?q=a&cursor=bSAx", status: 400, code: "bad_request"},
		scenario{name: "SQL", path: "/api/search?q=%27%29%3B+DROP+TABLE+messages%3B--", status: 200, has: []string{`"items":[]`}},
	)
}

// What is said in a temporary conversation is in no list and no search, has no title, and is gone when it is deleted.
func TestTemporaryConversation(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := uuid.New()
	u := s.As(user)
	body := strings.Replace(send("t1", "m1", "a passing thought"), `{"id"`, `{"temporary":true,"id"`, 1)
	u.Do(t, "POST", "/api/ai", body).Want(t, 200)
	u.Do(t, "POST", "/api/ai", send("t1", "m2", "another passing thought")).Want(t, 200)
	u.Do(t, "POST", "/api/ai", send("k1", "m3", "something to keep")).Want(t, 200)

	if got := ids(list(t, u, "")); got != "k1" {
		t.Fatalf("listed %q", got)
	}
	var c struct {
		Title     string
		Temporary bool
	}
	u.Get(t, "/api/conversations/t1").Want(t, 200).Decode(t, &c)
	if c.Title != "" || !c.Temporary {
		t.Fatalf("got %+v", c)
	}
	var p page[struct{ ID string }]
	u.Get(t, "/api/conversations/t1/messages").Want(t, 200).Decode(t, &p)
	if len(p.Items) != 4 {
		t.Fatalf("got %+v", p)
	}
	if hits := find(t, u, "q=passing"); len(hits.Items) != 0 {
		t.Fatalf("found %+v", hits)
	}
	again := strings.Replace(send("k1", "m4", "not to be kept"), `{"id"`, `{"temporary":true,"id"`, 1)
	u.Do(t, "POST", "/api/ai", again).Refused(t, 409, "conflict")
	u.Get(t, "/api/conversations/k1/messages").Want(t, 200).Decode(t, &p)
	if len(p.Items) != 2 {
		t.Fatalf("got %+v", p)
	}

	u.Do(t, "DELETE", "/api/conversations/t1", "").Want(t, 204)
	for _, table := range []string{"conversations", "messages", "runs", "attachments", "message_search"} {
		conn := s.Database.Superuser(t)
		schema := "u_" + strings.ReplaceAll(user.String(), "-", "")
		var left int
		if err := conn.QueryRow(t.Context(), fmt.Sprintf("SELECT count(*) FROM %s.%s x WHERE x::text LIKE '%%t1%%' OR x::text LIKE '%%passing%%'", schema, table)).Scan(&left); err != nil {
			t.Fatal(err)
		}
		if left != 0 {
			t.Errorf("%d rows are left in %s", left, table)
		}
	}
}
