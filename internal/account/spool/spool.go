// Package spool keeps files of users for a few days, on their way out of an account or into it. They stand in the public brain in
// pieces, so that any server can write, read and serve them, and each piece is sealed for its place: an analyst who may read the table,
// or whoever has a backup, sees sizes only. Nothing of a file is in memory but a piece or two.
package spool

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"twobrains/internal/auth"
	"twobrains/internal/problem"
	"twobrains/internal/publicdb"
	"twobrains/internal/secret"
	"twobrains/internal/tenant"
)

// PieceBytes is the size of all pieces of a file but its last: 4 ms of database each, and little enough for many at once.
const PieceBytes = 512 << 10

// Purpose of a file. A user has one complete file of each at most.
type Purpose string

// The purposes.
const (
	Export Purpose = "export"
	Import Purpose = "import"
)

const sealPurpose = secret.Purpose("twobrains/account-file/v1")

// stateGone is raised by FilePut.
const stateGone = "TB110"

// ErrGone says that a file is not there any more: expired, deleted, or replaced by a newer one.
var ErrGone = errors.New("the file is gone")

// Options of a Store; DB and Ring are required.
type Options struct {
	DB   *tenant.DB
	Ring *secret.KeyRing
	// Keep is how long a file is kept from its making on. Default three days.
	Keep time.Duration
	// Clock is time.Now unless a test says otherwise.
	Clock func() time.Time
}

// Store is safe for concurrent use.
type Store struct {
	o Options
	q *publicdb.Queries
}

// New makes a Store.
func New(o Options) *Store {
	if o.Keep == 0 {
		o.Keep = 72 * time.Hour
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return &Store{o: o, q: publicdb.New()}
}

// File is a complete one.
type File struct {
	ID uuid.UUID
	// Size is in bytes.
	Size                 int64
	CreatedAt, ExpiresAt time.Time
}

// Create begins a file. Until it is complete nobody can read it.
func (s *Store) Create(ctx context.Context, user auth.User, purpose Purpose) (*Writer, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("make id: %w", err)
	}
	now := s.o.Clock().UTC()
	err = s.o.DB.Tx(ctx, user, func(tx *tenant.Tx) error {
		tenant.Queue(tx, func(db tenant.DBTX) (int64, error) {
			return s.q.FileCreate(ctx, db, publicdb.FileCreateParams{ID: id, Purpose: string(purpose), CreatedAt: now, ExpiresAt: now.Add(s.o.Keep)})
		})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("create file: %w", err)
	}
	return &Writer{store: s, ctx: ctx, user: user, purpose: purpose, id: id, piece: make([]byte, 0, PieceBytes)}, nil
}

// Get describes a complete file; ErrGone if there is none of that id.
func (s *Store) Get(ctx context.Context, user auth.User, id uuid.UUID) (File, error) {
	var row *tenant.Result[publicdb.FileGetRow]
	err := s.o.DB.Tx(ctx, user, func(tx *tenant.Tx) error {
		row = tenant.Queue(tx, func(db tenant.DBTX) (publicdb.FileGetRow, error) {
			return s.q.FileGet(ctx, db, publicdb.FileGetParams{ID: id, Now: s.o.Clock()})
		})
		return nil
	})
	if err == nil && errors.Is(row.Err(), pgx.ErrNoRows) {
		err = ErrGone
	}
	if err != nil {
		return File{}, fmt.Errorf("look up file: %w", err)
	}
	r := row.Value()
	return File{ID: r.ID, Size: r.Bytes, CreatedAt: r.CreatedAt.UTC(), ExpiresAt: r.ExpiresAt.UTC()}, nil
}

// Piece reads the piece of a number, counted from 0. CodeSecretUnreadable: the master key it was sealed under is lost.
func (s *Store) Piece(ctx context.Context, user auth.User, id uuid.UUID, n int) ([]byte, error) {
	var row *tenant.Result[publicdb.FilePieceRow]
	err := s.o.DB.Tx(ctx, user, func(tx *tenant.Tx) error {
		row = tenant.Queue(tx, func(db tenant.DBTX) (publicdb.FilePieceRow, error) {
			return s.q.FilePiece(ctx, db, publicdb.FilePieceParams{FileID: id, N: int32(n)})
		})
		return nil
	})
	if err == nil && errors.Is(row.Err(), pgx.ErrNoRows) {
		err = ErrGone
	}
	if err != nil {
		return nil, fmt.Errorf("read file: %w", err)
	}
	plain, err := s.o.Ring.OpenFor(sealPurpose, place(id, n), secret.Sealed{KeyID: row.Value().KeyID, Ciphertext: row.Value().Ciphertext})
	if err != nil {
		return nil, problem.New(problem.CodeSecretUnreadable, "The file cannot be read any more; make a new one.").Because(err)
	}
	return plain, nil
}

// Delete removes a file, complete or not.
func (s *Store) Delete(ctx context.Context, user auth.User, id uuid.UUID) error {
	err := s.o.DB.Tx(ctx, user, func(tx *tenant.Tx) error {
		tenant.QueueExec(tx, func(db tenant.DBTX) error { return s.q.FileDelete(ctx, db, id) })
		return nil
	})
	if err != nil {
		return fmt.Errorf("delete file: %w", err)
	}
	return nil
}

// Tidy removes everybody's files that have expired.
func (s *Store) Tidy(ctx context.Context) error {
	err := s.o.DB.Public(ctx, func(tx *tenant.Tx) error {
		tenant.QueueExec(tx, func(db tenant.DBTX) error { return s.q.FileTidy(ctx, db) })
		return nil
	})
	if err != nil {
		return fmt.Errorf("remove expired files: %w", err)
	}
	return nil
}

// place names one piece of one file, so that a piece opens nowhere else.
func place(id uuid.UUID, n int) uuid.UUID {
	return uuid.NewSHA1(id, binary.BigEndian.AppendUint32(nil, uint32(n)))
}

// Writer writes a file. It is an io.Writer for one goroutine.
type Writer struct {
	store   *Store
	ctx     context.Context //nolint:containedctx // io.Writer has no room for it
	user    auth.User
	purpose Purpose
	id      uuid.UUID
	piece   []byte
	n       int
	size    int64
}

// ID of the file.
func (w *Writer) ID() uuid.UUID { return w.id }

// Size is what was written so far.
func (w *Writer) Size() int64 { return w.size }

// Write implements io.Writer. ErrGone: the file was deleted meanwhile.
func (w *Writer) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		part := p[:min(len(p), PieceBytes-len(w.piece))]
		w.piece = append(w.piece, part...)
		w.size += int64(len(part))
		n, p = n+len(part), p[len(part):]
		if len(w.piece) == PieceBytes {
			if err := w.put(); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

func (w *Writer) put() error {
	sealed, err := w.store.o.Ring.SealFor(sealPurpose, place(w.id, w.n), w.piece)
	if err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	err = w.store.o.DB.Tx(w.ctx, w.user, func(tx *tenant.Tx) error {
		tenant.Queue(tx, func(db tenant.DBTX) (bool, error) {
			return w.store.q.FilePut(w.ctx, db, publicdb.FilePutParams{FileID: w.id, N: int32(w.n), Ciphertext: sealed.Ciphertext, KeyID: sealed.KeyID})
		})
		return nil
	})
	if tenant.HasState(err, stateGone) {
		err = ErrGone
	}
	if err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	w.n, w.piece = w.n+1, w.piece[:0]
	return nil
}

// Complete ends the file and removes earlier ones of its purpose.
func (w *Writer) Complete() (File, error) {
	if len(w.piece) > 0 {
		if err := w.put(); err != nil {
			return File{}, err
		}
	}
	s := w.store
	var done *tenant.Result[int64]
	err := s.o.DB.Tx(w.ctx, w.user, func(tx *tenant.Tx) error {
		done = tenant.Queue(tx, func(db tenant.DBTX) (int64, error) {
			return s.q.FileComplete(w.ctx, db, publicdb.FileCompleteParams{ID: w.id, Bytes: w.size})
		})
		tenant.QueueExec(tx, func(db tenant.DBTX) error {
			return s.q.FileDeleteOthers(w.ctx, db, publicdb.FileDeleteOthersParams{Purpose: string(w.purpose), Keep: w.id})
		})
		return nil
	})
	if err == nil && done.Value() == 0 {
		err = ErrGone
	}
	if err != nil {
		return File{}, fmt.Errorf("complete file: %w", err)
	}
	return s.Get(w.ctx, w.user, w.id)
}

// Abandon removes a file that is not to be completed, as well as it can: what stays expires.
func (w *Writer) Abandon() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), 5*time.Second)
	defer cancel()
	_ = w.store.Delete(ctx, w.user, w.id)
}

// Reader reads a file anywhere, for one goroutine.
type Reader struct {
	store *Store
	ctx   context.Context //nolint:containedctx // io.ReaderAt has no room for it
	user  auth.User
	file  File
	// recent pieces, the newest first: who reads a ZIP goes back and forth between two places.
	recent []piece
}

type piece struct {
	n    int
	data []byte
}

const recentPieces = 4

// Open makes a Reader of a complete file.
func (s *Store) Open(ctx context.Context, user auth.User, id uuid.UUID) (*Reader, error) {
	file, err := s.Get(ctx, user, id)
	if err != nil {
		return nil, err
	}
	return &Reader{store: s, ctx: ctx, user: user, file: file}, nil
}

// Size of the file, in bytes.
func (r *Reader) Size() int64 { return r.file.Size }

// ReadAt implements io.ReaderAt.
func (r *Reader) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("read file: negative offset")
	}
	for len(p) > 0 {
		if off >= r.file.Size {
			return n, io.EOF
		}
		data, err := r.load(int(off / PieceBytes))
		if err != nil {
			return n, err
		}
		start := int(off % PieceBytes)
		if start >= len(data) {
			return n, io.ErrUnexpectedEOF
		}
		c := copy(p, data[start:])
		n, off, p = n+c, off+int64(c), p[c:]
	}
	return n, nil
}

func (r *Reader) load(n int) ([]byte, error) {
	for i, p := range r.recent {
		if p.n == n {
			copy(r.recent[1:i+1], r.recent[:i])
			r.recent[0] = p
			return p.data, nil
		}
	}
	data, err := r.store.Piece(r.ctx, r.user, r.file.ID, n)
	if err != nil {
		return nil, err
	}
	if len(r.recent) < recentPieces {
		r.recent = append(r.recent, piece{})
	}
	copy(r.recent[1:], r.recent)
	r.recent[0] = piece{n, data}
	return data, nil
}
