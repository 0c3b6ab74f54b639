package main

import (
	"cmp"
	"context"
	"crypto/subtle"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// hookRelay stands where Kratos believes the server while tests run. Kratos waits for its hooks, and tests start servers
// on ports of their own, or none: so the relay answers for nobody with 204 until a test that wants the hooks names its
// server (PUT /target with the base URL as the body and the hook key in X-Hook-Key), and passes them on from then on.
type hookRelay struct {
	key    string
	target atomic.Pointer[httputil.ReverseProxy]
	server *http.Server
	// url is where Kratos on this machine finds it.
	url string
}

// startHookRelay listens on TWOBRAINS_TEST_HOOK_LISTEN, or on a free loopback port.
func startHookRelay(ctx context.Context, key string) (*hookRelay, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", cmp.Or(os.Getenv("TWOBRAINS_TEST_HOOK_LISTEN"), "127.0.0.1:0"))
	if err != nil {
		return nil, fmt.Errorf("listen for hooks: %w", err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return nil, fmt.Errorf("listen for hooks: %w", err)
	}
	r := &hookRelay{key: key, url: "http://127.0.0.1:" + port}
	r.server = &http.Server{Handler: r, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = r.server.Serve(listener) }() // ends with Close
	return r, nil
}

func (r *hookRelay) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if subtle.ConstantTimeCompare([]byte(request.Header.Get("X-Hook-Key")), []byte(r.key)) != 1 {
		http.Error(w, "wrong hook key", http.StatusForbidden)
		return
	}
	if request.Method == http.MethodPut && request.URL.Path == "/target" {
		r.setTarget(w, request)
		return
	}
	if proxy := r.target.Load(); proxy != nil && strings.HasPrefix(request.URL.Path, "/hooks/") {
		proxy.ServeHTTP(w, request)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (r *hookRelay) setTarget(w http.ResponseWriter, request *http.Request) {
	text, err := io.ReadAll(http.MaxBytesReader(w, request.Body, 4096))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if len(text) == 0 {
		r.target.Store(nil)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	target, err := url.Parse(strings.TrimSpace(string(text)))
	if err != nil || target.Host == "" {
		http.Error(w, "the body must be the base URL of a server", http.StatusBadRequest)
		return
	}
	r.target.Store(&httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(target) }})
	w.WriteHeader(http.StatusNoContent)
}

func (r *hookRelay) stop() { _ = r.server.Close() }
