package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"twobrains/internal/tool"
)

// maxConnects bounds how often a run connects to a server: once, and once again.
const maxConnects = 2

// remote is a server in a session: connected when first needed.
type remote struct {
	client *Client
	server Server
	key    listKey

	mu       sync.Mutex
	conn     *connection
	connects int
	last     *failure
	closed   bool
}

var (
	errClosed = &failure{text: "was not waited for"}
	errPanic  = errors.New("panic")
)

// list is the server's tools as remembered, or as the server tells.
func (r *remote) list(ctx context.Context) (found *list) {
	defer func() {
		if p := recover(); p != nil {
			found = &list{failure: r.recovered("list tools", p)}
		}
	}()
	lists := r.client.lists
	if known, ok := lists.get(r.key); ok {
		return known
	}
	limited, cancel := context.WithTimeoutCause(ctx, r.client.opts.ConnectTimeout, errBudget)
	defer cancel()
	answer, failed := r.ask(limited)
	if failed == nil {
		lists.put(r.key, answer, r.client.opts.ListTTL)
		return answer
	}
	r.log("list tools", failed)
	found = &list{failure: failed}
	if ctx.Err() == nil { // else it is not the server's fault
		lists.put(r.key, found, r.client.opts.FailureTTL)
	}
	return found
}

func (r *remote) ask(ctx context.Context) (*list, *failure) {
	conn, failed := r.connected(ctx)
	if failed != nil {
		return nil, failed
	}
	return fetch(ctx, conn, r.server)
}

// connected returns the connection, opening it if there is none or it has broken.
func (r *remote) connected(ctx context.Context) (*connection, *failure) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return nil, errClosed
	case r.conn != nil && r.conn.alive():
		return r.conn, nil
	case r.connects >= maxConnects:
		if r.last == nil {
			r.last = &failure{text: "keeps breaking off"}
		}
		return nil, r.last
	}
	if r.conn != nil {
		r.conn.close()
		r.conn = nil
	}
	r.connects++
	conn, failed := r.client.connect(ctx, r.server)
	r.conn, r.last = conn, failed
	return conn, failed
}

// drop gives up a connection that is of no use any more.
func (r *remote) drop(conn *connection) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conn == conn {
		r.conn = nil
		conn.close()
	}
}

func (r *remote) close() {
	defer func() {
		if p := recover(); p != nil {
			_ = r.recovered("close", p)
		}
	}()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	if r.conn != nil {
		r.conn.close()
		r.conn = nil
	}
}

// call runs a tool. A call that failed with its connection is repeated once if the server cannot have acted on it, or if doing so
// again does no harm.
func (r *remote) call(ctx context.Context, d definition, input json.RawMessage) (json.RawMessage, error) {
	if len(input) == 0 {
		input = json.RawMessage("{}")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, r.client.opts.CallTimeout, errBudget)
	defer cancel()
	for again := true; ; again = false {
		conn, failed := r.connected(ctx)
		if failed != nil {
			r.log("connect", failed)
			return nil, failed.safe()
		}
		result, err := conn.session.CallTool(ctx, &sdk.CallToolParams{Name: d.name, Arguments: input})
		if err == nil {
			return r.output(result)
		}
		cause := context.Cause(ctx)
		if deadline, _ := ctx.Deadline(); cause == nil && !time.Now().Before(deadline) {
			cause = errBudget // a timer of the HTTP client's has come before that of the context
		}
		if cause != nil {
			err = fmt.Errorf("%w: %w", cause, err)
			again = false
		}
		// What the library says of a call whose time is over can look like a word of the server's.
		if text, ok := r.refusal(err); ok && cause == nil && conn.alive() {
			return nil, tool.Error("The server of this tool refused the call: " + text)
		}
		missing := errors.Is(err, sdk.ErrSessionMissing)
		broken := missing || !conn.alive() || errors.Is(err, sdk.ErrConnectionClosed) || errors.Is(err, io.EOF)
		if broken {
			r.drop(conn)
		}
		if again && broken && (missing || d.repeatable) {
			continue
		}
		failed = conn.seen.explain(err)
		r.log("call tool", failed)
		if broken {
			r.client.lists.forget(r.key) // its tools may be others when it comes back
		}
		return nil, failed.safe()
	}
}

// recovered makes a failure of a panic, so that a server which leads to one costs its tools and not the process.
func (r *remote) recovered(act string, p any) *failure {
	// Of the panic its type only: its value may hold what the server said.
	r.client.opts.Logger.Error("MCP client panicked", "act", act, "server", r.server.ID, "panic", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
	return &failure{text: "cannot be used because of a fault on our side", cause: errPanic}
}

func (r *remote) log(act string, failed *failure) {
	// Neither URL nor cause: both may hold what is secret.
	r.client.opts.Logger.Info("MCP server failed", "act", act, "server", r.server.ID, "reason", failed.text)
}
