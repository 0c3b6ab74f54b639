// Package openai speaks to OpenAI through its Responses API, and to the many servers that offer its chat completions
// (Ollama, vLLM, LiteLLM, DeepSeek and others), through the official SDK.
//
// The SDK's own client is not used as it comes: NewClient reads keys, organisation, project and headers from the
// environment, so a user's own key would travel with the server's organisation. Here a client is put together from
// explicit options only. And the SDK takes a connection that ends in mid-reply for a complete reply; here only the
// provider's own terminal event is the end.
package openai

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"strings"

	sdk "github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"twobrains/internal/llm"
	"twobrains/internal/llm/wire"
)

// DefaultBaseURL is OpenAI's own.
const DefaultBaseURL = "https://api.openai.com/v1"

// Dialect chooses between the two interfaces.
type Dialect uint8

const (
	// DialectAuto is DialectOpenAI for hosts of api.openai.com and DialectCompatible for all others.
	DialectAuto Dialect = iota
	// DialectOpenAI speaks Responses without state at the provider (store: false): what a later turn needs of an
	// earlier one, encrypted reasoning included, is in the metadata of its parts.
	DialectOpenAI
	// DialectCompatible speaks chat completions, and returns reasoning to servers that gave it, within a tool loop.
	DialectCompatible
)

// Options of a Provider. "/responses" or "/chat/completions" is appended to the base URL: https://api.openai.com/v1,
// http://127.0.0.1:11434/v1.
type Options = wire.Options

// Provider implements llm.Provider. It is cheap: make one for each key.
type Provider struct {
	o       Options
	dialect Dialect
	client  sdk.Client
}

var _ llm.Provider = (*Provider)(nil)

// New makes a provider of DialectAuto.
func New(o Options) (*Provider, error) { return NewDialect(o, DialectAuto) }

// NewDialect checks the options and makes a provider. It does not connect.
func NewDialect(o Options, dialect Dialect) (*Provider, error) {
	o, base, err := o.Complete("openai", DefaultBaseURL)
	if err != nil {
		return nil, err
	}
	if dialect == DialectAuto {
		dialect = DialectCompatible
		if host := base.Hostname(); host == "api.openai.com" || strings.HasSuffix(host, ".api.openai.com") {
			dialect = DialectOpenAI
		}
	}
	options := []option.RequestOption{
		option.WithBaseURL(o.BaseURL),
		option.WithHTTPClient(o.HTTPClient),
		option.WithMaxRetries(0),
		option.WithHeader("User-Agent", "twobrains"),
		option.WithMiddleware(func(req *http.Request, next option.MiddlewareNext) (*http.Response, error) {
			return refusals.Check(wire.Send(req, next))
		}),
	}
	if !o.Key.IsZero() {
		options = append(options, option.WithAPIKey(o.Key.Reveal()))
	}
	return &Provider{o: o, dialect: dialect, client: sdk.Client{Options: options}}, nil
}

// Stream implements llm.Provider.
func (p *Provider) Stream(ctx context.Context, req llm.Request) iter.Seq2[llm.Event, error] {
	if p.dialect == DialectOpenAI {
		return p.streamResponse(ctx, req)
	}
	return p.streamChat(ctx, req)
}

// post sends a request for a stream.
func (p *Provider) post(ctx context.Context, path string, params any) (*http.Response, error) {
	var res *http.Response
	err := p.client.Post(ctx, path, params, &res, option.WithJSONSet("stream", true), option.WithHeader("Accept", "text/event-stream"))
	return res, err
}

func (p *Provider) String() string { return fmt.Sprintf("openai provider at %s", p.o.BaseURL) }
