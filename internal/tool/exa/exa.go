// Package exa searches the web with a user's own key for Exa, and offers that to models as a tool. The answer's format is Exa's
// POST /search with contents, as documented at https://docs.exa.ai/reference/search.
package exa

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"twobrains/internal/llm"
	"twobrains/internal/secret"
	"twobrains/internal/stream"
	"twobrains/internal/tool"
)

// Name of the tool.
const Name = "web_search"

const (
	defaultBaseURL = "https://api.exa.ai"
	defaultResults = 5
	maxResults     = 10
	maxDomains     = 20
	maxQuery       = 1000 // characters
	// maxText bounds what is asked of each page, in characters: ten of them, each as JSON's longest escape, fit tool.MaxOutput.
	maxText   = 3000
	maxAnswer = 4 << 20
)

// Options of a Client.
type Options struct {
	// BaseURL of the API, without a slash at its end; default https://api.exa.ai. It is the operator's, not the user's.
	BaseURL string
	// HTTPClient; nil: one of its own, without cookies.
	HTTPClient *http.Client
	// Timeout of a search; default 20 s.
	Timeout time.Duration
}

// Client searches. It is safe for concurrent use.
type Client struct {
	base    string
	http    *http.Client
	timeout time.Duration
}

// New makes a Client.
func New(o Options) *Client {
	c := &Client{base: strings.TrimRight(o.BaseURL, "/"), http: o.HTTPClient, timeout: o.Timeout}
	if c.base == "" {
		c.base = defaultBaseURL
	}
	if c.timeout <= 0 {
		c.timeout = 20 * time.Second
	}
	if c.http == nil {
		c.http = &http.Client{}
	}
	own := *c.http
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // the key goes nowhere else
	c.http = &own
	return c
}

// schema of the tool's arguments.
const schema = `{"type":"object","properties":{` +
	`"query":{"type":"string","description":"What to search for, as a sentence or keywords."},` +
	`"count":{"type":"integer","minimum":1,"maximum":10,"description":"How many results. Default 5."},` +
	`"domains":{"type":"array","items":{"type":"string"},"maxItems":20,"description":"Search these domains only, such as example.com."}` +
	`},"required":["query"]}`

// Tool is the search with the given key.
func (c *Client) Tool(key secret.Secret) tool.Tool {
	return tool.Tool{
		Tool: llm.Tool{
			Name:        Name,
			Description: "Searches the web and returns pages with their text. Use it for what is recent or has to be looked up. Name the pages that an answer rests on.",
			InputSchema: json.RawMessage(schema),
		},
		Title: "Web search",
		Run: func(ctx context.Context, input json.RawMessage) (tool.Result, error) {
			q, err := parse(input)
			if err != nil {
				return tool.Result{}, err
			}
			return c.search(ctx, key, q)
		},
	}
}

type query struct {
	Query   string   `json:"query"`
	Count   int      `json:"count"`
	Domains []string `json:"domains"`
}

var domain = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$`)

// parse reads what the model asks for. What it cannot have is told, not corrected in silence.
func parse(input json.RawMessage) (query, error) {
	q := query{Count: defaultResults}
	if json.Unmarshal(input, &q) != nil {
		return q, tool.Error("The arguments must be query, a text; count, a number; and domains, a list of texts.")
	}
	q.Query = strings.TrimSpace(stream.SanitizeText(q.Query))
	switch {
	case q.Query == "":
		return q, tool.Error("The query must not be empty.")
	case utf8.RuneCountInString(q.Query) > maxQuery:
		return q, tool.Error(fmt.Sprintf("The query must have at most %d characters.", maxQuery))
	case q.Count < 1 || q.Count > maxResults:
		return q, tool.Error(fmt.Sprintf("The count must be from 1 to %d.", maxResults))
	case len(q.Domains) > maxDomains:
		return q, tool.Error(fmt.Sprintf("At most %d domains can be named.", maxDomains))
	}
	for i, name := range q.Domains {
		q.Domains[i] = strings.ToLower(strings.TrimSpace(name))
		if !domain.MatchString(q.Domains[i]) {
			return q, tool.Error("A domain must be a name such as example.com.")
		}
	}
	return q, nil
}

func (c *Client) search(ctx context.Context, key secret.Secret, q query) (tool.Result, error) {
	body, err := json.Marshal(map[string]any{
		"query": q.Query, "numResults": q.Count, "includeDomains": append([]string{}, q.Domains...), "type": "auto",
		"contents": map[string]any{"text": map[string]any{"maxCharacters": maxText}},
	})
	if err != nil {
		return tool.Result{}, tool.Error("The search cannot be written down.")
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/search", bytes.NewReader(body))
	if err != nil {
		return tool.Result{}, tool.Error("The web search is not set up correctly.")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Api-Key", key.Reveal())
	resp, err := c.http.Do(req)
	if err != nil {
		return tool.Result{}, unanswered(ctx)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return tool.Result{}, refused(resp.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return tool.Result{}, unanswered(ctx)
	case len(text) > maxAnswer:
		return tool.Result{}, tool.Error("The web search answered too much.")
	}
	return read(text)
}

func unanswered(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return tool.Error("The web search did not answer in time.")
	}
	return tool.Error("The web search cannot be reached.")
}

func refused(status int) error {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return tool.Error("Exa refused the key for the web search. Check it in the settings.")
	case status == http.StatusPaymentRequired:
		return tool.Error("The Exa account of the key has no credit left.")
	case status == http.StatusTooManyRequests:
		return tool.Error("Exa limits searches with this key. Try again later.")
	case status >= http.StatusInternalServerError:
		return tool.Error("The web search failed.")
	}
	return tool.Error("Exa did not accept the search.")
}

// page is a result as the model reads it.
type page struct {
	URL       string `json:"url"`
	Title     string `json:"title,omitempty"`
	Published string `json:"published,omitempty"`
	Author    string `json:"author,omitempty"`
	Text      string `json:"text,omitempty"`
}

// read turns an answer into {"results": […]} and its sources. Results without a web address are left out: nobody could follow them.
func read(text []byte) (tool.Result, error) {
	var answer struct {
		Results *[]struct {
			URL, Title, PublishedDate, Author, Text string
		} `json:"results"`
	}
	if json.Unmarshal(text, &answer) != nil || answer.Results == nil {
		return tool.Result{}, tool.Error("The web search gave an answer that cannot be read.")
	}
	var result tool.Result
	pages := []page{}
	seen := map[string]bool{}
	for _, r := range *answer.Results {
		address := webAddress(r.URL)
		if address == "" || seen[address] || len(pages) == maxResults {
			continue
		}
		seen[address] = true
		title := shorten(strings.TrimSpace(r.Title), 300)
		pages = append(pages, page{
			URL: address, Title: title, Published: shorten(r.PublishedDate, 40), Author: shorten(r.Author, 200), Text: shorten(r.Text, maxText),
		})
		result.Sources = append(result.Sources, llm.Source{ID: fmt.Sprintf("source-%d", len(pages)), URL: address, Title: title})
	}
	output, err := json.Marshal(map[string]any{"results": pages})
	if err != nil {
		return tool.Result{}, tool.Error("The web search gave an answer that cannot be read.")
	}
	if result.Output, err = stream.Sanitize(output); err != nil {
		return tool.Result{}, tool.Error("The web search gave an answer that cannot be read.")
	}
	return result, nil
}

func webAddress(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || len(raw) > 2000 {
		return ""
	}
	return u.String()
}

// shorten cuts a text to a number of characters, and says so.
func shorten(text string, limit int) string {
	text = stream.SanitizeText(text)
	if utf8.RuneCountInString(text) <= limit {
		return text
	}
	return string([]rune(text)[:limit-2]) + " …"
}
