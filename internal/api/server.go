// Package api is the server's face: routes, middleware and errors over Fiber, the description of all that as OpenAPI, the
// web app, and the wiring of the whole program. JSON operations go through huma, which checks requests against the
// description it publishes; streams are raw handlers.
package api

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/trace"

	"twobrains/internal/account/deletion"
	"twobrains/internal/account/transfer"
	"twobrains/internal/admin"
	"twobrains/internal/auth"
	"twobrains/internal/byok"
	"twobrains/internal/chat"
	"twobrains/internal/completion"
	"twobrains/internal/config"
	"twobrains/internal/console"
	"twobrains/internal/devmail"
	"twobrains/internal/memory"
	"twobrains/internal/problem"
	"twobrains/internal/ratelimit"
	"twobrains/internal/retention"
	"twobrains/internal/search"
	"twobrains/internal/settings"
	"twobrains/internal/share"
	"twobrains/internal/storage"
	"twobrains/internal/stream"
	"twobrains/internal/tenant"
	"twobrains/internal/tool/servers"
	"twobrains/internal/usage"
)

// Deps is all that the server answers with. Everything is required but Mail, Web, Registerer and Clock.
type Deps struct {
	Config      *config.Config
	DB          *tenant.DB
	Redis       redis.UniversalClient
	Verifier    *auth.Verifier
	Proxy       *auth.Proxy
	Hooks       *auth.Hooks
	Limiter     func(onFallback func(error)) ratelimit.Limiter
	Completions *completion.Service
	Chat        *chat.Service
	Settings    *settings.Service
	Memory      *memory.Service
	Keys        *byok.Keys
	Usage       *usage.Service
	Console     *console.Console
	MCP         *servers.Service
	Search      *search.Service
	Storage     *storage.Service
	Retention   *retention.Keeper
	Shares      *share.Service
	Deletions   *deletion.Service
	Transfers   *transfer.Service
	Admin       *admin.Service
	// Mail is the development mail page; nil: there is none.
	Mail *devmail.Sink
	// Web is the built single-page app; nil: there is none.
	Web        fs.FS
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	// Tracer makes the spans of requests and all that is below them; nil: there are none.
	Tracer trace.TracerProvider
	// Clock is time.Now unless a test says otherwise.
	Clock func() time.Time
}

// Server answers HTTP requests.
type Server struct {
	config      *config.Config
	verifier    *auth.Verifier
	completions *completion.Service
	chat        *chat.Service
	settings    *settings.Service
	memory      *memory.Service
	keys        *byok.Keys
	usage       *usage.Service
	console     *console.Console
	mcp         *servers.Service
	attachments *attachments
	search      *search.Service
	storage     *storage.Service
	retention   *retention.Keeper
	shares      *share.Service
	deletions   *deletion.Service
	transfers   *transfer.Service
	admin       *admin.Service
	streams     *stream.Server
	log         *slog.Logger
	tracer      trace.TracerProvider
	now         func() time.Time
	https       bool

	app     *fiber.App
	api     huma.API
	routes  []fiber.Route
	site    *site
	metrics *metrics
	prober  *prober
	// limits concern every operation; gate is this process's own count of them, limiter everybody's.
	limits   limits
	gate     ratelimit.Limiter
	limiter  ratelimit.Limiter
	stopping atomic.Bool
}

// Bounds of the HTTP server. Streams set write deadlines of their own.
const (
	readTimeout    = 30 * time.Second
	writeTimeout   = 30 * time.Second
	idleTimeout    = 75 * time.Second
	readBufferSize = 16 << 10 // bounds the headers; session cookies have up to 4 KB
	// idleWorker is how long goroutines that have served requests wait for more: a burst leaves thousands, with stacks of 32 KB.
	idleWorker = 2 * time.Second
)

// New makes a Server. It listens to nothing yet.
func New(d Deps) (*Server, error) {
	s := &Server{
		config: d.Config, verifier: d.Verifier, completions: d.Completions, chat: d.Chat, settings: d.Settings, keys: d.Keys, usage: d.Usage, mcp: d.MCP,
		console: d.Console, memory: d.Memory,
		streams: stream.NewServer(stream.ServerOptions{Logger: d.Logger}),
		log:     d.Logger, now: d.Clock, tracer: d.Tracer,
		https:  strings.HasPrefix(d.Config.Server.PublicURL, "https://"),
		limits: limits{name: "api", perIP: d.Config.Limits.PerIP, user: d.Config.Limits.PerUser},
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.attachments = newAttachments(d)
	s.deletions = d.Deletions
	s.shares = d.Shares
	s.transfers = d.Transfers
	s.admin = d.Admin
	s.search, s.storage, s.retention = d.Search, d.Storage, d.Retention
	var err error
	if s.site, err = newSite(d.Web); err != nil {
		return nil, err
	}
	if s.gate, err = ratelimit.NewLocal(s.now); err != nil {
		return nil, fmt.Errorf("make limiter: %w", err)
	}
	s.metrics = newMetrics(d.Registerer, func() float64 { return float64(s.streams.Active()) })
	s.limiter = d.Limiter(func(err error) {
		s.metrics.fallback.Inc()
		s.log.Warn("rate limits are decided in this process", "error", err)
	})
	s.prober = &prober{now: s.now, changed: s.dependencyChanged, checks: map[string]func(context.Context) error{
		"postgres": d.DB.Ping,
		"kratos":   d.Verifier.Ready,
		"redis":    func(ctx context.Context) error { return d.Redis.Ping(ctx).Err() },
	}}
	s.setUp()
	s.app.Use(auth.PathPrefix, s.limitAddress)
	d.Proxy.Register(s.app)
	d.Hooks.Register(s.app)
	if d.Mail != nil {
		d.Mail.Register(s.app)
	}
	s.finish()
	return s, nil
}

// setUp makes the Fiber app and the routes that are described. It needs no dependency, so that the description can be
// printed without any.
func (s *Server) setUp() {
	if s.config == nil {
		s.config = &config.Config{}
	}
	s.app = fiber.New(fiber.Config{
		DisableStartupMessage:        true,
		Immutable:                    true,
		CaseSensitive:                true,
		StrictRouting:                true,
		EnableTrustedProxyCheck:      true, // and none trusted: front has set the address
		DisablePreParseMultipartForm: true,
		StreamRequestBody:            true, // and read by takeBody
		BodyLimit:                    s.config.Server.MaxBodyBytes,
		ReadBufferSize:               readBufferSize,
		ReadTimeout:                  readTimeout,
		WriteTimeout:                 writeTimeout,
		IdleTimeout:                  idleTimeout,
		ErrorHandler:                 s.refuse,
	})
	s.app.Server().KeepHijackedConns = true // for streams, which close their own
	s.app.Server().MaxIdleWorkerDuration = idleWorker
	s.app.Use(s.observe, s.takeBody)
	s.app.Get("/healthz", s.healthz)
	s.app.Get("/readyz", s.readyz)
	s.guardAdministration()
	s.api = newAPI(&adapter{app: s.app, before: s.access()})
	s.accountRoutes()
	s.memoryRoutes()
	s.keyRoutes()
	s.conversationRoutes()
	s.shareRoutes()
	s.attachmentRoutes()
	s.aiRoutes()
	s.mcpRoutes(s.mcp)
	s.searchRoutes()
	s.storageRoutes()
	s.sqlRoutes()
	s.deletionRoutes()
	s.exportRoutes()
	s.importRoutes()
	s.adminRoutes()
	s.openOutputs()
	s.docsRoutes()
}

// refuse answers what the HTTP server could not read, and so never reached the routes.
func (s *Server) refuse(c *fiber.Ctx, err error) error {
	x := newExchange(c, time.Now())
	x.route = "none"
	s.setHeaders(c)
	if err := fail(c, err); err != nil {
		return err
	}
	s.tell(c, x)
	if x.err.Code == problem.CodeTooLarge {
		drain(c.Context().Conn())
	}
	return nil
}

// drain takes in what a client still sends of a request that has been refused, until it pauses: most clients read no
// answer before they have sent everything, and would see a reset connection instead of the reason.
func drain(conn net.Conn) {
	const pause, patience = 250 * time.Millisecond, 5 * time.Second
	buffer := make([]byte, 64<<10)
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if err := conn.SetReadDeadline(time.Now().Add(pause)); err != nil {
			return
		}
		if _, err := conn.Read(buffer); err != nil {
			return
		}
	}
}

// finish closes the list of routes.
func (s *Server) finish() {
	s.routes = s.app.GetRoutes(true)
	s.app.Use(s.unmatched)
	s.app.Server().Handler = front(s.app.Handler(), s.app, s.config.Server.TrustedProxies)
}

func (s *Server) dependencyChanged(name string, err error) {
	if err != nil {
		s.log.Error("dependency is down", "dependency", name, "error", err)
		return
	}
	s.log.Info("dependency is back", "dependency", name)
}
