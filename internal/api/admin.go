package api

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"twobrains/internal/admin"
	"twobrains/internal/auth"
	"twobrains/internal/broadcast"
	"twobrains/internal/config"
	"twobrains/internal/console"
	"twobrains/internal/problem"
)

// administration is where all that admins do is found.
const administration = "/api/admin"

func isAdministration(path string) bool {
	return path == administration || strings.HasPrefix(path, administration+"/")
}

// Headers of limits, as package ratelimit writes them.
const (
	headerLimit  = "RateLimit"
	headerPolicy = "RateLimit-Policy"
)

// tagAdmin of operations.
const tagAdmin = "Administration"

// registerAdmin adds a JSON operation of an admin, under /api/admin. I and O are huma's input and output structs.
func registerAdmin[I, O any](s *Server, o operation, handler func(ctx context.Context, a admin.Admin, in *I) (*O, error)) {
	if !isAdministration(o.path) {
		panic("an operation of admins at " + o.path)
	}
	o.tag = tagAdmin
	o.codes = append(o.codes, problem.CodeNotFound, problem.CodeReauthenticationRequired)
	register(s, o, func(ctx context.Context, _ auth.User, in *I) (*O, error) {
		a := adminOf(ctx)
		if a.IsZero() {
			return nil, fmt.Errorf("%s is not behind the gate", o.path)
		}
		return handler(ctx, a, in)
	})
}

// guardAdministration puts the gate before everything under /api/admin, whatever is registered there and how. It comes before any
// route, so that who is no admin cannot tell which there are.
func (s *Server) guardAdministration() {
	for _, guard := range []fiber.Handler{s.authenticate(nil), s.admit, requireJSON} {
		s.app.Use(administration, func(c *fiber.Ctx) error {
			if !isAdministration(c.Path()) { // such as /api/administration
				return c.Next()
			}
			return guard(c)
		})
	}
}

// admit is the gate: it lets admins through, and answers everybody else as if there were nothing.
func (s *Server) admit(c *fiber.Ctx) error {
	x := exchangeOf(c)
	ctx := c.UserContext()
	a, err := s.admin.Admit(ctx, x.user)
	if err != nil {
		if problem.HasCode(err, problem.CodeNotFound) {
			x.route = "none"
			// Nobody is told limits at an address where there is nothing.
			c.Response().Header.Del(headerLimit)
			c.Response().Header.Del(headerPolicy)
		}
		return err
	}
	if err := s.secondFactor(ctx, c); err != nil {
		return err
	}
	x.admin = a
	return c.Next()
}

// secondFactor asks Kratos, now, whether the session has a second factor that is young enough, where one is demanded.
func (s *Server) secondFactor(ctx context.Context, c *fiber.Ctx) error {
	within := s.config.SignIn.AdminSecondFactor
	if within == 0 {
		return nil
	}
	cred, err := auth.CredentialFrom(auth.Header(c), s.verifier.CookieName())
	if err != nil {
		return err
	}
	user, _, err := s.verifier.VerifyFresh(ctx, cred)
	if err != nil {
		return err
	}
	if user.ID() != exchangeOf(c).user.ID() {
		return problem.New(problem.CodeUnauthenticated, "There is no valid session; sign in again.")
	}
	at := user.SecondFactorAt()
	switch {
	case at.IsZero():
		return problem.New(problem.CodeSecondFactorRequired, "Give the second factor to go on.")
	case s.now().Sub(at) > within:
		return problem.Newf(problem.CodeReauthenticationRequired, "Give the second factor again: the last time must not be longer ago than %s.", minutes(within))
	}
	return nil
}

func minutes(d time.Duration) string {
	if n := int(d.Minutes()); n != 1 {
		return fmt.Sprintf("%d minutes", n)
	}
	return "a minute"
}

// isAdmin is for those who show what admins have. It is a hint: whoever asks for anything is asked again by the gate. Where nobody
// can tell now, it is no.
func (s *Server) isAdmin(ctx context.Context, user auth.User) bool {
	ctx, cancel := context.WithTimeout(ctx, adminPatience)
	defer cancel()
	is, err := s.admin.Is(ctx, user)
	if err != nil {
		s.log.WarnContext(ctx, "not known whether a user is an admin", "error", err)
	}
	return is
}

// adminPatience bounds how long the session waits to learn of it.
const adminPatience = 2 * time.Second

func (s *Server) adminRoutes() {
	s.adminUserRoutes()
	s.adminPlanRoutes()
	s.adminModelRoutes()
	s.adminAuditRoutes()
	s.adminSQLRoutes()
	s.adminAnalyticsRoutes()
	s.announcementRoutes()
	s.adminAnnouncementRoutes()
}

// wireAdmin makes what admins do.
func (a *App) wireAdmin(d *Deps, o AppOptions) error {
	kratos, err := auth.NewDirectory(auth.DirectoryOptions{AdminURL: a.Config.SignIn.KratosAdminURL, Invalidations: a.invalidations})
	if err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	a.closers = append(a.closers, kratos.Close)
	a.modelWatch, err = admin.NewModelWatch(admin.ModelWatchOptions{
		DB: a.DB, Catalog: a.models, Channel: broadcast.New(d.Redis, redisPrefix+"models:changed"), Logger: a.Log,
	})
	if err != nil {
		return err
	}
	limits := a.Config.Limits
	d.Admin, err = admin.New(admin.Options{
		Console: console.New(console.Options{
			DB: a.DB, Analyst: true, Timeout: limits.SQLTimeout, MaxRows: limits.SQLMaxRows, MaxBytes: limits.SQLMaxBytes, Queries: limits.SQLQueries,
			Clock: o.Clock,
		}),
		DB: a.DB, Kratos: kratos, Request: requestOf, Signal: a.signals.Publish, Configured: configuredLimits(a.Config), Logger: a.Log, Clock: o.Clock,
		Models: a.modelWatch, InstanceTimeout: a.Config.Server.InstanceTimeout,
	})
	return err
}

// configuredLimits are those of who has no plan.
func configuredLimits(c *config.Config) admin.Limits {
	day, month := int32(c.Limits.QuotaDay), int32(c.Limits.QuotaMonth)
	l := admin.Limits{MessagesPerDay: &day, MessagesPerMonth: &month}
	if storage := c.Limits.StorageBytes; storage > 0 {
		l.StorageBytes = &storage
	}
	return l
}
