// Package servers keeps which MCP servers a user has: those they added, and which of the built-in ones are on. It lives in the
// public brain, behind the seal. Header values are sealed like keys, under the user's own key; nothing here gives them back but
// to the run that sends them.
package servers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"twobrains/internal/auth"
	"twobrains/internal/problem"
	"twobrains/internal/publicdb"
	"twobrains/internal/secret"
	"twobrains/internal/tenant"
	"twobrains/internal/tool/guard"
	"twobrains/internal/tool/mcp"
)

// MaxServers a user may add. The database has the same number.
const MaxServers = 20

// Server is a server as its user sees it.
type Server struct {
	// ID is a UUID, or an id of the catalog.
	ID          string
	Name        string
	Description string
	URL         string
	Transport   mcp.Transport
	// HeaderNames of the headers that are sent; their values are never shown.
	HeaderNames []string
	Approval    mcp.Approval
	Enabled     bool
	Builtin     bool
	// CreatedAt and UpdatedAt are zero for built-in servers.
	CreatedAt, UpdatedAt time.Time
}

// Options of a Service; DB, Keys, Catalog and Client are required.
type Options struct {
	DB      *tenant.DB
	Keys    *secret.KeyRing
	Catalog *mcp.Catalog
	Client  *mcp.Client
	// HTTP is what Client was made with: it decides which URLs are accepted.
	HTTP guard.Options
	// Clock is time.Now unless a test says otherwise.
	Clock  func() time.Time
	Logger *slog.Logger
}

// Service reads and writes them. It is safe for concurrent use.
type Service struct {
	db      *tenant.DB
	q       *publicdb.Queries
	keys    *secret.KeyRing
	catalog *mcp.Catalog
	client  *mcp.Client
	http    guard.Options
	now     func() time.Time
	log     *slog.Logger

	mu      sync.Mutex
	testing map[uuid.UUID]bool
}

// NewService makes a Service.
func NewService(o Options) *Service {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Service{
		db: o.DB, q: publicdb.New(), keys: o.Keys, catalog: o.Catalog, client: o.Client, http: o.HTTP, now: o.Clock, log: o.Logger,
		testing: map[uuid.UUID]bool{},
	}
}

func errNotFound() error { return problem.New(problem.CodeNotFound, "There is no such server.") }

// tx runs one unit of work.
func (s *Service) tx(ctx context.Context, user auth.User, work func(*tenant.Tx)) error {
	return s.db.Tx(ctx, user, func(tx *tenant.Tx) error {
		work(tx)
		return nil
	})
}

// List returns the built-in servers in the order of the catalog, then the user's own, oldest first.
func (s *Service) List(ctx context.Context, user auth.User) ([]Server, error) {
	var own *tenant.Result[[]publicdb.MCPServerListRow]
	var builtins *tenant.Result[[]publicdb.MCPBuiltinListRow]
	err := s.tx(ctx, user, func(tx *tenant.Tx) {
		own = tenant.Queue(tx, func(db tenant.DBTX) ([]publicdb.MCPServerListRow, error) { return s.q.MCPServerList(ctx, db) }).Public()
		builtins = s.queueBuiltins(ctx, tx)
	})
	if err != nil {
		return nil, fmt.Errorf("list MCP servers: %w", err)
	}
	var list []Server
	chosen := choices(builtins.Value())
	for _, b := range s.catalog.Servers() {
		list = append(list, fromBuiltin(b, chosen))
	}
	for _, row := range own.Value() {
		list = append(list, fromRow(row))
	}
	return list, nil
}

func (s *Service) queueBuiltins(ctx context.Context, tx *tenant.Tx) *tenant.Result[[]publicdb.MCPBuiltinListRow] {
	return tenant.Queue(tx, func(db tenant.DBTX) ([]publicdb.MCPBuiltinListRow, error) { return s.q.MCPBuiltinList(ctx, db) }).Public()
}

// Create adds a server. CodeConflict: there are MaxServers.
func (s *Service) Create(ctx context.Context, user auth.User, draft Draft) (Server, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return Server{}, fmt.Errorf("make id: %w", err)
	}
	p, err := s.prepare(user, id, draft, true)
	if err != nil {
		return Server{}, err
	}
	params := publicdb.MCPServerCreateParams{
		ID: id, Name: *p.Name, Url: *p.Url, Transport: *p.Transport, Approval: *p.Approval, Enabled: *p.Enabled,
		HeaderNames: p.HeaderNames, HeadersCiphertext: p.HeadersCiphertext, KeyID: p.KeyID, Now: p.Now,
	}
	var created *tenant.Result[uuid.UUID]
	var got *tenant.Result[publicdb.MCPServerGetRow]
	// Somebody who adds several at the same time, at several replicas, may find a slot taken in between.
	for range MaxServers {
		err = s.tx(ctx, user, func(tx *tenant.Tx) {
			created = tenant.Queue(tx, func(db tenant.DBTX) (uuid.UUID, error) { return s.q.MCPServerCreate(ctx, db, params) }).Public()
			got = s.get(ctx, tx, id)
		})
		if !tenant.IsUnique(err) {
			break
		}
	}
	switch {
	case err != nil:
		return Server{}, fmt.Errorf("create MCP server: %w", err)
	case errors.Is(created.Err(), pgx.ErrNoRows):
		return Server{}, problem.Newf(problem.CodeConflict, "There are %d servers already, and more are not possible.", MaxServers)
	}
	return fromRow(publicdb.MCPServerListRow(got.Value())), nil
}

func (s *Service) get(ctx context.Context, tx *tenant.Tx, id uuid.UUID) *tenant.Result[publicdb.MCPServerGetRow] {
	return tenant.Queue(tx, func(db tenant.DBTX) (publicdb.MCPServerGetRow, error) { return s.q.MCPServerGet(ctx, db, id) }).Public()
}

// Update changes what the draft names. Of a built-in server only Enabled can be changed.
func (s *Service) Update(ctx context.Context, user auth.User, id string, draft Draft) (Server, error) {
	if b, ok := s.catalog.Server(id); ok {
		return s.updateBuiltin(ctx, user, b, draft)
	}
	record, err := uuid.Parse(id)
	if err != nil || record.String() != id {
		return Server{}, errNotFound()
	}
	params, err := s.prepare(user, record, draft, false)
	if err != nil {
		return Server{}, err
	}
	var changed *tenant.Result[int64]
	var got *tenant.Result[publicdb.MCPServerGetRow]
	err = s.tx(ctx, user, func(tx *tenant.Tx) {
		changed = tenant.Queue(tx, func(db tenant.DBTX) (int64, error) { return s.q.MCPServerUpdate(ctx, db, params) }).Public()
		got = s.get(ctx, tx, record)
	})
	switch {
	case err != nil:
		return Server{}, fmt.Errorf("update MCP server: %w", err)
	case errors.Is(got.Err(), pgx.ErrNoRows):
		return Server{}, errNotFound()
	case changed.Value() == 0:
		return Server{}, invalid().Field("headers", "must be given again for another host, or as {} for none")
	}
	return fromRow(publicdb.MCPServerListRow(got.Value())), nil
}

func (s *Service) updateBuiltin(ctx context.Context, user auth.User, b mcp.Builtin, draft Draft) (Server, error) {
	refusal := invalid()
	for name, given := range map[string]bool{
		"name": draft.Name != nil, "url": draft.URL != nil, "transport": draft.Transport != nil,
		"approval": draft.Approval != nil, "headers": draft.Headers != nil,
	} {
		if given {
			refusal.Field(name, "cannot be changed of a built-in server")
		}
	}
	if len(refusal.Fields) > 0 {
		return Server{}, sorted(refusal)
	}
	var builtins *tenant.Result[[]publicdb.MCPBuiltinListRow]
	err := s.tx(ctx, user, func(tx *tenant.Tx) {
		if draft.Enabled != nil {
			params := publicdb.MCPBuiltinSetParams{Server: b.ID, Enabled: *draft.Enabled, Now: s.now()}
			tenant.QueueExec(tx, func(db tenant.DBTX) error { return s.q.MCPBuiltinSet(ctx, db, params) }).Public()
		}
		builtins = s.queueBuiltins(ctx, tx)
	})
	if err != nil {
		return Server{}, fmt.Errorf("update MCP server: %w", err)
	}
	return fromBuiltin(b, choices(builtins.Value())), nil
}

// Delete removes a server that the user has added.
func (s *Service) Delete(ctx context.Context, user auth.User, id string) error {
	if _, ok := s.catalog.Server(id); ok {
		return problem.New(problem.CodeConflict, "A built-in server cannot be deleted. It can be turned off.")
	}
	record, err := uuid.Parse(id)
	if err != nil || record.String() != id {
		return errNotFound()
	}
	var deleted *tenant.Result[int64]
	err = s.tx(ctx, user, func(tx *tenant.Tx) {
		deleted = tenant.Queue(tx, func(db tenant.DBTX) (int64, error) { return s.q.MCPServerDelete(ctx, db, record) }).Public()
	})
	switch {
	case err != nil:
		return fmt.Errorf("delete MCP server: %w", err)
	case deleted.Value() == 0:
		return errNotFound()
	}
	return nil
}

// Test connects to a server of the user, on or off, and says what it found. One test of a user at a time: CodeConflict.
func (s *Service) Test(ctx context.Context, user auth.User, id string) (mcp.Found, error) {
	s.mu.Lock()
	busy := s.testing[user.ID()]
	s.testing[user.ID()] = true
	s.mu.Unlock()
	if busy {
		return mcp.Found{}, problem.New(problem.CodeConflict, "Another test is under way.")
	}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.testing, user.ID())
	}()
	if b, ok := s.catalog.Server(id); ok {
		return s.client.Probe(ctx, user, b.Server()), nil
	}
	record, err := uuid.Parse(id)
	if err != nil || record.String() != id {
		return mcp.Found{}, errNotFound()
	}
	var got *tenant.Result[publicdb.MCPServerGetRow]
	if err := s.tx(ctx, user, func(tx *tenant.Tx) { got = s.get(ctx, tx, record) }); err != nil {
		return mcp.Found{}, fmt.Errorf("read MCP server: %w", err)
	}
	if errors.Is(got.Err(), pgx.ErrNoRows) {
		return mcp.Found{}, errNotFound()
	}
	server, err := s.unseal(user, publicdb.MCPServerListRow(got.Value()))
	if err != nil {
		s.log.ErrorContext(ctx, "headers of an MCP server cannot be opened", "server", id, "error", err)
		return mcp.Found{Failure: unreadable}, nil
	}
	return s.client.Probe(ctx, user, server), nil
}
