package devmail

import (
	"bytes"
	"crypto/subtle"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net"
	"net/url"

	"github.com/gofiber/fiber/v2"

	"twobrains/internal/problem"
)

// Path is where the sink is mounted.
const Path = "/dev/mail"

const keyHeader = "X-Mail-Key"

//go:embed page.html
var pageText string

var page = template.Must(template.New("mail").Parse(pageText))

//go:embed page.css
var style []byte

// Register mounts the sink: mail comes in by POST with the key; GET shows it, to this machine's own browser without a key,
// to anybody else with it (the header, or ?key=). GET with format=json takes the key in any case. ?to= narrows it down.
func (s *Sink) Register(r fiber.Router) {
	r.Post(Path, s.receive)
	r.Get(Path, s.show)
	r.Get(Path+".css", func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderContentType, "text/css; charset=utf-8")
		return c.Send(style)
	})
}

func (s *Sink) receive(c *fiber.Ctx) error {
	if !s.hasKey(c.Get(keyHeader)) {
		return errForbidden()
	}
	var m message
	if err := json.Unmarshal(c.Request().Body(), &m); err != nil || m.Recipient == "" {
		return problem.New(problem.CodeBadRequest, "The body is not a mail.")
	}
	s.add(m)
	return c.SendStatus(fiber.StatusNoContent)
}

func (s *Sink) show(c *fiber.Ctx) error {
	key := c.Get(keyHeader)
	if key == "" {
		key = c.Query("key")
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	mails := s.List(c.Query("to"))
	if c.Query("format") == "json" {
		if !s.hasKey(key) {
			return errForbidden()
		}
		return c.JSON(mails)
	}
	if !s.hasKey(key) && !isThisMachine(c) {
		return errForbidden()
	}
	var html bytes.Buffer
	if err := page.Execute(&html, map[string]any{"Mails": mails, "To": c.Query("to")}); err != nil {
		return fmt.Errorf("render mail page: %w", err)
	}
	c.Set(fiber.HeaderContentType, "text/html; charset=utf-8")
	return c.Send(html.Bytes())
}

func (s *Sink) hasKey(key string) bool {
	return subtle.ConstantTimeCompare([]byte(key), []byte(s.key.Reveal())) == 1
}

// isThisMachine also looks at the name the browser used, so that no page of another site reaches us by DNS rebinding.
func isThisMachine(c *fiber.Ctx) bool {
	ip := net.ParseIP(c.IP())
	if ip == nil || !ip.IsLoopback() {
		return false
	}
	u, err := url.Parse("http://" + string(c.Context().Host()))
	if err != nil {
		return false
	}
	name := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || name != nil && name.IsLoopback()
}

func errForbidden() error {
	return problem.New(problem.CodeForbidden, "Mail is shown to this machine's own browser, or with DEV_MAIL_KEY as X-Mail-Key.")
}
