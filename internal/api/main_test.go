package api_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"twobrains/internal/api/apitest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// One clock for the process; and one cleaner per server, which notices after up to 10 s that it is over.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
	)
}

// scenario is one request and what must come of it.
type scenario struct {
	name   string
	method string // default GET
	path   string
	body   string
	// headers are pairs of name and value.
	headers []string
	status  int
	// code of the problem, if it must be one, and the paths of the invalid members.
	code   string
	fields []string
	// has and lacks are texts in the body.
	has, lacks []string
	// after looks at the world afterwards.
	after func(t *testing.T, u *apitest.Client)
}

// try runs scenarios, each as somebody new unless as says who.
func try(t *testing.T, s *apitest.Server, as *apitest.Client, scenarios ...scenario) {
	t.Helper()
	for _, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) {
			u := as
			if u == nil {
				u = s.NewUser()
			}
			sc.run(t, u)
		})
	}
}

func (sc scenario) run(t *testing.T, u *apitest.Client) {
	t.Helper()
	method := sc.method
	if method == "" {
		method = "GET"
	}
	answer := u.Do(t, method, sc.path, sc.body, sc.headers...)
	if sc.code != "" {
		p := answer.Refused(t, sc.status, sc.code)
		var fields []string
		for _, f := range p.Errors {
			fields = append(fields, f.Path)
		}
		if fmt.Sprint(fields) != fmt.Sprint(sc.fields) {
			t.Errorf("got invalid members %v, want %v: %s", fields, sc.fields, answer.Body)
		}
	} else {
		answer.Want(t, sc.status)
	}
	for _, text := range sc.has {
		if !strings.Contains(answer.Body, text) {
			t.Errorf("answer lacks %q: %s", text, answer.Body)
		}
	}
	for _, text := range sc.lacks {
		if strings.Contains(answer.Body, text) {
			t.Errorf("answer has %q: %s", text, answer.Body)
		}
	}
	if sc.after != nil {
		sc.after(t, u)
	}
}

// rows counts what is in a table of a user's private brain, past every seal. A brain that is not there has none.
func rows(t *testing.T, s *apitest.Server, user uuid.UUID, table string) int {
	t.Helper()
	conn := s.Database.Superuser(t)
	schema := "u_" + strings.ReplaceAll(user.String(), "-", "")
	var exists bool
	if err := conn.QueryRow(t.Context(), "SELECT to_regclass($1) IS NOT NULL", schema+"."+table).Scan(&exists); err != nil {
		t.Fatalf("look for table: %v", err)
	}
	if !exists {
		return 0
	}
	var n int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM "+schema+"."+table).Scan(&n); err != nil {
		t.Fatalf("count rows: %v", err)
	}
	return n
}

// seed puts messages into a conversation of a user, numbered from 1.
func seed(t *testing.T, s *apitest.Server, user uuid.UUID, conversation string, n int) {
	t.Helper()
	schema := "u_" + strings.ReplaceAll(user.String(), "-", "")
	conn := s.Database.Superuser(t)
	for _, sql := range []string{
		"UPDATE " + schema + ".conversations SET last_seq = $2 WHERE id = $1",
		"INSERT INTO " + schema + `.messages (id, conversation_id, seq, role, parts, metadata, status, size)
		SELECT 'm' || i, $1, i, CASE WHEN i % 2 = 1 THEN 'user' ELSE 'assistant' END,
			jsonb_build_array(jsonb_build_object('type', 'text', 'text', 'text ' || i)), '{"model": "demo:demo"}', 'complete', 6
		FROM generate_series(1, $2) i`,
	} {
		if _, err := conn.Exec(t.Context(), sql, conversation, n); err != nil {
			t.Fatalf("seed messages: %v", err)
		}
	}
}

func send(conversation, message, text string) string {
	return fmt.Sprintf(`{"id":%q,"messages":[{"id":%q,"role":"user","parts":[{"type":"text","text":%q}]}]}`, conversation, message, text)
}

// eachMode runs a test with statements that are prepared, and as they travel behind a pooler: there, what values are in Go decides.
func eachMode(t *testing.T, test func(*testing.T, apitest.Options)) {
	t.Helper()
	for name, unprepared := range map[string]bool{"prepared": false, "unprepared": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, apitest.Options{Unprepared: unprepared})
		})
	}
}
