package servers

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"twobrains/internal/auth"
	"twobrains/internal/publicdb"
	"twobrains/internal/secret"
	"twobrains/internal/tenant"
	"twobrains/internal/tool/mcp"
)

// unreadable completes "the server …".
const unreadable = "has headers that cannot be read any more: they have to be entered again"

// Query is a user's servers on their way from the database.
type Query struct {
	service *Service
	own     *tenant.Result[[]publicdb.MCPServerListRow]
	builtin *tenant.Result[[]publicdb.MCPBuiltinListRow]
}

// Queue puts the reading of the user's servers into the next round trip of a transaction.
func (s *Service) Queue(ctx context.Context, tx *tenant.Tx) *Query {
	return &Query{
		service: s,
		own:     tenant.Queue(tx, func(db tenant.DBTX) ([]publicdb.MCPServerListRow, error) { return s.q.MCPServerList(ctx, db) }),
		builtin: tenant.Queue(tx, func(db tenant.DBTX) ([]publicdb.MCPBuiltinListRow, error) { return s.q.MCPBuiltinList(ctx, db) }),
	}
}

// Enabled returns the servers that are on, for mcp.Client.Open, once the round trip is over. Notices are sentences for the user
// about those that cannot be used.
func (q *Query) Enabled(ctx context.Context, user auth.User) (servers []mcp.Server, notices []string) {
	chosen := q.chosen()
	for _, b := range q.service.catalog.Servers() {
		if on, ok := chosen[b.ID]; on || (!ok && b.Enabled) {
			servers = append(servers, b.Server())
		}
	}
	for _, row := range q.own.Value() {
		if !row.Enabled {
			continue
		}
		server, err := q.service.unseal(user, row)
		if err != nil {
			q.service.log.ErrorContext(ctx, "headers of an MCP server cannot be opened", "server", row.ID, "error", err)
			notices = append(notices, fmt.Sprintf("The tools of %q are not available: it %s.", row.Name, unreadable))
			continue
		}
		servers = append(servers, server)
	}
	return servers, notices
}

func (q *Query) chosen() map[string]bool {
	chosen := map[string]bool{}
	for _, row := range q.builtin.Value() {
		chosen[row.Server] = row.Enabled
	}
	return chosen
}

// unseal makes a server as a run uses it. The error holds nothing of the headers.
func (s *Service) unseal(user auth.User, row publicdb.MCPServerListRow) (mcp.Server, error) {
	server := mcp.Server{
		ID: row.ID.String(), Name: row.Name, URL: row.Url, Transport: mcp.Transport(row.Transport), Approval: mcp.Approval(row.Approval),
		Version: row.UpdatedAt.UTC().Format(time.RFC3339Nano),
	}
	if row.KeyID == nil {
		return server, nil
	}
	opened, err := s.keys.Open(place(user, row.ID), secret.Sealed{KeyID: *row.KeyID, Ciphertext: row.HeadersCiphertext})
	if err != nil {
		return mcp.Server{}, fmt.Errorf("open headers: %w", err)
	}
	var headers map[string]string
	if json.Unmarshal([]byte(opened.Reveal()), &headers) != nil {
		return mcp.Server{}, fmt.Errorf("read headers: %w", secret.ErrTampered)
	}
	server.Headers = make(map[string]secret.Secret, len(headers))
	for name, value := range headers {
		server.Headers[name] = secret.New(value)
	}
	return server, nil
}

func fromRow(row publicdb.MCPServerListRow) Server {
	return Server{
		ID: row.ID.String(), Name: row.Name, URL: row.Url, Transport: mcp.Transport(row.Transport), HeaderNames: row.HeaderNames,
		Approval: mcp.Approval(row.Approval), Enabled: row.Enabled, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt,
	}
}

func fromBuiltin(b mcp.Builtin, chosen map[string]bool) Server {
	enabled, ok := chosen[b.ID]
	if !ok {
		enabled = b.Enabled
	}
	return Server{
		ID: b.ID, Name: b.Name, Description: b.Description, URL: b.URL, Transport: b.Transport, HeaderNames: []string{},
		Approval: b.Approval, Enabled: enabled, Builtin: true,
	}
}
