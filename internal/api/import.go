package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"twobrains/internal/account/spool"
	"twobrains/internal/account/transfer"
	"twobrains/internal/auth"
	"twobrains/internal/problem"
	"twobrains/internal/secret"
)

// Import is the wire form of the last import.
type Import struct {
	ID        string        `json:"id" format:"uuid"`
	State     string        `json:"state" enum:"waiting,running,done,failed,cancelled"`
	Progress  Progress      `json:"progress" doc:"In messages."`
	CreatedAt time.Time     `json:"createdAt"`
	EndedAt   *time.Time    `json:"endedAt" doc:"Null: it is under way."`
	ErrorCode *string       `json:"errorCode" doc:"Why the last attempt failed, if one did."`
	Report    *ImportReport `json:"report" doc:"Null unless it is done."`
}

// ImportReport is the wire form of transfer.Report.
type ImportReport struct {
	Kind          *string         `json:"kind" enum:"twobrains,chatgpt,claude" doc:"Where the file comes from; null: it was refused before that was known."`
	Conversations ImportTally     `json:"conversations"`
	Messages      ImportTally     `json:"messages"`
	Attachments   ImportTally     `json:"attachments"`
	Memories      ImportTally     `json:"memories" doc:"Notes."`
	Skipped       []ImportSkipped `json:"skipped" doc:"What was not taken, by reason."`
	Refused       *ImportRefused  `json:"refused" doc:"Why the file was not read, or not to its end; what was taken before stays. Null: it was read."`
}

// ImportTally counts what an import took.
type ImportTally struct {
	Taken   int `json:"taken"`
	Already int `json:"already" doc:"What was here before."`
}

// ImportSkipped counts what was not taken for a reason.
type ImportSkipped struct {
	Reason   string   `json:"reason" enum:"empty,system,tool,file,content,unreadable,not_storable,id_taken,run_active,storage_full,memory_full,not_imported"`
	Count    int      `json:"count"`
	Examples []string `json:"examples" doc:"Ids of the first ones, as they are in the file."`
}

// ImportRefused says why a file is not read.
type ImportRefused struct {
	Code  string `json:"code" enum:"not_an_archive,unknown_format,incomplete,damaged,newer_format,path_outside,duplicate_entry,nested_archive,too_compressed,too_large,wrong_encoding,encrypted,malformed_json,conversation_too_large"`
	Where string `json:"where" doc:"The entry of the archive; empty: the file itself."`
}

const importPath = "/api/account/import"

// importRoutes take in files of this program and of others.
func (s *Server) importRoutes() {
	s.app.Post(importPath, s.authenticate(nil), s.beginImport)
	schemas := s.api.OpenAPI().Components.Schemas
	op := &huma.Operation{
		OperationID: "beginImport", Method: http.MethodPost, Path: importPath, Tags: []string{accountTag}, Summary: "Import a file",
		Description: "The body is the file itself: an export of this program, or one of ChatGPT or Claude (the ZIP, or conversations.json). It is read in the " +
			"background. What is here already, by the ids of messages, stays as it is, so an import may be repeated.",
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"*/*": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}},
		Responses:   problems(schemas, codesBody, []problem.Code{problem.CodeConflict}),
	}
	op.Responses["202"] = &huma.Response{Description: http.StatusText(http.StatusAccepted), Content: map[string]*huma.MediaType{
		"application/json": {Schema: schemas.Schema(reflect.TypeFor[Import](), true, "")},
	}}
	s.api.OpenAPI().AddOperation(op)

	register(s, operation{
		id: "getImport", method: http.MethodGet, path: importPath, tag: accountTag, summary: "How far the last import is, and what it took",
		codes: []problem.Code{problem.CodeNotFound},
	}, func(ctx context.Context, user auth.User, _ *struct{}) (*struct{ Body Import }, error) {
		status, err := s.transfers.Import(ctx, user)
		return &struct{ Body Import }{wireImport(status)}, err
	})
}

func wireImport(st transfer.Status) Import {
	i := Import{
		ID: st.ID.String(), State: string(st.State), Progress: Progress{st.Done, st.Total}, CreatedAt: st.CreatedAt.UTC(), EndedAt: inUTC(st.EndedAt),
		ErrorCode: orNull(st.ErrorCode),
	}
	r := st.Report
	if r == nil {
		return i
	}
	i.Report = &ImportReport{
		Kind: orNull(string(r.Kind)), Conversations: ImportTally(r.Conversations), Messages: ImportTally(r.Messages), Attachments: ImportTally(r.Attachments),
		Memories: ImportTally(r.Memories),
		Skipped:  make([]ImportSkipped, len(r.Skipped)),
	}
	for n, skipped := range r.Skipped {
		i.Report.Skipped[n] = ImportSkipped{string(skipped.Reason), skipped.Count, skipped.Examples}
	}
	if r.Refused != nil {
		i.Report.Refused = &ImportRefused{string(r.Refused.Code), r.Refused.Where}
	}
	return i
}

// beginImport reads a file piece by piece into the spool. What can be refused without its bytes is refused before.
func (s *Server) beginImport(c *fiber.Ctx) error {
	if len(c.Context().QueryArgs().QueryString()) > 0 {
		return problem.New(problem.CodeInvalid, "The request has members that are not acceptable.").Field("query", "must be empty")
	}
	if err := checkUploadForm(c.Get(fiber.HeaderContentType), c.Get(fiber.HeaderContentEncoding)); err != nil {
		return err
	}
	length := int64(c.Request().Header.ContentLength())
	if length > s.transfers.MaxImport() {
		return problem.Newf(problem.CodeTooLarge, "The file is too large: it may have %d MiB.", s.transfers.MaxImport()>>20)
	}
	if length == 0 || c.Context().RequestBodyStream() == nil {
		return problem.New(problem.CodeInvalid, "The file is empty.").Field("body", "must not be empty")
	}
	body := &pacedBody{from: c.Context().RequestBodyStream(), length: length, conn: c.Context().Conn()}
	// A file takes its time; what bounds it is the pace of its pieces.
	status, err := s.transfers.BeginImport(context.WithoutCancel(c.UserContext()), exchangeOf(c).user, body)
	if body.err != nil {
		return errBody(body.err)
	}
	if err != nil {
		return err
	}
	if body.ended {
		c.Locals(bodyTaken{}, true)
	}
	return c.Status(fiber.StatusAccepted).JSON(wireImport(status))
}

// pacedBody gives every piece of a body the time that it may take, and tells a body that is whole from one that was cut off: the HTTP
// server's stream ends in the same way.
type pacedBody struct {
	from io.Reader
	// length is what was announced, negative if nothing was.
	length, read int64
	conn         net.Conn
	until        time.Time
	ended        bool
	err          error
}

// Read implements io.Reader.
func (b *pacedBody) Read(p []byte) (int, error) {
	if time.Until(b.until) < uploadGrace/2 { // not for every read
		b.until = time.Now().Add(uploadGrace)
		if err := b.conn.SetReadDeadline(b.until); err != nil {
			b.err = err
			return 0, err
		}
	}
	n, err := b.from.Read(p)
	b.read += int64(n)
	switch {
	case errors.Is(err, io.EOF) && b.read < b.length:
		b.err, err = io.ErrUnexpectedEOF, io.ErrUnexpectedEOF
	case errors.Is(err, io.EOF):
		b.ended = true
	case err != nil:
		b.err = err
	}
	return n, err
}

// wireTransfers makes exports and imports; the queue of jobs and storage are there.
func (a *App) wireTransfers(d *Deps, o AppOptions) error {
	ring, err := secret.ParseKeyRing(a.Config.Storage.MasterKeys)
	if err != nil {
		return fmt.Errorf("read master keys: %w", err)
	}
	limits := a.Config.Limits
	d.Transfers, err = transfer.New(transfer.Options{
		DB: a.DB, Jobs: a.Jobs, Files: spool.New(spool.Options{DB: a.DB, Ring: ring, Keep: limits.ExportKeep, Clock: o.Clock}),
		Program: o.Version, MaxImport: limits.ImportMaxBytes, AttachmentMax: limits.AttachmentMaxBytes, AttachmentTotal: int64(limits.AttachmentTotalBytes),
		Admit: d.Storage.Admit, Clock: o.Clock, Logger: a.Log,
	})
	if err != nil {
		return fmt.Errorf("make transfers: %w", err)
	}
	return nil
}
