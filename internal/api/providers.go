package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"twobrains/internal/completion"
	"twobrains/internal/config"
	"twobrains/internal/llm"
	"twobrains/internal/llm/anthropic"
	"twobrains/internal/llm/demo"
	"twobrains/internal/llm/google"
	"twobrains/internal/llm/openai"
	"twobrains/internal/llm/wire"
	"twobrains/internal/secret"
	"twobrains/internal/tool"
	"twobrains/internal/tracing"
)

// factoriesOf says how to make a provider for a key. What is made shares the client, and so its connections, and nothing
// else: a key travels with no header that belongs to another.
func factoriesOf(c *config.Config, client *http.Client) map[string]completion.Factory {
	m := c.Models
	// A server that configuration gives models of its own speaks what all such servers speak, unless it is OpenAI's.
	dialect := openai.DialectOpenAI
	if m.OpenAIModels != "" {
		dialect = openai.DialectAuto
	}
	return map[string]completion.Factory{
		"openai": func(key secret.Secret) (llm.Provider, error) {
			return openai.NewDialect(openai.Options{BaseURL: m.OpenAIBaseURL, Key: key, HTTPClient: client}, dialect)
		},
		"anthropic": func(key secret.Secret) (llm.Provider, error) {
			return anthropic.New(anthropic.Options{BaseURL: m.AnthropicBaseURL, Key: key, HTTPClient: client})
		},
		"google": func(key secret.Secret) (llm.Provider, error) {
			return google.New(google.Options{BaseURL: m.GoogleBaseURL, Key: key, HTTPClient: client})
		},
	}
}

// providersOf makes the configured model providers, what makes those of users with keys of their own, and what lets go of
// their connections.
func providersOf(c *config.Config) (providers map[string]llm.Provider, factories map[string]completion.Factory, closeAll func(), err error) {
	client := wire.NewHTTPClient(wire.Timeouts{})
	client.Transport = tracing.Transport(client.Transport, "model")
	factories = factoriesOf(c, client)
	providers = map[string]llm.Provider{}
	if c.DemoModel() {
		providers["demo"] = demo.New(demo.Options{Delay: c.Models.DemoDelay})
	}
	for name, platform := range map[string]struct {
		on  bool
		key secret.Secret
	}{
		"openai":    {c.OpenAI(), c.Models.OpenAIKey},
		"anthropic": {!c.Models.AnthropicKey.IsZero(), c.Models.AnthropicKey},
		"google":    {!c.Models.GoogleKey.IsZero(), c.Models.GoogleKey},
	} {
		if !platform.on {
			continue
		}
		if providers[name], err = factories[name](platform.key); err != nil {
			return nil, nil, nil, fmt.Errorf("make provider: %w", err)
		}
	}
	return providers, factories, client.CloseIdleConnections, nil
}

// demoTools are what the demo model calls.
func demoTools() map[string][]tool.Tool {
	var tools []tool.Tool
	for _, t := range demo.Tools() {
		tools = append(tools, tool.Tool{
			Tool: t.Tool, Title: t.Name,
			Run: func(ctx context.Context, input json.RawMessage) (tool.Result, error) {
				output, err := t.Run(ctx, input)
				if err != nil {
					return tool.Result{}, tool.Error(err.Error())
				}
				return tool.Result{Output: output}, nil
			},
		})
	}
	return map[string][]tool.Tool{"demo": tools}
}
