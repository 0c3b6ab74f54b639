// Package wire holds what every adapter of a model provider needs that speaks HTTP and server-sent events, so that all
// of them keep the port's promises in the same way: the client, the wait for a reply's first byte with its repeats, the
// watch over a reply that stalls or never ends, the reader of events, and the sorting of failures into kinds that repeat
// nothing of the provider's prose. What a provider's requests and events look like is not known here.
package wire

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"twobrains/internal/secret"
)

// Options of an adapter. Complete fills in the defaults.
type Options struct {
	// BaseURL is used as given, http(s)://host[:port][/path]; the adapter appends its own paths to it.
	BaseURL string
	// Key may be empty for servers that want none.
	Key secret.Secret
	// HTTPClient carries the requests. Default NewHTTPClient(Timeouts{}). Share it: it holds the connections.
	HTTPClient *http.Client
	// IdleTimeout is the longest silence within a reply, 5 minutes by default: reasoning models are silent while they
	// think, and send nothing to show that they are alive.
	IdleTimeout time.Duration
	// Retries is how often a request is repeated that failed before its reply began. Default 2; negative is none.
	Retries int
	// RetryDelay is the first wait between two tries, which triples each time. Default 300 ms. A longer Retry-After is
	// respected up to MaxRetryWait; beyond it the failure is returned at once.
	RetryDelay   time.Duration
	MaxRetryWait time.Duration // default 5 s
}

// Complete returns the options with their defaults and the parsed base URL; provider is for the error's text, which
// does not repeat the URL.
func (o Options) Complete(provider, defaultBaseURL string) (Options, *url.URL, error) {
	if o.BaseURL == "" {
		o.BaseURL = defaultBaseURL
	}
	base, err := url.Parse(o.BaseURL)
	if err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" ||
		base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return o, nil, fmt.Errorf("%s base URL: must be http(s)://host[:port][/path], without credentials, query or fragment", provider)
	}
	if o.HTTPClient == nil {
		o.HTTPClient = NewHTTPClient(Timeouts{})
	}
	setDefault(&o.IdleTimeout, 5*time.Minute)
	setDefault(&o.RetryDelay, 300*time.Millisecond)
	setDefault(&o.MaxRetryWait, 5*time.Second)
	if o.Retries == 0 {
		o.Retries = 2
	}
	return o, base, nil
}
