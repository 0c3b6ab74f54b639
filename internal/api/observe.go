package api

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"twobrains/internal/config"
	"twobrains/internal/problem"
)

type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	limited  *prometheus.CounterVec
	fallback prometheus.Counter
}

func newMetrics(r prometheus.Registerer, streams func() float64) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "twobrains", Subsystem: "http", Name: "requests_total",
			Help: "Requests answered, by method, route pattern and status.",
		}, []string{"method", "route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "twobrains", Subsystem: "http", Name: "request_seconds",
			Help:    "Time until the answer was ready; of streams, until they began.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 16),
		}, []string{"route"}),
		limited: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "twobrains", Subsystem: "ratelimit", Name: "refused_total",
			Help: "Requests refused by a rate limit, by the limit's name.",
		}, []string{"limit"}),
		fallback: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "twobrains", Subsystem: "ratelimit", Name: "fallbacks_total",
			Help: "Limits decided in this process because Redis failed.",
		}),
	}
	if r != nil {
		r.MustRegister(m.requests, m.seconds, m.limited, m.fallback,
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Namespace: "twobrains", Subsystem: "http", Name: "streams",
				Help: "Event streams open now.",
			}, streams))
	}
	return m
}

// observe is the outermost middleware: it gives the request its id, turns errors and panics into answers, and tells log
// and metrics about the outcome. The log gets no content: no body, no query, no path but the route's pattern.
func (s *Server) observe(c *fiber.Ctx) error {
	x := newExchange(c, s.now())
	s.trace(c, x)
	s.setHeaders(c)
	if err := s.guard(c); err != nil {
		if err := fail(c, err); err != nil {
			return err
		}
	}
	s.tell(c, x)
	return nil
}

// tell puts a request's outcome into log and metrics.
func (s *Server) tell(c *fiber.Ctx, x *exchange) {
	took := s.now().Sub(x.start)
	route, status := x.route, c.Response().StatusCode()
	if route == "" {
		route = strings.Clone(c.Route().Path)
	}
	method := strings.Clone(c.Method())
	endTrace(x, method, route, status)
	s.metrics.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	s.metrics.seconds.WithLabelValues(route).Observe(took.Seconds())

	level := slog.LevelInfo
	attrs := []slog.Attr{
		slog.String("method", method), slog.String("route", route), slog.Int("status", status),
		slog.Float64("durationMs", float64(took.Microseconds())/1000),
	}
	if !x.user.IsZero() {
		attrs = append(attrs, slog.String("userId", x.user.ID().String()))
	}
	if x.err != nil {
		attrs = append(attrs, slog.String("code", string(x.err.Code)))
		if status >= fiber.StatusInternalServerError {
			level = slog.LevelError
			if x.err.Code == problem.CodeBusy { // a full server says so once for each request that it refuses
				level = slog.LevelWarn
			}
			attrs = append(attrs, slog.String("error", x.err.Error()))
		}
	}
	if route == routeProbe {
		level = slog.LevelDebug
	}
	s.log.LogAttrs(c.UserContext(), level, "request", attrs...)
}

// guard runs the rest of the chain and turns a panic into an error. What was panicked with may quote the request, so only
// the runtime's own errors are logged in full.
func (s *Server) guard(c *fiber.Ctx) (err error) {
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		what := fmt.Sprintf("%T", r)
		if e, ok := r.(runtime.Error); ok {
			what = e.Error()
		}
		s.log.LogAttrs(c.UserContext(), slog.LevelError, "panic in handler",
			slog.String("panic", what), slog.String("stack", string(debug.Stack())))
		err = problem.New(problem.CodeInternal, "Something went wrong on our side.")
	}()
	return c.Next()
}

// front stands before Fiber: it makes the remote address that of the client, and answers methods that Fiber does not know
// in our words.
func front(next fasthttp.RequestHandler, app *fiber.App, trusted config.Networks) fasthttp.RequestHandler {
	known := map[string]bool{}
	for _, method := range app.Config().RequestMethods {
		known[method] = true
	}
	return func(ctx *fasthttp.RequestCtx) {
		if _, ok := trustedPeer(ctx, trusted); !ok {
			ctx.Request.Header.Del(traceHeader) // whoever may name a trace decides what is recorded
		}
		if len(trusted) > 0 {
			setClient(ctx, trusted)
		}
		if !known[string(ctx.Method())] {
			ctx.Request.Header.SetMethod(fiber.MethodTrace) // a method that no route takes
		}
		next(ctx)
	}
}

// trustedPeer is the address of who connects, if that is a trusted proxy.
func trustedPeer(ctx *fasthttp.RequestCtx, trusted config.Networks) (netip.Addr, bool) {
	peer, ok := netip.AddrFromSlice(ctx.RemoteIP())
	return peer, ok && trusted.Contains(peer)
}

// setClient believes X-Forwarded-For as far as trusted proxies wrote it: from the right, the first address that is not one
// of them is the client. Anything to the left of it is hearsay.
func setClient(ctx *fasthttp.RequestCtx, trusted config.Networks) {
	peer, ok := trustedPeer(ctx, trusted)
	if !ok {
		return
	}
	var hops []string
	for _, line := range ctx.Request.Header.PeekAll(fiber.HeaderXForwardedFor) {
		hops = append(hops, strings.Split(string(line), ",")...)
	}
	client := peer
	for i := len(hops) - 1; i >= 0; i-- {
		address, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		client = address.Unmap()
		if !trusted.Contains(client) {
			break
		}
	}
	ctx.SetRemoteAddr(&net.TCPAddr{IP: client.AsSlice()})
}
