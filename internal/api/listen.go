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

// Shutdown refuses new replies, lets those under way end until ctx does and then interrupts them (they are stored, or left to other
// replicas), cuts the streams that are left, stops accepting and waits for the last requests. Where another replica can go on
// with the streams they are cut at once, so that their readers go there while there is nothing to wait for. All else is served
// meanwhile, and the readiness probe says that this replica stops. It may be called more than once.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stopping.Store(true)
	s.completions.Close()
	if s.resumesElsewhere(ctx) {
		s.streams.Shutdown()
	}
	var late error
	if err := s.completions.Drain(ctx); err != nil && ctx.Err() == nil {
		late = fmt.Errorf("drain replies: %w", err)
	}
	s.streams.Shutdown()
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	s.streams.Wait(closing)
	if err := s.app.Server().ShutdownWithContext(closing); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return errors.Join(late, fmt.Errorf("close connections: %w", err))
	}
	return late
}

// resumesElsewhere says whether another replica is alive and can read the streams of this one.
func (s *Server) resumesElsewhere(ctx context.Context) bool {
	if s.prober.ask()["redis"] != up {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	others, err := s.completions.Others(ctx)
	return err == nil && others
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
