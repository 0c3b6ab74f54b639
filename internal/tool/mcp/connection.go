package mcp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"twobrains/internal/tool/guard"
)

// partingTime is what a server has to take note that a connection ends.
const partingTime = time.Second

// noLimit: the guarded client bounds what a server may send, and says so in a way that can be told from other failures.
const noLimit = -1

var errBudget = errors.New("connecting took too long")

// connection is an open session with one server.
type connection struct {
	session *sdk.ClientSession
	http    *http.Client
	seen    *observed
	kill    context.CancelFunc
	// gone is closed when the connection has broken or was closed.
	gone    chan struct{}
	closing sync.Once
}

// connect opens a connection and says hello, within the budget. It lives until close, whatever becomes of ctx.
func (c *Client) connect(ctx context.Context, server Server) (*connection, *failure) {
	life, kill := context.WithCancelCause(context.WithoutCancel(ctx))
	budget := time.AfterFunc(c.opts.ConnectTimeout, func() { kill(errBudget) })
	stop := context.AfterFunc(ctx, func() { kill(context.Cause(ctx)) })
	conn := &connection{
		http: guard.NewClient(c.opts.HTTP),
		seen: &observed{},
		kill: func() { kill(context.Canceled) },
		gone: make(chan struct{}),
	}
	if err := conn.sendHeaders(life, server); err != nil {
		kill(nil)
		return nil, &failure{text: "is at an address that is not allowed", cause: err}
	}
	session, err := c.newSDKClient().Connect(life, transportOf(server, conn.http), nil)
	if err == nil && (!budget.Stop() || !stop()) {
		_ = session.Close()
		err = context.Cause(life)
	}
	if err != nil {
		if cause := context.Cause(life); cause != nil {
			err = fmt.Errorf("%w: %w", cause, err)
		}
		budget.Stop()
		stop()
		kill(nil)
		conn.http.CloseIdleConnections()
		return nil, conn.seen.explain(err)
	}
	conn.session = session
	go func() {
		defer close(conn.gone)
		defer func() {
			if p := recover(); p != nil {
				c.opts.Logger.Error("MCP client panicked", "act", "wait", "server", server.ID, "panic", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
			}
		}()
		_ = session.Wait()
	}()
	return conn, nil
}

func transportOf(server Server, client *http.Client) sdk.Transport {
	if server.Transport == SSE {
		return &sdk.SSEClientTransport{Endpoint: server.URL, HTTPClient: client, MaxEventSize: noLimit}
	}
	return &sdk.StreamableClientTransport{
		Endpoint: server.URL, HTTPClient: client, MaxEventSize: noLimit, MaxRetries: 1,
		DisableStandaloneSSE: true, // servers have nothing to tell us unasked
	}
}

// newSDKClient makes a client that offers servers nothing: no sampling, no elicitation, no roots.
func (c *Client) newSDKClient() *sdk.Client {
	client := sdk.NewClient(&sdk.Implementation{Name: "twobrains", Version: c.opts.Version}, &sdk.ClientOptions{
		Capabilities:   &sdk.ClientCapabilities{},
		MultiRoundTrip: &sdk.MultiRoundTripOptions{Disabled: true},
	})
	client.AddReceivingMiddleware(refuse)
	return client
}

// refuse answers whatever a server asks for, but signs of life, with an error. Notifications go nowhere.
func refuse(next sdk.MethodHandler) sdk.MethodHandler {
	return func(ctx context.Context, method string, req sdk.Request) (sdk.Result, error) {
		switch method {
		case "sampling/createMessage", "elicitation/create", "roots/list":
			return nil, &jsonrpc.Error{Code: jsonrpc.CodeMethodNotFound, Message: "not supported by this client"}
		}
		return next(ctx, method, req)
	}
}

// close takes leave of the server, or leaves without.
func (conn *connection) close() {
	conn.closing.Do(func() {
		timer := time.AfterFunc(partingTime, conn.kill)
		defer timer.Stop()
		defer conn.http.CloseIdleConnections()
		defer conn.kill()
		_ = conn.session.Close()
		conn.kill()
		<-conn.gone
	})
}

func (conn *connection) alive() bool {
	select {
	case <-conn.gone:
		return false
	default:
		return true
	}
}

// observed is what became of the last request. The SDK passes on its text only.
type observed struct {
	status atomic.Int64
	failed atomic.Pointer[failure]
}

func (o *observed) begin() {
	o.status.Store(0)
	o.failed.Store(nil)
}

func (o *observed) fail(err error) {
	if text := guard.Reason(err); text != "" {
		o.failed.Store(&failure{text: text, cause: err})
	}
}

// explain is the package's explain with what was observed.
func (o *observed) explain(err error) *failure {
	f := explain(err)
	switch seen := o.failed.Load(); {
	case errors.Is(err, errBudget), errors.Is(err, context.Canceled):
	case seen != nil:
		f.text = seen.text
	case o.status.Load() >= http.StatusBadRequest:
		f.text = explainStatus(int(o.status.Load()))
	}
	return f
}

// headers adds the user's headers to requests to the server itself. Neither a redirect nor an endpoint that the server names
// elsewhere gets them.
type headers struct {
	next   http.RoundTripper
	life   context.Context // the connection's, which its requests must not outlive
	origin string
	server Server
	seen   *observed
}

func (conn *connection) sendHeaders(life context.Context, server Server) error {
	u, err := url.Parse(server.URL)
	if err != nil {
		return fmt.Errorf("read URL: %w", err)
	}
	conn.http.Transport = &headers{next: conn.http.Transport, life: life, origin: guard.Origin(u), server: server, seen: conn.seen}
	return nil
}

// RoundTrip implements http.RoundTripper.
func (h *headers) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(req.Context())
	stop := context.AfterFunc(h.life, func() { cancel(context.Cause(h.life)) })
	req = req.Clone(ctx)
	if guard.Origin(req.URL) == h.origin {
		for name, value := range h.server.Headers {
			req.Header.Set(name, value.Reveal())
		}
	}
	h.seen.begin()
	resp, err := h.next.RoundTrip(req)
	if err != nil {
		h.seen.fail(err)
		stop()
		cancel(nil)
		return nil, err
	}
	h.seen.status.Store(int64(resp.StatusCode))
	resp.Body = &watched{ReadCloser: resp.Body, seen: h.seen, end: func() { stop(); cancel(nil) }}
	return resp, nil
}

// CloseIdleConnections is what http.Client.CloseIdleConnections calls.
func (h *headers) CloseIdleConnections() {
	if c, ok := h.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// watched ends the watch over a request with its answer.
type watched struct {
	io.ReadCloser
	seen *observed
	end  func()
}

// Read implements io.Reader.
func (w *watched) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		w.seen.fail(err)
	}
	return n, err
}

// Close implements io.Closer.
func (w *watched) Close() error {
	w.end()
	return w.ReadCloser.Close()
}
