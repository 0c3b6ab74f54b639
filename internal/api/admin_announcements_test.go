package api_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/api/apitest"
)

type announced struct {
	ID, Level, Text  string
	StartsAt, EndsAt *time.Time
}

func announcementsOf(t *testing.T, c *apitest.Client, path string) (list []announced) {
	t.Helper()
	var body struct{ Announcements []announced }
	c.Get(t, path).Want(t, 200).Decode(t, &body)
	require.NotNil(t, body.Announcements)
	return body.Announcements
}

func announce(t *testing.T, c *apitest.Client, body string) string {
	t.Helper()
	var made struct{ ID string }
	c.Do(t, "POST", "/api/admin/announcements", body).Want(t, 201).Decode(t, &made)
	return made.ID
}

func TestAnnouncements(t *testing.T) {
	t.Parallel()
	const everybody, all = "/api/announcements", "/api/admin/announcements"
	var late atomic.Int64
	clock := func() time.Time { return time.Now().Add(time.Duration(late.Load())) }
	s := apitest.Start(t, apitest.Options{Clock: clock})
	admin, _ := s.NewAdmin(t)
	user := s.NewUser()
	require.Empty(t, announcementsOf(t, user, everybody))

	now := announce(t, admin, `{"level":"info","text":" Be welcome. "}`)
	soon := announce(t, admin, fmt.Sprintf(`{"level":"critical","text":"Down at noon","startsAt":%q,"endsAt":%q}`,
		time.Now().Add(time.Minute).Format(time.RFC3339Nano), time.Now().Add(time.Hour).Format(time.RFC3339Nano)))
	list := announcementsOf(t, user, everybody)
	require.Len(t, list, 1, "what is said shows at once where it was said, what is to come does not")
	require.Equal(t, "Be welcome.", list[0].Text)
	require.Len(t, announcementsOf(t, admin, all), 2)

	late.Store(int64(2 * time.Minute))
	require.Equal(t, []string{soon, now}, announcementIDs(announcementsOf(t, user, everybody)))
	late.Store(int64(2 * time.Hour))
	require.Equal(t, []string{now}, announcementIDs(announcementsOf(t, user, everybody)), "it has ended")
	require.Len(t, announcementsOf(t, admin, all), 2)
	late.Store(0)

	admin.Do(t, "PUT", all+"/"+now, `{"level":"warning","text":"Mind the gap","endsAt":null}`).Want(t, 204)
	require.Equal(t, "warning", announcementsOf(t, user, everybody)[0].Level)
	require.Equal(t, list[0].StartsAt, announcementsOf(t, user, everybody)[0].StartsAt, "it keeps its beginning")
	admin.Do(t, "DELETE", all+"/"+now, "").Want(t, 204)
	require.Empty(t, announcementsOf(t, user, everybody))
	admin.Do(t, "DELETE", all+"/"+now, "").Refused(t, 404, "not_found")
	admin.Do(t, "PUT", all+"/"+uuid.NewString(), `{"level":"info","text":"x"}`).Refused(t, 404, "not_found")

	past, future := time.Now().Add(-time.Hour).Format(time.RFC3339), time.Now().Add(time.Hour).Format(time.RFC3339)
	for _, bad := range []string{
		`{"level":"info","text":""}`, `{"level":"info","text":"   "}`, `{"level":"loud","text":"x"}`, `{"level":"info"}`,
		fmt.Sprintf(`{"level":"info","text":%q}`, strings.Repeat("ü", 1001)),
		fmt.Sprintf(`{"level":"info","text":"x","endsAt":%q}`, past),
		fmt.Sprintf(`{"level":"info","text":"x","startsAt":%q,"endsAt":%q}`, future, future),
		`{"level":"info","text":"x","startsAt":"tomorrow"}`,
	} {
		admin.Do(t, "POST", all, bad).Refused(t, 422, "invalid")
	}
	// Against the beginning that is kept.
	admin.Do(t, "PUT", all+"/"+soon, fmt.Sprintf(`{"level":"info","text":"x","endsAt":%q}`, time.Now().Add(30*time.Second).Format(time.RFC3339Nano))).Refused(t, 422, "invalid")
	for _, other := range []*apitest.Client{user, s.NewUser()} {
		other.Get(t, all).Refused(t, 404, "not_found")
		other.Do(t, "POST", all, `{"level":"info","text":"x"}`).Refused(t, 404, "not_found")
		other.Do(t, "DELETE", all+"/"+soon, "").Refused(t, 404, "not_found")
	}
}

func announcementIDs(list []announced) (all []string) {
	for _, a := range list {
		all = append(all, a.ID)
	}
	return all
}

func TestAnnouncementsReachOtherReplicas(t *testing.T) {
	t.Parallel()
	first := apitest.Start(t, apitest.Options{})
	var late atomic.Int64
	second := apitest.Start(t, apitest.Options{Database: first.Database, Clock: func() time.Time { return time.Now().Add(time.Duration(late.Load())) }})
	user := second.As(uuid.New())
	require.Empty(t, announcementsOf(t, user, "/api/announcements"))
	admin, _ := first.NewAdmin(t)
	announce(t, admin, `{"level":"info","text":"Hello"}`)
	late.Store(int64(11 * time.Second))
	require.Len(t, announcementsOf(t, user, "/api/announcements"), 1)

	_, err := first.Database.Owner(t).Exec(context.Background(), "ALTER TABLE public.announcements RENAME TO away")
	require.NoError(t, err)
	late.Store(int64(time.Minute))
	require.Len(t, announcementsOf(t, user, "/api/announcements"), 1, "what was known last counts while nobody can tell")
}
