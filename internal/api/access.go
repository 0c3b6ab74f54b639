package api

import (
	"context"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"twobrains/internal/auth"
	"twobrains/internal/config"
	"twobrains/internal/problem"
	"twobrains/internal/ratelimit"
)

// requestTimeout bounds what a request may wait for databases and neighbours. Replies of models are not bounded by it.
const requestTimeout = 30 * time.Second

// limits are the rate limits that concern one kind of request.
type limits struct {
	name  string
	perIP config.Rate
	user  config.Rate
}

// access returns what stands before every operation: the address's limit, session, cross-site check, the user's limit, and
// the form of the body. Limits are shared by all operations except those given in extra.
func (s *Server) access(extra ...limits) []fiber.Handler {
	return []fiber.Handler{s.authenticate(extra), requireJSON}
}

func (s *Server) authenticate(extra []limits) fiber.Handler {
	return func(c *fiber.Ctx) error {
		ctx, cancel := context.WithTimeout(c.UserContext(), requestTimeout)
		defer cancel()
		address := ratelimit.AddressKey(c.IP())
		byAddress := limitsOf(address, "ip", func(l limits) config.Rate { return l.perIP }, append([]limits{s.limits}, extra...))
		// In this process first: it costs nothing, and so many guesses of a session never reach Kratos.
		if err := s.charge(c, s.gate, byAddress); err != nil {
			return err
		}
		user, err := s.verify(ctx, c)
		if err != nil {
			if chargeErr := s.charge(c, s.limiter, byAddress); problem.HasCode(chargeErr, problem.CodeRateLimited) {
				return chargeErr
			}
			return err
		}
		exchangeOf(c).user = user
		s.retention.Visit(user)
		byUser := limitsOf("user:"+user.ID().String(), "user", func(l limits) config.Rate { return l.user }, append([]limits{s.limits}, extra...))
		if err := s.charge(c, s.limiter, append(byAddress, byUser...)); err != nil {
			return err
		}
		c.SetUserContext(ctx)
		return c.Next()
	}
}

// limitAddress charges the address's limit alone, for what needs no session: every page of sign-in that is begun becomes a
// row in Kratos's database.
func (s *Server) limitAddress(c *fiber.Ctx) error {
	byAddress := limitsOf(ratelimit.AddressKey(c.IP()), "ip", func(l limits) config.Rate { return l.perIP }, []limits{s.limits})
	if err := s.charge(c, s.limiter, byAddress); err != nil {
		return err
	}
	return c.Next()
}

// verify finds the user of a request, and refuses what another site may have made a browser send.
func (s *Server) verify(ctx context.Context, c *fiber.Ctx) (auth.User, error) {
	header := auth.Header(c)
	cred, err := auth.CredentialFrom(header, s.verifier.CookieName())
	if err != nil {
		return auth.User{}, err
	}
	if err := auth.CheckOrigin(c.Method(), cred, originHeader(c), s.config.Server.PublicURL); err != nil {
		return auth.User{}, err
	}
	user, meta, err := s.verifier.Verify(ctx, cred)
	if err != nil {
		return auth.User{}, err
	}
	for _, line := range meta.SetCookie {
		c.Response().Header.Add(fiber.HeaderSetCookie, line)
	}
	return user, nil
}

func limitsOf(key, kind string, rate func(limits) config.Rate, all []limits) []ratelimit.Limit {
	var result []ratelimit.Limit
	for _, l := range all {
		if r := rate(l); r.Count > 0 {
			result = append(result, ratelimit.Limit{Name: l.name + "-" + kind, Key: key, Rate: r.Count, Period: r.Per})
		}
	}
	return result
}

// charge takes one from every limit, or refuses. A limiter that cannot tell refuses nobody: it is s.limiter's fallback
// that decides then.
func (s *Server) charge(c *fiber.Ctx, limiter ratelimit.Limiter, all []ratelimit.Limit) error {
	if len(all) == 0 {
		return nil
	}
	d, err := limiter.Allow(c.UserContext(), all...)
	if err != nil {
		return fmt.Errorf("charge rate limits: %w", err)
	}
	ratelimit.Headers(d, c.Set)
	if d.Allowed {
		return nil
	}
	s.metrics.limited.WithLabelValues(d.Limit.Name).Inc()
	return problem.New(problem.CodeRateLimited, "Too many requests in a short time; wait a moment.").After(d.RetryAfter)
}

// requireJSON refuses bodies that are not JSON text, before anybody interprets them.
func requireJSON(c *fiber.Ctx) error {
	body := c.Request().Body()
	if len(body) == 0 {
		return c.Next()
	}
	header := auth.Header(c)
	if !isJSON(header(fiber.HeaderContentType)) || header(fiber.HeaderContentEncoding) != "" {
		return errNotJSON()
	}
	if !utf8.Valid(body) {
		return problem.New(problem.CodeBadRequest, "The body is not valid UTF-8.")
	}
	return c.Next()
}
