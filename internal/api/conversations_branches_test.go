package api_test

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"twobrains/internal/api/apitest"
	"twobrains/internal/llm"
)

// echo answers with the number of messages it was given and the last one's text; "wait" keeps it waiting until it is stopped.
type echo struct{}

func (echo) Stream(ctx context.Context, req llm.Request) iter.Seq2[llm.Event, error] {
	return func(yield func(llm.Event, error) bool) {
		var text string
		for _, p := range req.Messages[len(req.Messages)-1].Parts {
			if t, ok := p.(llm.Text); ok {
				text = t.Text
			}
		}
		if text == "wait" && yield(llm.TextDelta{Block: "0", Text: "so far"}, nil) {
			<-ctx.Done()
			yield(nil, context.Cause(ctx))
			return
		}
		_ = yield(llm.TextDelta{Block: "0", Text: fmt.Sprintf("%d: %s!", len(req.Messages), text)}, nil) &&
			yield(llm.Usage{Input: 1, Output: 1}, nil) && yield(llm.Finish{Reason: llm.FinishStop}, nil)
	}
}

func startEcho(t *testing.T) *apitest.Server {
	t.Helper()
	return apitest.Start(t, apitest.Options{
		Providers: map[string]llm.Provider{"openai": echo{}},
		Env:       map[string]string{"OPENAI_MODELS": "echo;files", "OPENAI_API_KEY": "sk-test", "DEFAULT_MODEL": "openai:echo", "TITLES": "false"},
	})
}

type branchMessage struct {
	ID, Role string
	Parts    []struct{ Type, Text, URL string }
	Metadata struct {
		Status string
		Branch *struct{ Position, Count int }
	}
}

type branchVersion struct {
	branchMessage
	Position  int
	Current   bool
	CreatedAt time.Time
}

func (m branchMessage) String() string {
	text := ""
	for _, p := range m.Parts {
		text += p.Text
	}
	if b := m.Metadata.Branch; b != nil {
		text += fmt.Sprintf(" (%d/%d)", b.Position, b.Count)
	}
	return text
}

func pathOf(t *testing.T, u *apitest.Client, conversation string) (told string, messages []branchMessage) {
	t.Helper()
	var p page[branchMessage]
	u.Get(t, "/api/conversations/"+conversation+"/messages").Want(t, 200).Decode(t, &p)
	return fmt.Sprint(p.Items), p.Items
}

func wantPath(t *testing.T, u *apitest.Client, want string) []branchMessage {
	t.Helper()
	got, messages := pathOf(t, u, "c")
	if got != "["+want+"]" {
		t.Fatalf("got %s, want [%s]", got, want)
	}
	return messages
}

func siblingsOf(t *testing.T, u *apitest.Client, id, query string) page[branchVersion] {
	t.Helper()
	var p page[branchVersion]
	u.Get(t, "/api/conversations/c/messages/"+id+"/siblings?"+query).Want(t, 200).Decode(t, &p)
	return p
}

func editOf(conversation, id, text string) string {
	return fmt.Sprintf(`{"id":%q,"messageId":%q,"trigger":"submit-message","messages":[{"id":%q,"role":"user","parts":[{"type":"text","text":%q}]}]}`, conversation, id, id, text)
}

func TestBranchesOverHTTP(t *testing.T) {
	t.Parallel()
	s := startEcho(t)
	user := uuid.New()
	u := s.As(user)
	post := func(body string) { t.Helper(); u.Do(t, "POST", "/api/ai", body).Want(t, 200) }
	post(send("c", "m1", "one"))
	post(send("c", "m2", "two"))
	first := wantPath(t, u, "one 1: one! two 3: two!")
	for _, m := range first {
		if siblings := siblingsOf(t, u, m.ID, ""); len(siblings.Items) != 1 || !siblings.Items[0].Current || siblings.Items[0].ID != m.ID {
			t.Fatalf("a single version: %+v", siblings)
		}
	}
	post(`{"id":"c","trigger":"regenerate-message"}`)
	wantPath(t, u, "one 1: one! two 3: two! (2/2)")
	post(`{"id":"c","trigger":"regenerate-message","messageId":"m2"}`)
	post(`{"id":"c","trigger":"regenerate-message","messageId":"` + first[3].ID + `"}`)
	wantPath(t, u, "one 1: one! two 3: two! (4/4)")
	post(editOf("c", "m1", "uno"))
	edited := wantPath(t, u, "uno (2/2) 1: uno!")
	if edited[0].ID != "m1" {
		t.Fatalf("the edited message has the id %s", edited[0].ID)
	}

	// Versions come in pages, oldest first.
	two := siblingsOf(t, u, first[3].ID, "limit=3")
	if len(two.Items) != 3 || two.NextCursor == nil || two.Items[0].ID != first[3].ID || two.Items[2].Position != 3 || two.Items[0].Current || two.Items[0].CreatedAt.IsZero() {
		t.Fatalf("got %+v", two)
	}
	rest := siblingsOf(t, u, first[3].ID, "limit=3&cursor="+*two.NextCursor)
	if len(rest.Items) != 1 || rest.NextCursor != nil || rest.Items[0].Position != 4 || rest.Items[0].Role != "assistant" || rest.Items[0].Metadata.Branch.Count != 4 {
		t.Fatalf("got %+v", rest)
	}

	one := siblingsOf(t, u, "m1", "").Items[0]
	if one.ID == "m1" || one.Current || one.String() != "one (1/2)" {
		t.Fatalf("got %+v", one)
	}
	var chosen page[branchMessage]
	u.Do(t, "POST", "/api/conversations/c/messages/"+one.ID+"/select?limit=2", "").Want(t, 200).Decode(t, &chosen)
	if fmt.Sprint(chosen.Items) != "[two 3: two! (4/4)]" || chosen.NextCursor == nil {
		t.Fatalf("got %+v", chosen)
	}
	u.Do(t, "POST", "/api/conversations/c/messages/"+first[3].ID+"/select", "").Want(t, 200)
	wantPath(t, u, "one (1/2) 1: one! two 3: two! (1/4)")
	post(send("c", "m3", "three"))
	wantPath(t, u, "one (1/2) 1: one! two 3: two! (1/4) three 5: three!")
	u.Do(t, "POST", "/api/conversations/c/messages/m1/select", "").Want(t, 200)
	wantPath(t, u, "uno (2/2) 1: uno!")

	u.Do(t, "DELETE", "/api/conversations/c", "").Want(t, 204)
	if n := rows(t, s, user, "messages") + rows(t, s, user, "runs"); n != 0 {
		t.Fatalf("%d rows left of all branches", n)
	}
}

func TestBranchesBadInput(t *testing.T) {
	t.Parallel()
	s := startEcho(t)
	u := s.NewUser()
	u.Do(t, "POST", "/api/ai", send("c", "m1", "one")).Want(t, 200)
	u.Do(t, "POST", "/api/ai", send("other", "n1", "one")).Want(t, 200)
	u.Do(t, "POST", "/api/ai", editOf("c", "m1", "uno")).Want(t, 200)
	old := siblingsOf(t, u, "m1", "").Items[0].ID
	const base = "/api/conversations/c/messages/"
	none := []string{"There is no such message in this conversation."}
	scenarios := []scenario{
		{name: "limit", path: base + "m1/siblings?limit=101", status: 422, code: "invalid", fields: []string{"limit"}},
		{name: "cursor of messages", path: base + "m1/siblings?cursor=bSAx", status: 400, code: "bad_request"},
		{name: "unknown parameter", path: base + "m1/siblings?after=1", status: 422, code: "invalid", fields: []string{"after"}},
		{name: "select: limit", method: "POST", path: base + "m1/select?limit=0", status: 422, code: "invalid", fields: []string{"limit"}},
		{name: "select: cursor", method: "POST", path: base + "m1/select?cursor=bSAx", status: 422, code: "invalid", fields: []string{"cursor"}},
		{name: "select: wrong method", path: base + "m1/select", status: 405, code: "method_not_allowed"},
	}
	for _, id := range []string{"none", "n1", "a%20b", "a%00", strings.Repeat("a", 65)} {
		scenarios = append(scenarios,
			scenario{name: "siblings of " + id[:2], path: base + id + "/siblings", status: 404, code: "not_found", has: none},
			scenario{name: "select " + id[:2], method: "POST", path: base + id + "/select", status: 404, code: "not_found", has: none},
		)
	}
	for _, conversation := range []string{"none", "other", "a%20b"} {
		scenarios = append(scenarios,
			scenario{name: "siblings in " + conversation, path: "/api/conversations/" + conversation + "/messages/m1/siblings", status: 404, code: "not_found", has: none},
			scenario{name: "select in " + conversation, method: "POST", path: "/api/conversations/" + conversation + "/messages/m1/select", status: 404, code: "not_found", has: none},
		)
	}
	try(t, s, u, scenarios...)
	wantPath(t, u, "uno (2/2) 1: uno!")

	// Another user, with the right ids, hears what everybody hears; nobody is told to sign in.
	bob := s.NewUser()
	bob.Do(t, "POST", "/api/ai", send("c", "m9", "of Bob")).Want(t, 200)
	for _, id := range []string{"m1", old} {
		scenario{path: base + id + "/siblings", status: 404, code: "not_found", has: none, lacks: []string{"one", "uno"}}.run(t, bob)
		scenario{method: "POST", path: base + id + "/select", status: 404, code: "not_found", has: none, lacks: []string{"one", "uno"}}.run(t, bob)
		scenario{path: base + id + "/siblings", status: 401, code: "unauthenticated"}.run(t, s.Anonymous())
		scenario{method: "POST", path: base + id + "/select", status: 401, code: "unauthenticated"}.run(t, s.Anonymous())
		bob.Do(t, "POST", "/api/ai", editOf("c", id, "mine")).Refused(t, 404, "not_found")
		bob.Do(t, "POST", "/api/ai", `{"id":"c","trigger":"regenerate-message","messageId":"`+id+`"}`).Refused(t, 404, "not_found")
	}
	wantPath(t, u, "uno (2/2) 1: uno!")
}

// While a reply is under way nothing is switched, and the refusal names the run.
func TestSelectWhileReplying(t *testing.T) {
	t.Parallel()
	s := startEcho(t)
	u := s.NewUser()
	u.Do(t, "POST", "/api/ai", send("c", "m1", "one")).Want(t, 200)
	u.Do(t, "POST", "/api/ai", editOf("c", "m1", "uno")).Want(t, 200)
	old := siblingsOf(t, u, "m1", "").Items[0].ID
	stream := u.Open(t, "POST", "/api/ai", send("c", "m2", "wait"))
	defer stream.Body.Close()
	refused := u.Do(t, "POST", "/api/conversations/c/messages/"+old+"/select", "").Refused(t, 409, "run_active")
	if err := uuid.Validate(refused.RunID); err != nil {
		t.Fatalf("got run id %q", refused.RunID)
	}
	u.Do(t, "POST", "/api/ai/c/stop", "").Want(t, 200)
	u.Do(t, "POST", "/api/conversations/c/messages/"+old+"/select", "").Want(t, 200)
	wantPath(t, u, "one (1/2) 1: one!")
	u.Do(t, "POST", "/api/conversations/c/messages/m1/select", "").Want(t, 200)
	wantPath(t, u, "uno (2/2) 1: uno! wait so far")
}

// The files of an earlier version stay: it can be shown again.
func TestFilesOfEarlierVersionsStay(t *testing.T) {
	t.Parallel()
	s := startEcho(t)
	u := s.NewUser()
	a := upload(t, u, "a.txt", "text/plain", "notes")
	u.Do(t, "POST", "/api/ai", sendFiles("c", "m1", "openai:echo", `{"type":"text","text":"one"}`, a.part())).Want(t, 200)
	u.Do(t, "POST", "/api/ai", editOf("c", "m1", "without")).Want(t, 200)
	u.Get(t, a.URL).Want(t, 200)
	old := siblingsOf(t, u, "m1", "").Items[0]
	if len(old.Parts) != 2 || old.Parts[1].URL != a.URL {
		t.Fatalf("got %+v", old)
	}
	u.Do(t, "POST", "/api/conversations/c/messages/"+old.ID+"/select", "").Want(t, 200)
	u.Get(t, a.URL).Want(t, 200)
	u.Do(t, "DELETE", "/api/conversations/c", "").Want(t, 204)
	u.Get(t, a.URL).Refused(t, 404, "not_found")
}
