package servers

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"twobrains/internal/auth"
	"twobrains/internal/publicdb"
	"twobrains/internal/secret"
	"twobrains/internal/tool/mcp"
)

// unreadable completes "the server …".
const unreadable = "has headers that cannot be read any more: they have to be entered again"

// Enabled returns those of a user's servers that are on, for mcp.Client.Open, given all of them. Notices are sentences for the user about
// those that cannot be used.
func (s *Service) Enabled(ctx context.Context, user auth.User, own []publicdb.MCPServerListRow, builtins []publicdb.MCPBuiltinListRow) (servers []mcp.Server, notices []string) {
	chosen := choices(builtins)
	for _, b := range s.catalog.Servers() {
		if on, ok := chosen[b.ID]; on || (!ok && b.Enabled) {
			servers = append(servers, b.Server())
		}
	}
	for _, row := range own {
		if !row.Enabled {
			continue
		}
		server, err := s.unseal(user, row)
		if err != nil {
			s.log.ErrorContext(ctx, "headers of an MCP server cannot be opened", "server", row.ID, "error", err)
			notices = append(notices, fmt.Sprintf("The tools of %q are not available: it %s.", row.Name, unreadable))
			continue
		}
		servers = append(servers, server)
	}
	return servers, notices
}

// choices tells which built-in servers a user has turned on or off.
func choices(rows []publicdb.MCPBuiltinListRow) map[string]bool {
	chosen := map[string]bool{}
	for _, row := range rows {
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
