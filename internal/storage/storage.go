// Package storage says how much room a user's data take, and keeps users from taking more than they may.
package storage

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"

	"twobrains/internal/auth"
	"twobrains/internal/plan"
	"twobrains/internal/problem"
	"twobrains/internal/publicdb"
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
	// LimitBytes is what a user's data may take for whom no plan says it. 0: no limit.
	LimitBytes int64
	// Clock is time.Now unless a test says otherwise.
	Clock func() time.Time
}

// Service measures. It is safe for concurrent use.
type Service struct {
	o    Options
	q    *tenantdb.Queries
	p    *publicdb.Queries
	room *otter.Cache[uuid.UUID, measured]
}

// measured is what is known of a user with room left.
type measured struct {
	bytes int64
	// limit is nil where there is none.
	limit *int64
	at    time.Time
}

func (m measured) admits(more int64) bool { return m.limit == nil || m.bytes+more < *m.limit }

// New makes a Service.
func New(o Options) (*Service, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	cache, err := otter.New(&otter.Options[uuid.UUID, measured]{MaximumSize: users})
	if err != nil {
		return nil, fmt.Errorf("make cache: %w", err)
	}
	return &Service{o: o, q: tenantdb.New(), p: publicdb.New(), room: cache}, nil
}

// Usage is what a user's data take, in bytes.
type Usage struct {
	// Messages are those of all conversations, all versions included, and notes, as they are stored: long ones compressed.
	Messages int64
	// Attachments are files; a small one counts as 4 KiB.
	Attachments int64
	// Search is what is kept to find messages by their words.
	Search int64
	// Limit is what they may take together; nil: no limit.
	Limit *int64
}

// Total is what counts against the limit.
func (u Usage) Total() int64 { return u.Messages + u.Attachments + u.Search }

// Measure reads what a user's data take.
func (s *Service) Measure(ctx context.Context, user auth.User) (Usage, error) {
	var row *tenant.Result[tenantdb.StorageMeasureRow]
	var limits *tenant.Result[json.RawMessage]
	err := s.o.DB.Tx(ctx, user, func(tx *tenant.Tx) error {
		row = tenant.Queue(tx, func(db tenant.DBTX) (tenantdb.StorageMeasureRow, error) { return s.q.StorageMeasure(ctx, db) })
		limits = tenant.Queue(tx, func(db tenant.DBTX) (json.RawMessage, error) { return s.p.PlanLimits(ctx, db) }).Public()
		return nil
	})
	if err != nil {
		return Usage{}, fmt.Errorf("measure storage: %w", err)
	}
	may, err := plan.Read(limits.Value(), plan.Configured{StorageBytes: s.o.LimitBytes})
	if err != nil {
		return Usage{}, err
	}
	r := row.Value()
	return Usage{Messages: r.Messages, Attachments: r.Attachments, Search: r.Search, Limit: may.Storage}, nil
}

// Admit returns CodeStorageFull where so many more bytes would exceed the user's limit, or where it is exceeded already. It believes
// what this process has measured in the last ten minutes, and what it admitted since: what other replicas let in meanwhile goes beyond
// the limit, and a limit that was changed meanwhile counts from then on. Where there is no room it measures each time, so that deleting makes room at once.
func (s *Service) Admit(ctx context.Context, user auth.User, more int64) error {
	now := s.o.Clock()
	if known, ok := s.room.GetIfPresent(user.ID()); ok && now.Sub(known.at) < remembered && known.admits(more) {
		s.room.Set(user.ID(), measured{bytes: known.bytes + more, limit: known.limit, at: known.at})
		return nil
	}
	usage, err := s.Measure(ctx, user)
	if err != nil {
		return err
	}
	found := measured{bytes: usage.Total(), limit: usage.Limit, at: now}
	if !found.admits(more) {
		s.room.Invalidate(user.ID())
		return problem.Newf(problem.CodeStorageFull, "Your data may take %s, and there is no room left for this; delete conversations or files first.", bytesText(*found.limit))
	}
	found.bytes += more
	s.room.Set(user.ID(), found)
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
