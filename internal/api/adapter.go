package api

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"
)

// adapter lets huma serve routes of a Fiber v2 app. huma's own one is not used because its package links Fiber v3 as
// well, dereferences nil on an unparsable query and reads bodies that it has decompressed without a limit.
type adapter struct {
	app *fiber.App
	// before runs ahead of every operation, but for those of admins, which stand behind a gate of their own.
	before []fiber.Handler
}

var paramNames = strings.NewReplacer("{", ":", "}", "")

// Handle implements huma.Adapter. HEAD is served where GET is.
func (a *adapter) Handle(op *huma.Operation, handler func(huma.Context)) {
	var handlers []fiber.Handler
	if !isAdministration(op.Path) {
		handlers = append(handlers, a.before...)
	}
	handlers = append(handlers, func(c *fiber.Ctx) error {
		handler(&humaContext{op: op, c: c})
		return nil
	})
	path := paramNames.Replace(op.Path)
	if op.Method == http.MethodGet {
		a.app.Add(http.MethodHead, path, handlers...)
	}
	a.app.Add(op.Method, path, handlers...)
}

// ServeHTTP implements huma.Adapter for huma's test helpers, which are not used.
func (a *adapter) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusNotImplemented)
}

// humaContext implements huma.Context over a Fiber context.
type humaContext struct {
	op     *huma.Operation
	c      *fiber.Ctx
	status int
}

func fiberOf(ctx huma.Context) *fiber.Ctx {
	for {
		switch v := ctx.(type) {
		case *humaContext:
			return v.c
		case interface{ Unwrap() huma.Context }:
			ctx = v.Unwrap()
		default:
			panic("not a context of this adapter")
		}
	}
}

func (h *humaContext) Operation() *huma.Operation { return h.op }
func (h *humaContext) Context() context.Context   { return h.c.UserContext() }
func (h *humaContext) Method() string             { return h.c.Method() }
func (h *humaContext) Host() string               { return h.c.Hostname() }
func (h *humaContext) RemoteAddr() string         { return h.c.Context().RemoteAddr().String() }
func (h *humaContext) Param(name string) string   { return h.c.Params(name) }
func (h *humaContext) Query(name string) string   { return h.c.Query(name) }
func (h *humaContext) Header(name string) string  { return h.c.Get(name) }
func (h *humaContext) TLS() *tls.ConnectionState  { return nil }

func (h *humaContext) URL() url.URL {
	return url.URL{Path: h.c.Path(), RawQuery: string(h.c.Context().URI().QueryString())}
}

func (h *humaContext) EachHeader(each func(name, value string)) {
	for name, value := range h.c.Request().Header.All() {
		each(string(name), string(value))
	}
}

// BodyReader reads the body as it was sent.
func (h *humaContext) BodyReader() io.Reader { return bytes.NewReader(h.c.Request().Body()) }

func (h *humaContext) GetMultipartForm() (*multipart.Form, error) {
	return nil, errors.New("forms are not taken here")
}

// SetReadDeadline does nothing: the whole request has been read when a handler runs.
func (h *humaContext) SetReadDeadline(time.Time) error { return nil }

func (h *humaContext) SetStatus(code int) {
	h.status = code
	h.c.Status(code)
}

func (h *humaContext) Status() int                     { return h.status }
func (h *humaContext) AppendHeader(name, value string) { h.c.Append(name, value) }
func (h *humaContext) SetHeader(name, value string)    { h.c.Set(name, value) }
func (h *humaContext) BodyWriter() io.Writer           { return h.c.Context() }

func (h *humaContext) Version() huma.ProtoVersion {
	return huma.ProtoVersion{Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
}
