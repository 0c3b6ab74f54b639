package openai

import (
	"context"
	"iter"
	"net/http"
	"strings"

	"github.com/openai/openai-go/v3/responses"

	"twobrains/internal/llm"
	"twobrains/internal/llm/wire"
)

func (p *Provider) streamResponse(ctx context.Context, req llm.Request) iter.Seq2[llm.Event, error] {
	params, err := responseParams(req, asks{})
	if err != nil {
		return wire.Fail(err)
	}
	return p.o.Stream(ctx, func(ctx context.Context) (*http.Response, error) {
		return p.postResponse(ctx, req, params)
	}, func(r *wire.Reply) error {
		return newResponseReply(req, r.Emit).read(r)
	})
}

// asks are what a request may do without, and is sent without once the provider objects to it.
type asks struct {
	noSummary   bool // summaries of the reasoning: organisations that are not verified get none
	noEncrypted bool // encrypted reasoning: models that do not reason have none
	noItems     bool // earlier items with their ids and reasoning: those of another organisation are not accepted
}

// without returns what is left to ask for after the failure, and whether that is less than before.
func (a asks) without(f wire.Failure) (less asks, ok bool) {
	less = a
	switch {
	case f.Code == codeStale:
		less.noItems = true
	case strings.HasPrefix(f.Param, "reasoning") && f.Param != "reasoning.effort":
		less.noSummary = true
	case strings.HasPrefix(f.Param, "include"):
		less.noEncrypted = true
	}
	return less, less != a
}

// postResponse sends the request, again and with less where the provider refuses a part that is not essential.
func (p *Provider) postResponse(ctx context.Context, req llm.Request, params responses.ResponseNewParams) (*http.Response, error) {
	var a asks
	for {
		res, err := p.post(ctx, "responses", params)
		if err == nil {
			return res, nil
		}
		less, ok := a.without(wire.Reported(err))
		if !ok {
			return nil, err
		}
		a = less
		if params, err = responseParams(req, a); err != nil {
			return nil, err
		}
	}
}
