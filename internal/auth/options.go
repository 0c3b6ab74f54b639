package auth

import (
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Defaults of Options.
const (
	DefaultTTL           = 15 * time.Second
	DefaultCacheSize     = 20_000
	DefaultLookupTimeout = 3 * time.Second
	DefaultMaxLookups    = 64
)

// Event is something a Verifier did, for metrics.
type Event string

// Events. Each Verify ends in exactly one of Hit, Accepted, Refused, SecondFactor, Unavailable, Busy or Canceled; the others
// come besides.
const (
	EventHit          Event = "hit"           // answered from the cache
	EventAccepted     Event = "accepted"      // Kratos was asked and confirmed
	EventRefused      Event = "refused"       // Kratos was asked and refused: 401
	EventSecondFactor Event = "second_factor" // Kratos wants the second factor first: 403
	EventUnavailable  Event = "unavailable"   // Kratos could not tell: 503
	EventBusy         Event = "busy"          // too many lookups under way: 503
	EventCanceled     Event = "canceled"      // the caller gave up waiting
	EventForgotten    Event = "forgotten"     // an invalidation was applied
)

// Options of a Verifier. Zero values mean the defaults.
type Options struct {
	// PublicURL is the base of Kratos's public API as this process reaches it, without trailing path.
	PublicURL string
	// Transport carries the requests; nil means an own one that ignores proxy variables.
	Transport http.RoundTripper
	// CookieName of the session cookie.
	CookieName string
	// TTL bounds how long a confirmation is believed, and so how late a revocation that did not pass through us is
	// noticed.
	TTL time.Duration
	// CacheSize bounds the number of remembered sessions (about 0.5 KB each).
	CacheSize int
	// LookupTimeout bounds one question to Kratos, the readiness check included.
	LookupTimeout time.Duration
	// MaxLookups bounds the questions under way at once; further ones wait for LookupTimeout at most.
	MaxLookups int
	// Clock is the time source of expiry; nil means time.Now.
	Clock func() time.Time
	// OnEvent counts what happens; it must not block. Nil means nobody counts.
	OnEvent func(Event)
}

func (o Options) withDefaults() (Options, error) {
	if err := checkBaseURL(o.PublicURL); err != nil {
		return o, fmt.Errorf("read Kratos public URL: %w", err)
	}
	if o.Transport == nil {
		o.Transport = newTransport()
	}
	if o.CookieName == "" {
		o.CookieName = DefaultCookieName
	}
	if o.TTL <= 0 {
		o.TTL = DefaultTTL
	}
	if o.CacheSize <= 0 {
		o.CacheSize = DefaultCacheSize
	}
	if o.LookupTimeout <= 0 {
		o.LookupTimeout = DefaultLookupTimeout
	}
	if o.MaxLookups <= 0 {
		o.MaxLookups = DefaultMaxLookups
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.OnEvent == nil {
		o.OnEvent = func(Event) {}
	}
	return o, nil
}

func checkBaseURL(raw string) error {
	u, err := url.Parse(raw)
	if err != nil {
		return fmt.Errorf("parse URL: %w", err)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("parse URL: want http(s)://host[:port], without credentials or query")
	}
	return nil
}
