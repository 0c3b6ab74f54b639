package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

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
	Memories      int64     `json:"memories"`
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
			Memories: made.Counts.Memories,
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
	c.Set(fiber.HeaderContentType, "application/zip")
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="export-`+file.CreatedAt.Format(time.DateOnly)+`.zip"`)
	s.sendFile(c, etag, int(file.Size), func(ctx context.Context, from, most int) ([]byte, error) {
		return s.transfers.Read(ctx, user, file.ID, from, most)
	})
	return nil
}
