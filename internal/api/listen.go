package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Serve answers requests on a listener until Shutdown, and then returns nil.
func (s *Server) Serve(ln net.Listener) error {
	if err := s.app.Server().Serve(ln); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// lastWords is how long connections may take to end once everything else has.
const lastWords = 5 * time.Second

// Shutdown stops accepting, lets replies under way end until ctx does and then interrupts them (they are stored), cuts
// the streams that are left, and waits for the last requests. It may be called more than once.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stopping.Store(true)
	closing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	closed := make(chan error, 1)
	go func() { closed <- s.app.Server().ShutdownWithContext(closing) }()

	var late error
	if err := s.completions.Drain(ctx); err != nil && ctx.Err() == nil {
		late = fmt.Errorf("drain replies: %w", err)
	}
	s.streams.Shutdown()
	timer := time.AfterFunc(lastWords, cancel)
	defer timer.Stop()
	if err := <-closed; err != nil && !errors.Is(err, context.Canceled) {
		return errors.Join(late, fmt.Errorf("close connections: %w", err))
	}
	return late
}

// internalHandler serves what is for operators only.
func internalHandler(g prometheus.Gatherer) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(g, promhttp.HandlerOpts{}))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}
