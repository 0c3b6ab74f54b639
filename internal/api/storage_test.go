package api_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"twobrains/internal/api/apitest"
)

type stored struct {
	Messages, Attachments, Search, Total int64
	Limit                                *int64
}

func TestStorage(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Env: map[string]string{"STORAGE_LIMIT_BYTES": "1048576"}})
	user := uuid.New()
	u := s.As(user)
	var got stored
	u.Get(t, "/api/account/storage").Want(t, 200).Decode(t, &got)
	if got.Total != 0 || got.Limit == nil || *got.Limit != 1<<20 {
		t.Fatalf("got %+v", got)
	}
	u.Do(t, "POST", "/api/ai", send("c1", "m1", "hello")).Want(t, 200)
	u.Do(t, "POST", "/api/attachments?filename=a.txt", strings.Repeat("a line\n", 100_000), "Content-Type", "text/plain").Want(t, 201)
	u.Get(t, "/api/account/storage").Want(t, 200).Decode(t, &got)
	if got.Attachments != 700_000 || got.Messages == 0 || got.Total != got.Attachments+got.Messages+got.Search {
		t.Fatalf("got %+v", got)
	}
	u.Do(t, "POST", "/api/attachments?filename=b.txt", strings.Repeat("a line\n", 100_000), "Content-Type", "text/plain").Refused(t, 413, "storage_full")
	var second struct{ ID string }
	u.Do(t, "POST", "/api/attachments?filename=c.txt", strings.Repeat("a line\n", 48_000), "Content-Type", "text/plain").Want(t, 201).Decode(t, &second)
	u.Do(t, "POST", "/api/ai", send("c1", "m2", "no room for this")).Refused(t, 413, "storage_full")
	if n := rows(t, s, user, "messages"); n != 2 {
		t.Fatalf("%d messages are stored", n)
	}
	u.Do(t, "DELETE", "/api/attachments/"+second.ID, "").Want(t, 204)
	u.Do(t, "POST", "/api/ai", send("c1", "m2", "there is room again")).Want(t, 200)
	s.NewUser().Do(t, "POST", "/api/ai", send("c1", "m1", "somebody else has room")).Want(t, 200)
}

func TestNoStorageLimit(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Env: map[string]string{"STORAGE_LIMIT_BYTES": "0"}})
	wantText(t, s.NewUser().Get(t, "/api/account/storage"), `"limit":null`)
}

func TestRetentionIsASetting(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	u := s.As(uuid.New())
	wantText(t, u.Get(t, "/api/settings"), `"retentionDays":null`)
	wantText(t, u.Do(t, "PATCH", "/api/settings", `{"retentionDays":30}`), `"retentionDays":30`)
	wantText(t, u.Do(t, "PATCH", "/api/settings", `{"customInstructions":"x"}`), `"retentionDays":30`)
	for _, body := range []string{`{"retentionDays":0}`, `{"retentionDays":3651}`, `{"retentionDays":"30"}`, `{"retentionDays":1.5}`} {
		u.Do(t, "PATCH", "/api/settings", body).Refused(t, 422, "invalid")
	}
	wantText(t, u.Do(t, "PATCH", "/api/settings", `{"retentionDays":null}`), `"retentionDays":null`)
}

func wantText(t *testing.T, a apitest.Answer, text string) {
	t.Helper()
	if a.Want(t, 200); !strings.Contains(a.Body, text) {
		t.Errorf("answer lacks %q: %s", text, a.Body)
	}
}
