// Package openai speaks to OpenAI and to the many servers that offer its chat completions (Ollama, vLLM, LiteLLM,
// DeepSeek and others), through the official SDK.
//
// The SDK's own client is not used as it comes: NewClient reads keys, organisation, project and headers from the
// environment, so a user's own key would travel with the server's organisation. Here a client is put together from
// explicit options only. And the SDK takes a connection that ends in mid-reply for a complete reply; here only
// finish_reason is the end.
package openai

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"

	sdk "github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"twobrains/internal/llm"
	"twobrains/internal/secret"
)

// DefaultBaseURL is OpenAI's own.
const DefaultBaseURL = "https://api.openai.com/v1"

// Dialect chooses between the few places where OpenAI and the servers compatible with it want different requests.
type Dialect uint8

const (
	// DialectAuto is DialectOpenAI for hosts of api.openai.com and DialectCompatible for all others.
	DialectAuto Dialect = iota
	// DialectOpenAI sends max_completion_tokens, safety_identifier and store: false, and never returns reasoning.
	DialectOpenAI
	// DialectCompatible sends max_tokens and user, and returns reasoning to servers that gave it, within a tool loop.
	DialectCompatible
)

// Options of a Provider.
type Options struct {
	// BaseURL is used as given, "/chat/completions" is appended to it: https://api.openai.com/v1,
	// http://127.0.0.1:11434/v1. Default DefaultBaseURL.
	BaseURL string
	// Key may be empty for servers that want none.
	Key secret.Secret
	// HTTPClient carries the requests. Default NewHTTPClient(Timeouts{}). Share it: it holds the connections.
	HTTPClient *http.Client
	Dialect    Dialect
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

// Provider implements llm.Provider. It is cheap: make one for each key.
type Provider struct {
	o      Options
	client sdk.Client
}

var _ llm.Provider = (*Provider)(nil)

// New checks the options and makes a provider. It does not connect.
func New(o Options) (*Provider, error) {
	if o.BaseURL == "" {
		o.BaseURL = DefaultBaseURL
	}
	base, err := url.Parse(o.BaseURL)
	if err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" ||
		base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, errors.New("openai base URL: must be http(s)://host[:port][/path], without credentials, query or fragment")
	}
	if o.HTTPClient == nil {
		o.HTTPClient = NewHTTPClient(Timeouts{})
	}
	if o.Dialect == DialectAuto {
		o.Dialect = DialectCompatible
		if host := base.Hostname(); host == "api.openai.com" || strings.HasSuffix(host, ".api.openai.com") {
			o.Dialect = DialectOpenAI
		}
	}
	setDefault(&o.IdleTimeout, 5*time.Minute)
	setDefault(&o.RetryDelay, 300*time.Millisecond)
	setDefault(&o.MaxRetryWait, 5*time.Second)
	if o.Retries == 0 {
		o.Retries = 2
	}
	options := []option.RequestOption{
		option.WithBaseURL(o.BaseURL),
		option.WithHTTPClient(o.HTTPClient),
		option.WithMaxRetries(0),
		option.WithHeader("User-Agent", "twobrains"),
		option.WithMiddleware(refuse),
	}
	if !o.Key.IsZero() {
		options = append(options, option.WithAPIKey(o.Key.Reveal()))
	}
	return &Provider{o: o, client: sdk.Client{Options: options}}, nil
}

func setDefault(d *time.Duration, standard time.Duration) {
	if *d == 0 {
		*d = standard
	}
}

// Stream implements llm.Provider.
func (p *Provider) Stream(ctx context.Context, req llm.Request) iter.Seq2[llm.Event, error] {
	return func(yield func(llm.Event, error) bool) {
		params, err := p.params(req)
		if err != nil {
			yield(nil, err)
			return
		}
		reqCtx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		res, err := p.open(reqCtx, params) //nolint:bodyclose // closed below, through the watchdog
		if err != nil {
			yield(nil, p.failure(ctx, err))
			return
		}
		body := watch(res.Body, p.o.IdleTimeout, cancel)
		defer func() { _ = body.Close() }()
		res.Body = body
		r := newReply(req, yield)
		if err := r.read(res, body); err != nil && !r.gone {
			if cause := context.Cause(reqCtx); errors.Is(cause, errStalled) {
				err = llm.NewError(llm.Interrupted, cause)
			}
			yield(nil, p.failure(ctx, err))
		}
	}
}

// open sends the request until a reply begins, a failure is final, or the tries are used up.
func (p *Provider) open(ctx context.Context, params sdk.ChatCompletionNewParams) (*http.Response, error) {
	delay := p.o.RetryDelay
	for try := 0; ; try++ {
		var res *http.Response
		err := p.client.Post(ctx, "chat/completions", params, &res, option.WithJSONSet("stream", true), option.WithHeader("Accept", "text/event-stream"))
		if err == nil {
			return res, nil
		}
		err = p.failure(ctx, err)
		var failure *llm.Error
		if try >= p.o.Retries || !errors.As(err, &failure) || !retryable(failure) {
			return nil, err
		}
		wait := max(delay, failure.RetryAfter)
		if wait > p.o.MaxRetryWait {
			return nil, err
		}
		delay *= 3
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, err
		}
	}
}

// failure turns whatever went wrong into what the port promises: the cause of a context that ended, or an *llm.Error.
func (p *Provider) failure(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var failure *llm.Error
	if errors.As(err, &failure) {
		return failure
	}
	return connectionError(err)
}

func (p *Provider) String() string { return fmt.Sprintf("openai provider at %s", p.o.BaseURL) }
