package api

import (
	"fmt"

	"twobrains/internal/completion"
	"twobrains/internal/config"
	"twobrains/internal/llm"
	"twobrains/internal/llm/demo"
	"twobrains/internal/llm/openai"
)

// providersOf makes the configured model providers, and what lets go of their connections.
func providersOf(c *config.Config) (providers map[string]llm.Provider, closeAll func(), err error) {
	providers = map[string]llm.Provider{}
	if c.DemoModel() {
		providers["demo"] = demo.New(demo.Options{Delay: c.Models.DemoDelay})
	}
	client := openai.NewHTTPClient(openai.Timeouts{})
	if c.OpenAI() {
		provider, err := openai.New(openai.Options{BaseURL: c.Models.OpenAIBaseURL, Key: c.Models.OpenAIKey, HTTPClient: client})
		if err != nil {
			return nil, nil, fmt.Errorf("make provider: %w", err)
		}
		providers["openai"] = provider
	}
	return providers, client.CloseIdleConnections, nil
}

// demoTools are what the demo model calls.
func demoTools() map[string][]completion.RunnableTool {
	var tools []completion.RunnableTool
	for _, t := range demo.Tools() {
		tools = append(tools, completion.RunnableTool{Tool: t.Tool, Run: t.Run})
	}
	return map[string][]completion.RunnableTool{"demo": tools}
}
