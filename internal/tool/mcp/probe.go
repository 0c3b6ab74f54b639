package mcp

import (
	"context"

	"twobrains/internal/auth"
)

// Found is what a server turned out to be.
type Found struct {
	Tools []FoundTool
	// Notices are sentences about tools that cannot be used.
	Notices []string
	// Failure says why the server cannot be used at all, completing the sentence "the server …"; empty if it can.
	Failure string
}

// FoundTool is a tool as its server describes it.
type FoundTool struct {
	Name, Title, Description string
	// ReadOnly: the server says that it changes nothing.
	ReadOnly bool
}

// Probe connects to a server and lists its tools, whatever is remembered of it; what it finds is remembered for the user's runs.
func (c *Client) Probe(ctx context.Context, user auth.User, server Server) Found {
	r := &remote{client: c, server: server, key: listKey{user: user.ID(), server: server.ID, version: server.Version}}
	defer r.close()
	c.lists.forget(r.key)
	l := r.list(ctx)
	found := Found{Notices: l.notices, Tools: make([]FoundTool, len(l.tools))}
	if l.failure != nil {
		found.Failure = l.failure.text
	}
	for i, d := range l.tools {
		found.Tools[i] = FoundTool{Name: d.name, Title: d.title, Description: d.description, ReadOnly: d.readOnly}
	}
	return found
}
