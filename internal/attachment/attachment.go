// Package attachment keeps the files that a user sends along with messages, and those that models make, in the user's
// private brain. It decides what a file is from its bytes alone, holds uploads to a total per user, and gives a file back to
// nobody but its owner. Which messages refer to a file is the business of package chat.
package attachment

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"twobrains/internal/auth"
	"twobrains/internal/problem"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
)

// leastCounted is what a small file counts against the user's total, as in AttachmentTotal.
const leastCounted = 4096

// unclaimed is how long a file is kept that no message refers to.
const unclaimed = 24 * time.Hour

// Path is where attachments are served; URL and ParseURL add and read the id.
const Path = "/api/attachments"

// URL is the address of an attachment, as messages refer to it: a path on our own origin.
func URL(id uuid.UUID) string { return Path + "/" + id.String() }

// ParseURL reads what URL wrote. Nothing else is an attachment's address: no other spelling of it, no other origin.
func ParseURL(url string) (uuid.UUID, bool) {
	text, ok := strings.CutPrefix(url, Path+"/")
	if !ok {
		return uuid.Nil, false
	}
	id, err := uuid.Parse(text)
	if err != nil || id == uuid.Nil || URL(id) != url {
		return uuid.Nil, false
	}
	return id, true
}

// Attachment is a stored file without its bytes.
type Attachment struct {
	ID uuid.UUID
	// MediaType is one of Types, or what a provider called a file that its model made.
	MediaType string
	// Name has up to MaxName characters and no path; it is empty for what a model made.
	Name string
	// Size is in bytes.
	Size      int
	CreatedAt time.Time
}

// Options of a Service. DB, MaxBytes and TotalBytes are required.
type Options struct {
	DB *tenant.DB
	// MaxBytes bounds one file, TotalBytes all files of a user together.
	MaxBytes, TotalBytes int
	// Clock is time.Now unless a test says otherwise.
	Clock func() time.Time
}

// Service stores and reads attachments. It holds no state and is safe for concurrent use. Errors are *problem.Error where
// they have a public face.
type Service struct {
	o Options
	q *tenantdb.Queries
}

// New makes a Service.
func New(o Options) *Service {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return &Service{o: o, q: tenantdb.New()}
}

// MaxBytes bounds one file.
func (s *Service) MaxBytes() int { return s.o.MaxBytes }

// Create stores a file after finding out what it is; declared is the media type that the client gave it, empty if none.
// Errors: CodeInvalid (empty, bad name, too many pixels), CodeTooLarge, CodeUnsupportedMediaType, and CodeConflict where it
// would exceed the user's total. Files that no message has referred to for a day go first.
func (s *Service) Create(ctx context.Context, user auth.User, name, declared string, data []byte) (Attachment, error) {
	name, err := CleanName(name)
	if err != nil {
		return Attachment{}, err
	}
	if len(data) > s.o.MaxBytes {
		return Attachment{}, TooLarge(s.o.MaxBytes)
	}
	mediaType, err := Detect(name, declared, data)
	if err != nil {
		return Attachment{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Attachment{}, fmt.Errorf("make id: %w", err)
	}
	now := s.o.Clock().UTC()
	err = s.o.DB.Tx(ctx, user, func(tx *tenant.Tx) error {
		tenant.QueueExec(tx, func(db tenant.DBTX) error { return s.q.AttachmentLock(ctx, db) })
		tenant.QueueExec(tx, func(db tenant.DBTX) error { return s.q.AttachmentSweep(ctx, db, now.Add(-unclaimed)) })
		total := tenant.Queue(tx, func(db tenant.DBTX) (int64, error) { return s.q.AttachmentTotal(ctx, db) })
		if _, err := total.Get(); err != nil {
			return err
		}
		if total.Value()+int64(max(len(data), leastCounted)) > int64(s.o.TotalBytes) {
			return s.errFull()
		}
		tenant.Queue(tx, func(db tenant.DBTX) (int64, error) {
			return s.q.AttachmentCreate(ctx, db, tenantdb.AttachmentCreateParams{ID: id, MediaType: mediaType, Name: name, Data: data, Now: now})
		}).Proves()
		return nil
	})
	if err != nil {
		return Attachment{}, fmt.Errorf("store attachment: %w", err)
	}
	return Attachment{ID: id, MediaType: mediaType, Name: name, Size: len(data), CreatedAt: now}, nil
}

// Get returns an attachment; CodeNotFound if the user has none of that id.
func (s *Service) Get(ctx context.Context, user auth.User, id uuid.UUID) (Attachment, error) {
	var row *tenant.Result[tenantdb.AttachmentGetRow]
	err := s.o.DB.Tx(ctx, user, func(tx *tenant.Tx) error {
		row = tenant.Queue(tx, func(db tenant.DBTX) (tenantdb.AttachmentGetRow, error) { return s.q.AttachmentGet(ctx, db, id) }).Proves()
		return nil
	})
	if err != nil {
		return Attachment{}, fmt.Errorf("read attachment: %w", err)
	}
	if errors.Is(row.Err(), pgx.ErrNoRows) {
		return Attachment{}, errNone()
	}
	r := row.Value()
	return Attachment{ID: r.ID, MediaType: r.MediaType, Name: r.Name, Size: int(r.Size), CreatedAt: r.CreatedAt.UTC()}, nil
}

// Read returns up to count bytes of an attachment from first on, counted from 0. CodeNotFound: it is gone.
func (s *Service) Read(ctx context.Context, user auth.User, id uuid.UUID, first, count int) ([]byte, error) {
	var row *tenant.Result[[]byte]
	err := s.o.DB.Tx(ctx, user, func(tx *tenant.Tx) error {
		row = tenant.Queue(tx, func(db tenant.DBTX) ([]byte, error) {
			return s.q.AttachmentRead(ctx, db, tenantdb.AttachmentReadParams{ID: id, First: int32(first) + 1, Count: int32(count)})
		}).Proves()
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read attachment: %w", err)
	}
	if errors.Is(row.Err(), pgx.ErrNoRows) {
		return nil, errNone()
	}
	return row.Value(), nil
}

// Delete removes an attachment, whether or not messages refer to it; CodeNotFound if the user has none of that id.
func (s *Service) Delete(ctx context.Context, user auth.User, id uuid.UUID) error {
	var deleted *tenant.Result[int64]
	err := s.o.DB.Tx(ctx, user, func(tx *tenant.Tx) error {
		deleted = tenant.Queue(tx, func(db tenant.DBTX) (int64, error) { return s.q.AttachmentDelete(ctx, db, id) }).Proves()
		return nil
	})
	if err != nil {
		return fmt.Errorf("delete attachment: %w", err)
	}
	if deleted.Value() == 0 {
		return errNone()
	}
	return nil
}

func (s *Service) errFull() error {
	return problem.Newf(problem.CodeConflict,
		"Your attachments may have %s together, and this one would exceed that; delete some, or conversations that hold them.", bytesText(s.o.TotalBytes))
}

func errNone() error { return problem.New(problem.CodeNotFound, "There is no such attachment.") }

// TooLarge is the error for a file that has more than the bytes it may have.
func TooLarge(limit int) error {
	return problem.Newf(problem.CodeTooLarge, "The file is too large: it may have %s.", bytesText(limit))
}

// bytesText writes a number of bytes for people.
func bytesText(n int) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.4g MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.4g KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d bytes", n)
}
