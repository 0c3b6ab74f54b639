// Package memory keeps notes that models get to know in every conversation of a user who wants that: what the user wrote down, and what a
// model wrote with the user's consent. It holds users to a number of notes, and makes of them what stands in a prompt and the tool
// by which models change them. Whether a user wants any of that is one of their settings.
package memory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"twobrains/internal/auth"
	"twobrains/internal/problem"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
)

const (
	// MaxNotes is how many a user may have.
	MaxNotes = 200
	// MaxContent bounds a note, in characters. The table's definition says the same.
	MaxContent = 400
)

// Note is one thing to remember.
type Note struct {
	ID uuid.UUID
	// Content has 1 to MaxContent characters, without space around it.
	Content string
	// ByModel says whose words it is in: a model's, which the user has approved, or the user's own.
	ByModel bool
	// ConversationID is where a model wrote it; empty for the user's words, and once that conversation is gone.
	ConversationID string
	CreatedAt      time.Time
	UpdatedAt      time.Time
}

// Options of a Service. DB is required.
type Options struct {
	DB *tenant.DB
	// Clock is time.Now unless a test says otherwise.
	Clock func() time.Time
}

// Service keeps notes. It holds no state and is safe for concurrent use. Errors are *problem.Error where they have a public face.
type Service struct {
	db  *tenant.DB
	q   *tenantdb.Queries
	now func() time.Time
}

// New makes a Service.
func New(o Options) *Service {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	// Microseconds are what the database keeps.
	return &Service{db: o.DB, q: tenantdb.New(), now: func() time.Time { return o.Clock().UTC().Truncate(time.Microsecond) }}
}

// List returns all notes, newest first.
func (s *Service) List(ctx context.Context, user auth.User) ([]Note, error) {
	var rows *tenant.Result[[]tenantdb.MemoryListRow]
	err := s.db.Tx(ctx, user, func(tx *tenant.Tx) error {
		rows = tenant.Queue(tx, func(db tenant.DBTX) ([]tenantdb.MemoryListRow, error) { return s.q.MemoryList(ctx, db) }).Proves()
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list notes: %w", err)
	}
	return notesOf(rows.Value()), nil
}

// Add stores a note in the user's words, and returns the one that says the same if there is one. Errors: CodeInvalid, and
// CodeMemoryFull where there are MaxNotes.
func (s *Service) Add(ctx context.Context, user auth.User, content string) (Note, error) {
	content, err := checked(content)
	if err != nil {
		return Note{}, err
	}
	var note Note
	err = s.write(ctx, user, func(tx *tenant.Tx, notes []Note) error {
		if i := find(notes, content); i >= 0 {
			note = notes[i]
			return nil
		}
		note, err = s.add(ctx, tx, notes, Note{Content: content})
		return err
	})
	if err != nil {
		return Note{}, fmt.Errorf("store note: %w", err)
	}
	return note, nil
}

// Update gives a note other words, which are the user's. Errors: CodeInvalid, and CodeNotFound if the user has no such note.
func (s *Service) Update(ctx context.Context, user auth.User, id uuid.UUID, content string) (Note, error) {
	content, err := checked(content)
	if err != nil {
		return Note{}, err
	}
	note := Note{ID: id, Content: content, UpdatedAt: s.now()}
	var created *tenant.Result[time.Time]
	err = s.db.Tx(ctx, user, func(tx *tenant.Tx) error {
		created = s.queueUpdate(ctx, tx, note)
		return nil
	})
	switch {
	case err != nil:
		return Note{}, fmt.Errorf("change note: %w", err)
	case errors.Is(created.Err(), pgx.ErrNoRows):
		return Note{}, errNone()
	}
	note.CreatedAt = created.Value().UTC()
	return note, nil
}

// Delete removes a note; CodeNotFound if the user has no such note.
func (s *Service) Delete(ctx context.Context, user auth.User, id uuid.UUID) error {
	var deleted *tenant.Result[int64]
	err := s.db.Tx(ctx, user, func(tx *tenant.Tx) error {
		deleted = s.queueDelete(ctx, tx, id)
		return nil
	})
	if err != nil {
		return fmt.Errorf("delete note: %w", err)
	}
	if deleted.Value() == 0 {
		return errNone()
	}
	return nil
}

// Clear removes all notes. There need not be any.
func (s *Service) Clear(ctx context.Context, user auth.User) error {
	err := s.db.Tx(ctx, user, func(tx *tenant.Tx) error {
		tenant.Queue(tx, func(db tenant.DBTX) (int64, error) { return s.q.MemoryClear(ctx, db) }).Proves()
		return nil
	})
	if err != nil {
		return fmt.Errorf("delete notes: %w", err)
	}
	return nil
}

// write calls do with all notes while nobody else writes any of this user's.
func (s *Service) write(ctx context.Context, user auth.User, do func(tx *tenant.Tx, notes []Note) error) error {
	return s.db.Tx(ctx, user, func(tx *tenant.Tx) error {
		tenant.QueueExec(tx, func(db tenant.DBTX) error { return s.q.MemoryLock(ctx, db) })
		rows, err := tenant.Queue(tx, func(db tenant.DBTX) ([]tenantdb.MemoryListRow, error) { return s.q.MemoryList(ctx, db) }).Get()
		if err != nil {
			return err
		}
		return do(tx, notesOf(rows))
	})
}

// add queues a new note beside those that there are.
func (s *Service) add(ctx context.Context, tx *tenant.Tx, notes []Note, n Note) (Note, error) {
	if len(notes) >= MaxNotes {
		return Note{}, problem.Newf(problem.CodeMemoryFull, "There may be %d notes; delete some first.", MaxNotes)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Note{}, fmt.Errorf("make id: %w", err)
	}
	n.ID, n.CreatedAt = id, s.now()
	n.UpdatedAt = n.CreatedAt
	s.queueAdd(ctx, tx, []Note{n})
	return n, nil
}

func (s *Service) queueAdd(ctx context.Context, tx *tenant.Tx, notes []Note) {
	var p tenantdb.MemoryAddParams
	for _, n := range notes {
		p.Ids, p.Contents, p.ByModel = append(p.Ids, n.ID), append(p.Contents, n.Content), append(p.ByModel, n.ByModel)
		p.ConversationIds = append(p.ConversationIds, n.ConversationID)
		p.CreatedAt, p.UpdatedAt = append(p.CreatedAt, n.CreatedAt), append(p.UpdatedAt, n.UpdatedAt)
	}
	tenant.Queue(tx, func(db tenant.DBTX) (int64, error) { return s.q.MemoryAdd(ctx, db, p) }).Proves()
}

func (s *Service) queueUpdate(ctx context.Context, tx *tenant.Tx, n Note) *tenant.Result[time.Time] {
	return tenant.Queue(tx, func(db tenant.DBTX) (time.Time, error) {
		return s.q.MemoryUpdate(ctx, db, tenantdb.MemoryUpdateParams{
			ID: n.ID, Content: n.Content, ByModel: n.ByModel, ConversationID: n.ConversationID, Now: n.UpdatedAt,
		})
	}).Proves()
}

func (s *Service) queueDelete(ctx context.Context, tx *tenant.Tx, id uuid.UUID) *tenant.Result[int64] {
	return tenant.Queue(tx, func(db tenant.DBTX) (int64, error) { return s.q.MemoryDelete(ctx, db, id) }).Proves()
}

func notesOf(rows []tenantdb.MemoryListRow) []Note {
	notes := make([]Note, len(rows))
	for i, r := range rows {
		notes[i] = Note{
			ID: r.ID, Content: r.Content, ByModel: r.ByModel, ConversationID: r.ConversationID,
			CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
		}
	}
	return notes
}

// find is the place of a note that says the same, however it is spaced; -1: there is none.
func find(notes []Note, content string) int {
	folded := strings.Join(strings.Fields(content), " ")
	return slices.IndexFunc(notes, func(n Note) bool { return strings.Join(strings.Fields(n.Content), " ") == folded })
}

// clean takes the space around a text away and says what keeps it from being a note; empty: nothing.
func clean(content string) (cleaned, complaint string) {
	content = strings.TrimSpace(strings.ReplaceAll(content, "\r\n", "\n"))
	switch {
	case strings.ContainsRune(content, 0):
		return "", "must not contain the character U+0000"
	case !utf8.ValidString(content):
		return "", "must be UTF-8"
	case strings.TrimFunc(content, func(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) }) == "":
		return "", "must not be empty"
	case utf8.RuneCountInString(content) > MaxContent:
		return "", fmt.Sprintf("must have at most %d characters", MaxContent)
	}
	return content, ""
}

func checked(content string) (string, error) {
	content, complaint := clean(content)
	if complaint != "" {
		return "", problem.New(problem.CodeInvalid, "This note is not possible.").Field("content", complaint)
	}
	return content, nil
}

// ParseID reads the id of a note as Note.ID is written; CodeNotFound if it cannot be one.
func ParseID(text string) (uuid.UUID, error) {
	id, err := uuid.Parse(text)
	if err != nil || id.String() != text {
		return uuid.Nil, errNone()
	}
	return id, nil
}

func errNone() error { return problem.New(problem.CodeNotFound, "There is no such note.") }
