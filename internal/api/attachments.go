package api

import (
	"context"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"twobrains/internal/attachment"
	"twobrains/internal/auth"
	"twobrains/internal/problem"
)

// Attachment is the wire form of attachment.Attachment: what a file part of a message is made of, and more.
type Attachment struct {
	ID        string `json:"id" format:"uuid"`
	MediaType string `json:"mediaType" doc:"Found out from the bytes." example:"image/png"`
	Name      string `json:"name" doc:"As it is kept: without a path, at most 200 characters." example:"holiday.png"`
	Size      int    `json:"size" doc:"In bytes." example:"48213"`
	URL       string `json:"url" doc:"For file parts, and to read the file." example:"/api/attachments/0198c0de-7f00-7000-8000-000000000001"`
}

// AttachmentParam names an attachment in the path.
type AttachmentParam struct {
	ID string `path:"id" doc:"Id of the attachment."`
}

const (
	attachmentTag  = "Attachments"
	attachmentPath = attachment.Path + "/{id}"
	// uploadRooms is how many of the largest uploads fit into memory at once; a user has one of them.
	uploadRooms = 4
	// uploadPatience is how long an upload waits for its room.
	uploadPatience = 10 * time.Second
)

// attachments is what the routes of attachments need.
type attachments struct {
	*attachment.Service
	room *attachment.Room
}

func newAttachments(d Deps) *attachments {
	limits := d.Config.Limits
	return &attachments{
		Service: attachment.New(attachment.Options{
			DB: d.DB, MaxBytes: limits.AttachmentMaxBytes, TotalBytes: limits.AttachmentTotalBytes, Clock: d.Clock,
		}),
		room: attachment.NewRoom(uploadRooms*limits.AttachmentMaxBytes, limits.AttachmentMaxBytes),
	}
}

// attachmentRoutes take and give files. Both are raw handlers: an upload is read by nobody before its sender is known, and a
// download is read from the database piece by piece.
func (s *Server) attachmentRoutes() {
	s.app.Post(attachment.Path, s.authenticate(nil), s.upload)
	file := &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}
	s.documentFile(huma.Operation{
		OperationID: "uploadAttachment", Method: http.MethodPost, Path: attachment.Path,
		Summary: "Upload a file",
		Description: "The body is the file itself: PNG, JPEG, WebP, GIF, PDF, or text in UTF-8. Content-Type is checked against the bytes; without one, or with " +
			"application/octet-stream, they alone decide. Refer to the file in a message within 24 hours; after that an unused one may be removed.",
		Parameters:  []*huma.Param{{Name: "filename", In: "query", Description: "What to call it, in UTF-8.", Schema: &huma.Schema{Type: huma.TypeString}}},
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"*/*": file}},
		Responses: map[string]*huma.Response{"201": {
			Description: http.StatusText(http.StatusCreated),
			Headers:     map[string]*huma.Param{"Location": {Schema: &huma.Schema{Type: huma.TypeString}}},
			Content: map[string]*huma.MediaType{"application/json": {
				Schema: s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Attachment](), true, ""),
			}},
		}},
	}, codesBody, []problem.Code{problem.CodeConflict, problem.CodeStorageFull})

	s.app.Get(paramNames.Replace(attachmentPath), s.authenticate(nil), s.download)
	s.documentFile(huma.Operation{
		OperationID: "getAttachment", Method: http.MethodGet, Path: attachmentPath,
		Summary:     "Read a file",
		Description: "Takes one range (Range, If-Range) and If-None-Match; the bytes of an id never change.",
		Parameters:  []*huma.Param{{Name: "id", In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}}},
		Responses: map[string]*huma.Response{
			"200": {Description: "The file.", Content: map[string]*huma.MediaType{"*/*": file}},
			"206": {Description: "The range.", Content: map[string]*huma.MediaType{"*/*": file}},
			"304": {Description: "The client has it already."},
		},
	}, []problem.Code{problem.CodeNotFound})

	register(s, operation{
		id: "deleteAttachment", method: http.MethodDelete, path: attachmentPath, tag: attachmentTag, summary: "Delete a file",
		description: "Messages that refer to it stay; models read a note in its place.",
		codes:       []problem.Code{problem.CodeNotFound},
	}, func(ctx context.Context, user auth.User, in *AttachmentParam) (*struct{}, error) {
		id, ok := attachment.ParseURL(attachment.Path + "/" + in.ID)
		if !ok {
			return nil, errNoAttachment()
		}
		return nil, s.attachments.Delete(ctx, user, id)
	})
}

// documentFile adds a hand-made operation whose body or answer is a file.
func (s *Server) documentFile(op huma.Operation, codes ...[]problem.Code) {
	own := op.Responses
	op.Tags = []string{attachmentTag}
	op.Responses = problems(s.api.OpenAPI().Components.Schemas, codes...)
	for status, response := range own {
		op.Responses[status] = response
	}
	s.api.OpenAPI().AddOperation(&op)
}

// upload takes a file. Everything that can be refused without its bytes is refused before they are read.
func (s *Server) upload(c *fiber.Ctx) error {
	user := exchangeOf(c).user
	name, err := uploadName(c)
	if err != nil {
		return err
	}
	declared := c.Get(fiber.HeaderContentType)
	if err := checkUploadForm(declared, c.Get(fiber.HeaderContentEncoding)); err != nil {
		return err
	}
	limit := s.attachments.MaxBytes()
	length := c.Request().Header.ContentLength()
	if length > limit {
		return attachment.TooLarge(limit)
	}
	room := length
	if length < 0 {
		room = limit
	}
	waiting, cancel := context.WithTimeout(c.UserContext(), uploadPatience)
	leave, err := s.attachments.room.Take(waiting, user.ID(), room)
	cancel()
	if err != nil {
		return problem.New(problem.CodeBusy, "Too many files are being uploaded at once; try again in a moment.").After(5 * time.Second).Because(err)
	}
	defer leave()
	data, err := takeFile(c, length, limit)
	if err != nil {
		return err
	}
	if err := s.storage.Admit(c.UserContext(), user, int64(len(data))); err != nil {
		return err
	}
	// The time that the file took to arrive is not taken from the database's.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.UserContext()), requestTimeout)
	defer cancel()
	a, err := s.attachments.Create(ctx, user, name, declared, data)
	if err != nil {
		return err
	}
	url := attachment.URL(a.ID)
	c.Set(fiber.HeaderLocation, url)
	return c.Status(fiber.StatusCreated).JSON(Attachment{ID: a.ID.String(), MediaType: a.MediaType, Name: a.Name, Size: a.Size, URL: url})
}

// uploadName reads the query, whose other members are refused as those of every operation are.
func uploadName(c *fiber.Ctx) (string, error) {
	invalid := problem.New(problem.CodeInvalid, "The request has members that are not acceptable.")
	for key := range c.Context().QueryArgs().All() {
		if string(key) != "filename" {
			invalid.Field(strings.ToValidUTF8(string(key), "\uFFFD"), "unknown query parameter")
		}
	}
	if len(invalid.Fields) > 0 {
		return "", invalid
	}
	return c.Query("filename"), nil
}

func checkUploadForm(contentType, encoding string) error {
	media, _, _ := strings.Cut(contentType, ";")
	switch media = strings.ToLower(strings.TrimSpace(media)); {
	case encoding != "":
		return problem.New(problem.CodeUnsupportedMediaType, "Send the file without Content-Encoding.")
	case strings.HasPrefix(media, "multipart/"), media == fiber.MIMEApplicationForm:
		return problem.New(problem.CodeUnsupportedMediaType, "Send the file itself as the body, with its own Content-Type, instead of a form.")
	}
	return nil
}

func errNoAttachment() error {
	return problem.New(problem.CodeNotFound, "There is no such attachment.")
}
