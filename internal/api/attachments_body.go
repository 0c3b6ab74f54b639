package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/gofiber/fiber/v2"

	"twobrains/internal/attachment"
	"twobrains/internal/auth"
	"twobrains/internal/problem"
)

// The HTTP server hands bodies over as streams, of which it has read 8 KiB at most (StreamRequestBody): so a file is read by
// nobody before its sender is known and there is room for it. All other bodies are small and are read here, whole, before
// anything else happens. What the HTTP server must never see again is a connection with the rest of a body in it: it would
// take that for the next request.

// bodyTaken is a request's local that says that its body was read to the end.
type bodyTaken struct{}

// takeBody reads a request's body, up to the limit, unless it is an upload's.
func (s *Server) takeBody(c *fiber.Ctx) error {
	body := c.Context().RequestBodyStream()
	if body == nil || c.Request().Header.ContentLength() == 0 {
		return c.Next()
	}
	if isUpload(c) {
		// A panic must not leave the rest of the body on the connection either.
		defer func() {
			if c.Locals(bodyTaken{}) == nil {
				abandonBody(c)
			}
		}()
		return c.Next()
	}
	limit := s.config.Server.MaxBodyBytes
	if c.Request().Header.ContentLength() > limit {
		return tooLargeBody(c)
	}
	var text bytes.Buffer
	n, err := text.ReadFrom(io.LimitReader(body, int64(limit)+1))
	if err == nil && n <= int64(limit) {
		c.Request().SetBodyRaw(text.Bytes())
		return c.Next()
	}
	if err == nil {
		return tooLargeBody(c)
	}
	abandonBody(c)
	return errBody(err)
}

func tooLargeBody(c *fiber.Ctx) error {
	exchangeOf(c).route = "none" // none has been looked for
	abandonBody(c)
	return fromStatus(http.StatusRequestEntityTooLarge)
}

func isUpload(c *fiber.Ctx) bool {
	return c.Method() == http.MethodPost && (c.Path() == attachment.Path || c.Path() == importPath)
}

// originHeader gives the cross-site check the headers that it asks for. Of an upload it hears nothing about the body, which
// is no JSON: that it comes from our own origin must be said by Origin and Sec-Fetch-Site alone.
func originHeader(c *fiber.Ctx) func(name string) string {
	header := auth.Header(c)
	if !isUpload(c) {
		return header
	}
	return func(name string) string {
		switch name {
		case fiber.HeaderContentType, fiber.HeaderContentLength, fiber.HeaderTransferEncoding:
			return ""
		}
		return header(name)
	}
}

// abandonBody ends the connection after the answer, and takes in what the client still sends: see drain.
func abandonBody(c *fiber.Ctx) {
	const seen = 8 << 10 // has been read with the headers
	c.Context().SetConnectionClose()
	if length := c.Request().Header.ContentLength(); length < 0 || length > seen {
		drain(c.Context().Conn())
	}
}

// A file may take as long as it would at uploadRate, and uploadGrace more: who sends slower keeps others waiting for room.
const (
	uploadRate  = 128 << 10 // bytes a second
	uploadGrace = 30 * time.Second
)

// takeFile reads a body of the length, or of limit bytes at most where that is negative: not known.
func takeFile(c *fiber.Ctx, length, limit int) ([]byte, error) {
	allowed := uploadGrace + time.Duration(max(length, 0)/uploadRate)*time.Second
	if length < 0 {
		allowed = uploadGrace + time.Duration(limit/uploadRate)*time.Second
	}
	if err := c.Context().Conn().SetReadDeadline(time.Now().Add(allowed)); err != nil {
		return nil, errBody(err)
	}
	var data []byte
	var err error
	if length >= 0 {
		data = make([]byte, length)
		if length > 0 {
			_, err = io.ReadFull(c.Context().RequestBodyStream(), data)
		}
	} else {
		data, err = io.ReadAll(io.LimitReader(c.Context().RequestBodyStream(), int64(limit)+1))
	}
	if err != nil {
		return nil, errBody(err)
	}
	if len(data) > limit {
		return nil, attachment.TooLarge(limit)
	}
	c.Locals(bodyTaken{}, true)
	return data, nil
}

func errBody(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		return problem.New(problem.CodeBadRequest, "The request did not arrive in time.").Because(err)
	}
	return problem.New(problem.CodeBadRequest, "The request did not arrive whole.").Because(err)
}
