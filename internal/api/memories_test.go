package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"twobrains/internal/api/apitest"
)

type memoryItem struct {
	ID, Content, Source  string
	ConversationID       *string
	CreatedAt, UpdatedAt string
}

func memories(t *testing.T, u *apitest.Client) []memoryItem {
	t.Helper()
	var list struct {
		Items []memoryItem
		Limit int
	}
	u.Get(t, "/api/memories").Want(t, 200).Decode(t, &list)
	if list.Limit != 200 {
		t.Fatalf("the limit is %d", list.Limit)
	}
	return list.Items
}

func remember(t *testing.T, u *apitest.Client, content string) memoryItem {
	t.Helper()
	body, err := json.Marshal(map[string]string{"content": content})
	if err != nil {
		t.Fatal(err)
	}
	var m memoryItem
	u.Do(t, "POST", "/api/memories", string(body)).Want(t, 201).Decode(t, &m)
	return m
}

func TestMemories(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	u, other := s.NewUser(), s.NewUser()
	scenario{path: "/api/memories", status: 200, has: []string{`{"items":[],"limit":200}`}}.run(t, u)
	first, second := remember(t, u, "  Lives in Köln. "), remember(t, u, "Likes tea.")
	if first.Content != "Lives in Köln." || first.Source != "user" || first.ConversationID != nil || first.CreatedAt != first.UpdatedAt {
		t.Fatalf("got %+v", first)
	}
	if got := memories(t, u); len(got) != 2 || got[0] != second || got[1] != first {
		t.Fatalf("got %+v", got)
	}
	if again := remember(t, u, "Likes tea."); again != second {
		t.Fatalf("got %+v", again)
	}
	path := "/api/memories/" + first.ID
	scenario{method: "PATCH", path: path, body: `{"content":" Lives in Bonn."}`, status: 200, has: []string{`"Lives in Bonn."`, first.ID}}.run(t, u)

	// Nobody else's, whatever they ask for.
	if got := memories(t, other); len(got) != 0 {
		t.Fatalf("got %+v", got)
	}
	scenario{method: "PATCH", path: path, body: `{"content":"mine now"}`, status: 404, code: "not_found"}.run(t, other)
	scenario{method: "DELETE", path: path, status: 404, code: "not_found"}.run(t, other)
	scenario{method: "DELETE", path: "/api/memories", status: 204}.run(t, other)
	s.Anonymous().Get(t, "/api/memories").Refused(t, 401, "unauthenticated")
	if got := memories(t, u); len(got) != 2 || got[1].Content != "Lives in Bonn." || got[1].UpdatedAt == first.UpdatedAt {
		t.Fatalf("got %+v", got)
	}

	scenario{method: "DELETE", path: path, status: 204}.run(t, u)
	scenario{method: "DELETE", path: path, status: 404, code: "not_found"}.run(t, u)
	scenario{method: "PATCH", path: path, body: `{"content":"x"}`, status: 404, code: "not_found"}.run(t, u)
	scenario{method: "DELETE", path: "/api/memories", status: 204}.run(t, u)
	scenario{method: "DELETE", path: "/api/memories", status: 204}.run(t, u)
	if got := memories(t, u); len(got) != 0 {
		t.Fatalf("got %+v", got)
	}
}

func TestMemoriesBadInput(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	u := s.NewUser()
	note := remember(t, u, "as it was")
	unchanged := func(t *testing.T, u *apitest.Client) {
		if got := memories(t, u); len(got) != 1 || got[0] != note {
			t.Errorf("notes are now %+v", got)
		}
	}
	for _, method := range []string{"POST", "PATCH"} {
		path := "/api/memories"
		if method == "PATCH" {
			path += "/" + note.ID
		}
		for _, bad := range []struct {
			name, body, code string
			status           int
			fields           []string
		}{
			{"empty", `{"content":""}`, "invalid", 422, []string{"content"}},
			{"blank", `{"content":" \n\u200b"}`, "invalid", 422, []string{"content"}},
			{"too long", `{"content":"` + strings.Repeat("é", 401) + `"}`, "invalid", 422, []string{"content"}},
			{"U+0000", `{"content":"a\u0000b"}`, "invalid", 422, []string{"content"}},
			{"no string", `{"content":["a"]}`, "invalid", 422, []string{"content"}},
			{"null", `{"content":null}`, "invalid", 422, []string{"content"}},
			{"nothing", `{}`, "invalid", 422, []string{"body"}},
			{"unknown member", `{"content":"a","source":"model"}`, "invalid", 422, []string{"source"}},
			{"no JSON", `{"content":"a`, "bad_request", 400, nil},
			{"no body", ``, "bad_request", 400, nil},
		} {
			scenario{
				name: method + " " + bad.name, method: method, path: path, body: bad.body, status: bad.status, code: bad.code, fields: bad.fields, after: unchanged,
			}.runAs(t, u)
		}
	}
	for _, id := range []string{"1", "00000000-0000-0000-0000-000000000000", strings.ToUpper(note.ID), "%7B" + note.ID + "%7D", "..%2f", "'%20OR%20true--"} {
		scenario{name: "delete " + id, method: "DELETE", path: "/api/memories/" + id, status: 404, code: "not_found", after: unchanged}.runAs(t, u)
		scenario{name: "change " + id, method: "PATCH", path: "/api/memories/" + id, body: `{"content":"x"}`, status: 404, code: "not_found", after: unchanged}.runAs(t, u)
	}
	try(t, s, u,
		scenario{name: "query", method: "DELETE", path: "/api/memories?id=1", status: 422, code: "invalid", fields: []string{"id"}, after: unchanged},
		scenario{name: "put", method: "PUT", path: "/api/memories", body: `{"content":"x"}`, status: 405, code: "method_not_allowed", after: unchanged},
		scenario{name: "form", method: "POST", path: "/api/memories", body: "content=x", headers: []string{"Content-Type", "application/x-www-form-urlencoded"}, status: 415, code: "unsupported_media_type", after: unchanged},
	)
}

// With room for one more, eight at once: one passes.
func TestMemoriesLimit(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := uuid.New()
	u := s.As(user)
	remember(t, u, "the first")
	schema := "u_" + strings.ReplaceAll(user.String(), "-", "")
	if _, err := s.Database.Superuser(t).Exec(t.Context(), "INSERT INTO "+schema+
		".memories (id, content, created_at, updated_at) SELECT gen_random_uuid(), 'note ' || n, now(), now() FROM generate_series(1, 198) n"); err != nil {
		t.Fatal(err)
	}
	answers := make([]apitest.Answer, 8)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() { answers[i] = u.Do(t, "POST", "/api/memories", fmt.Sprintf(`{"content":"at once %d"}`, i)) })
	}
	wg.Wait()
	passed := 0
	for _, a := range answers {
		if a.Status == 201 {
			passed++
			continue
		}
		a.Refused(t, 409, "memory_full")
	}
	if passed != 1 || len(memories(t, u)) != 200 {
		t.Fatalf("%d passed", passed)
	}
	remember(t, u, "the first") // there is one
	s.NewUser().Do(t, "POST", "/api/memories", `{"content":"mine"}`).Want(t, 201)
}
