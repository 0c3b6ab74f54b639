// Package mcp lends models the tools of MCP servers: the built-in ones, and those that a user has added. Nothing that such a
// server sends is trusted, neither in form nor in size; and none of them can break a reply: a server that is dead or misbehaves
// costs its tools, and a notice says so. Every byte to and from a server goes through the guarded client.
//
// A Session serves one run of one user. Lists of tools are remembered between runs, per user and server, so that a run meets
// no server before the model calls one of its tools. Connections are never shared, not even between runs of one user.
package mcp

import (
	"log/slog"
	"time"

	"twobrains/internal/secret"
	"twobrains/internal/tool"
	"twobrains/internal/tool/guard"
)

// Transport is how a server is spoken to.
type Transport string

// The transports, named as in the database and the API.
const (
	StreamableHTTP Transport = "streamable-http"
	SSE            Transport = "sse"
)

// Valid reports whether it is one of the constants.
func (t Transport) Valid() bool { return t == StreamableHTTP || t == SSE }

// Approval says before which calls the user is asked.
type Approval string

// The policies, named as in the database and the API.
const (
	// ApprovalAlways: before each call.
	ApprovalAlways Approval = "always"
	// ApprovalWrites: before calls of tools that do not declare themselves read-only.
	ApprovalWrites Approval = "writes"
	// ApprovalNever: the server is trusted.
	ApprovalNever Approval = "never"
)

// Valid reports whether it is one of the constants.
func (a Approval) Valid() bool {
	return a == ApprovalAlways || a == ApprovalWrites || a == ApprovalNever
}

// Server is an MCP server as a run uses it.
type Server struct {
	// ID is unique among the user's servers, built-in ones included.
	ID   string
	Name string
	// URL has passed guard.CheckURL.
	URL       string
	Transport Transport
	// Headers are sent with each request to the URL's origin, and to no other.
	Headers  map[string]secret.Secret
	Approval Approval
	// Version is another one whenever anything above is.
	Version string
}

// Options of a Client. The zero value is right for production.
type Options struct {
	HTTP guard.Options
	// ConnectTimeout is what a server has to answer with its tools, all included; default 5 s.
	ConnectTimeout time.Duration
	// CallTimeout bounds a call; default 60 s.
	CallTimeout time.Duration
	// MaxTools of a session; default 100. Providers take 128 at most, and there are others.
	MaxTools int
	// ListTTL is how long a list of tools is remembered; default 10 min.
	ListTTL time.Duration
	// FailureTTL is how long it is remembered that a server could not be used; default 30 s. Until then a run does not wait for it.
	FailureTTL time.Duration
	// ListBytes bounds all remembered lists together; default 32 MiB.
	ListBytes uint32
	// Version of this program, told to servers.
	Version string
	// Clock is time.Now unless a test says otherwise.
	Clock func() time.Time
	// Logger gets why servers failed, without what they said; nil: none.
	Logger *slog.Logger
}

// Client opens sessions. It is safe for concurrent use and has nothing to close.
type Client struct {
	opts  Options
	lists *lists
}

// New makes a Client.
func New(o Options) *Client {
	o.ConnectTimeout = orDefault(o.ConnectTimeout, 5*time.Second)
	o.CallTimeout = orDefault(o.CallTimeout, time.Minute)
	o.ListTTL = orDefault(o.ListTTL, 10*time.Minute)
	o.FailureTTL = orDefault(o.FailureTTL, 30*time.Second)
	o.MaxTools = orDefault(o.MaxTools, 100)
	o.ListBytes = orDefault(o.ListBytes, 32<<20)
	if o.Version == "" {
		o.Version = "dev"
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	// What a call takes is bounded by its own timeout; a stream may be idle between calls.
	o.HTTP.Timeout = max(o.HTTP.Timeout, o.CallTimeout)
	if o.HTTP.MaxStream == 0 {
		o.HTTP.MaxStream = 8 << 20
	}
	return &Client{opts: o, lists: newLists(o.ListBytes, o.Clock)}
}

func orDefault[T int | uint32 | time.Duration](v, fallback T) T {
	if v == 0 {
		return fallback
	}
	return v
}

// failure of a server, in words that complete the sentence "the server …". The cause is for the log.
type failure struct {
	text  string
	cause error
}

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.cause }

// safe is what the model and the user get to read of a failure.
func (f *failure) safe() tool.Error { return tool.Error("The server of this tool " + f.text + ".") }
