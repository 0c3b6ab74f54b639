package wire

import (
	"net"
	"net/http"
	"time"
)

// Timeouts of an HTTP client. Zero values are the defaults.
type Timeouts struct {
	// Connect bounds dialling and the TLS handshake, each. Default 10 s.
	Connect time.Duration
	// Header bounds the wait for the reply to begin. Default 5 minutes: local servers load a model meanwhile.
	Header time.Duration
}

// NewHTTPClient makes a client for streams: no limit on the whole, redirects refused (a POST must not be repeated
// elsewhere with the key), connections kept for reuse. Share it between providers.
func NewHTTPClient(t Timeouts) *http.Client {
	setDefault(&t.Connect, 10*time.Second)
	setDefault(&t.Header, 5*time.Minute)
	dialer := &net.Dialer{Timeout: t.Connect, KeepAlive: 30 * time.Second}
	return &http.Client{
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           dialer.DialContext,
			TLSHandshakeTimeout:   t.Connect,
			ResponseHeaderTimeout: t.Header,
			ForceAttemptHTTP2:     true,
			DisableCompression:    true,
			MaxIdleConns:          256,
			MaxIdleConnsPerHost:   128,
			IdleConnTimeout:       90 * time.Second,
			ReadBufferSize:        connBuffer,
			WriteBufferSize:       connBuffer,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// connBuffer is small, since a connection that waits for the next word of a model holds two of them. What is larger, such as a
// file in a request, passes them by.
const connBuffer = 1 << 10

func setDefault(d *time.Duration, standard time.Duration) {
	if *d == 0 {
		*d = standard
	}
}
