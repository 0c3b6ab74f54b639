package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/mail"
	"net/url"
	"strings"
	"time"
)

// user prints a session token of a user of the running stack: registered by a code sent by e-mail or, if the address is
// known already, logged in by one. Nothing but the token goes to standard output.
func user(ctx context.Context, c *checkout, arguments []string) error {
	if len(arguments) != 1 {
		return errors.New("name one e-mail address: go run ./cmd/dev user alice@example.test")
	}
	address, err := mail.ParseAddress(arguments[0])
	if err != nil || address.Address != arguments[0] {
		return fmt.Errorf("%q is not an e-mail address", arguments[0])
	}
	s, err := c.readState()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	k := &kratosClient{base: s.URL, mailKey: s.MailKey, email: strings.ToLower(address.Address)}

	// Kratos hides from strangers whether an address is known; its admin door says it.
	known, err := identityOf(ctx, s, k.email)
	if err != nil {
		return err
	}
	kind, who, outcome := "registration", map[string]any{"traits": map[string]any{"email": k.email}}, "is new: registered by code"
	if known != "" {
		kind, who, outcome = "login", map[string]any{"identifier": k.email}, "has an account: logged in by code"
	}
	token, err := k.enter(ctx, kind, who)
	if err != nil {
		return err
	}
	say("%s %s", k.email, outcome)
	fmt.Println(token)
	return nil
}

// identityOf returns the id of the identity that Kratos knows by an e-mail address, "" if there is none.
func identityOf(ctx context.Context, s state, email string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet,
		s.KratosAdminURL+"/admin/identities?credentials_identifier="+url.QueryEscape(email), nil)
	if err != nil {
		return "", fmt.Errorf("ask Kratos for %s: %w", email, err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", fmt.Errorf("ask Kratos for %s (is make dev running?): %w", email, err)
	}
	defer response.Body.Close()
	var found []struct{ ID string }
	if err := json.NewDecoder(response.Body).Decode(&found); err != nil {
		return "", fmt.Errorf("read answer of Kratos: %w", err)
	}
	if len(found) == 0 {
		return "", nil
	}
	return found[0].ID, nil
}

// kratosClient goes through Kratos's flows for native applications, through the server as everybody does.
type kratosClient struct {
	base, mailKey, email string
}

// flow is what is of interest in Kratos's answers to a flow.
type flow struct {
	ID           string
	State        string
	SessionToken string `json:"session_token"`
	UI           struct {
		Messages []message
		Nodes    []struct{ Messages []message }
	}
	Error struct{ Message, Reason string }
}

type message struct {
	Text string
	Type string
}

// enter registers or logs in by a code sent by e-mail and returns the session token. who names the user as the flow wants
// it: by traits or by identifier.
func (k *kratosClient) enter(ctx context.Context, kind string, who map[string]any) (token string, err error) {
	before, err := k.newestMail(ctx)
	if err != nil {
		return "", err
	}
	begun, err := k.call(ctx, http.MethodGet, "/.ory/self-service/"+kind+"/api", nil)
	if err != nil {
		return "", err
	}
	submit := func(with map[string]any) (flow, error) {
		body := map[string]any{"method": "code"}
		for _, fields := range []map[string]any{who, with} {
			for name, value := range fields {
				body[name] = value
			}
		}
		return k.call(ctx, http.MethodPost, "/.ory/self-service/"+kind+"?flow="+url.QueryEscape(begun.ID), body)
	}
	sent, err := submit(nil)
	if err != nil {
		return "", err
	}
	if sent.State != "sent_email" {
		return "", sent.refusal(kind)
	}
	code, err := k.code(ctx, before.ID)
	if err != nil {
		return "", err
	}
	done, err := submit(map[string]any{"code": code})
	if err != nil {
		return "", err
	}
	if done.SessionToken == "" {
		return "", done.refusal(kind)
	}
	return done.SessionToken, nil
}

// refusal is what a flow says in words when it went no further.
func (f flow) refusal(kind string) error {
	messages := f.UI.Messages
	for _, node := range f.UI.Nodes {
		messages = append(messages, node.Messages...)
	}
	texts := []string{}
	for _, m := range messages {
		if m.Type == "error" {
			texts = append(texts, m.Text)
		}
	}
	texts = append(texts, f.Error.Message, f.Error.Reason)
	return fmt.Errorf("%s: %s", kind, strings.TrimSpace(strings.Join(texts, " ")))
}

// call sends a request to a flow. Refusals that are states of the flow (400 with a form) are no errors.
func (k *kratosClient) call(ctx context.Context, method, path string, body any) (f flow, err error) {
	status, text, err := k.send(ctx, method, path, body)
	if err != nil {
		return f, err
	}
	if err := json.Unmarshal(text, &f); err != nil || status >= 500 || status == http.StatusTooManyRequests {
		return f, fmt.Errorf("%s %s: the server answered %d: %s", method, path, status, text)
	}
	return f, nil
}

// mailItem is what is of interest in a message of the development mail page.
type mailItem struct {
	ID   json.RawMessage
	Code string
}

// newestMail returns the newest message to the user, the zero value if there is none.
func (k *kratosClient) newestMail(ctx context.Context) (mailItem, error) {
	path := "/dev/mail?format=json&to=" + url.QueryEscape(k.email)
	status, text, err := k.send(ctx, http.MethodGet, path, nil)
	if err != nil {
		return mailItem{}, err
	}
	var found []mailItem
	if err := json.Unmarshal(text, &found); err != nil || status != http.StatusOK {
		return mailItem{}, fmt.Errorf("GET %s: the server answered %d: %s", path, status, text)
	}
	if len(found) == 0 {
		return mailItem{}, nil
	}
	return found[0], nil
}

// code waits for a message that is newer than the named one and returns the code in it.
func (k *kratosClient) code(ctx context.Context, before json.RawMessage) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		newest, err := k.newestMail(ctx)
		if err != nil {
			return "", err
		}
		if newest.Code != "" && !bytes.Equal(newest.ID, before) {
			return newest.Code, nil
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("no mail with a code arrived for %s; see .dev/kratos.log", k.email)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (k *kratosClient) send(ctx context.Context, method, path string, body any) (status int, text []byte, err error) {
	var reader io.Reader
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			return 0, nil, fmt.Errorf("encode request: %w", err)
		}
		reader = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, k.base+path, reader)
	if err != nil {
		return 0, nil, fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("Accept", "application/json")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if strings.HasPrefix(path, "/dev/mail") {
		request.Header.Set("X-Mail-Key", k.mailKey)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, fmt.Errorf("the server does not answer (is make dev running?): %w", err)
	}
	defer response.Body.Close()
	text, err = io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return 0, nil, fmt.Errorf("read answer: %w", err)
	}
	return response.StatusCode, text, nil
}
