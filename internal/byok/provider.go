package byok

import (
	"net/http"
	"strings"
)

// Provider is one whose keys a user may bring. It is data: nothing else here knows a provider by name.
type Provider struct {
	// ID is also the first part of the ids of its models.
	ID   string
	Name string
	// BaseURL has no slash at its end.
	BaseURL string

	probe probe
}

// probe is a request that costs nothing, or as little as there is, and that only a good key gets an answer to.
type probe struct {
	method, path, body string
	// header carries the key, after prefix; nothing else does.
	header, prefix string
	// extra are further headers, pairs of name and value.
	extra []string
	// list is the member of a good answer that holds an array.
	list string
}

// BaseURLs say where the providers are.
type BaseURLs struct {
	// OpenAI includes its /v1; it may be any compatible server.
	OpenAI string
	// The others are hosts without a version.
	Anthropic, Google, Exa string
}

// Providers are all that are known, in the order in which clients show them.
func Providers(at BaseURLs) []Provider {
	all := []Provider{
		{ID: "openai", Name: "OpenAI", BaseURL: at.OpenAI, probe: probe{
			method: http.MethodGet, path: "/models", header: "Authorization", prefix: "Bearer ", list: "data",
		}},
		{ID: "anthropic", Name: "Anthropic", BaseURL: at.Anthropic, probe: probe{
			method: http.MethodGet, path: "/v1/models?limit=1", header: "X-Api-Key", extra: []string{"Anthropic-Version", "2023-06-01"}, list: "data",
		}},
		{ID: "google", Name: "Google", BaseURL: at.Google, probe: probe{
			method: http.MethodGet, path: "/v1beta/models?pageSize=1", header: "X-Goog-Api-Key", list: "models",
		}},
		{ID: "exa", Name: "Exa", BaseURL: at.Exa, probe: probe{
			method: http.MethodPost, path: "/search", body: `{"query":"test","numResults":1}`, header: "X-Api-Key", list: "results",
		}},
	}
	for i := range all {
		all[i].BaseURL = strings.TrimRight(all[i].BaseURL, "/")
	}
	return all
}
