package api

import (
	"context"
	"net/http"
	"time"

	"twobrains/internal/auth"
	"twobrains/internal/problem"
	"twobrains/internal/secret"
	"twobrains/internal/tool/mcp"
	"twobrains/internal/tool/servers"
)

// MCPServer is the wire form of servers.Server.
type MCPServer struct {
	ID          string     `json:"id" doc:"A UUID, or a word for a built-in server." example:"context7"`
	Name        string     `json:"name"`
	Description string     `json:"description,omitempty" doc:"Of built-in servers only."`
	URL         string     `json:"url"`
	Transport   string     `json:"transport" enum:"streamable-http,sse"`
	Headers     []string   `json:"headers" doc:"Names of the headers that are sent. Values are never shown."`
	Approval    string     `json:"approval" enum:"always,writes,never" doc:"Before which calls the user is asked: all, those of tools that do not declare themselves read-only, or none."`
	Enabled     bool       `json:"enabled" doc:"Its tools are offered to models."`
	Builtin     bool       `json:"builtin" doc:"It comes with the installation: only enabled can be changed."`
	CreatedAt   *time.Time `json:"createdAt" doc:"Null for built-in servers."`
	UpdatedAt   *time.Time `json:"updatedAt" doc:"Null for built-in servers."`
}

// MCPServerList is the list of servers.
type MCPServerList struct {
	Items []MCPServer `json:"items" doc:"Built-in servers first, then the user's own, oldest first."`
}

// MCPTest is what a test of a server found.
type MCPTest struct {
	OK      bool      `json:"ok" doc:"The server can be used."`
	Reason  string    `json:"reason,omitempty" doc:"Why not, completing the sentence: the server …" example:"did not answer in time"`
	Tools   []MCPTool `json:"tools"`
	Notices []string  `json:"notices" doc:"Sentences about tools that cannot be used."`
}

// MCPTool is a tool of a server.
type MCPTool struct {
	Name        string `json:"name"`
	Title       string `json:"title"`
	Description string `json:"description"`
	ReadOnly    bool   `json:"readOnly" doc:"The server says that it changes nothing."`
}

// MCPServerParam names a server in the path.
type MCPServerParam struct {
	ID string `path:"id" maxLength:"64" doc:"Id of the server."`
}

type mcpServerOutput struct{ Body MCPServer }

func (s *Server) mcpRoutes(own *servers.Service) {
	const tag, base = "MCP servers", "/api/mcp/servers"
	register(s, operation{
		id: "listMcpServers", method: http.MethodGet, path: base, tag: tag, summary: "List MCP servers",
		description: "The built-in ones, on or off, and those the user has added.",
	}, func(ctx context.Context, user auth.User, _ *struct{}) (*struct{ Body MCPServerList }, error) {
		list, err := own.List(ctx, user)
		if err != nil {
			return nil, err
		}
		out := MCPServerList{Items: make([]MCPServer, len(list))}
		for i, server := range list {
			out.Items[i] = wireMCPServer(server)
		}
		return &struct{ Body MCPServerList }{out}, nil
	})

	type create struct {
		Body struct {
			Name      string            `json:"name" maxLength:"100"`
			URL       string            `json:"url" maxLength:"2000" doc:"https, and a public address." example:"https://mcp.example.com/mcp"`
			Transport string            `json:"transport,omitempty" enum:"streamable-http,sse" default:"streamable-http"`
			Headers   map[string]string `json:"headers,omitempty" doc:"Sent with each request to the server's own host. At most 10. Write-only."`
			Approval  string            `json:"approval,omitempty" enum:"always,writes,never" default:"writes"`
			Enabled   *bool             `json:"enabled,omitempty" default:"true"`
		} `nameHint:"MCPServerCreate"`
	}
	type created struct {
		Location string `header:"Location"`
		Body     MCPServer
	}
	register(s, operation{
		id: "createMcpServer", method: http.MethodPost, path: base, tag: tag, status: http.StatusCreated,
		summary: "Add an MCP server", description: "It is not contacted.",
		codes: []problem.Code{problem.CodeConflict},
	}, func(ctx context.Context, user auth.User, in *create) (*created, error) {
		server, err := own.Create(ctx, user, servers.Draft{
			Name: &in.Body.Name, URL: &in.Body.URL, Enabled: in.Body.Enabled, Headers: secrets(in.Body.Headers),
			Transport: chosen[mcp.Transport](in.Body.Transport), Approval: chosen[mcp.Approval](in.Body.Approval),
		})
		if err != nil {
			return nil, err
		}
		return &created{Location: base + "/" + server.ID, Body: wireMCPServer(server)}, nil
	})

	type update struct {
		MCPServerParam
		Body struct {
			Name      maybe[string]            `json:"name,omitempty" maxLength:"100" nullable:"false"`
			URL       maybe[string]            `json:"url,omitempty" maxLength:"2000" nullable:"false" doc:"With another host, headers have to be given too."`
			Transport maybe[string]            `json:"transport,omitempty" enum:"streamable-http,sse" nullable:"false"`
			Headers   maybe[map[string]string] `json:"headers,omitempty" nullable:"false" doc:"Replaced as a whole; {} for none."`
			Approval  maybe[string]            `json:"approval,omitempty" enum:"always,writes,never" nullable:"false"`
			Enabled   maybe[bool]              `json:"enabled,omitempty" nullable:"false"`
		} `nameHint:"MCPServerUpdate"`
	}
	register(s, operation{
		id: "updateMcpServer", method: http.MethodPatch, path: base + "/{id}", tag: tag,
		summary:     "Change an MCP server, or turn one on or off",
		description: "Members that are left out stay as they are. Of a built-in server only enabled can be changed.",
		codes:       []problem.Code{problem.CodeNotFound},
	}, func(ctx context.Context, user auth.User, in *update) (*mcpServerOutput, error) {
		refusal := problem.New(problem.CodeInvalid, "The server cannot be changed like this.")
		draft := servers.Draft{
			Name:    notNull(refusal, "name", in.Body.Name),
			URL:     notNull(refusal, "url", in.Body.URL),
			Enabled: notNull(refusal, "enabled", in.Body.Enabled),
		}
		if v := notNull(refusal, "transport", in.Body.Transport); v != nil {
			draft.Transport = new(mcp.Transport(*v))
		}
		if v := notNull(refusal, "approval", in.Body.Approval); v != nil {
			draft.Approval = new(mcp.Approval(*v))
		}
		if v := notNull(refusal, "headers", in.Body.Headers); v != nil {
			draft.Headers = secrets(*v)
		}
		if len(refusal.Fields) > 0 {
			return nil, refusal
		}
		server, err := own.Update(ctx, user, in.ID, draft)
		return &mcpServerOutput{wireMCPServer(server)}, err
	})

	register(s, operation{
		id: "deleteMcpServer", method: http.MethodDelete, path: base + "/{id}", tag: tag, summary: "Remove an MCP server",
		codes: []problem.Code{problem.CodeNotFound, problem.CodeConflict},
	}, func(ctx context.Context, user auth.User, in *MCPServerParam) (*struct{}, error) {
		return nil, own.Delete(ctx, user, in.ID)
	})

	register(s, operation{
		id: "testMcpServer", method: http.MethodPost, path: base + "/{id}/test", tag: tag, summary: "Test an MCP server",
		description: "Connects to it and lists its tools, within about five seconds. That a server cannot be used is an answer, not a failure.",
		codes:       []problem.Code{problem.CodeNotFound, problem.CodeConflict},
	}, func(ctx context.Context, user auth.User, in *MCPServerParam) (*struct{ Body MCPTest }, error) {
		found, err := own.Test(ctx, user, in.ID)
		if err != nil {
			return nil, err
		}
		out := MCPTest{OK: found.Failure == "", Reason: found.Failure, Notices: append([]string{}, found.Notices...), Tools: make([]MCPTool, len(found.Tools))}
		for i, t := range found.Tools {
			out.Tools[i] = MCPTool(t)
		}
		return &struct{ Body MCPTest }{out}, nil
	})
}

func secrets(headers map[string]string) map[string]secret.Secret {
	if headers == nil {
		return nil
	}
	out := make(map[string]secret.Secret, len(headers))
	for name, value := range headers {
		out[name] = secret.New(value)
	}
	return out
}

// chosen is nil where nothing was.
func chosen[T ~string](value string) *T {
	if value == "" {
		return nil
	}
	return new(T(value))
}

func wireMCPServer(v servers.Server) MCPServer {
	out := MCPServer{
		ID: v.ID, Name: v.Name, Description: v.Description, URL: v.URL, Transport: string(v.Transport), Headers: v.HeaderNames,
		Approval: string(v.Approval), Enabled: v.Enabled, Builtin: v.Builtin,
	}
	if !v.Builtin {
		out.CreatedAt, out.UpdatedAt = new(v.CreatedAt.UTC()), new(v.UpdatedAt.UTC())
	}
	return out
}
