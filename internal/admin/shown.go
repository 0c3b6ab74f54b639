package admin

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"twobrains/internal/tenant"
)

// shownFor is how old what everybody is shown may be: a process asks the database that often, however many users there are.
const shownFor = 10 * time.Second

// shown is what a process remembers of the announcements.
type shown struct {
	flight singleflight.Group

	mu   sync.Mutex
	list []Announcement
	at   time.Time
}

func (c *shown) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = time.Time{}
}

func (c *shown) known() ([]Announcement, time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.list, c.at
}

// Shown are the announcements in force, newest first. What another process has changed shows within 10 seconds. While the database is
// away, those count that were known last.
func (s *Service) Shown(ctx context.Context) ([]Announcement, error) {
	now := s.opts.Clock()
	list, at := s.shown.known()
	if now.Sub(at) >= shownFor || now.Before(at) {
		asked := s.shown.flight.DoChan("", func() (any, error) { return s.readShown(context.WithoutCancel(ctx), now) })
		select {
		case answer := <-asked:
			switch {
			case answer.Err == nil:
				list, _ = answer.Val.([]Announcement)
			case at.IsZero() && list == nil:
				return nil, answer.Err
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return slices.DeleteFunc(slices.Clone(list), func(n Announcement) bool {
		return n.StartsAt.After(now) || n.EndsAt != nil && !n.EndsAt.After(now)
	}), nil
}

func (s *Service) readShown(ctx context.Context, now time.Time) (list []Announcement, err error) {
	ctx, cancel := context.WithTimeout(ctx, shownFor)
	defer cancel()
	err = s.db.Public(ctx, func(tx *tenant.Tx) error {
		rows, err := s.q.AnnouncementsToShow(ctx, tx, maxAnnouncements/10)
		list = make([]Announcement, len(rows))
		for i, r := range rows {
			list[i] = Announcement{ID: r.ID, Level: r.Level, Text: r.Text, StartsAt: r.StartsAt, EndsAt: r.EndsAt}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read announcements: %w", err)
	}
	s.shown.mu.Lock()
	defer s.shown.mu.Unlock()
	s.shown.list, s.shown.at = list, now
	return list, nil
}
