// Package guard makes the HTTP client for every URL that a user gives. Such a URL may be chosen to reach what only the
// server can: itself, its neighbours, the metadata service of its cloud. The check stands where the connection is made, on
// the address about to be dialled, because only there are redirects, names that change their address between check and use,
// and unusual spellings of addresses all covered. Sizes and times are bounded too.
package guard

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"code.dny.dev/ssrf"

	"twobrains/internal/tracing"
)

// Options of a client. The zero value is right for production.
type Options struct {
	// AllowPrivate lets private and loopback addresses, plain http and all ports through. For development only: whoever
	// can name a URL can then reach what this machine can. Link-local addresses and others where clouds keep credentials stay closed.
	AllowPrivate bool
	// Ports that may be dialled; default 443 and 8443.
	Ports []uint16
	// Timeout bounds an exchange from dialling to the last byte; default 30 s.
	Timeout time.Duration
	// StreamTimeout bounds one whose answer is an event stream; default 10 min.
	StreamTimeout time.Duration
	// MaxBody bounds an answer in bytes; default 4 MiB.
	MaxBody int64
	// MaxStream bounds an answer that is an event stream; default 32 MiB.
	MaxStream int64
	// MaxRedirects that are followed; default 3. Each is checked like the first URL.
	MaxRedirects int
	// Resolver of names; nil: the system's.
	Resolver *net.Resolver
	// TLS is the base of the TLS configuration; nil: the system's roots.
	TLS *tls.Config

	// site is what tests allow in addition, in the part of a public site.
	site []netip.Prefix
}

const (
	dialTimeout = 5 * time.Second
	// maxHeader bounds the headers of an answer in bytes.
	maxHeader = 64 << 10
)

func (o Options) withDefaults() Options {
	if o.Ports == nil {
		o.Ports = []uint16{443, 8443}
	}
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.StreamTimeout <= 0 {
		o.StreamTimeout = 10 * time.Minute
	}
	if o.MaxBody <= 0 {
		o.MaxBody = 4 << 20
	}
	if o.MaxStream <= 0 {
		o.MaxStream = 32 << 20
	}
	if o.MaxRedirects <= 0 {
		o.MaxRedirects = 3
	}
	return o
}

// metadata is where clouds' machines find their credentials, as far as that is neither link-local nor in 100.64.0.0/10.
var metadata = []netip.Prefix{
	netip.MustParsePrefix("fd00:ec2::/32"),          // Amazon, with its other services for machines
	netip.MustParsePrefix("fd20:ce::254/128"),       // Google
	netip.MustParsePrefix("fd00:c1::a9fe:a9fe/128"), // Oracle
	netip.MustParsePrefix("fd00:42::42/128"),        // Scaleway
	netip.MustParsePrefix("fd00:a9fe:a9fe::1/128"),  // Linode
	netip.MustParsePrefix("fd00:100::100:200/128"),  // Alibaba
	netip.MustParsePrefix("168.63.129.16/32"),       // Azure; a public address
}

// guardian decides about addresses.
type guardian struct{ *ssrf.Guardian }

// Safe is a net.Dialer's Control.
func (g guardian) Safe(network, address string, conn syscall.RawConn) error {
	if err := g.Guardian.Safe(network, address, conn); err != nil {
		return err
	}
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %w", ssrf.ErrInvalidHostPort, err)
	}
	return refuseMetadata(at.Addr())
}

// SafeAddr looks at an address alone.
func (g guardian) SafeAddr(addr netip.Addr) error {
	if err := refuseMetadata(addr); err != nil {
		return err
	}
	return g.Guardian.SafeAddr(addr)
}

func refuseMetadata(addr netip.Addr) error {
	addr = addr.Unmap().WithZone("")
	if slices.ContainsFunc(metadata, func(p netip.Prefix) bool { return p.Contains(addr) }) {
		return fmt.Errorf("%w: a metadata service", ssrf.ErrProhibitedIP)
	}
	return nil
}

func (o Options) guardian() guardian {
	if !o.AllowPrivate {
		return guardian{ssrf.New(ssrf.WithPorts(o.Ports...), ssrf.WithAllowedV4Prefixes(o.site...))}
	}
	return guardian{ssrf.New(ssrf.WithAnyPort(),
		ssrf.WithAllowedV4Prefixes(
			netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8"),
			netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"),
		),
		ssrf.WithAllowedV6Prefixes(netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("fc00::/7")),
	)}
}

// NewClient makes a client with a connection pool of its own; CloseIdleConnections lets go of it. It sends no cookies, uses
// no proxy and never tells one site the URL of another.
func NewClient(o Options) *http.Client {
	o = o.withDefaults()
	dialer := &net.Dialer{Timeout: dialTimeout, Control: o.guardian().Safe, Resolver: o.Resolver}
	base := &http.Transport{
		Proxy:                  nil, // a proxy would do the dialling, past the guard
		DialContext:            dialer.DialContext,
		TLSClientConfig:        tlsConfig(o.TLS),
		ForceAttemptHTTP2:      true,
		DisableCompression:     true, // what is counted is what arrives
		TLSHandshakeTimeout:    dialTimeout,
		MaxResponseHeaderBytes: maxHeader,
		MaxIdleConnsPerHost:    4,
		MaxConnsPerHost:        32,
		IdleConnTimeout:        30 * time.Second,
	}
	return &http.Client{
		Transport: tracing.Transport(&transport{base: base, opts: o}, "tool"),
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if len(via) > o.MaxRedirects {
				return ErrRedirects
			}
			req.Header.Del("Referer") // the URL before may hold a secret
			return nil
		},
	}
}

func tlsConfig(base *tls.Config) *tls.Config {
	if base == nil {
		return &tls.Config{MinVersion: tls.VersionTLS12}
	}
	c := base.Clone()
	c.MinVersion = max(c.MinVersion, tls.VersionTLS12)
	return c
}
