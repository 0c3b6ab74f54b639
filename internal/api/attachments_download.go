package api

import (
	"context"
	"strings"

	"github.com/gofiber/fiber/v2"

	"twobrains/internal/attachment"
)

// policyFile is the content security policy of files: whatever one holds, it runs nothing and loads nothing, and is in an
// origin of its own.
const policyFile = "default-src 'none'; frame-ancestors 'none'; sandbox"

// download gives a file to its owner. The type is the one that the bytes were found to have, and no browser guesses
// another; only images are shown in place.
func (s *Server) download(c *fiber.Ctx) error {
	user := exchangeOf(c).user
	id, ok := attachment.ParseURL(attachment.Path + "/" + c.Params("id"))
	if !ok {
		return errNoAttachment()
	}
	a, err := s.attachments.Get(c.UserContext(), user, id)
	if err != nil {
		return err
	}
	etag := `"` + a.ID.String() + `"`
	c.Set(fiber.HeaderETag, etag)
	c.Set(fiber.HeaderCacheControl, "private, max-age=31536000, immutable")
	c.Set(fiber.HeaderVary, "Cookie, Authorization, X-Session-Token") // a browser that changes users asks again
	c.Set(fiber.HeaderContentSecurityPolicy, policyFile)
	for tag := range strings.SplitSeq(c.Get(fiber.HeaderIfNoneMatch), ",") {
		if tag = strings.TrimSpace(tag); strings.TrimPrefix(tag, "W/") == etag || tag == "*" {
			return c.SendStatus(fiber.StatusNotModified)
		}
	}
	c.Set(fiber.HeaderContentType, contentType(a.MediaType))
	c.Set(fiber.HeaderContentDisposition, attachment.Disposition(a))
	s.sendFile(c, etag, a.Size, func(ctx context.Context, from, most int) ([]byte, error) {
		return s.attachments.Service.Read(ctx, user, a.ID, from, min(pieceBytes, most))
	})
	return nil
}

func contentType(mediaType string) string {
	if strings.HasPrefix(mediaType, "text/") {
		return mediaType + "; charset=utf-8"
	}
	return mediaType
}
