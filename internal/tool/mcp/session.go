package mcp

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"twobrains/internal/auth"
	"twobrains/internal/llm"
	"twobrains/internal/tool"
)

// Session is the tools of a user's servers during one run. Close it.
type Session struct {
	remotes []*remote
	tools   []tool.Tool
	notices []string
}

// Open finds out the tools of all servers given, which are the user's. Those that it does not know already are asked in parallel,
// within ConnectTimeout; so it returns within that time, and it never fails: what is not available is told by Notices. The order of
// servers decides which keeps its name where several have the same, so it should be that of their making.
func (c *Client) Open(ctx context.Context, user auth.User, servers []Server) *Session {
	s := &Session{remotes: make([]*remote, len(servers))}
	found := make([]*list, len(servers))
	var all sync.WaitGroup
	for i, server := range servers {
		s.remotes[i] = &remote{client: c, server: server, key: listKey{user: user.ID(), server: server.ID, version: server.Version}}
		all.Go(func() { found[i] = s.remotes[i].list(ctx) })
	}
	all.Wait()
	names := prefixes(servers)
	taken := map[string]bool{}
	for i, l := range found {
		server := servers[i]
		if l.failure != nil {
			s.notices = append(s.notices, fmt.Sprintf("The tools of %q are not available: it %s.", server.Name, l.failure.text))
			continue
		}
		s.notices = append(s.notices, l.notices...)
		for n, d := range l.tools {
			if len(s.tools) == c.opts.MaxTools {
				s.notices = append(s.notices, fmt.Sprintf("Models take %d tools; %d of %q are left out.", c.opts.MaxTools, len(l.tools)-n, server.Name))
				break
			}
			name := toolName(names[i], d.name)
			if taken[name] {
				s.notices = append(s.notices, fmt.Sprintf("The tool %q of %q has the name of another one and is not available.", d.name, server.Name))
				continue
			}
			taken[name] = true
			s.tools = append(s.tools, s.remotes[i].tool(name, d))
		}
	}
	return s
}

// Tools lists what a model may call, in a stable order.
func (s *Session) Tools() []tool.Tool { return s.tools }

// Notices are sentences for the user about what is not available, and why. They hold the names of servers and tools only.
func (s *Session) Notices() []string { return s.notices }

// Close takes leave of all servers, within about a second. Calls under way end. It may be called more than once.
func (s *Session) Close() {
	var all sync.WaitGroup
	for _, r := range s.remotes {
		all.Go(r.close)
	}
	all.Wait()
}

// tool is a definition as the run sees it.
func (r *remote) tool(name string, d definition) tool.Tool {
	ask := r.server.Approval == ApprovalAlways || (r.server.Approval != ApprovalNever && !d.readOnly)
	return tool.Tool{
		Tool:          llm.Tool{Name: name, Description: d.description, InputSchema: d.schema},
		Title:         d.title,
		Server:        r.server.Name,
		NeedsApproval: ask,
		Dynamic:       true,
		Run: func(ctx context.Context, input json.RawMessage) (tool.Result, error) {
			output, err := r.call(ctx, d, input)
			return tool.Result{Output: output}, err
		},
	}
}
