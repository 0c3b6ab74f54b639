package api

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"twobrains/internal/attachment"
	"twobrains/internal/auth"
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
	c.Set(fiber.HeaderAcceptRanges, "bytes")
	for tag := range strings.SplitSeq(c.Get(fiber.HeaderIfNoneMatch), ",") {
		if tag = strings.TrimSpace(tag); strings.TrimPrefix(tag, "W/") == etag || tag == "*" {
			return c.SendStatus(fiber.StatusNotModified)
		}
	}
	c.Set(fiber.HeaderContentType, contentType(a.MediaType))
	c.Set(fiber.HeaderContentDisposition, attachment.Disposition(a))
	first, end := 0, a.Size
	if condition := c.Get(fiber.HeaderIfRange); condition == "" || condition == etag {
		if from, to, ok := parseRange(c.Get(fiber.HeaderRange), a.Size); ok {
			first, end = from, to
			c.Status(fiber.StatusPartialContent)
			c.Set(fiber.HeaderContentRange, fmt.Sprintf("bytes %d-%d/%d", first, end-1, a.Size))
		}
	}
	c.Context().SetBodyStream(&fileBody{
		files: s.attachments.Service, log: s.log, ctx: context.WithoutCancel(c.UserContext()), user: user, file: a,
		next: first, end: end, conn: c.Context().Conn(),
	}, end-first)
	return nil
}

func contentType(mediaType string) string {
	if strings.HasPrefix(mediaType, "text/") {
		return mediaType + "; charset=utf-8"
	}
	return mediaType
}

// parseRange reads "bytes=a-b", "bytes=a-" and "bytes=-n" as half-open. What else there is, several ranges and ranges beyond
// the end among it, is ignored, as RFC 9110 allows: the client then gets the whole.
func parseRange(header string, size int) (first, end int, ok bool) {
	spec, isBytes := strings.CutPrefix(header, "bytes=")
	from, to, isRange := strings.Cut(strings.TrimSpace(spec), "-")
	if !isBytes || !isRange || strings.ContainsAny(spec, ",+") {
		return 0, 0, false
	}
	if from == "" {
		n, err := strconv.Atoi(to)
		if err != nil || n <= 0 {
			return 0, 0, false
		}
		return max(size-n, 0), size, true
	}
	first, err := strconv.Atoi(from)
	if err != nil || first >= size {
		return 0, 0, false
	}
	end = size
	if to != "" {
		last, err := strconv.Atoi(to)
		if err != nil || last < first {
			return 0, 0, false
		}
		end = min(size-1, last) + 1
	}
	return first, end, true
}

const (
	// pieceBytes is how much of a file is in memory at a time.
	pieceBytes = 512 << 10
	// pieceTimeout is how long a client may take to accept a piece.
	pieceTimeout = 30 * time.Second
)

// fileBody reads a file piece by piece, each in a unit of work of its own: no connection waits for a slow client. The HTTP server
// reads it after the handler has returned, so a panic would end the process.
type fileBody struct {
	files     *attachment.Service
	log       *slog.Logger
	ctx       context.Context
	user      auth.User
	file      attachment.Attachment
	next, end int
	rest      []byte
	conn      net.Conn
}

// Read cuts the connection on any error: the client sees that the file is not whole.
func (b *fileBody) Read(p []byte) (n int, err error) {
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

func (b *fileBody) fill() error {
	ctx, cancel := context.WithTimeout(b.ctx, requestTimeout)
	defer cancel()
	piece, err := b.files.Read(ctx, b.user, b.file.ID, b.next, min(pieceBytes, b.end-b.next))
	if err != nil {
		return err
	}
	if len(piece) == 0 {
		return io.ErrUnexpectedEOF
	}
	b.rest, b.next = piece, b.next+len(piece)
	if err := b.conn.SetWriteDeadline(time.Now().Add(pieceTimeout)); err != nil {
		return fmt.Errorf("set write deadline: %w", err)
	}
	return nil
}
