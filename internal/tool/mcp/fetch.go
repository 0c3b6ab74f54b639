package mcp

import (
	"cmp"
	"context"
	"fmt"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"twobrains/internal/stream"
)

// Bounds of one server's list of tools.
const (
	maxServerTools = 100
	maxPages       = 20
	maxToolName    = 200
)

// fetch asks a server for its tools and makes them fit for providers. Notices are about tools that are not.
func fetch(ctx context.Context, conn *connection, server Server) (*list, *failure) {
	found := &list{}
	cursor := ""
	seen := map[string]bool{}
	for range maxPages {
		page, err := conn.session.ListTools(ctx, &sdk.ListToolsParams{Cursor: cursor})
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				err = fmt.Errorf("%w: %w", cause, err)
			}
			return nil, conn.seen.explain(err)
		}
		for _, t := range page.Tools {
			if cause := context.Cause(ctx); cause != nil {
				return nil, explain(cause)
			}
			if t == nil || seen[t.Name] {
				continue
			}
			if len(seen) == maxServerTools { // those that are of no use count, too: they cost as much
				found.notices = append(found.notices, fmt.Sprintf("%q has more than %d tools; the others are not available.", server.Name, maxServerTools))
				return found, nil
			}
			seen[t.Name] = true
			found.add(server, t)
		}
		if page.NextCursor == "" || page.NextCursor == cursor {
			return found, nil
		}
		cursor = page.NextCursor
	}
	found.notices = append(found.notices, fmt.Sprintf("The list of tools of %q does not end; what came first is available.", server.Name))
	return found, nil
}

func (l *list) add(server Server, t *sdk.Tool) {
	name := cut(stream.SanitizeText(t.Name), maxToolName)
	if t.Name == "" || len(t.Name) > maxToolName || name != t.Name {
		l.notices = append(l.notices, fmt.Sprintf("A tool of %q has no usable name and is not available.", server.Name))
		return
	}
	schema, left, err := normalize(t.InputSchema)
	if err != nil {
		l.notices = append(l.notices, fmt.Sprintf("The tool %q of %q is not available: its arguments %s.", name, server.Name, err))
		return
	}
	if len(left) > 0 {
		l.notices = append(l.notices, fmt.Sprintf("%d optional arguments of the tool %q of %q have names that models cannot use.", len(left), name, server.Name))
	}
	d := definition{name: name, title: t.Title, schema: schema}
	if a := t.Annotations; a != nil {
		d.title = cmp.Or(d.title, a.Title)
		d.readOnly = a.ReadOnlyHint
		d.repeatable = a.ReadOnlyHint || a.IdempotentHint
	}
	d.title = cut(stream.SanitizeText(cmp.Or(d.title, name)), maxToolName)
	d.description = cut(stream.SanitizeText(t.Description), maxDescription)
	l.tools = append(l.tools, d)
}
