package api

import (
	"context"
	"mime"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
)

const (
	// routeProbe is how probes are named in metrics; in the log they appear at level debug only.
	routeProbe = "probe"
	// probeTimeout bounds the question to one dependency.
	probeTimeout = 2 * time.Second
	// probeMemory is how long an answer is good for others who ask: anybody may, and each costs three questions.
	probeMemory = 500 * time.Millisecond
)

// Readiness is what /readyz tells.
type Readiness struct {
	Status       string            `json:"status" enum:"ready,degraded,unavailable,stopping" doc:"Ready and degraded answer 200, the others 503."`
	Dependencies map[string]string `json:"dependencies" doc:"postgres, kratos and redis, each up or down. Without Redis requests are served, but nobody can sign in."`
}

// prober asks the dependencies, at most once in probeMemory.
type prober struct {
	checks map[string]func(context.Context) error
	now    func() time.Time
	// changed is told of a dependency that went away (err) or came back (nil).
	changed func(name string, err error)

	mu    sync.Mutex
	at    time.Time
	known map[string]string
}

const (
	up   = "up"
	down = "down"
)

func (p *prober) ask() map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := p.now(); p.known != nil && now.Sub(p.at) < probeMemory && !now.Before(p.at) {
		return p.known
	}
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	type answer struct {
		name string
		err  error
	}
	answers := make(chan answer, len(p.checks))
	for name, check := range p.checks {
		go func() { answers <- answer{name, check(ctx)} }()
	}
	states := make(map[string]string, len(p.checks))
	for len(states) < len(p.checks) {
		var a answer
		select {
		case a = <-answers:
		case <-ctx.Done():
			// A client that ignores deadlines is not waited for.
			for name := range p.checks {
				if states[name] == "" {
					states[name] = down
					p.note(name, ctx.Err())
				}
			}
			continue
		}
		states[a.name] = up
		if a.err != nil {
			states[a.name] = down
		}
		p.note(a.name, a.err)
	}
	p.known, p.at = states, p.now()
	return states
}

func (p *prober) note(name string, err error) {
	was, is := p.known[name], up
	if err != nil {
		is = down
	}
	if was != is && (was != "" || err != nil) {
		p.changed(name, err)
	}
}

func (s *Server) healthz(c *fiber.Ctx) error {
	exchangeOf(c).route = routeProbe
	return c.JSON(map[string]string{"status": "alive"})
}

func (s *Server) readyz(c *fiber.Ctx) error {
	exchangeOf(c).route = routeProbe
	r := Readiness{Status: "ready", Dependencies: s.prober.ask()}
	switch {
	case s.stopping.Load():
		r.Status = "stopping"
	case r.Dependencies["postgres"] == down || r.Dependencies["kratos"] == down:
		r.Status = "unavailable"
	case r.Dependencies["redis"] == down:
		r.Status = "degraded"
	}
	if r.Status == "stopping" || r.Status == "unavailable" {
		c.Status(fiber.StatusServiceUnavailable)
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(r)
}

func isJSON(contentType string) bool {
	kind, parameters, err := mime.ParseMediaType(contentType)
	charset := parameters["charset"]
	return err == nil && kind == fiber.MIMEApplicationJSON && (charset == "" || strings.EqualFold(charset, "utf-8"))
}
