package api

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"twobrains/internal/problem"
)

// site is the single-page app, held in memory: it is small, and every file is hashed and compressed once.
type site struct {
	files map[string]asset
}

type asset struct {
	body, compressed []byte
	etag             string
	kind             string
	// forever: the name holds a hash of the content.
	forever bool
}

const indexFile = "index.html"

// notBuilt is shown when the binary was made without the app.
const notBuilt = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>twobrains</title></head>
<body><h1>twobrains</h1>
<p>The server runs, but it was built without its web app. Build that (make build), or use the <a href="/docs">API</a>.</p>
</body></html>
`

func newSite(files fs.FS) (*site, error) {
	st := &site{files: map[string]asset{}}
	if files != nil {
		err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || strings.HasPrefix(path.Base(name), ".") {
				return err
			}
			body, err := fs.ReadFile(files, name)
			if err != nil {
				return err
			}
			a, err := newAsset(name, body)
			st.files[name] = a
			return err
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read web app: %w", err)
		}
	}
	if _, ok := st.files[indexFile]; !ok {
		a, err := newAsset(indexFile, []byte(notBuilt))
		if err != nil {
			return nil, err
		}
		st.files[indexFile] = a
	}
	return st, nil
}

// compressible kinds; images and fonts are compressed already.
var compressible = []string{"text/", "application/json", "application/javascript", "application/manifest+json", "image/svg+xml"}

func newAsset(name string, body []byte) (asset, error) {
	sum := sha256.Sum256(body)
	a := asset{
		body:    body,
		etag:    base64.RawURLEncoding.EncodeToString(sum[:12]),
		kind:    mime.TypeByExtension(path.Ext(name)),
		forever: strings.HasPrefix(name, "assets/"),
	}
	switch path.Ext(name) { // the machine's own table may know no or other types
	case ".js", ".mjs":
		a.kind = "text/javascript; charset=utf-8"
	case ".webmanifest":
		a.kind = "application/manifest+json"
	case ".woff2":
		a.kind = "font/woff2"
	case ".svg":
		a.kind = "image/svg+xml"
	}
	if a.kind == "" {
		a.kind = "application/octet-stream"
	}
	if !slices.ContainsFunc(compressible, func(prefix string) bool { return strings.HasPrefix(a.kind, prefix) }) {
		return a, nil
	}
	var compressed bytes.Buffer
	w, err := gzip.NewWriterLevel(&compressed, gzip.BestCompression)
	if err != nil {
		return a, fmt.Errorf("compress %s: %w", name, err)
	}
	if _, err := w.Write(body); err != nil {
		return a, fmt.Errorf("compress %s: %w", name, err)
	}
	if err := w.Close(); err != nil {
		return a, fmt.Errorf("compress %s: %w", name, err)
	}
	if compressed.Len() < len(body)*9/10 {
		a.compressed = compressed.Bytes()
	}
	return a, nil
}

// find returns what a path shows: a file, or for the app's own routes its page.
func (st *site) find(requested string) (asset, bool) {
	name := strings.TrimPrefix(requested, "/")
	if a, ok := st.files[name]; ok && name != "" {
		return a, true
	}
	if path.Ext(name) != "" {
		return asset{}, false
	}
	return st.files[indexFile], true
}

func (st *site) serve(c *fiber.Ctx, a asset) error {
	etag := `"` + a.etag + `"`
	body := a.body
	if a.compressed != nil {
		c.Set(fiber.HeaderVary, fiber.HeaderAcceptEncoding)
		if acceptsGzip(c.Get(fiber.HeaderAcceptEncoding)) {
			body, etag = a.compressed, `"`+a.etag+`-gz"`
			c.Set(fiber.HeaderContentEncoding, "gzip")
		}
	}
	c.Set(fiber.HeaderETag, etag)
	c.Set(fiber.HeaderCacheControl, "no-cache")
	if a.forever {
		c.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
	}
	c.Set(fiber.HeaderContentSecurityPolicy, policyPage)
	for tag := range strings.SplitSeq(c.Get(fiber.HeaderIfNoneMatch), ",") {
		if strings.TrimPrefix(strings.TrimSpace(tag), "W/") == etag {
			return c.SendStatus(fiber.StatusNotModified)
		}
	}
	c.Set(fiber.HeaderContentType, a.kind)
	return c.Send(body)
}

func acceptsGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		coding, parameters, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			return strings.ReplaceAll(parameters, " ", "") != "q=0"
		}
	}
	return false
}

// ours are the paths that the app has no part in: what is not there is a problem, never a page.
var ours = []string{"/api", "/.ory", "/hooks", "/dev", "/docs", "/openapi.json", "/healthz", "/readyz", "/metrics", "/.well-known"}

func isOurs(requested string) bool {
	return slices.ContainsFunc(ours, func(prefix string) bool {
		return requested == prefix || strings.HasPrefix(requested, prefix+"/")
	})
}

// sharedPages is where what is shared by link is looked at.
const sharedPages = "/s/"

// unmatched is the last handler: the app, or the reason why there is nothing.
func (s *Server) unmatched(c *fiber.Ctx) error {
	x := exchangeOf(c)
	requested := c.Path()
	reading := c.Method() == http.MethodGet || c.Method() == http.MethodHead
	if !isOurs(requested) && reading {
		if a, ok := s.site.find(requested); ok {
			x.route = "web"
			if strings.HasPrefix(requested, sharedPages) {
				unlist(c)
			}
			return s.site.serve(c, a)
		}
	}
	x.route = "none"
	allowed := s.methodsOf(requested)
	if !isOurs(requested) {
		if _, ok := s.site.find(requested); ok {
			allowed = []string{http.MethodGet, http.MethodHead}
		}
	}
	if len(allowed) > 0 && !slices.Contains(allowed, c.Method()) {
		c.Set(fiber.HeaderAllow, strings.Join(allowed, ", "))
		return fromStatus(http.StatusMethodNotAllowed)
	}
	return problem.New(problem.CodeNotFound, "There is nothing at this address.")
}

// methodsOf lists the methods that some route takes at a path.
func (s *Server) methodsOf(requested string) []string {
	var methods []string
	for _, route := range s.routes {
		if !slices.Contains(methods, route.Method) && fiber.RoutePatternMatch(requested, route.Path, s.app.Config()) {
			methods = append(methods, route.Method)
		}
	}
	slices.Sort(methods)
	return methods
}
