// Package anthropic speaks the Messages API of Anthropic, and of servers that offer the same, through the official SDK.
//
// The SDK's own client is not used as it comes: NewClient takes keys, tokens, profiles, headers and the base URL from
// the environment, and spans with trace headers from a global tracer. Here a client is put together from explicit
// options only. The SDK's reader of streams takes a connection that ends in mid-reply for a complete reply; here only
// message_stop is the end.
package anthropic

import (
	"context"
	"fmt"
	"iter"
	"net/http"

	sdk "github.com/anthropics/anthropic-sdk-go"
	"github.com/anthropics/anthropic-sdk-go/option"

	"twobrains/internal/llm"
	"twobrains/internal/llm/wire"
)

// DefaultBaseURL is Anthropic's own. "/v1/messages" is appended to base URLs.
const DefaultBaseURL = "https://api.anthropic.com"

// name is the provider's name in metadata and errors.
const name = "anthropic"

// Options of a Provider.
type Options = wire.Options

// Provider implements llm.Provider. It is cheap: make one for each key.
type Provider struct {
	o      Options
	client sdk.Client
}

var _ llm.Provider = (*Provider)(nil)

// New checks the options and makes a provider. It does not connect.
func New(o Options) (*Provider, error) {
	o, _, err := o.Complete(name, DefaultBaseURL)
	if err != nil {
		return nil, err
	}
	options := []option.RequestOption{
		option.WithBaseURL(o.BaseURL),
		option.WithHTTPClient(o.HTTPClient),
		option.WithMaxRetries(0),
		option.WithoutOpenTelemetry(),
		option.WithHeader("User-Agent", "twobrains"),
		option.WithMiddleware(func(req *http.Request, next option.MiddlewareNext) (*http.Response, error) {
			return refusals.Check(wire.Send(req, next))
		}),
	}
	if !o.Key.IsZero() {
		options = append(options, option.WithAPIKey(o.Key.Reveal()))
	}
	return &Provider{o: o, client: sdk.Client{Options: options}}, nil
}

// Stream implements llm.Provider.
func (p *Provider) Stream(ctx context.Context, req llm.Request) iter.Seq2[llm.Event, error] {
	out, err := translate(req)
	if err != nil {
		return wire.Fail(err)
	}
	options := []option.RequestOption{option.WithJSONSet("stream", true), option.WithHeader("Accept", "text/event-stream")}
	for _, beta := range out.betas {
		options = append(options, option.WithHeaderAdd("anthropic-beta", beta))
	}
	post := func(ctx context.Context) (*http.Response, error) {
		var res *http.Response
		err := p.client.Post(ctx, "v1/messages", out.params, &res, options...)
		return res, err
	}
	return p.o.Stream(ctx, post, func(w *wire.Reply) error {
		r := newReply(req, w.Emit)
		for event, err := range w.Events() {
			if err != nil {
				return err
			}
			if err := r.event(event.Data); err != nil || r.ended {
				return err
			}
		}
		return nil
	})
}

func (p *Provider) String() string { return fmt.Sprintf("anthropic provider at %s", p.o.BaseURL) }
