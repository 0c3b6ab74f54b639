package apitest

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Client sends requests as somebody.
type Client struct {
	Base string
	// Token of the session; empty: none is sent.
	Token string
	// Header is added to every request.
	Header http.Header
}

// Answer is a whole response.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// transport keeps no connections, so that none outlives a test.
var transport = &http.Transport{DisableKeepAlives: true, DisableCompression: true}

var client = &http.Client{
	Transport:     transport,
	Timeout:       30 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// Do sends a request; a body that is not empty goes as JSON unless the headers (pairs of name and value) say otherwise.
func (c *Client) Do(t testing.TB, method, path, body string, headers ...string) Answer {
	t.Helper()
	resp := c.Open(t, method, path, body, headers...)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: read answer: %v", method, path, err)
	}
	return Answer{Status: resp.StatusCode, Header: resp.Header, Body: string(text)}
}

// Open is Do that leaves the body to be read, such as a stream's.
func (c *Client) Open(t testing.TB, method, path, body string, headers ...string) *http.Response {
	t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, c.Base+path, reader)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	for name, values := range c.Header {
		request.Header[name] = values
	}
	if c.Token != "" {
		request.Header.Set("Authorization", "Bearer "+c.Token)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i+1] == "" {
			request.Header.Del(headers[i])
			continue
		}
		request.Header.Set(headers[i], headers[i+1])
	}
	resp, err := client.Do(request)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return resp
}

// Get is Do of a GET.
func (c *Client) Get(t testing.TB, path string) Answer {
	t.Helper()
	return c.Do(t, http.MethodGet, path, "")
}

// Want fails the test unless the answer has the status.
func (a Answer) Want(t testing.TB, status int) Answer {
	t.Helper()
	if a.Status != status {
		t.Fatalf("got status %d, want %d: %s", a.Status, status, a.Body)
	}
	return a
}

// Decode reads a JSON answer.
func (a Answer) Decode(t testing.TB, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.Body), into); err != nil {
		t.Fatalf("read answer: %v: %s", err, a.Body)
	}
}

// Problem is an answer that is no success.
type Problem struct {
	Type, Title, Detail, Code, RequestID, RunID string
	Status, RetryAfter                          int
	Errors                                      []struct{ Path, Message string }
}

// Refused fails the test unless the answer is a problem of the code, in its form and with its status.
func (a Answer) Refused(t testing.TB, status int, code string) Problem {
	t.Helper()
	a.Want(t, status)
	if kind := a.Header.Get("Content-Type"); kind != "application/problem+json" {
		t.Fatalf("got content type %q: %s", kind, a.Body)
	}
	var p Problem
	a.Decode(t, &p)
	if p.Code != code || p.Status != status || p.Title == "" || p.Detail == "" || p.Type != "urn:twobrains:problem:"+code {
		t.Fatalf("got problem %+v, want code %s", p, code)
	}
	if p.RequestID == "" || p.RequestID != a.Header.Get("X-Request-Id") {
		t.Fatalf("got request id %q, header %q", p.RequestID, a.Header.Get("X-Request-Id"))
	}
	return p
}
