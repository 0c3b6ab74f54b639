package api_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"twobrains/internal/api/apitest"
)

func TestUsageOfAPlan(t *testing.T) {
	t.Parallel()
	eachMode(t, testUsageOfAPlan)
}

func wants(t *testing.T, a apitest.Answer, texts ...string) {
	t.Helper()
	for _, text := range texts {
		wantText(t, a, text)
	}
}

func testUsageOfAPlan(t *testing.T, o apitest.Options) {
	s := apitest.Start(t, o)
	user := uuid.New()
	u := s.As(user)
	wants(t, u.Get(t, "/api/usage"), `"plan":null`, `"limit":50,"remaining":50`, `"limitMicroUsd":null`, `"tokensPerMinute":null`)
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := s.Database.Superuser(t).Exec(t.Context(), sql, args...); err != nil {
			t.Fatal(err)
		}
	}
	exec(`INSERT INTO public.plans (id, name, is_default, messages_per_day, cost_per_day_microusd, tokens_per_minute, storage_bytes, models)
		VALUES ('small', 'Small', true, 2, 1000, 100000, 1048576, '{demo:demo}')`)
	wants(t, u.Get(t, "/api/usage"), `"plan":{"id":"small","name":"Small"}`, `"used":0,"limit":2,"remaining":2`,
		`"used":0,"limit":null,"remaining":null`, `"cost":{"usedMicroUsd":0,"reservedMicroUsd":0,"limitMicroUsd":1000,"resetsAt"`, `"tokensPerMinute":100000`)
	wants(t, u.Get(t, "/api/account/storage"), `"limit":1048576`)
	first := u.Do(t, "POST", "/api/ai", send("c", "m1", "hello")).Want(t, 200)
	if strings.Contains(first.Body, "warnings") {
		t.Errorf("a warning too early: %s", first.Body)
	}
	wants(t, u.Do(t, "POST", "/api/ai", send("c", "m2", "hello")), `"warnings":[{"code":"quota_day","used":2,"limit":2,"resetsAt":"`)
	u.Do(t, "POST", "/api/ai", send("c", "m3", "hello")).Refused(t, 429, "quota_day")
	exec("INSERT INTO public.user_plans (user_id, models, storage_bytes, messages_per_day) VALUES ($1, '{}', 0, 100)", user)
	wants(t, u.Get(t, "/api/models"), `"lack":"not_in_plan"`)
	wants(t, u.Get(t, "/api/account/storage"), `"limit":0`)
	u.Do(t, "POST", "/api/attachments?filename=a.txt", "a line", "Content-Type", "text/plain").Want(t, 201) // what was measured is believed for a while
	u.Do(t, "POST", "/api/ai", send("c", "m3", "hello")).Refused(t, 403, "model_unavailable")
}
