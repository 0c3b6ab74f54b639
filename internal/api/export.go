package api

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"twobrains/internal/account/spool"
	"twobrains/internal/account/transfer"
	"twobrains/internal/auth"
	"twobrains/internal/problem"
)

// Export is the wire form of the last export.
type Export struct {
	ID        string      `json:"id" format:"uuid"`
	State     string      `json:"state" enum:"waiting,running,done,failed,cancelled,expired" doc:"expired: it was done, and its file is gone."`
	Progress  Progress    `json:"progress"`
	CreatedAt time.Time   `json:"createdAt"`
	EndedAt   *time.Time  `json:"endedAt" doc:"Null: it is under way."`
	ErrorCode *string     `json:"errorCode" doc:"Why the last attempt failed, if one did; it is tried again until the state is failed."`
	File      *ExportFile `json:"file" doc:"Null unless it is done."`
}

// Progress of a job.
type Progress struct {
	Done  int64 `json:"done"`
	Total int64 `json:"total" doc:"0: not known."`
}

// ExportFile is what an export made.
type ExportFile struct {
	URL           string    `json:"url" example:"/api/account/export/file"`
	Size          int64     `json:"size" doc:"In bytes."`
	ExpiresAt     time.Time `json:"expiresAt"`
	Conversations int64     `json:"conversations"`
	Messages      int64     `json:"messages"`
	Attachments   int64     `json:"attachments"`
}

const (
	accountTag     = "Account"
	exportPath     = "/api/account/export"
	exportFilePath = exportPath + "/file"
)

// exportRoutes make, show and give away the file with all that an account holds.
func (s *Server) exportRoutes() {
	type body struct{ Body Export }
	register(s, operation{
		id: "beginExport", method: http.MethodPost, path: exportPath, tag: accountTag, summary: "Export everything",
		description: "Makes a ZIP in the background; while one is being made, it answers with that one. Once done, its file takes the place of the last one.",
		status:      http.StatusAccepted,
	}, func(ctx context.Context, user auth.User, _ *struct{}) (*body, error) {
		status, err := s.transfers.BeginExport(ctx, user)
		return &body{wireExport(status)}, err
	})
	register(s, operation{
		id: "getExport", method: http.MethodGet, path: exportPath, tag: accountTag, summary: "How far the last export is",
		codes: []problem.Code{problem.CodeNotFound},
	}, func(ctx context.Context, user auth.User, _ *struct{}) (*body, error) {
		status, err := s.transfers.Export(ctx, user)
		return &body{wireExport(status)}, err
	})
	register(s, operation{
		id: "deleteExport", method: http.MethodDelete, path: exportPath, tag: accountTag, summary: "Stop the export, or delete its file",
	}, func(ctx context.Context, user auth.User, _ *struct{}) (*struct{}, error) {
		return nil, s.transfers.DeleteExport(ctx, user)
	})

	s.app.Get(exportFilePath, s.authenticate(nil), s.downloadExport)
	file := &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	op := &huma.Operation{
		OperationID: "getExportFile", Method: http.MethodGet, Path: exportFilePath, Tags: []string{accountTag}, Summary: "Download the exported file",
		Description: "Takes one range (Range, If-Range), so that a download that was broken off goes on; ETag names the file.",
		Responses:   problems(s.api.OpenAPI().Components.Schemas, []problem.Code{problem.CodeNotFound, problem.CodeSecretUnreadable}),
	}
	op.Responses["200"] = &huma.Response{Description: "The file.", Content: map[string]*huma.MediaType{"application/zip": file}}
	op.Responses["206"] = &huma.Response{Description: "The range.", Content: map[string]*huma.MediaType{"application/zip": file}}
	s.api.OpenAPI().AddOperation(op)
}

func wireExport(st transfer.Status) Export {
	e := Export{
		ID: st.ID.String(), State: string(st.State), Progress: Progress{st.Done, st.Total}, CreatedAt: st.CreatedAt.UTC(), EndedAt: inUTC(st.EndedAt),
		ErrorCode: orNull(st.ErrorCode),
	}
	if made := st.Export; made != nil {
		e.File = &ExportFile{
			URL: exportFilePath, Size: made.File.Size, ExpiresAt: made.File.ExpiresAt,
			Conversations: made.Counts.Conversations, Messages: made.Counts.Messages, Attachments: made.Counts.Attachments,
		}
	}
	return e
}

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func inUTC(at *time.Time) *time.Time {
	if at == nil {
		return nil
	}
	utc := at.UTC()
	return &utc
}

// downloadExport gives the file of the last export to whose it is.
func (s *Server) downloadExport(c *fiber.Ctx) error {
	user := exchangeOf(c).user
	status, err := s.transfers.Export(c.UserContext(), user)
	if err != nil {
		return err
	}
	if status.Export == nil {
		return problem.New(problem.CodeNotFound, "There is no exported file.")
	}
	file := status.Export.File
	etag := `"` + file.ID.String() + `"`
	c.Set(fiber.HeaderETag, etag)
	c.Set(fiber.HeaderCacheControl, "private, no-store")
	c.Set(fiber.HeaderContentSecurityPolicy, policyFile)
	c.Set(fiber.HeaderAcceptRanges, "bytes")
	c.Set(fiber.HeaderContentType, "application/zip")
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="export-`+file.CreatedAt.Format(time.DateOnly)+`.zip"`)
	first, end := 0, int(file.Size)
	if condition := strings.TrimSpace(c.Get(fiber.HeaderIfRange)); condition == "" || condition == etag {
		if from, to, ok := parseRange(c.Get(fiber.HeaderRange), end); ok {
			first, end = from, to
			c.Status(fiber.StatusPartialContent)
			c.Set(fiber.HeaderContentRange, fmt.Sprintf("bytes %d-%d/%d", first, end-1, file.Size))
		}
	}
	c.Context().SetBodyStream(&spoolBody{
		transfers: s.transfers, log: s.log, ctx: context.WithoutCancel(c.UserContext()), user: user, id: file.ID,
		next: first, end: end, conn: c.Context().Conn(),
	}, end-first)
	return nil
}

// spoolBody is fileBody for a file in the spool.
type spoolBody struct {
	transfers *transfer.Service
	log       *slog.Logger
	ctx       context.Context //nolint:containedctx // io.Reader has no room for it
	user      auth.User
	id        uuid.UUID
	next, end int
	rest      []byte
	conn      net.Conn
}

// Read cuts the connection on any error: the client sees that the file is not whole, and asks for the rest.
func (b *spoolBody) Read(p []byte) (n int, err error) {
	defer func() {
		if r := recover(); r != nil {
			b.log.ErrorContext(b.ctx, "download panicked", "panic", fmt.Sprintf("%T", r), "stack", string(debug.Stack()))
			n, err = 0, io.ErrUnexpectedEOF
		}
	}()
	if len(b.rest) == 0 {
		if b.next >= b.end {
			return 0, io.EOF
		}
		if err := b.fill(); err != nil {
			b.log.WarnContext(b.ctx, "download broken off", "error", err)
			return 0, err
		}
	}
	n = copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

func (b *spoolBody) fill() error {
	ctx, cancel := context.WithTimeout(b.ctx, requestTimeout)
	defer cancel()
	piece, err := b.transfers.Piece(ctx, b.user, b.id, b.next/spool.PieceBytes)
	if err != nil {
		return err
	}
	start := b.next % spool.PieceBytes
	if start >= len(piece) {
		return io.ErrUnexpectedEOF
	}
	b.rest = piece[start:min(len(piece), start+b.end-b.next)]
	b.next += len(b.rest)
	if err := b.conn.SetWriteDeadline(time.Now().Add(pieceTimeout)); err != nil {
		return fmt.Errorf("set write deadline: %w", err)
	}
	return nil
}
