// Package storage says how much room a user's data take, and keeps users from taking more than they may.
package storage

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"

	"twobrains/internal/auth"
	"twobrains/internal/problem"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
)

const (
	// remembered is how long a measurement is believed by which there is room. Measuring reads all of a user's rows: 1 ms for 1,000
	// messages.
	remembered = 10 * time.Minute
	// users is how many measurements a process remembers.
	users = 100_000
)

// Options of a Service. DB is required.
type Options struct {
	DB *tenant.DB
	// LimitBytes is what a user's data may take. 0: no limit.
	LimitBytes int64
	// Clock is time.Now unless a test says otherwise.
	Clock func() time.Time
}

// Service measures. It is safe for concurrent use.
type Service struct {
	o    Options
	q    *tenantdb.Queries
	room *otter.Cache[uuid.UUID, measured]
}

// measured is what is known of a user with room left.
type measured struct {
	bytes int64
	at    time.Time
}

// New makes a Service.
func New(o Options) (*Service, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	cache, err := otter.New(&otter.Options[uuid.UUID, measured]{MaximumSize: users})
	if err != nil {
		return nil, fmt.Errorf("make cache: %w", err)
	}
	return &Service{o: o, q: tenantdb.New(), room: cache}, nil
}

// Usage is what a user's data take, in bytes.
type Usage struct {
	// Messages are those of all conversations, all versions included, and notes, as they are stored: long ones compressed.
	Messages int64
	// Attachments are files; a small one counts as 4 KiB.
	Attachments int64
	// Search is what is kept to find messages by their words.
	Search int64
	// Limit is what they may take together; 0: no limit.
	Limit int64
}

// Total is what counts against the limit.
func (u Usage) Total() int64 { return u.Messages + u.Attachments + u.Search }

// Measure reads what a user's data take.
func (s *Service) Measure(ctx context.Context, user auth.User) (Usage, error) {
	var row *tenant.Result[tenantdb.StorageMeasureRow]
	err := s.o.DB.Tx(ctx, user, func(tx *tenant.Tx) error {
		row = tenant.Queue(tx, func(db tenant.DBTX) (tenantdb.StorageMeasureRow, error) { return s.q.StorageMeasure(ctx, db) })
		return nil
	})
	if err != nil {
		return Usage{}, fmt.Errorf("measure storage: %w", err)
	}
	r := row.Value()
	return Usage{Messages: r.Messages, Attachments: r.Attachments, Search: r.Search, Limit: s.o.LimitBytes}, nil
}

// Admit returns CodeStorageFull where so many more bytes would exceed the user's limit, or where it is exceeded already. It believes
// what this process has measured in the last ten minutes, and what it admitted since: what other replicas let in meanwhile goes beyond
// the limit. Where there is no room it measures each time, so that deleting makes room at once.
func (s *Service) Admit(ctx context.Context, user auth.User, more int64) error {
	if s.o.LimitBytes == 0 {
		return nil
	}
	now := s.o.Clock()
	if known, ok := s.room.GetIfPresent(user.ID()); ok && now.Sub(known.at) < remembered && known.bytes+more < s.o.LimitBytes {
		s.room.Set(user.ID(), measured{bytes: known.bytes + more, at: known.at})
		return nil
	}
	usage, err := s.Measure(ctx, user)
	if err != nil {
		return err
	}
	total := usage.Total() + more
	if total >= s.o.LimitBytes {
		s.room.Invalidate(user.ID())
		return problem.Newf(problem.CodeStorageFull, "Your data may take %s, and there is no room left for this; delete conversations or files first.", bytesText(s.o.LimitBytes))
	}
	s.room.Set(user.ID(), measured{bytes: total, at: now})
	return nil
}

// bytesText writes a number of bytes for people.
func bytesText(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.4g GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.4g MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.4g KiB", float64(n)/(1<<10))
}
