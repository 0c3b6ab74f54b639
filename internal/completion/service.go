// Package completion makes replies. A run has three phases: prepare, one transaction over both brains that reserves quota,
// stores the user's message and opens the run; pump, detached from the request, which reads the model, runs tools and
// writes the run's log; settle, one transaction that stores the reply and accounts for it, exactly once.
package completion

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"twobrains/internal/auth"
	"twobrains/internal/byok"
	"twobrains/internal/llm"
	"twobrains/internal/llm/catalog"
	"twobrains/internal/memory"
	"twobrains/internal/publicdb"
	"twobrains/internal/stream"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
	"twobrains/internal/tool"
	"twobrains/internal/tool/exa"
	"twobrains/internal/tool/mcp"
	"twobrains/internal/tool/servers"
)

// Quota limits the messages of a user on platform keys.
type Quota struct {
	// Day and Month count by UTC. 0 allows none.
	Day, Month int
}

// Options configure a Service. DB, Tickets, Catalog, Providers, Logs and InstanceID are required.
type Options struct {
	DB *tenant.DB
	// Tickets let other processes settle the runs of this one, should it die.
	Tickets *auth.Tickets
	Catalog *catalog.Catalog
	// Providers use the platform's keys.
	Providers map[string]llm.Provider
	// Factories make providers for keys of users.
	Factories map[string]Factory
	// Keys opens keys of users; nil: they are not used.
	Keys *byok.Keys
	// Tools are offered to models of a provider, by its name.
	Tools map[string][]tool.Tool
	// Servers knows the MCP servers of users and MCP connects to them; both nil: there are none.
	Servers *servers.Service
	MCP     *mcp.Client
	// Search is the web search, for users with a key for it; nil: there is none.
	Search *exa.Client
	// History makes the tool that queries the private brain of a user who has allowed it; false: it cannot be had now. Nil: there is
	// none.
	History func(context.Context, auth.User) (tool.Tool, bool)
	// Memory keeps the notes of users who want models to know them; nil: there are none.
	Memory *memory.Service
	// Titles lets a cheap model of the run's provider name new conversations.
	Titles bool
	Logs   stream.Logs
	// Full says that there is no room for another log now; nil: there always is.
	Full func() bool
	// Signal asks the process that makes a run to stop it, by StopRun, at once but without any certainty. Nil: it learns of it with
	// its next sign of life.
	Signal func(ctx context.Context, runID string) error
	// InstanceID names this process in the runs it makes.
	InstanceID uuid.UUID
	// InstanceTimeout is how long a process may give no sign of life before the others take it for dead; it gives three in that
	// time. Default 15 s.
	InstanceTimeout time.Duration
	// Version is shown in public.instances.
	Version string

	Quota Quota
	// AttachmentTotal bounds the files of a user, in bytes; one that a model made and that does not fit is left out. 0: no bound.
	AttachmentTotal int64
	// DefaultModel is used where neither request nor settings name one. Empty: the catalog's default.
	DefaultModel string
	// MaxMessageChars bounds a user message. Default 32,000.
	MaxMessageChars int
	// MaxRuns is how many runs a process admits at once; more are answered with CodeBusy. Default 10,000.
	MaxRuns int
	// MaxSteps is how many times a model is called in one run. Default 5.
	MaxSteps int
	// RunTimeout ends a run that takes longer. Default 10 minutes.
	RunTimeout time.Duration
	// ToolTimeout ends a tool that takes longer. Default 1 minute.
	ToolTimeout time.Duration
	// SettleTimeout is how long storing a reply is tried again while Postgres is away. Default 10 minutes.
	SettleTimeout time.Duration
	// HandOver is how long it is tried when the process stops; what is not stored then is left to others. Default 5 s.
	HandOver time.Duration

	Clock      func() time.Time
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Service makes replies. It is safe for concurrent use.
type Service struct {
	opts    Options
	log     *slog.Logger
	now     func() time.Time
	tenants *tenantdb.Queries
	public  *publicdb.Queries
	metrics *metrics

	mu       sync.Mutex
	active   map[stream.Key]*run
	draining bool
	runs     sync.WaitGroup
	// background is what runs leave to be done after they have ended; hurry ends it.
	background sync.WaitGroup
	late       context.Context
	hurry      context.CancelFunc
	// namings bounds the titles that are made at once.
	namings chan struct{}
	sweeper sweeper
}

// New makes a Service.
func New(opts Options) (*Service, error) {
	if opts.DB == nil || opts.Tickets == nil || opts.Catalog == nil || opts.Logs == nil || opts.InstanceID == uuid.Nil {
		return nil, errors.New("completion: database, tickets, catalog, logs and instance id are required")
	}
	if opts.DefaultModel != "" {
		if _, ok := opts.Catalog.Model(opts.DefaultModel); !ok {
			return nil, fmt.Errorf("default model %q is not in the catalog", opts.DefaultModel)
		}
	}
	opts = withDefaults(opts)
	s := &Service{
		opts: opts, log: opts.Logger, now: opts.Clock,
		tenants: tenantdb.New(), public: publicdb.New(), metrics: newMetrics(opts.Registerer),
		active: map[stream.Key]*run{}, namings: make(chan struct{}, maxNamings),
	}
	s.late, s.hurry = context.WithCancel(context.Background())
	return s, nil
}

// Active counts the runs under way in this process.
func (s *Service) Active() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.active)
}

// logKey names a conversation's log. Conversation ids are unique only within a user.
func logKey(user auth.User, conversationID string) stream.Key {
	return stream.Key{Tenant: user.ID().String(), Conversation: conversationID}
}

func withDefaults(o Options) Options {
	o.MaxMessageChars = cmp.Or(o.MaxMessageChars, 32_000)
	o.MaxRuns = cmp.Or(o.MaxRuns, 10_000)
	o.MaxSteps = cmp.Or(o.MaxSteps, 5)
	o.RunTimeout = cmp.Or(o.RunTimeout, 10*time.Minute)
	o.ToolTimeout = cmp.Or(o.ToolTimeout, time.Minute)
	o.SettleTimeout = cmp.Or(o.SettleTimeout, 10*time.Minute)
	o.HandOver = cmp.Or(o.HandOver, 5*time.Second)
	o.InstanceTimeout = cmp.Or(o.InstanceTimeout, 15*time.Second)
	if o.Full == nil {
		o.Full = func() bool { return false }
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}
