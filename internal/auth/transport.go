package auth

import (
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"twobrains/internal/tracing"
)

// maxAnswer bounds what is read of one answer of Kratos. A whoami has 1-3 KB and grows by 200 bytes a device.
const maxAnswer = 1 << 20

var errAnswerTooLong = errors.New("answer exceeds the limit")

func newTransport() *http.Transport {
	return &http.Transport{
		Proxy:               nil, // Kratos is a neighbour: HTTP_PROXY must not see session tokens
		DialContext:         (&net.Dialer{Timeout: 2 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		MaxIdleConns:        128,
		MaxIdleConnsPerHost: 128,
		IdleConnTimeout:     60 * time.Second,
		TLSHandshakeTimeout: 2 * time.Second,
		ForceAttemptHTTP2:   true,
	}
}

// newClient makes a client that follows no redirects and reads no endless answers.
func newClient(transport http.RoundTripper, timeout time.Duration) *http.Client {
	return &http.Client{
		Transport:     cappedTransport{tracing.Transport(transport, "kratos")},
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

type cappedTransport struct{ http.RoundTripper }

// RoundTrip bounds the answer's body.
func (t cappedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = &cappedBody{ReadCloser: resp.Body, left: maxAnswer}
	return resp, nil
}

// CloseIdleConnections passes http.Client's wish on.
func (t cappedTransport) CloseIdleConnections() {
	if c, ok := t.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

type cappedBody struct {
	io.ReadCloser
	left int
}

func (b *cappedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errAnswerTooLong
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}
