package api_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/api/apitest"
)

type planList struct {
	Plans []struct {
		ID, Name  string
		IsDefault bool
		Limits    map[string]any
		Users     int
	}
	Configured map[string]any
}

func plansOf(t *testing.T, c *apitest.Client) (l planList) {
	t.Helper()
	c.Get(t, "/api/admin/plans").Want(t, 200).Decode(t, &l)
	return l
}

func TestPlans(t *testing.T) {
	t.Parallel()
	for name, unprepared := range map[string]bool{"prepared": false, "unprepared": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testPlans(t, apitest.Start(t, apitest.Options{Unprepared: unprepared, Env: map[string]string{"QUOTA_DAY": "7", "STORAGE_LIMIT_BYTES": "0"}}))
		})
	}
}

func testPlans(t *testing.T, s *apitest.Server) {
	c, _ := s.NewAdmin(t)
	l := plansOf(t, c)
	require.Empty(t, l.Plans)
	require.EqualValues(t, 7, l.Configured["messagesPerDay"])
	require.Nil(t, l.Configured["storageBytes"])
	require.Nil(t, l.Configured["models"])

	c.Do(t, "POST", "/api/admin/plans", `{"id":"free","name":" Free ","isDefault":true,"limits":{"messagesPerDay":3,"models":["demo:demo"]}}`).Want(t, 204)
	c.Do(t, "POST", "/api/admin/plans", `{"id":"pro","name":"Pro","isDefault":false,"limits":{"costPerDayMicroUsd":1000000,"models":[],"tokensPerMinute":null}}`).Want(t, 204)
	c.Do(t, "POST", "/api/admin/plans", `{"id":"free","name":"Again","isDefault":false,"limits":{}}`).Refused(t, 409, "conflict")
	l = plansOf(t, c)
	require.Len(t, l.Plans, 2)
	require.Equal(t, "Free", l.Plans[0].Name)
	require.True(t, l.Plans[0].IsDefault)
	require.Equal(t, []any{"demo:demo"}, l.Plans[0].Limits["models"])
	require.Equal(t, []any{}, l.Plans[1].Limits["models"], "no model is not the same as all")

	// There is one default at most; a change of what is not there changes nothing else.
	c.Do(t, "PUT", "/api/admin/plans/nothing", `{"name":"Pro","isDefault":true,"limits":{}}`).Refused(t, 404, "not_found")
	require.True(t, plansOf(t, c).Plans[0].IsDefault)
	c.Do(t, "PUT", "/api/admin/plans/pro", `{"name":"Pro","isDefault":true,"limits":{"messagesPerMonth":0}}`).Want(t, 204)
	l = plansOf(t, c)
	require.False(t, l.Plans[0].IsDefault)
	require.True(t, l.Plans[1].IsDefault)
	require.EqualValues(t, 0, l.Plans[1].Limits["messagesPerMonth"])
	require.Nil(t, l.Plans[1].Limits["costPerDayMicroUsd"])

	for body, path := range map[string]string{
		`{"id":"Big","name":"x","isDefault":false,"limits":{}}`:                                      "id",
		`{"id":"","name":"x","isDefault":false,"limits":{}}`:                                         "id",
		`{"id":"x","name":"","isDefault":false,"limits":{}}`:                                         "name",
		`{"id":"x","name":"  ","isDefault":false,"limits":{}}`:                                       "name",
		`{"id":"x","name":"x","isDefault":false,"limits":{"messagesPerDay":-1}}`:                     "limits.messagesPerDay",
		`{"id":"x","name":"x","isDefault":false,"limits":{"messagesPerMonth":-1}}`:                   "limits.messagesPerMonth",
		`{"id":"x","name":"x","isDefault":false,"limits":{"messagesPerDay":3000000000}}`:             "limits.messagesPerDay",
		`{"id":"x","name":"x","isDefault":false,"limits":{"costPerDayMicroUsd":-1}}`:                 "limits.costPerDayMicroUsd",
		`{"id":"x","name":"x","isDefault":false,"limits":{"storageBytes":-1}}`:                       "limits.storageBytes",
		`{"id":"x","name":"x","isDefault":false,"limits":{"tokensPerMinute":0}}`:                     "limits.tokensPerMinute",
		`{"id":"x","name":"x","isDefault":false,"limits":{"models":["demo:demo","nobody:nothing"]}}`: "limits.models[1]",
		`{"id":"x","name":"x","isDefault":false,"limits":{"models":"all"}}`:                          "limits.models",
		`{"id":"x","name":"x","isDefault":false,"limits":{"messagesPerYear":1}}`:                     "limits.messagesPerYear",
		`{"id":"x","name":"x","isDefault":false}`:                                                    "limits",
	} {
		answer := c.Do(t, "POST", "/api/admin/plans", body)
		require.Equal(t, 422, answer.Status, body)
		p := answer.Refused(t, 422, "invalid")
		require.NotEmpty(t, p.Errors, body)
		require.True(t, strings.HasPrefix(p.Errors[0].Path, path) || path == "limits", "%s: %+v", body, p.Errors)
	}

	// Whom it concerns.
	user := uuid.New()
	plan := "/api/admin/users/" + user.String() + "/plan"
	c.Do(t, "PUT", plan, `{"planId":"free","overrides":{}}`).Refused(t, 404, "not_found") // nobody knows them yet
	s.As(user).Get(t, "/api/conversations").Want(t, 200)
	c.Do(t, "PUT", plan, `{"planId":"free","overrides":{"messagesPerDay":9,"models":null}}`).Want(t, 204)
	c.Do(t, "PUT", plan, `{"planId":"gold","overrides":{}}`).Refused(t, 422, "invalid")
	c.Do(t, "PUT", plan, `{"planId":"NO PLAN","overrides":{}}`).Refused(t, 422, "invalid")
	c.Do(t, "PUT", plan, `{"planId":"free","overrides":{"costPerDayMicroUsd":-5}}`).Refused(t, 422, "invalid")
	c.Do(t, "PUT", "/api/admin/users/nobody/plan", `{"planId":"free","overrides":{}}`).Refused(t, 422, "invalid")
	require.Equal(t, 1, plansOf(t, c).Plans[0].Users)
	c.Do(t, "DELETE", "/api/admin/plans/free", "").Refused(t, 409, "conflict")
	c.Do(t, "PUT", plan, `{"planId":null,"overrides":{}}`).Want(t, 204)
	c.Do(t, "DELETE", "/api/admin/plans/free", "").Want(t, 204)
	c.Do(t, "DELETE", "/api/admin/plans/free", "").Refused(t, 404, "not_found")
	c.Do(t, "DELETE", "/api/admin/plans/NO", "").Refused(t, 404, "not_found")
	require.Len(t, plansOf(t, c).Plans, 1)
}

type auditList struct {
	Entries []struct {
		ID                                          int64
		Actor, Action, Detail                       string
		ActorID, Subject, Target, RequestID, Object *string
		Change                                      *struct{ Before, After map[string]any }
	}
	NextBefore *int64
}

func auditOf(t *testing.T, c *apitest.Client, query string) (l auditList) {
	t.Helper()
	c.Get(t, "/api/admin/audit?"+query).Want(t, 200).Decode(t, &l)
	return l
}

// Every write of an admin has an entry with who, what, of what and by which request.
func TestAuditOfPlans(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	c, id := s.NewAdmin(t)
	user := uuid.New()
	s.As(user).Get(t, "/api/conversations").Want(t, 200)
	for i, step := range []struct{ method, path, body, action, target, subject string }{
		{"POST", "/api/admin/plans", `{"id":"a","name":"A","isDefault":true,"limits":{}}`, "plans.insert", "a", ""},
		{"PUT", "/api/admin/plans/a", `{"name":"B","isDefault":true,"limits":{"messagesPerDay":5}}`, "plans.update", "a", ""},
		{"PUT", "/api/admin/users/" + user.String() + "/plan", `{"planId":"a","overrides":{}}`, "user_plans.insert", "", user.String()},
		{"PUT", "/api/admin/users/" + user.String() + "/plan", `{"planId":null,"overrides":{"storageBytes":1}}`, "user_plans.update", "", user.String()},
		{"DELETE", "/api/admin/plans/a", "", "plans.delete", "a", ""},
	} {
		request := fmt.Sprintf("request-%d", i)
		c.Do(t, step.method, step.path, step.body, "X-Request-Id", request).Want(t, 204)
		e := auditOf(t, c, "limit=1").Entries[0]
		require.Equal(t, step.action, e.Action)
		require.Equal(t, "admin", e.Actor)
		require.Equal(t, id.String(), *e.ActorID)
		require.Equal(t, request, *e.RequestID)
		if step.target != "" {
			require.Equal(t, step.target, *e.Target)
		}
		if step.subject != "" {
			require.Equal(t, step.subject, *e.Subject)
		}
		require.NotNil(t, e.Change)
	}
	e := auditOf(t, c, "action=plans.update").Entries[0]
	require.Equal(t, map[string]any{"name": "A", "messages_per_day": nil}, e.Change.Before)
	require.Equal(t, map[string]any{"name": "B", "messages_per_day": "5"}, e.Change.After)

	// What changes nothing leaves nothing, and what is refused neither.
	before := auditOf(t, c, "").Entries[0].ID
	c.Do(t, "POST", "/api/admin/plans", `{"id":"NO","name":"A","isDefault":true,"limits":{}}`).Refused(t, 422, "invalid")
	c.Do(t, "DELETE", "/api/admin/plans/a", "").Refused(t, 404, "not_found")
	require.Equal(t, before, auditOf(t, c, "").Entries[0].ID)

	// Pages and filters.
	require.Len(t, auditOf(t, c, "action=plans").Entries, 3)
	require.Empty(t, auditOf(t, c, "action=plan").Entries)
	require.Len(t, auditOf(t, c, "subject="+user.String()).Entries, 2)
	require.Len(t, auditOf(t, c, "actor="+id.String()).Entries, 5)
	require.Empty(t, auditOf(t, c, "actor="+user.String()).Entries)
	first := auditOf(t, c, "limit=2")
	require.Len(t, first.Entries, 2)
	var all []int64
	for query := "limit=2"; ; {
		page := auditOf(t, c, query)
		for _, e := range page.Entries {
			all = append(all, e.ID)
		}
		if page.NextBefore == nil {
			break
		}
		query = fmt.Sprintf("limit=2&before=%d", *page.NextBefore)
	}
	require.Len(t, all, 6, "the grant and five acts")
	for _, query := range []string{"limit=0", "limit=1000", "before=0", "before=x", "subject=nobody", "nothing=1"} {
		c.Get(t, "/api/admin/audit?"+query).Refused(t, 422, "invalid")
	}
	whole, _ := json.Marshal(auditOf(t, c, ""))
	require.NotContains(t, string(whole), "lock")
}
