package api

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"twobrains/internal/admin"
	"twobrains/internal/auth"
)

// Announcement is what everybody is told, until it ends.
type Announcement struct {
	ID       string     `json:"id" format:"uuid"`
	Level    string     `json:"level" enum:"info,warning,critical"`
	Text     string     `json:"text" doc:"Plain text."`
	StartsAt time.Time  `json:"startsAt"`
	EndsAt   *time.Time `json:"endsAt" doc:"Null: when it is removed."`
}

// AdminAnnouncement is one as admins see it.
type AdminAnnouncement struct {
	Announcement
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// AnnouncementList is what everybody is told.
type AnnouncementList struct {
	Announcements []Announcement `json:"announcements" doc:"Newest first."`
}

// AdminAnnouncementList is all announcements.
type AdminAnnouncementList struct {
	Announcements []AdminAnnouncement `json:"announcements" doc:"Newest first."`
}

// AnnouncementMade names a new announcement.
type AnnouncementMade struct {
	ID string `json:"id" format:"uuid"`
}

// AnnouncementText is one as it is written.
type AnnouncementText struct {
	Level    string     `json:"level" enum:"info,warning,critical"`
	Text     string     `json:"text" minLength:"1" maxLength:"1000" doc:"Plain text."`
	StartsAt *time.Time `json:"startsAt" required:"false" nullable:"true" doc:"Null: at once, or when it has begun already."`
	EndsAt   *time.Time `json:"endsAt" required:"false" nullable:"true" doc:"Null: when it is removed."`
}

func (t AnnouncementText) announcement(id uuid.UUID) admin.Announcement {
	n := admin.Announcement{ID: id, Level: t.Level, Text: t.Text, EndsAt: t.EndsAt}
	if t.StartsAt != nil {
		n.StartsAt = *t.StartsAt
	}
	return n
}

func wireAnnouncement(n admin.Announcement) Announcement {
	out := Announcement{ID: n.ID.String(), Level: n.Level, Text: n.Text, StartsAt: n.StartsAt.UTC(), EndsAt: n.EndsAt}
	if n.EndsAt != nil {
		out.EndsAt = new(n.EndsAt.UTC())
	}
	return out
}

// AnnouncementParam names an announcement in a path.
type AnnouncementParam struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

func (s *Server) announcementRoutes() {
	register(s, operation{
		id: "listAnnouncements", method: http.MethodGet, path: "/api/announcements", tag: "Account", summary: "What everybody is told now",
		description: "A new one shows within 10 seconds.",
	}, func(ctx context.Context, _ auth.User, _ *struct{}) (*struct{ Body AnnouncementList }, error) {
		list, err := s.admin.Shown(ctx)
		out := AnnouncementList{make([]Announcement, len(list))}
		for i, n := range list {
			out.Announcements[i] = wireAnnouncement(n)
		}
		return &struct{ Body AnnouncementList }{out}, err
	})
}

func (s *Server) adminAnnouncementRoutes() {
	const base = "/api/admin/announcements"
	registerAdmin(s, operation{
		id: "listAllAnnouncements", method: http.MethodGet, path: base, summary: "List announcements",
		description: "The newest 200, those that are over or yet to come too.",
	}, func(ctx context.Context, a admin.Admin, _ *struct{}) (*struct{ Body AdminAnnouncementList }, error) {
		list, err := s.admin.Announcements(ctx, a)
		out := AdminAnnouncementList{make([]AdminAnnouncement, len(list))}
		for i, n := range list {
			out.Announcements[i] = AdminAnnouncement{wireAnnouncement(n), n.CreatedAt.UTC(), n.UpdatedAt.UTC()}
		}
		return &struct{ Body AdminAnnouncementList }{out}, err
	})

	registerAdmin(s, operation{
		id: "announce", method: http.MethodPost, path: base, summary: "Tell everybody something", status: http.StatusCreated,
	}, func(ctx context.Context, a admin.Admin, in *struct{ Body AnnouncementText }) (*struct{ Body AnnouncementMade }, error) {
		id, err := s.admin.Announce(ctx, a, in.Body.announcement(uuid.Nil))
		return &struct{ Body AnnouncementMade }{AnnouncementMade{id.String()}}, err
	})

	registerAdmin(s, operation{
		id: "changeAnnouncement", method: http.MethodPut, path: base + "/{id}", summary: "Change an announcement",
		description: "Who has put it away does not see it again.",
	}, func(ctx context.Context, a admin.Admin, in *struct {
		AnnouncementParam
		Body AnnouncementText
	}) (*struct{}, error) {
		return nil, s.admin.ChangeAnnouncement(ctx, a, in.Body.announcement(in.ID))
	})

	registerAdmin(s, operation{
		id: "removeAnnouncement", method: http.MethodDelete, path: base + "/{id}", summary: "Take an announcement away",
	}, func(ctx context.Context, a admin.Admin, in *AnnouncementParam) (*struct{}, error) {
		return nil, s.admin.RemoveAnnouncement(ctx, a, in.ID)
	})
}
