package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/api/apitest"
	"twobrains/internal/auth/authtest"
)

type person struct {
	id    uuid.UUID
	email string
	*apitest.Client
}

// newPerson signs somebody up at the real Kratos.
func newPerson(t *testing.T, s *apitest.Server) person {
	t.Helper()
	email, token := signIn(t)
	p := person{authtest.Kratos(t).Identity(t, email), email, &apitest.Client{Base: s.URL, Token: token}}
	p.Get(t, "/api/conversations").Want(t, 200)
	return p
}

func newRealAdmin(t *testing.T, s *apitest.Server) person {
	t.Helper()
	p := newPerson(t, s)
	s.Grant(t, p.id)
	return p
}

type account struct {
	ID, Email, State string
	Admin            bool
	Sessions         *int
	Brain            *struct {
		Schema, State                    string
		Version, LatestVersion, Failures int
		DiskBytes                        int64
	}
	Plan struct {
		Assigned             *string
		Overrides, Effective map[string]any
		Plan                 *struct{ ID, Name string }
	}
	Usage struct {
		Day        struct{ Messages, CostMicroUsd, ReservedMicroUsd int64 }
		Month      struct{ Messages int64 }
		Last30Days struct{ Messages, Tokens, CostMicroUsd, OwnKeyMicroUsd int64 }

		LastActiveAt *time.Time
	}
}

func TestUsers(t *testing.T) {
	t.Parallel()
	_, servers := deletionReplicas(t, 1, map[string]string{"QUOTA_DAY": "11"})
	s := servers[0]
	admin, user := newRealAdmin(t, s), newPerson(t, s)
	user.Do(t, "POST", "/api/ai", send("c", "m1", "hello")).Want(t, 200)

	type list struct {
		Users []struct {
			ID, State  string
			Email      *string
			Registered bool
			Plan       *struct{ ID, Name string }
		}
		NextCursor *string
	}
	search := func(query string) (l list) {
		t.Helper()
		admin.Get(t, "/api/admin/users?"+query).Want(t, 200).Decode(t, &l)
		return l
	}
	for _, q := range []string{user.id.String(), user.email, strings.ToUpper(user.email), user.email[:20]} {
		l := search("q=" + q)
		require.Len(t, l.Users, 1, q)
		require.Equal(t, user.id.String(), l.Users[0].ID)
		require.Equal(t, user.email, *l.Users[0].Email)
		require.True(t, l.Users[0].Registered)
		require.Equal(t, "active", l.Users[0].State)
		require.Nil(t, l.Users[0].Plan)
	}
	require.Empty(t, search("q="+uuid.NewString()).Users)
	require.Empty(t, search("q=%25").Users)
	// All of them, page by page: others' tests sign people up and away meanwhile.
	met := map[string]bool{}
	for query := "limit=50"; ; {
		l := search(query)
		for _, u := range l.Users {
			met[u.ID] = true
		}
		if l.NextCursor == nil || met[user.id.String()] && met[admin.id.String()] {
			break
		}
		query = "limit=50&cursor=" + *l.NextCursor
	}
	require.True(t, met[user.id.String()] && met[admin.id.String()])
	admin.Get(t, "/api/admin/users?cursor=x").Refused(t, 400, "bad_request")
	admin.Get(t, "/api/admin/users?limit=0").Refused(t, 422, "invalid")
	admin.Get(t, "/api/admin/users?q="+strings.Repeat("x", 400)).Refused(t, 422, "invalid")

	look := func(id uuid.UUID) (a account) {
		t.Helper()
		admin.Get(t, "/api/admin/users/"+id.String()).Want(t, 200).Decode(t, &a)
		return a
	}
	a := look(user.id)
	require.Equal(t, user.email, a.Email)
	require.Equal(t, "active", a.State)
	require.False(t, a.Admin)
	require.Equal(t, "ok", a.Brain.State)
	require.Equal(t, a.Brain.LatestVersion, a.Brain.Version)
	require.Equal(t, schemaName(user.id), a.Brain.Schema)
	require.Greater(t, a.Brain.DiskBytes, int64(100_000))
	require.Equal(t, 1, *a.Sessions)
	require.EqualValues(t, 1, a.Usage.Day.Messages)
	require.EqualValues(t, 1, a.Usage.Month.Messages)
	require.EqualValues(t, 1, a.Usage.Last30Days.Messages)
	require.Positive(t, a.Usage.Last30Days.Tokens)
	require.NotNil(t, a.Usage.LastActiveAt)
	require.EqualValues(t, 11, a.Plan.Effective["messagesPerDay"])
	require.Nil(t, a.Plan.Assigned)
	require.True(t, look(admin.id).Admin)
	e := auditOf(t, admin.Client, "action=user.view&limit=1").Entries[0]
	require.Equal(t, admin.id.String(), *e.Subject)

	admin.Do(t, "POST", "/api/admin/plans", `{"id":"basic","name":"Basic","isDefault":true,"limits":{"messagesPerDay":5,"storageBytes":1000}}`).Want(t, 204)
	admin.Do(t, "PUT", "/api/admin/users/"+user.id.String()+"/plan", `{"planId":null,"overrides":{"messagesPerDay":6}}`).Want(t, 204)
	a = look(user.id)
	require.Equal(t, "Basic", a.Plan.Plan.Name)
	require.Nil(t, a.Plan.Assigned)
	require.EqualValues(t, 6, a.Plan.Effective["messagesPerDay"])
	require.EqualValues(t, 1000, a.Plan.Effective["storageBytes"])
	require.Nil(t, a.Plan.Effective["messagesPerMonth"], "a plan without a limit has none")
	require.Equal(t, "basic", search("q=" + user.email).Users[0].Plan.ID)

	// Whom nobody knows, and who is known to one of the two only.
	for _, id := range []string{uuid.NewString(), uuid.Nil.String()} {
		admin.Get(t, "/api/admin/users/"+id).Refused(t, 404, "not_found")
		admin.Do(t, "POST", "/api/admin/users/"+id+"/suspend", `{"reason":"x"}`).Refused(t, 404, "not_found")
		admin.Do(t, "POST", "/api/admin/users/"+id+"/reinstate", "").Refused(t, 404, "not_found")
		admin.Do(t, "POST", "/api/admin/users/"+id+"/migrate", "").Refused(t, 404, "not_found")
		admin.Do(t, "DELETE", "/api/admin/users/"+id+"/sessions", "").Refused(t, 404, "not_found")
	}
	admin.Get(t, "/api/admin/users/nobody").Refused(t, 422, "invalid")
	newcomer := authtest.Kratos(t).Create(t, authtest.NewEmail(), true, "")
	a = look(newcomer)
	require.Nil(t, a.Brain)
	require.Equal(t, 0, *a.Sessions)
	authtest.Kratos(t).Delete(t, user.id)
	a = look(user.id)
	require.Equal(t, "gone", a.State)
	require.NotNil(t, a.Brain)
}

func schemaName(id uuid.UUID) string { return "u_" + strings.ReplaceAll(id.String(), "-", "") }

// A suspended user is out at once, on every replica, whatever is under way; reinstated, they are back.
func TestSuspend(t *testing.T) {
	t.Parallel()
	_, servers := deletionReplicas(t, 2, map[string]string{"DEMO_DELAY": "100ms", "SESSION_TTL": "5m"})
	one, two := servers[0], servers[1]
	admin, user := newRealAdmin(t, one), newPerson(t, one)
	there := at(two, user.Client)
	there.Get(t, "/api/session").Want(t, 200) // remembered
	lines, leave := begin(t, there, "c", "m1")
	defer leave()
	path := "/api/admin/users/" + user.id.String()
	for _, body := range []string{`{}`, `{"reason":""}`, `{"reason":"  "}`, `{"reason":"` + strings.Repeat("x", 1001) + `"}`} {
		admin.Do(t, "POST", path+"/suspend", body).Refused(t, 422, "invalid")
	}
	admin.Do(t, "POST", path+"/suspend", `{"reason":"spends too much"}`, "X-Request-Id", "the-suspension").Want(t, 204)
	user.Get(t, "/api/session").Refused(t, 401, "unauthenticated")
	until(t, "the other replica knows", func() bool { return there.Get(t, "/api/session").Status == 401 })
	var last string
	for lines.Scan() {
		last += lines.Text()
	}
	require.True(t, strings.HasSuffix(last, `data: {"type":"abort"}data: [DONE]`), "the stream ended with %q", last[max(0, len(last)-200):])

	// No way in, by a code or a session that they had.
	kratos := authtest.Kratos(t)
	require.Empty(t, kratos.Sessions(t, user.id))
	proxied := &authtest.Client{Base: one.URL + "/.ory", Mode: "api"}
	refused := proxied.TryByCode(t, kratos, "login", user.email, map[string]any{"identifier": user.email})
	require.Equal(t, 403, refused.Status)
	require.Contains(t, string(refused.Body), "This account is suspended.")
	require.Empty(t, refused.Token)
	require.NotContains(t, string(refused.Body), user.id.String())

	e := auditOf(t, admin.Client, "action=user.suspend").Entries[0]
	require.Equal(t, user.id.String(), *e.Subject)
	require.Equal(t, "spends too much", e.Detail)
	require.Equal(t, "the-suspension", *e.RequestID)
	scenario{path: "/api/admin/users?q=" + user.email, status: 200, has: []string{`"state":"suspended"`}}.run(t, admin.Client)
	admin.Do(t, "POST", path+"/suspend", `{"reason":"again"}`).Want(t, 204)

	admin.Do(t, "POST", path+"/reinstate", "").Want(t, 204)
	user.Get(t, "/api/session").Refused(t, 401, "unauthenticated") // the sessions are gone
	back := &apitest.Client{Base: two.URL, Token: kratos.Login(t, user.email)}
	scenario{path: "/api/conversations/c/messages", status: 200, has: []string{"demo:slow"}}.run(t, back)
	require.Equal(t, user.id.String(), *auditOf(t, admin.Client, "action=user.reinstate").Entries[0].Subject)

	// Sessions alone.
	admin.Do(t, "DELETE", path+"/sessions", "").Want(t, 204)
	until(t, "signed out", func() bool { return back.Get(t, "/api/session").Status == 401 })
	require.NotEmpty(t, kratos.Login(t, user.email))
	require.Len(t, auditOf(t, admin.Client, "action=user.sign_out").Entries, 1)
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !ok(); <-time.After(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 15 s", what)
		}
	}
}

// Of admins who suspend each other one stays.
func TestSuspendAdmins(t *testing.T) {
	t.Parallel()
	_, servers := deletionReplicas(t, 1, nil)
	s := servers[0]
	a, b := newRealAdmin(t, s), newRealAdmin(t, s)
	suspend := func(by, whom person) apitest.Answer {
		return by.Do(t, "POST", "/api/admin/users/"+whom.id.String()+"/suspend", `{"reason":"x"}`)
	}
	suspend(a, a).Refused(t, 409, "conflict")
	answers := make(chan int, 2)
	go func() { answers <- suspend(a, b).Status }()
	go func() { answers <- suspend(b, a).Status }()
	done := 0
	for range 2 {
		status := <-answers
		if status == 204 {
			done++
		} else {
			require.Contains(t, []int{401, 404}, status)
		}
	}
	require.Equal(t, 1, done)
	active := 0
	for _, p := range []person{a, b} {
		if p.Get(t, "/api/admin/plans").Status == 200 {
			active++
		}
	}
	require.Equal(t, 1, active)
}

// A migration that failed is tried again, however long it would have waited.
func TestMigrateAgain(t *testing.T) {
	t.Parallel()
	_, servers := deletionReplicas(t, 1, nil)
	s := servers[0]
	admin, user := newRealAdmin(t, s), newPerson(t, s)
	owner := s.Database.Owner(t)
	schema := schemaName(user.id)
	for _, sql := range []string{
		"DROP SCHEMA " + schema + " CASCADE", "CREATE SCHEMA " + schema, "CREATE TABLE " + schema + ".conversations (in_the_way text)",
		"UPDATE public.tenants SET version = 0, failure = 'canary of a row', failures = 3, failed_at = now() WHERE user_id = '" + user.id.String() + "'",
	} {
		_, err := owner.Exec(t.Context(), sql)
		require.NoError(t, err, sql)
	}
	path := "/api/admin/users/" + user.id.String()
	answer := admin.Get(t, path).Want(t, 200)
	var a account
	answer.Decode(t, &a)
	require.Equal(t, "failed", a.Brain.State)
	require.Equal(t, 3, a.Brain.Failures)
	require.NotContains(t, answer.Body, "of a row")
	var brain struct {
		State             string
		Failures, Version int
	}
	// What still fails says so, and is no error.
	admin.Do(t, "POST", path+"/migrate", "").Want(t, 200).Decode(t, &brain)
	require.Equal(t, "failed", brain.State)
	require.Equal(t, 4, brain.Failures)
	_, err := owner.Exec(t.Context(), "DROP SCHEMA "+schema+" CASCADE")
	require.NoError(t, err)
	admin.Do(t, "POST", path+"/migrate", "").Want(t, 200).Decode(t, &brain)
	require.Equal(t, "ok", brain.State)
	require.Zero(t, brain.Failures)
	require.Equal(t, a.Brain.LatestVersion, brain.Version)
	require.Len(t, auditOf(t, admin.Client, "action=user.migrate").Entries, 2)
	outcomes := auditOf(t, admin.Client, "action=user.migrated").Entries
	require.Equal(t, "done", *outcomes[0].Target)
	require.Equal(t, "failed", *outcomes[1].Target)
}
