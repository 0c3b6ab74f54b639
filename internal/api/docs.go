package api

import (
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"
	swaggerFiles "github.com/swaggo/files/v2"
)

// The page that shows the API: Swagger UI from the binary, begun by a script of ours, so that a strict policy holds and
// nothing is asked of anybody else.

//go:embed docs
var docsFiles embed.FS

// docsPolicy: Swagger UI sets style attributes and shows images of data: URLs.
const docsPolicy = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"

var docsParts = map[string]struct {
	files fs.FS
	path  string
	kind  string
}{
	"/docs":                      {docsFiles, "docs/index.html", "text/html; charset=utf-8"},
	"/docs/start.js":             {docsFiles, "docs/start.js", "text/javascript; charset=utf-8"},
	"/docs/swagger-ui-bundle.js": {swaggerFiles.FS, "swagger-ui-bundle.js", "text/javascript; charset=utf-8"},
	"/docs/swagger-ui.css":       {swaggerFiles.FS, "swagger-ui.css", "text/css; charset=utf-8"},
	"/docs/favicon.png":          {swaggerFiles.FS, "favicon-32x32.png", "image/png"},
}

func (s *Server) docsRoutes() {
	for path, part := range docsParts {
		s.app.Get(path, func(c *fiber.Ctx) error {
			body, err := fs.ReadFile(part.files, part.path)
			if err != nil {
				return fmt.Errorf("read docs: %w", err)
			}
			c.Set(fiber.HeaderContentType, part.kind)
			c.Set(fiber.HeaderCacheControl, "public, max-age=3600")
			if strings.HasPrefix(part.kind, "text/html") {
				c.Set(fiber.HeaderContentSecurityPolicy, docsPolicy)
				c.Set(fiber.HeaderCacheControl, "no-cache")
			}
			return c.Status(http.StatusOK).Send(body)
		})
	}
	s.app.Get("/openapi.json", func(c *fiber.Ctx) error {
		text, err := s.spec()
		if err != nil {
			return err
		}
		c.Set(fiber.HeaderContentType, "application/openapi+json")
		c.Set(fiber.HeaderCacheControl, "no-cache")
		return c.Send(text)
	})
}
