package admin

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"twobrains/internal/problem"
	"twobrains/internal/publicdb"
	"twobrains/internal/tenant"
)

// Announcement is what everybody is told in a banner.
type Announcement struct {
	ID uuid.UUID
	// Level is "info", "warning" or "critical".
	Level string
	// Text is plain, 1000 characters at most.
	Text string
	// It is in force from StartsAt until EndsAt; nil: until it is removed.
	StartsAt time.Time
	EndsAt   *time.Time
	// CreatedAt and UpdatedAt are zero in what everybody gets.
	CreatedAt, UpdatedAt time.Time
}

const (
	maxAnnouncement = 1000
	// maxAnnouncements are listed, and a tenth of them shown: nobody reads more.
	maxAnnouncements = 200
)

var announcementLevels = []string{"info", "warning", "critical"}

// Announcements lists the newest 200, those that are over too.
func (s *Service) Announcements(ctx context.Context, a Admin) ([]Announcement, error) {
	var rows *tenant.Result[[]publicdb.Announcement]
	err := s.Tx(ctx, a, func(tx *tenant.Tx) error {
		rows = tenant.Queue(tx, func(db tenant.DBTX) ([]publicdb.Announcement, error) {
			return s.q.AnnouncementList(ctx, db, maxAnnouncements)
		}).Public()
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list announcements: %w", err)
	}
	list := make([]Announcement, len(rows.Value()))
	for i, r := range rows.Value() {
		list[i] = Announcement{r.ID, r.Level, r.Text, r.StartsAt, r.EndsAt, r.CreatedAt, r.UpdatedAt}
	}
	return list, nil
}

// Announce makes an announcement; one without a beginning begins now. Problem CodeInvalid.
func (s *Service) Announce(ctx context.Context, a Admin, n Announcement) (uuid.UUID, error) {
	now := s.opts.Clock()
	if n.StartsAt.IsZero() {
		n.StartsAt = now
	}
	if err := n.check(now); err != nil {
		return uuid.Nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return uuid.Nil, fmt.Errorf("make id: %w", err)
	}
	err = s.Tx(ctx, a, func(tx *tenant.Tx) error {
		tenant.QueueExec(tx, func(db tenant.DBTX) error {
			return s.q.AnnouncementAdd(ctx, db, publicdb.AnnouncementAddParams{ID: id, Level: n.Level, Text: n.Text, StartsAt: n.StartsAt, EndsAt: n.EndsAt})
		}).Public()
		return nil
	})
	s.shown.forget()
	return id, err
}

// ChangeAnnouncement puts another in its place; without a beginning, it keeps its own. Problems: CodeInvalid; CodeNotFound: there is none.
func (s *Service) ChangeAnnouncement(ctx context.Context, a Admin, n Announcement) error {
	if err := n.check(s.opts.Clock()); err != nil {
		return err
	}
	p := publicdb.AnnouncementChangeParams{ID: n.ID, Level: n.Level, Text: n.Text, EndsAt: n.EndsAt}
	if !n.StartsAt.IsZero() {
		p.StartsAt = &n.StartsAt
	}
	err := s.changeOne(ctx, a, errNoAnnouncement, func(db tenant.DBTX) (int64, error) { return s.q.AnnouncementChange(ctx, db, p) })
	s.shown.forget()
	if tenant.HasState(err, "23514") { // against the beginning that it keeps
		return errAnnouncement().Field("endsAt", "must be after it begins").Because(err)
	}
	return err
}

// RemoveAnnouncement takes it away. Problem CodeNotFound: there is none.
func (s *Service) RemoveAnnouncement(ctx context.Context, a Admin, id uuid.UUID) error {
	err := s.changeOne(ctx, a, errNoAnnouncement, func(db tenant.DBTX) (int64, error) { return s.q.AnnouncementRemove(ctx, db, id) })
	s.shown.forget()
	return err
}

// changeOne runs a statement that changes one row, or answers that there is none.
func (s *Service) changeOne(ctx context.Context, a Admin, none func() *problem.Error, statement func(tenant.DBTX) (int64, error)) error {
	return s.Tx(ctx, a, func(tx *tenant.Tx) error {
		n, err := tenant.Queue(tx, statement).Public().Get()
		if err == nil && n == 0 {
			return none()
		}
		return err
	})
}

func (n *Announcement) check(now time.Time) error {
	invalid := errAnnouncement()
	n.Text = strings.TrimSpace(n.Text)
	if !slices.Contains(announcementLevels, n.Level) {
		invalid.Field("level", "must be one of "+strings.Join(announcementLevels, ", "))
	}
	if size := utf8.RuneCountInString(n.Text); size < 1 || size > maxAnnouncement || strings.ContainsRune(n.Text, 0) {
		invalid.Field("text", fmt.Sprintf("must have 1 to %d characters", maxAnnouncement))
	}
	switch {
	case n.EndsAt == nil:
	case !n.EndsAt.After(now):
		invalid.Field("endsAt", "must not be past")
	case !n.StartsAt.IsZero() && !n.EndsAt.After(n.StartsAt):
		invalid.Field("endsAt", "must be after it begins")
	}
	if len(invalid.Fields) > 0 {
		return invalid
	}
	return nil
}

func errAnnouncement() *problem.Error {
	return problem.New(problem.CodeInvalid, "The announcement cannot be like this.")
}

func errNoAnnouncement() *problem.Error {
	return problem.New(problem.CodeNotFound, "There is no such announcement.")
}
