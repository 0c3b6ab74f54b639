package authtest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"testing"
	"time"
)

// Client goes through Kratos's self-service flows, directly or through the proxy.
type Client struct {
	// Base is the address under which the public API is found, such as "http://127.0.0.1:8080/.ory".
	Base string
	// Mode is "api" or "browser".
	Mode string
	// HTTP is needed with a cookie jar in browser mode; nil otherwise.
	HTTP *http.Client
	// Header is sent with each request.
	Header http.Header
}

// Flow is a flow that has begun.
type Flow struct {
	Kind, ID string
	csrf     string
}

// Answer is what Kratos said to a step of a flow.
type Answer struct {
	Status  int
	Header  http.Header
	Body    []byte
	State   string
	Token   string
	Session struct{ ID string }
}

func (c *Client) http() *http.Client {
	if c.HTTP != nil {
		return c.HTTP
	}
	return httpClient()
}

// Begin starts a flow of a kind: "login", "registration", "recovery", "verification" or "settings".
func (c *Client) Begin(tb testing.TB, kind string) Flow {
	tb.Helper()
	status, body, _ := call(tb, c.http(), http.MethodGet, c.Base+"/self-service/"+kind+"/"+c.Mode, c.Header, nil)
	var f struct {
		ID string
		UI struct {
			Nodes []struct {
				Attributes struct {
					Name  string
					Value any
				}
			}
		}
	}
	if err := json.Unmarshal(body, &f); err != nil || status != http.StatusOK {
		tb.Fatalf("begin %s: status %d: %s", kind, status, body)
	}
	flow := Flow{Kind: kind, ID: f.ID}
	for _, n := range f.UI.Nodes {
		if n.Attributes.Name == "csrf_token" {
			flow.csrf, _ = n.Attributes.Value.(string)
		}
	}
	return flow
}

// Submit takes a step of a flow with the given fields, whatever comes of it.
func (c *Client) Submit(tb testing.TB, f Flow, fields ...map[string]any) Answer {
	tb.Helper()
	body := map[string]any{}
	if f.csrf != "" {
		body["csrf_token"] = f.csrf
	}
	for _, some := range fields {
		for name, value := range some {
			body[name] = value
		}
	}
	status, text, header := call(tb, c.http(), http.MethodPost,
		c.Base+"/self-service/"+f.Kind+"?flow="+url.QueryEscape(f.ID), c.Header, body)
	a := Answer{Status: status, Header: header, Body: text}
	var read struct {
		State   string
		Token   string `json:"session_token"`
		Session struct{ ID string }
	}
	if json.Unmarshal(text, &read) == nil {
		a.State, a.Token, a.Session = read.State, read.Token, read.Session
	}
	return a
}

// ByCode goes through login or registration by a code, which is read from the mail that Kratos would send. who names the
// person as the flow wants it.
func (c *Client) ByCode(tb testing.TB, s *Server, kind, email string, who map[string]any) Answer {
	tb.Helper()
	a := c.TryByCode(tb, s, kind, email, who)
	if a.Status != http.StatusOK || a.Session.ID == "" {
		tb.Fatalf("send %s code: status %d: %s", kind, a.Status, a.Body)
	}
	return a
}

// TryByCode is ByCode whatever comes of the right code.
func (c *Client) TryByCode(tb testing.TB, s *Server, kind, email string, who map[string]any) Answer {
	tb.Helper()
	before := s.mails(tb, email)
	flow := c.Begin(tb, kind)
	method := map[string]any{"method": "code"}
	if sent := c.Submit(tb, flow, method, who); sent.State != "sent_email" {
		tb.Fatalf("ask for %s code: status %d: %s", kind, sent.Status, sent.Body)
	}
	return c.Submit(tb, flow, method, who, map[string]any{"code": s.code(tb, email, before)})
}

// Mails counts the mails to an address so far.
func (s *Server) Mails(tb testing.TB, email string) int {
	tb.Helper()
	return len(s.mails(tb, email))
}

type mail struct {
	ID   string
	Body string
}

func (s *Server) mails(tb testing.TB, email string) []mail {
	tb.Helper()
	var found []mail
	s.admin(tb, http.MethodGet, "/courier/messages?page_size=250&recipient="+url.QueryEscape(email), nil, &found, http.StatusOK)
	return found
}

var sixDigits = regexp.MustCompile(`(?m)\b\d{6}\b`)

func (s *Server) code(tb testing.TB, email string, seen []mail) string {
	tb.Helper()
	known := map[string]bool{}
	for _, m := range seen {
		known[m.ID] = true
	}
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		for _, m := range s.mails(tb, email) {
			if code := sixDigits.FindString(m.Body); !known[m.ID] && code != "" {
				return code
			}
		}
	}
	tb.Fatalf("no mail with a code to %s", email)
	return ""
}
