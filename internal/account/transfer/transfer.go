// Package transfer moves whole accounts: it exports what a user has into one file, imports such files and those of other services, and
// restores and copies private brains for operators. What takes its time for users is done as jobs: a request begins one, any server does
// it, and files stand in the spool meanwhile.
package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"twobrains/internal/account/archive"
	"twobrains/internal/account/spool"
	"twobrains/internal/auth"
	"twobrains/internal/job"
	"twobrains/internal/problem"
	"twobrains/internal/tenant"
)

// Names of the kinds of jobs.
const (
	jobExport = "export"
	jobImport = "import"
)

// Options of a Service; DB, Jobs and Files are required.
type Options struct {
	DB    *tenant.DB
	Jobs  *job.Queue
	Files *spool.Store
	// Program is the version of this one.
	Program string
	// MaxImport bounds a file that is imported, in bytes. Default 2 GiB.
	MaxImport int64
	// AttachmentMax bounds one attachment, AttachmentTotal all of a user, in bytes; 0: no bound.
	AttachmentMax   int
	AttachmentTotal int64
	// Admit refuses, with CodeStorageFull, so many more bytes of a user; nil: there is no limit.
	Admit func(ctx context.Context, user auth.User, more int64) error
	// Clock is time.Now unless a test says otherwise.
	Clock func() time.Time
	// Logger defaults to slog.Default.
	Logger *slog.Logger
}

// Service is safe for concurrent use.
type Service struct{ o Options }

// New makes a Service and registers its kinds of jobs.
func New(o Options) (*Service, error) {
	if o.MaxImport == 0 {
		o.MaxImport = 2 << 30
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	s := &Service{o}
	for _, k := range []job.Kind{
		{Name: jobExport, Work: s.workExport, Parallel: 1, Keep: 1},
		{Name: jobImport, Work: s.workImport, Parallel: 1, Keep: 1},
	} {
		if err := o.Jobs.Register(k); err != nil {
			return nil, fmt.Errorf("register jobs: %w", err)
		}
	}
	return s, nil
}

// tidyEvery is how often expired files are looked for.
const tidyEvery = 30 * time.Minute

// Run removes expired files, everybody's, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	ticker := time.NewTicker(tidyEvery)
	defer ticker.Stop()
	for {
		if err := s.o.Files.Tidy(ctx); err != nil && ctx.Err() == nil {
			s.o.Logger.WarnContext(ctx, "expired files stay for now", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// Status of an export or import.
type Status struct {
	ID uuid.UUID
	// State is that of its job; StateExpired once the file of an export is gone.
	State job.State
	job.Progress
	ErrorCode string
	CreatedAt time.Time
	EndedAt   *time.Time
	// Export: what is in the file of one that is done.
	Export *Exported
	// Report of an import that is done.
	Report *Report
}

// StateExpired is that of an export whose file is gone.
const StateExpired job.State = "expired"

// Exported is what an export made.
type Exported struct {
	File   spool.File     `json:"-"`
	FileID uuid.UUID      `json:"fileId"`
	Counts archive.Counts `json:"counts"`
}

// BeginExport begins an export, unless one is under way: that one's status comes then. Its file takes the place of the last one's.
func (s *Service) BeginExport(ctx context.Context, user auth.User) (Status, error) {
	j, _, err := s.o.Jobs.Enqueue(ctx, user, job.Request{Kind: jobExport})
	if err != nil {
		return Status{}, fmt.Errorf("begin export: %w", err)
	}
	return statusOf(j), nil
}

// Export says how the last export is; CodeNotFound if there was none.
func (s *Service) Export(ctx context.Context, user auth.User) (Status, error) {
	j, err := s.last(ctx, user, jobExport)
	if err != nil {
		return Status{}, err
	}
	status := statusOf(j)
	if j.State != job.Done {
		return status, nil
	}
	var made Exported
	if err := json.Unmarshal(j.Result, &made); err != nil {
		return Status{}, fmt.Errorf("read result of export: %w", err)
	}
	made.File, err = s.o.Files.Get(ctx, user, made.FileID)
	if errors.Is(err, spool.ErrGone) {
		status.State = StateExpired
		return status, nil
	}
	status.Export = &made
	return status, err
}

// DeleteExport stops an export that is under way and removes the file of one that is done. There need not be any.
func (s *Service) DeleteExport(ctx context.Context, user auth.User) error {
	status, err := s.Export(ctx, user)
	if problem.HasCode(err, problem.CodeNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if status.EndedAt == nil {
		err := s.o.Jobs.Cancel(ctx, user, status.ID)
		if err != nil && !problem.HasCode(err, problem.CodeNotFound) {
			return fmt.Errorf("cancel export: %w", err)
		}
	}
	if status.Export != nil {
		return s.o.Files.Delete(ctx, user, status.Export.FileID)
	}
	return nil
}

// Read reads at most so many bytes of a file from an offset, for downloads: no further than to the end of the piece there. None: it ends
// before.
func (s *Service) Read(ctx context.Context, user auth.User, file uuid.UUID, from, most int) ([]byte, error) {
	piece, err := s.o.Files.Piece(ctx, user, file, from/spool.PieceBytes)
	if err != nil {
		return nil, err
	}
	rest := piece[min(from%spool.PieceBytes, len(piece)):]
	return rest[:min(most, len(rest))], nil
}

func (s *Service) last(ctx context.Context, user auth.User, kind string) (job.Job, error) {
	all, err := s.o.Jobs.List(ctx, user, kind, 1)
	if err != nil {
		return job.Job{}, fmt.Errorf("look up %s: %w", kind, err)
	}
	if len(all) == 0 {
		return job.Job{}, problem.Newf(problem.CodeNotFound, "There is no %s.", kind)
	}
	return all[0], nil
}

func statusOf(j job.Job) Status {
	return Status{ID: j.ID, State: j.State, Progress: j.Progress, ErrorCode: j.ErrorCode, CreatedAt: j.CreatedAt, EndedAt: j.EndedAt}
}

func (s *Service) workExport(ctx context.Context, r *job.Run) (any, error) {
	w, err := s.o.Files.Create(ctx, r.User, spool.Export)
	if err != nil {
		return nil, err
	}
	var m archive.Manifest
	err = s.o.DB.Snapshot(ctx, r.User, func(snapshot *tenant.Snapshot) (err error) {
		m, err = archive.Write(ctx, snapshot, w, archive.WriteOptions{Program: s.o.Program, Progress: func(done, total int64) error {
			r.Report(job.Progress{Phase: "write", Done: done, Total: total})
			return ctx.Err()
		}})
		return err
	})
	if err != nil {
		w.Abandon()
		return nil, err
	}
	file, err := w.Complete()
	if err != nil {
		w.Abandon()
		return nil, err
	}
	return Exported{FileID: file.ID, Counts: m.Counts}, nil
}

type importArguments struct {
	FileID uuid.UUID `json:"fileId"`
}

// MaxImport bounds a file that is imported, in bytes.
func (s *Service) MaxImport() int64 { return s.o.MaxImport }

// CheckImport refuses with CodeConflict while an import is under way: better so before its file is read.
func (s *Service) CheckImport(ctx context.Context, user auth.User) error {
	j, err := s.last(ctx, user, jobImport)
	if err == nil && !j.Ended() {
		return errImporting()
	}
	if problem.HasCode(err, problem.CodeNotFound) {
		return nil
	}
	return err
}

func errImporting() error {
	return problem.New(problem.CodeConflict, "An import is under way; wait for it to end.")
}

// BeginImport reads a file and begins to import it. Errors: CodeConflict while another one is under way, CodeTooLarge.
func (s *Service) BeginImport(ctx context.Context, user auth.User, file io.Reader) (Status, error) {
	if err := s.CheckImport(ctx, user); err != nil {
		return Status{}, err
	}
	w, err := s.o.Files.Create(ctx, user, spool.Import)
	if err != nil {
		return Status{}, err
	}
	status, err := s.receive(ctx, user, w, file)
	if err != nil {
		w.Abandon()
	}
	return status, err
}

func (s *Service) receive(ctx context.Context, user auth.User, w *spool.Writer, file io.Reader) (Status, error) {
	n, err := io.CopyBuffer(w, io.LimitReader(file, s.o.MaxImport+1), make([]byte, 64<<10))
	if errors.Is(err, spool.ErrGone) {
		return Status{}, errImporting()
	}
	if err != nil {
		return Status{}, fmt.Errorf("receive file: %w", err)
	}
	if n > s.o.MaxImport {
		return Status{}, problem.Newf(problem.CodeTooLarge, "The file is too large: it may have %d MiB.", s.o.MaxImport>>20)
	}
	if n == 0 {
		return Status{}, problem.New(problem.CodeInvalid, "The file is empty.").Field("body", "must not be empty")
	}
	if _, err := w.Complete(); err != nil {
		return Status{}, err
	}
	j, created, err := s.o.Jobs.Enqueue(ctx, user, job.Request{Kind: jobImport, Arguments: importArguments{w.ID()}})
	if err != nil {
		return Status{}, fmt.Errorf("begin import: %w", err)
	}
	if !created {
		return Status{}, errImporting()
	}
	return statusOf(j), nil
}

// Import says how the last import is; CodeNotFound if there was none.
func (s *Service) Import(ctx context.Context, user auth.User) (Status, error) {
	j, err := s.last(ctx, user, jobImport)
	if err != nil {
		return Status{}, err
	}
	status := statusOf(j)
	if j.State == job.Done {
		status.Report = &Report{}
		if err := json.Unmarshal(j.Result, status.Report); err != nil {
			return Status{}, fmt.Errorf("read report: %w", err)
		}
	}
	return status, nil
}

func (s *Service) workImport(ctx context.Context, r *job.Run) (any, error) {
	var args importArguments
	if err := r.Read(&args); err != nil {
		return nil, job.Permanent(err)
	}
	var report Report
	if read, err := r.Resume(&report); err != nil {
		return nil, err
	} else if read { // and its file perhaps removed
		s.forget(ctx, r.User, args.FileID)
		return report, nil
	}
	file, err := s.o.Files.Open(ctx, r.User, args.FileID)
	if errors.Is(err, spool.ErrGone) {
		return nil, job.Permanent(problem.New(problem.CodeNotFound, "The file of this import is gone; upload it again.").Because(err))
	}
	if err != nil {
		return nil, err
	}
	if report, err = s.read(ctx, r, file); err != nil {
		return nil, err
	}
	// A process that dies now leaves a job that is done, not one whose file is gone.
	if err := r.Save(ctx, report); err != nil {
		return nil, err
	}
	s.forget(ctx, r.User, args.FileID)
	return report, nil
}

// forget removes the file of an import, as well as it can.
func (s *Service) forget(ctx context.Context, user auth.User, file uuid.UUID) {
	if err := s.o.Files.Delete(ctx, user, file); err != nil {
		s.o.Logger.WarnContext(ctx, "file of an import stays until it expires", "error", err)
	}
}

func (s *Service) read(ctx context.Context, r *job.Run, file *spool.Reader) (Report, error) {
	a, err := archive.Open(file, file.Size())
	var refused *archive.Error
	if errors.As(err, &refused) {
		report := Report{Refused: &Refused{Code: refused.Code, Where: exampleOf(refused.Where)}}
		report.sort()
		return report, nil
	}
	if err != nil {
		return Report{}, err
	}
	total := int64(0)
	if a.Manifest != nil {
		total = a.Manifest.Counts.Messages
	}
	return Import(ctx, r.User, a, ImportOptions{
		DB: s.o.DB, AttachmentMax: s.o.AttachmentMax, AttachmentTotal: s.o.AttachmentTotal, Admit: s.o.Admit, Clock: s.o.Clock,
		Progress: func(messages int64) {
			r.Report(job.Progress{Phase: "read", Done: messages, Total: max(total, messages)})
		},
	})
}
