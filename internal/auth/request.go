package auth

import (
	"strings"

	"github.com/gofiber/fiber/v2"
)

// Header returns a getter of a Fiber request's headers as CredentialFrom and CheckOrigin want it: every occurrence of
// a repeated header counts, and the strings outlive the request.
func Header(c *fiber.Ctx) func(name string) string {
	return func(name string) string {
		h := &c.Request().Header
		if name == fiber.HeaderTransferEncoding && h.ContentLength() == -1 {
			return "chunked" // fasthttp does not keep the header
		}
		separator := ", "
		if name == fiber.HeaderCookie {
			separator = "; "
		}
		var b strings.Builder
		for i, value := range h.PeekAll(name) {
			if i > 0 {
				b.WriteString(separator)
			}
			b.Write(value)
		}
		return b.String()
	}
}
