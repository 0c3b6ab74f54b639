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
	"twobrains/internal/problem"
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

// Options configure a Service. DB, Catalog, Providers, Logs and InstanceID are required.
type Options struct {
	DB      *tenant.DB
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
	// Titles lets a cheap model of the run's provider name new conversations.
	Titles bool
	Logs   stream.Logs
	// InstanceID names this process in the runs it makes.
	InstanceID uuid.UUID
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
	// SettleTimeout is how long storing a reply is tried again while Postgres is away. Default 2 minutes.
	SettleTimeout time.Duration

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
}

// New makes a Service.
func New(opts Options) (*Service, error) {
	if opts.DB == nil || opts.Catalog == nil || opts.Logs == nil || opts.InstanceID == uuid.Nil {
		return nil, errors.New("completion: database, catalog, logs and instance id are required")
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

// Follow reads the running or just ended reply of a conversation from its first chunk. Nil, without an error, says that
// there is none.
func (s *Service) Follow(ctx context.Context, user auth.User, conversationID string) (stream.Follower, error) {
	follower, err := s.opts.Logs.Open(ctx, logKey(user, conversationID))
	if errors.Is(err, stream.ErrNoLog) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open run log: %w", err)
	}
	if follower.Ended() {
		follower.Close()
		return nil, nil
	}
	return follower, nil
}

// Stop ends the running reply of a conversation and waits until what there is of it is stored. It reports whether there
// was one in this process.
func (s *Service) Stop(ctx context.Context, user auth.User, conversationID string) (stopped bool, err error) {
	s.mu.Lock()
	r := s.active[logKey(user, conversationID)]
	s.mu.Unlock()
	if r == nil {
		return false, nil
	}
	r.cancel(errStopped)
	select {
	case <-r.done:
		return true, nil
	case <-ctx.Done():
		return true, ctx.Err()
	}
}

// StopConversation is Stop for a caller that is about to delete the conversation.
func (s *Service) StopConversation(ctx context.Context, user auth.User, conversationID string) error {
	_, err := s.Stop(ctx, user, conversationID)
	return err
}

// Active counts the runs under way in this process.
func (s *Service) Active() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.active)
}

// admit makes room for a run, or says why there is none. A run in its place that is stored already, and only ends its
// stream, is waited for: its reader may be faster than it.
func (s *Service) admit(ctx context.Context, r *run) error {
	for {
		ending, err := s.tryAdmit(r.key, r)
		if ending == nil {
			return err
		}
		select {
		case <-ending:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *Service) tryAdmit(key stream.Key, r *run) (ending <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch running := s.active[key]; {
	case running != nil && running.stored.Load():
		return running.done, nil
	case s.draining:
		return nil, problem.New(problem.CodeUnavailable, "The server restarts; try again in a moment.").After(2 * time.Second)
	case len(s.active) >= s.opts.MaxRuns:
		return nil, problem.New(problem.CodeBusy, "The server has no room for another reply now; try again in a moment.").After(5 * time.Second)
	case running != nil:
		active := problem.New(problem.CodeRunActive, "A reply is being produced in this conversation; wait for it or stop it.")
		active.RunID = running.id.String()
		return nil, active
	}
	s.active[key] = r
	s.runs.Add(1)
	return nil, nil
}

func (s *Service) dismiss(r *run) {
	s.mu.Lock()
	delete(s.active, r.key)
	s.mu.Unlock()
	close(r.done)
	s.runs.Done()
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
	o.SettleTimeout = cmp.Or(o.SettleTimeout, 2*time.Minute)
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}
