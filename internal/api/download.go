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
)

const (
	// pieceBytes is how much of a file is in memory at a time.
	pieceBytes = 512 << 10
	// pieceTimeout is how long a client may take to accept a piece.
	pieceTimeout = 30 * time.Second
)

// readPiece reads at most so many bytes of a file, from an offset; none is an error of the body.
type readPiece func(ctx context.Context, from, most int) ([]byte, error)

// sendFile makes the body of an answer from pieces of a file with that ETag, whole or the one range that is asked for.
func (s *Server) sendFile(c *fiber.Ctx, etag string, size int, read readPiece) {
	c.Set(fiber.HeaderAcceptRanges, "bytes")
	first, end := 0, size
	if condition := strings.TrimSpace(c.Get(fiber.HeaderIfRange)); condition == "" || condition == etag {
		if from, to, ok := parseRange(c.Get(fiber.HeaderRange), size); ok {
			first, end = from, to
			c.Status(fiber.StatusPartialContent)
			c.Set(fiber.HeaderContentRange, fmt.Sprintf("bytes %d-%d/%d", first, end-1, size))
		}
	}
	c.Context().SetBodyStream(&fileBody{
		read: read, log: s.log, ctx: context.WithoutCancel(c.UserContext()), next: first, end: end, conn: c.Context().Conn(),
	}, end-first)
}

// fileBody reads a file piece by piece, each in a unit of work of its own: no connection waits for a slow client. The HTTP server
// reads it after the handler has returned, so a panic would end the process.
type fileBody struct {
	read      readPiece
	log       *slog.Logger
	ctx       context.Context //nolint:containedctx // io.Reader has no room for it
	next, end int
	rest      []byte
	conn      net.Conn
}

// Read cuts the connection on any error: the client sees that the file is not whole, and may ask for the rest.
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
	piece, err := b.read(ctx, b.next, b.end-b.next)
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
