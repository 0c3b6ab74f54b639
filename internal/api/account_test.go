package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"twobrains/internal/api/apitest"
)

func TestSettings(t *testing.T) {
	t.Parallel()
	eachMode(t, testSettings)
}

func testSettings(t *testing.T, o apitest.Options) {
	s := apitest.Start(t, o)
	u := s.NewUser()
	const path = "/api/settings"
	patch := func(body string, want ...string) {
		t.Helper()
		scenario{method: "PATCH", path: path, body: body, status: 200, has: want}.run(t, u)
	}
	scenario{path: path, status: 200, has: []string{`{"defaultModel":null,"reasoningEffort":null,"toolApproval":null,"retentionDays":null,"historyTool":false,"memory":false,"customInstructions":"","preferences":{}}`}}.run(t, u)
	patch(`{}`, `"preferences":{}`)
	patch(`{"defaultModel":"demo:demo","reasoningEffort":"low","customInstructions":"Be brief.","preferences":{"theme":"dark","n":[1,2.5,{"a":null}]}}`,
		`"demo:demo"`, `"low"`, `"Be brief."`, `"theme":"dark"`)
	patch(`{"reasoningEffort":"high"}`, `"demo:demo"`, `"high"`, `"Be brief."`, `"theme":"dark"`)
	patch(`{"defaultModel":null}`, `"defaultModel":null`, `"high"`, `"Be brief."`)
	patch(`{"reasoningEffort":null,"toolApproval":null,"retentionDays":null,"historyTool":null,"memory":null,"customInstructions":null,"preferences":null}`, `{"defaultModel":null,"reasoningEffort":null,"toolApproval":null,"retentionDays":null,"historyTool":false,"memory":false,"customInstructions":"","preferences":{}}`)
	patch(`{"toolApproval":"never"}`, `"toolApproval":"never"`)
	patch(`{"memory":true}`, `"memory":true`)
	patch(`{"historyTool":true}`, `"historyTool":true`, `"memory":true`)
	patch(`{"toolApproval":null}`, `"toolApproval":null`)
	patch(`{"customInstructions":"`+strings.Repeat("ü", 8000)+`"}`, "üüü")
	patch(`{"preferences":{"a":"`+strings.Repeat("x", 16_000)+`"}}`, "xxx")
	patch(`{"preferences":{"n":1e21,"big":12345678901234567890}}`, `"n":1000000000000000000000`)
}

func TestSettingsBadInput(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	u := s.NewUser()
	before := u.Do(t, "PATCH", "/api/settings", `{"customInstructions":"as it was","preferences":{"k":1}}`).Want(t, 200).Body
	unchanged := func(t *testing.T, u *apitest.Client) {
		if now := u.Get(t, "/api/settings").Body; now != before {
			t.Errorf("settings are now %s", now)
		}
	}
	for _, bad := range []struct{ name, body, field string }{
		{"unknown model", `{"defaultModel":"openai:none"}`, "defaultModel"},
		{"model no string", `{"defaultModel":5}`, "defaultModel"},
		{"model empty", `{"defaultModel":""}`, "defaultModel"},
		{"effort", `{"reasoningEffort":"extreme"}`, "reasoningEffort"},
		{"tool approval", `{"toolApproval":"sometimes"}`, "toolApproval"},
		{"memory no boolean", `{"memory":"yes"}`, "memory"},
		{"instructions too long", `{"customInstructions":"` + strings.Repeat("a", 8001) + `"}`, "customInstructions"},
		{"instructions with U+0000", `{"customInstructions":"a\u0000"}`, "customInstructions"},
		{"preferences no object", `{"preferences":[1]}`, "preferences"},
		{"preferences too large", `{"preferences":{"a":"` + strings.Repeat("x", 16<<10) + `"}}`, "preferences"},
		{"preferences with U+0000", `{"preferences":{"a":["\u0000"]}}`, "preferences"},
		{"preferences with a key of U+0000", `{"preferences":{"a":{"\u0000":1}}}`, "preferences"},
		{"preferences with long numbers", `{"preferences":{"a":[` + strings.TrimSuffix(strings.Repeat("1e300,", 100), ",") + `]}}`, "preferences"},
		{"preferences too deep", `{"preferences":{"a":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}}`, "preferences"},
		{"preferences of many small members", `{"preferences":{"a":[` + strings.TrimSuffix(strings.Repeat("1,", 9000), ",") + `]}}`, "preferences"},
		{"unknown member", `{"theme":"dark"}`, "theme"},
		{"one good, one bad", `{"customInstructions":"new","reasoningEffort":"extreme"}`, "reasoningEffort"},
	} {
		scenario{name: bad.name, method: "PATCH", path: "/api/settings", body: bad.body, status: 422, code: "invalid", fields: []string{bad.field}, after: unchanged}.runAs(t, u)
	}
}

func TestSettingsNumberBeyondDouble(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	s.NewUser().Do(t, "PATCH", "/api/settings", `{"preferences":{"a":1e999}}`).Refused(t, 400, "bad_request")
}

func (sc scenario) runAs(t *testing.T, u *apitest.Client) {
	t.Run(sc.name, func(t *testing.T) { sc.run(t, u) })
}

func TestModels(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	u := s.NewUser()
	var models struct {
		Items []struct {
			ID, Provider, Access, Reason string
			Available, Default           bool
			Efforts                      []string
			ContextWindow                int
		}
	}
	u.Get(t, "/api/models").Want(t, 200).Decode(t, &models)
	defaults := 0
	for _, m := range models.Items {
		if m.Default {
			defaults++
		}
		if usable := m.Provider == "demo"; m.Available != usable || (m.Reason == "") != usable {
			t.Errorf("got %+v", m)
		}
		if m.ContextWindow == 0 || m.Efforts == nil {
			t.Errorf("got %+v", m)
		}
	}
	if defaults != 1 {
		t.Errorf("%d models are the default", defaults)
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	clock := newClock()
	s := apitest.Start(t, apitest.Options{Clock: clock.now, Env: map[string]string{"QUOTA_DAY": "3", "QUOTA_MONTH": "30"}})
	u := s.NewUser()
	type quota struct {
		Used, Limit, Remaining int
		ResetsAt               time.Time
	}
	var report struct {
		Day, Month quota
		Items      []struct {
			Day, Model, KeySource     string
			Messages                  int
			InputTokens, OutputTokens int
		}
	}
	read := func(query string) {
		t.Helper()
		report.Items = nil
		u.Get(t, "/api/usage"+query).Want(t, 200).Decode(t, &report)
	}
	read("")
	day := clock.now().Truncate(24 * time.Hour)
	if report.Day.Remaining != 3 || report.Month.Remaining != 30 || !report.Day.ResetsAt.Equal(day.AddDate(0, 0, 1)) || len(report.Items) != 0 {
		t.Fatalf("got %+v", report)
	}
	for i := range 2 {
		u.Do(t, "POST", "/api/ai", send("c", fmt.Sprint("m", i), "hello")).Want(t, 200)
	}
	read("?days=1")
	if report.Day.Used != 2 || report.Day.Remaining != 1 || report.Month.Used != 2 || report.Day.Limit != 3 {
		t.Fatalf("got %+v", report)
	}
	if len(report.Items) != 1 || report.Items[0].Messages != 2 || report.Items[0].Model != "demo:demo" ||
		report.Items[0].KeySource != "platform" || report.Items[0].Day != day.Format(time.DateOnly) || report.Items[0].OutputTokens == 0 {
		t.Fatalf("got %+v", report.Items)
	}
	// The next UTC day counts anew, and today's is one day back.
	clock.advance(24 * time.Hour)
	read("?days=1")
	if report.Day.Used != 0 || len(report.Items) != 0 {
		t.Fatalf("got %+v", report)
	}
	read("?days=2")
	if len(report.Items) != 1 {
		t.Fatalf("got %+v", report)
	}
	try(t, s, u,
		scenario{name: "no days", path: "/api/usage?days=0", status: 422, code: "invalid", fields: []string{"days"}},
		scenario{name: "too many days", path: "/api/usage?days=367", status: 422, code: "invalid", fields: []string{"days"}},
		scenario{name: "no number", path: "/api/usage?days=all", status: 422, code: "invalid", fields: []string{"days"}},
	)
}

func TestQuotaLoweredBelowUse(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Env: map[string]string{"QUOTA_DAY": "1"}})
	user := uuid.New()
	u := s.As(user)
	u.Do(t, "POST", "/api/ai", send("c", "m1", "hello")).Want(t, 200)
	if _, err := s.Database.Superuser(t).Exec(t.Context(), "UPDATE public.quota_counters SET day_used = 5 WHERE user_id = $1", user); err != nil {
		t.Fatal(err)
	}
	scenario{path: "/api/usage", status: 200, has: []string{`"used":5,"limit":1,"remaining":0`}}.run(t, u)
	p := u.Do(t, "POST", "/api/ai", send("c", "m2", "hello")).Refused(t, 429, "quota_day")
	if p.RetryAfter <= 0 {
		t.Errorf("got %+v", p)
	}
}
