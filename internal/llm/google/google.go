// Package google speaks to Google's Gemini API, in the types of the official SDK google.golang.org/genai but not through
// its client. The client takes from the environment what it is not given: backend, project, base URL, key; so a user's
// key could travel to the operator's address, or the operator's key with a user's request. Its reader takes a stream
// that ends in mid-reply for a complete one, continues long replies by requests of its own, and writes to the standard
// logger; its errors hold what the provider said. Here a reply is complete when a chunk carries finishReason, and
// everything between request and reply is package wire's.
//
// The SDK's types serve for tools, files, configuration and the words of enumerations. Contents have types of their own,
// because the SDK's lose what must come back as it was: an empty text that carries a signature, and numbers beyond 2^53
// in the arguments of a call.
package google

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"

	"twobrains/internal/llm"
	"twobrains/internal/llm/wire"
)

// DefaultBaseURL is that of the Gemini Developer API. Vertex AI, which wants other credentials, is not served.
const DefaultBaseURL = "https://generativelanguage.googleapis.com"

// apiVersion is the one that has thinking levels, signatures and JSON schemas.
const apiVersion = "v1beta"

// Options of a Provider. "/v1beta/models/{model}:streamGenerateContent" is appended to the base URL.
type Options = wire.Options

// Provider implements llm.Provider. It is cheap: make one for each key.
type Provider struct {
	o    Options
	base *url.URL
}

var _ llm.Provider = (*Provider)(nil)

// New checks the options and makes a provider. It does not connect.
func New(o Options) (*Provider, error) {
	o, base, err := o.Complete("google", DefaultBaseURL)
	if err != nil {
		return nil, err
	}
	return &Provider{o: o, base: base}, nil
}

// Stream implements llm.Provider. Request.User is not sent: the API has no place for it.
func (p *Provider) Stream(ctx context.Context, req llm.Request) iter.Seq2[llm.Event, error] {
	target, err := p.endpoint(req.Model)
	if err != nil {
		return wire.Fail(err)
	}
	body, err := encode(req)
	if err != nil {
		return wire.Fail(err)
	}
	return p.o.Stream(ctx, func(ctx context.Context) (*http.Response, error) {
		return p.post(ctx, target, body)
	}, func(r *wire.Reply) error {
		return newReply(req, r.Emit).read(r)
	})
}

// endpoint is the address of a model, which may be given with its collection ("models/…", "tunedModels/…") or without.
func (p *Provider) endpoint(model string) (string, error) {
	segments := strings.Split(model, "/")
	if len(segments) == 1 {
		segments = []string{"models", model}
	}
	for i, segment := range segments {
		if segment == "" || segment == "." || segment == ".." {
			return "", llm.NewError(llm.Invalid, errors.New("the model's id is no path"))
		}
		segments[i] = url.PathEscape(segment)
	}
	target := p.base.JoinPath(append([]string{apiVersion}, segments...)...)
	return target.String() + ":streamGenerateContent?alt=sse", nil
}

// post sends one request. The key goes into a header: addresses end up in logs.
func (p *Provider) post(ctx context.Context, target string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return nil, llm.NewError(llm.Failed, errors.New("make request: the address is unusable"))
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("User-Agent", "twobrains")
	if !p.o.Key.IsZero() {
		req.Header.Set("X-Goog-Api-Key", p.o.Key.Reveal())
	}
	return refusals.Check(wire.Send(req, p.o.HTTPClient.Do))
}

func (p *Provider) String() string { return fmt.Sprintf("google provider at %s", p.o.BaseURL) }
