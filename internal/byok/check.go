package byok

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"twobrains/internal/llm"
	"twobrains/internal/secret"
)

const (
	// defaultTimeout of a whole test. Listing models takes providers well under a second.
	defaultTimeout = 10 * time.Second
	// maxAnswer: the longest list of models of a compatible server is around 1 MB.
	maxAnswer  = 4 << 20
	maxRefusal = 64 << 10
)

// newHTTPClient makes the client of tests: they are rare, so no connection is kept; redirects are answers, for a key must not
// travel to where its user did not send it.
func newHTTPClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, DisableCompression: true, ForceAttemptHTTP2: true,
			TLSHandshakeTimeout: 5 * time.Second, MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// check asks the provider whether it takes the key. Errors are *llm.Error in our words; nothing of the answer is in them.
func check(ctx context.Context, client *http.Client, p Provider, key secret.Secret) error {
	request, err := http.NewRequestWithContext(ctx, p.probe.method, p.BaseURL+p.probe.path, strings.NewReader(p.probe.body))
	if err != nil {
		return llm.NewError(llm.Failed, errors.New("the base URL makes no request")).WithDetail(p.Name + " cannot be reached from this server.")
	}
	for pair := range slices.Chunk(p.probe.extra, 2) {
		request.Header.Set(pair[0], pair[1])
	}
	if p.probe.body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "twobrains")
	request.Header.Set(p.probe.header, p.probe.prefix+key.Reveal())
	response, err := client.Do(request)
	if err != nil {
		return unreached(p, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(response.Body, maxRefusal))
		return refusal(p, response, body)
	}
	var answer map[string]json.RawMessage
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(&answer); err != nil {
		var network net.Error
		if ctx.Err() != nil || errors.As(err, &network) {
			return unreached(p, err)
		}
		return strange(p, "no JSON object")
	}
	var list []json.RawMessage
	if json.Unmarshal(answer[p.probe.list], &list) != nil || list == nil {
		return strange(p, "no list")
	}
	return nil
}

func strange(p Provider, what string) error {
	return llm.NewError(llm.Failed, errors.New("unexpected answer: "+what)).WithDetail(p.Name + " gave an answer that is not one of its own; its address on this server may be wrong.")
}

// unreached is for failures below HTTP. *url.Error, which holds the address, is left out.
func unreached(p Provider, err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	var network net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) && network.Timeout() {
		return llm.NewError(llm.Failed, errors.New("no answer in time")).WithDetail(p.Name + " did not answer in time.")
	}
	return llm.NewError(llm.Failed, errors.New("no connection")).WithDetail(p.Name + " cannot be reached from this server.")
}

// refusal sorts by status. Google answers a wrong key with 400 and says so by a reason of its own.
func refusal(p Provider, response *http.Response, body []byte) error {
	status := response.StatusCode
	cause := fmt.Errorf("status %d", status)
	switch {
	case status == http.StatusUnauthorized || status == http.StatusBadRequest && reasonOf(body) == "API_KEY_INVALID":
		return llm.NewError(llm.Auth, cause).WithDetail(p.Name + " does not accept this key.")
	case status == http.StatusForbidden:
		return llm.NewError(llm.Auth, cause).WithDetail(p.Name + " does not allow this key what is needed here.")
	case status == http.StatusPaymentRequired:
		return llm.NewError(llm.RateLimited, cause).WithDetail("The budget of this key at " + p.Name + " is used up.")
	case status == http.StatusTooManyRequests:
		return llm.NewError(llm.RateLimited, cause).After(retryAfter(response)).WithDetail(p.Name + " limits requests with this key now; try again later.")
	case status == http.StatusServiceUnavailable || status == 529:
		return llm.NewError(llm.Overloaded, cause).After(retryAfter(response)).WithDetail(p.Name + " has no capacity now; try again later.")
	case status >= 500:
		return llm.NewError(llm.Failed, cause).WithDetail(p.Name + " failed; try again later.")
	}
	return strange(p, cause.Error())
}

// reasonOf reads the reason of google.rpc.ErrorInfo.
func reasonOf(body []byte) string {
	var failure struct {
		Error struct {
			Details []struct {
				Reason string `json:"reason"`
			} `json:"details"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &failure) != nil {
		return ""
	}
	for _, d := range failure.Error.Details {
		if d.Reason != "" {
			return d.Reason
		}
	}
	return ""
}

// retryAfter is 0 where the provider names no number of seconds, and an hour at most.
func retryAfter(response *http.Response) time.Duration {
	seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
	if err != nil {
		return 0
	}
	return time.Duration(min(max(seconds, 0), 3600)) * time.Second
}
