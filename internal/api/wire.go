package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"twobrains/internal/auth"
	"twobrains/internal/byok"
	"twobrains/internal/chat"
	"twobrains/internal/completion"
	"twobrains/internal/config"
	"twobrains/internal/console"
	"twobrains/internal/devmail"
	"twobrains/internal/memory"
	"twobrains/internal/ratelimit"
	"twobrains/internal/secret"
	"twobrains/internal/settings"
	"twobrains/internal/share"
	"twobrains/internal/stream"
	"twobrains/internal/stream/redislog"
	"twobrains/internal/tool/exa"
	"twobrains/internal/tool/guard"
	"twobrains/internal/tool/mcp"
	"twobrains/internal/tool/servers"
	"twobrains/internal/tracing"
	"twobrains/internal/usage"
)

// redisPrefix of every key and channel.
const redisPrefix = "twobrains:"

// quietRedis keeps the client from printing what its callers log anyway, in another form. It is a package variable there.
var quietRedis = sync.OnceFunc(func() { redis.SetLogger(silence{}) })

type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}

func redisOptions(c *config.Config) (*redis.Options, error) {
	o, err := redis.ParseURL(c.Storage.RedisURL.Reveal())
	if err != nil {
		return nil, errors.New("read REDIS_URL: it cannot be parsed") // the error may quote it
	}
	quietRedis()
	o.ContextTimeoutEnabled = true
	o.DialTimeout, o.ReadTimeout, o.WriteTimeout = 2*time.Second, time.Second, time.Second
	return o, nil
}

func openRedis(c *config.Config) (*redis.Client, error) {
	o, err := redisOptions(c)
	if err != nil {
		return nil, err
	}
	return redis.NewClient(o), nil
}

// wireLogs makes what replicas share of replies under way: their streams, and requests to stop them.
func (a *App) wireLogs(client redis.UniversalClient) error {
	o, err := redisOptions(a.Config)
	if err != nil {
		return err
	}
	a.logs, err = redislog.New(redislog.Options{
		Memory: stream.NewMemory(stream.MemoryOptions{MaxBytes: a.Config.Limits.RunLogBytes}),
		Redis:  o, Prefix: redisPrefix, Logger: a.Log, Registerer: a.Registry,
	})
	if err != nil {
		return fmt.Errorf("make run logs: %w", err)
	}
	a.closers = append(a.closers, a.logs.Close)
	a.signals = redislog.NewSignals(client, redisPrefix, func(runID string) { a.Completions.StopRun(runID) })
	return nil
}

func (a *App) wireSignIn(d *Deps, client redis.UniversalClient) error {
	c := a.Config.SignIn
	events := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "twobrains", Subsystem: "auth", Name: "verifications_total",
		Help: "Questions whose session it is, by how they ended.",
	}, []string{"event"})
	a.Registry.MustRegister(events)
	var err error
	d.Verifier, err = auth.NewVerifier(auth.Options{
		PublicURL: c.KratosPublicURL, CookieName: c.SessionCookie, TTL: c.SessionTTL, Clock: d.Clock,
		OnEvent: func(e auth.Event) { events.WithLabelValues(string(e)).Inc() },
	})
	if err != nil {
		return fmt.Errorf("make verifier: %w", err)
	}
	a.closers = append(a.closers, d.Verifier.Close)
	shared := ratelimit.NewRedis(client, redisPrefix)
	local, err := ratelimit.NewLocal(d.Clock)
	if err != nil {
		return fmt.Errorf("make limiter: %w", err)
	}
	d.Limiter = func(onFallback func(error)) ratelimit.Limiter {
		return ratelimit.NewFallback(shared, local, onFallback)
	}
	a.invalidations = auth.NewInvalidations(d.Verifier, client, redisPrefix, func(err error) {
		a.Log.Warn("other replicas were not told of an ended session", "error", err)
	})
	d.Proxy, err = auth.NewProxy(auth.ProxyOptions{
		PublicURL: c.KratosPublicURL, PublicOrigin: a.Config.Server.PublicURL,
		Verifier: d.Verifier, Invalidations: a.invalidations, Limiter: shared,
		Limits: auth.LoginLimits{
			Address:    auth.Rate(c.LoginPerIP),
			Identifier: auth.Rate(c.LoginPerIdentifier),
			Flow:       auth.Rate(c.LoginPerFlow),
			Credential: auth.Rate(c.LoginPerFlow),
		},
	})
	if err != nil {
		return fmt.Errorf("make sign-in proxy: %w", err)
	}
	a.closers = append(a.closers, d.Proxy.Close)
	d.Hooks, err = auth.NewHooks(auth.HooksOptions{AdminURL: c.KratosAdminURL, Key: c.KratosHookKey, Invalidations: a.invalidations})
	if err != nil {
		return fmt.Errorf("make sign-in hooks: %w", err)
	}
	a.closers = append(a.closers, d.Hooks.Close)
	if !c.DevMailKey.IsZero() {
		d.Mail = devmail.New(devmail.Options{Key: c.DevMailKey, Clock: d.Clock})
	}
	return nil
}

func (a *App) wireChat(d *Deps, o AppOptions) error {
	c := a.Config
	models, err := catalogOf(c)
	if err != nil {
		return err
	}
	a.models = models
	providers, factories, closeProviders, err := providersOf(c)
	if err != nil {
		return err
	}
	a.closers = append(a.closers, closeProviders)
	for name, provider := range o.Providers {
		providers[name] = provider
	}
	instance, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("name this process: %w", err)
	}
	ring, err := secret.ParseKeyRing(c.Storage.MasterKeys)
	if err != nil {
		return fmt.Errorf("read master keys: %w", err)
	}
	d.Keys = byok.New(byok.Options{DB: a.DB, Ring: ring, Clock: o.Clock, Providers: byok.Providers(byok.BaseURLs{
		OpenAI: c.Models.OpenAIBaseURL, Anthropic: c.Models.AnthropicBaseURL, Google: c.Models.GoogleBaseURL, Exa: c.Models.ExaBaseURL,
	})})
	client, err := a.wireServers(d, o, ring)
	if err != nil {
		return err
	}
	search := &http.Client{Transport: tracing.Transport(http.DefaultTransport.(*http.Transport).Clone(), "tool")}
	a.closers = append(a.closers, search.CloseIdleConnections)
	if err := a.wireLogs(d.Redis); err != nil {
		return err
	}
	d.Console = console.New(console.Options{
		DB: a.DB, Timeout: c.Limits.SQLTimeout, MaxRows: c.Limits.SQLMaxRows, MaxBytes: c.Limits.SQLMaxBytes, Queries: c.Limits.SQLQueries,
		MaxRowBytes: c.Limits.AttachmentMaxBytes + 1<<20, Clock: o.Clock,
	})
	d.Memory = memory.New(memory.Options{DB: a.DB, Clock: o.Clock})
	a.Completions, err = completion.New(completion.Options{
		DB: a.DB, Tickets: auth.NewTickets(ring), Catalog: models, Providers: providers, Factories: factories, Keys: d.Keys,
		Logs: a.logs, Full: a.logs.Full, Signal: a.signals.Publish,
		InstanceID: instance, InstanceTimeout: c.Server.InstanceTimeout, Version: o.Version,
		Tools: demoTools(), Servers: d.MCP, MCP: client, Search: exa.New(exa.Options{BaseURL: c.Models.ExaBaseURL, HTTPClient: search}),
		Titles:  c.Models.Titles,
		History: d.Console.Tool, Memory: d.Memory,
		Quota: completion.Quota{Day: c.Limits.QuotaDay, Month: c.Limits.QuotaMonth}, AttachmentTotal: int64(c.Limits.AttachmentTotalBytes),
		DefaultModel: c.Models.DefaultModel, MaxMessageChars: c.Limits.MaxMessageChars,
		MaxRuns: c.Limits.MaxStreams, RunTimeout: c.Limits.RunTimeout,
		Clock: o.Clock, Logger: a.Log, Registerer: a.Registry,
	})
	if err != nil {
		return fmt.Errorf("make completions: %w", err)
	}
	d.Completions = a.Completions
	d.Chat = chat.NewService(chat.Options{DB: a.DB, Stop: a.Completions.Stop, Clock: o.Clock, Logger: a.Log})
	d.Shares = share.New(share.Options{DB: a.DB, Logger: a.Log, ModelName: func(id string) string {
		model, _ := models.Model(id)
		return model.Name
	}})
	d.Settings = settings.NewService(settings.Options{DB: a.DB, Catalog: models, Clock: o.Clock})
	d.Usage = usage.NewService(usage.Options{DB: a.DB, QuotaDay: c.Limits.QuotaDay, QuotaMonth: c.Limits.QuotaMonth, Clock: o.Clock})
	return nil
}

// wireServers makes what users' MCP servers are kept by and reached with.
func (a *App) wireServers(d *Deps, o AppOptions, ring *secret.KeyRing) (*mcp.Client, error) {
	egress := guard.Options{AllowPrivate: a.Config.Tools.AllowPrivate}
	builtin, err := mcp.LoadCatalog(a.Config.Tools.MCPCatalog, egress)
	if err != nil {
		return nil, err
	}
	client := mcp.New(mcp.Options{HTTP: egress, Version: o.Version, Clock: o.Clock, Logger: a.Log})
	d.MCP = servers.NewService(servers.Options{DB: a.DB, Keys: ring, Catalog: builtin, Client: client, HTTP: egress, Clock: o.Clock, Logger: a.Log})
	return client, nil
}
