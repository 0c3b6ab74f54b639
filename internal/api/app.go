package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"

	"twobrains/internal/admin"
	"twobrains/internal/analytics"
	"twobrains/internal/auth"
	"twobrains/internal/completion"
	"twobrains/internal/config"
	"twobrains/internal/job"
	"twobrains/internal/llm"
	"twobrains/internal/llm/catalog"
	"twobrains/internal/secret"
	"twobrains/internal/stream/redislog"
	"twobrains/internal/tenant"
	"twobrains/internal/tracing"
	"twobrains/tern"
)

// AppOptions say what an App is made of besides its configuration. The zero value is a server as `twobrains serve` runs it,
// without its web app.
type AppOptions struct {
	Version string
	// Web is the built single-page app.
	Web fs.FS
	// LogTo receives the log; nil means standard error.
	LogTo io.Writer
	// Clock is time.Now unless a test says otherwise. Databases and Kratos keep their own time.
	Clock func() time.Time
	// Providers of models, by name, besides the configured ones. They win over those.
	Providers map[string]llm.Provider
	// Public and Internal are listeners to use instead of the configured addresses.
	Public, Internal net.Listener
}

// App is the whole program, put together. Tests start the same one as main.
type App struct {
	Config      *config.Config
	Log         *slog.Logger
	DB          *tenant.DB
	Registry    *prometheus.Registry
	Completions *completion.Service
	Jobs        *job.Queue

	server        *Server
	invalidations *auth.Invalidations
	logs          *redislog.Store
	signals       *redislog.Signals
	models        *catalog.Catalog
	modelWatch    *admin.ModelWatch
	closers       []func()
	closing       sync.Once

	public, internal net.Listener
}

// OpenDB makes the kernel from the configuration, as every verb needs it that touches the brains.
func OpenDB(c *config.Config, log *slog.Logger, r prometheus.Registerer) (*tenant.DB, error) {
	keys, err := secret.ParseKeyRing(c.Storage.MasterKeys)
	if err != nil {
		return nil, fmt.Errorf("read master keys: %w", err)
	}
	return tenant.New(tenant.Options{
		URL: c.Storage.DatabaseURL, OwnerURL: c.Storage.OwnerURL, ConsoleURL: c.Storage.ConsoleURL, AnalystURL: c.Storage.AnalystURL, Keys: keys,
		PublicMigrations: tern.Public(), TenantMigrations: tern.Tenant(), Sync: SyncModels(c),
		Lanes: c.Storage.Lanes, Provisioners: c.Storage.Provisioners,
		Logger: log, Registerer: r,
	})
}

// ConfiguredLogger makes the logger that the configuration asks for.
func ConfiguredLogger(c *config.Config, w io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: c.Telemetry.LogLevel}
	if c.Telemetry.LogFormat == "text" {
		return NewLogger(slog.NewTextHandler(w, o))
	}
	return NewLogger(slog.NewJSONHandler(w, o))
}

// NewApp puts the program together and checks the database, but listens to nothing yet. Close it in any case.
func NewApp(ctx context.Context, c *config.Config, o AppOptions) (_ *App, err error) {
	if o.LogTo == nil {
		o.LogTo = os.Stderr
	}
	a := &App{
		Config: c, Log: ConfiguredLogger(c, o.LogTo), Registry: prometheus.NewRegistry(),
		public: o.Public, internal: o.Internal,
	}
	defer func() {
		if err != nil {
			a.Close()
		}
	}()
	a.Registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	if a.DB, err = OpenDB(c, a.Log, a.Registry); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	a.closers = append(a.closers, a.DB.Close)
	if err := a.DB.Check(ctx); err != nil {
		return nil, err
	}
	client, err := openRedis(c)
	if err != nil {
		return nil, err
	}
	a.closers = append(a.closers, func() { _ = client.Close() })
	tracer, err := a.wireTraces(ctx, o.Version)
	if err != nil {
		return nil, err
	}
	if tracer != nil {
		client.AddHook(tracing.Redis())
	}

	d := Deps{
		Config: c, DB: a.DB, Redis: client, Web: o.Web, Logger: a.Log, Registerer: a.Registry, Tracer: tracer, Clock: o.Clock,
	}
	if err := a.wireSignIn(&d, client); err != nil {
		return nil, err
	}
	if err := a.wireChat(&d, o); err != nil {
		return nil, err
	}
	if err := a.wireJobs(&d, o); err != nil {
		return nil, err
	}
	if err := a.wireData(&d, o); err != nil {
		return nil, err
	}
	if err := a.wireTransfers(&d, o); err != nil {
		return nil, err
	}
	if err := a.wireAdmin(&d, o); err != nil {
		return nil, err
	}
	if a.server, err = New(d); err != nil {
		return nil, fmt.Errorf("make server: %w", err)
	}
	return a, nil
}

// wireTraces makes what takes traces to the configured collector; nil: there is none. What it cannot deliver is lost, and the log says so.
func (a *App) wireTraces(ctx context.Context, version string) (trace.TracerProvider, error) {
	if a.Config.Telemetry.TracesURL == "" {
		return nil, nil
	}
	provider, err := tracing.NewProvider(ctx, a.Config.Telemetry.TracesURL, version)
	if err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { a.Log.Warn("traces are not delivered", "error", err) }))
	a.closers = append(a.closers, func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = provider.Shutdown(ctx)
	})
	return provider, nil
}

func (a *App) listen() (err error) {
	if a.public == nil {
		if a.public, err = net.Listen("tcp", a.Config.Listen()); err != nil {
			return fmt.Errorf("listen: %w", err)
		}
	}
	if a.internal == nil && a.Config.Telemetry.InternalListen != "off" {
		if a.internal, err = net.Listen("tcp", a.Config.Telemetry.InternalListen); err != nil {
			return fmt.Errorf("listen for metrics: %w", err)
		}
	}
	return nil
}

// Run listens and serves until ctx ends, and then lets what is under way come to its end, DRAIN_TIMEOUT at most. The work in
// flight does not depend on ctx: databases stay open until Close. The others know of this process before it takes requests, and
// until what it could not end is theirs.
func (a *App) Run(ctx context.Context) error {
	if err := a.listen(); err != nil {
		return err
	}
	_ = a.modelWatch.Read(ctx) // logged there; without it models are as listed
	if err := a.Completions.Announce(ctx); err != nil {
		return fmt.Errorf("announce this process: %w", err)
	}
	group, failed := errgroup.WithContext(context.WithoutCancel(ctx))
	background, stopBackground := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBackground()
	group.Go(func() error { return a.server.Serve(a.public) })
	operators := &http.Server{Handler: internalHandler(a.Registry), ReadHeaderTimeout: 5 * time.Second}
	if a.internal != nil {
		group.Go(func() error {
			if err := operators.Serve(a.internal); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serve metrics: %w", err)
			}
			return nil
		})
	}
	for name, run := range map[string]func(context.Context) error{
		"completions": a.Completions.Run, "invalidations": a.invalidations.Run, "signals": a.signals.Run, "models": a.modelWatch.Run,
		"jobs": a.Jobs.Run, "transfers": a.server.transfers.Run, "shares": a.server.shares.Run,
		"analytics": analytics.NewFolder(analytics.Options{DB: a.DB, Logger: a.Log}).Run,
	} {
		group.Go(func() error {
			err := run(background)
			if background.Err() == nil {
				return err
			}
			if err != nil {
				a.Log.Warn("background work did not end well", "work", name, "error", err)
			}
			return nil
		})
	}
	a.Log.Info("ready", "address", a.public.Addr().String(), "publicUrl", a.Config.Server.PublicURL)

	group.Go(func() error {
		select {
		case <-ctx.Done():
			a.Log.Info("stopping", "replies", a.Completions.Active())
		case <-failed.Done():
		}
		draining, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.Config.Server.DrainTimeout)
		defer cancel()
		err := a.server.Shutdown(draining)
		a.handOver(ctx)
		stopBackground()
		closing, cancelClosing := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
		defer cancelClosing()
		return errors.Join(err, operators.Shutdown(closing))
	})
	err := group.Wait()
	a.Log.Info("stopped")
	return err
}

// handOver brings the streams of replies that could not be ended to where others find them.
func (a *App) handOver(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFlush)
	defer cancel()
	if left := a.Completions.Active(); left > 0 {
		a.Log.Warn("replies are left to other replicas", "replies", left)
	}
	if err := a.logs.Flush(ctx); err != nil {
		a.Log.Warn("other replicas may lack the end of streams", "error", err)
	}
}

// lastFlush bounds handOver.
const lastFlush = 2 * time.Second

// Routes lists what the server answers to, as "GET /api/session" with parameters as in ":id".
func (a *App) Routes() []string {
	routes := make([]string, len(a.server.routes))
	for i, r := range a.server.routes {
		routes[i] = r.Method + " " + r.Path
	}
	return routes
}

// Close lets go of everything, in the reverse order of its making. It may be called more than once.
func (a *App) Close() {
	a.closing.Do(func() {
		if a.public != nil {
			_ = a.public.Close()
		}
		if a.internal != nil {
			_ = a.internal.Close()
		}
		for i := len(a.closers) - 1; i >= 0; i-- {
			a.closers[i]()
		}
	})
}
