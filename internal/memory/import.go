package memory

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"twobrains/internal/auth"
	"twobrains/internal/tenant"
)

// Imported says what became of notes from elsewhere.
type Imported struct {
	Taken int
	// Already are those that were there, by their ids or by what they say.
	Already int
	// Full are those beyond MaxNotes.
	Full []uuid.UUID
}

// Valid says whether a note from elsewhere can be stored, and gives it the form that it needs for that.
func (n *Note) Valid() bool {
	content, complaint := clean(n.Content)
	n.Content = content
	return complaint == "" && n.ID != uuid.Nil
}

// Import stores notes that are Valid with their ids and times; those that lack a time get now's. The first ones come first where there is no
// room for all.
func (s *Service) Import(ctx context.Context, user auth.User, notes []Note) (Imported, error) {
	var done Imported
	err := s.write(ctx, user, func(tx *tenant.Tx, there []Note) error {
		done = Imported{}
		ids := make(map[uuid.UUID]bool, len(there)+len(notes))
		for _, n := range there {
			ids[n.ID] = true
		}
		var added []Note
		for _, n := range notes {
			switch {
			case ids[n.ID] || find(there, n.Content) >= 0:
				done.Already++
				continue
			case len(there) >= MaxNotes:
				done.Full = append(done.Full, n.ID)
				continue
			}
			ids[n.ID] = true
			n.CreatedAt, n.UpdatedAt = s.orNow(n.CreatedAt), s.orNow(n.UpdatedAt)
			there, added = append(there, n), append(added, n)
		}
		if len(added) > 0 {
			done.Taken = len(added)
			s.queueAdd(ctx, tx, added)
		}
		return nil
	})
	if err != nil {
		return Imported{}, fmt.Errorf("import notes: %w", err)
	}
	return done, nil
}

func (s *Service) orNow(at time.Time) time.Time {
	if at.IsZero() {
		return s.now()
	}
	return at.UTC()
}
