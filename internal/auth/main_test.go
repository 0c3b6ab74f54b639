package auth_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"twobrains/internal/auth"
	"twobrains/internal/auth/authtest"
	"twobrains/internal/problem"
	"twobrains/internal/ratelimit"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// fasthttp keeps one goroutine for the Date header for good, and one of each closed server for up to ten seconds.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

// generous limits keep tests that are not about limits clear of them.
var generous = auth.LoginLimits{
	Address:    auth.Rate{Count: 100_000, Per: time.Minute},
	Identifier: auth.Rate{Count: 100_000, Per: time.Minute},
	Flow:       auth.Rate{Count: 100_000, Per: time.Minute},
	Credential: auth.Rate{Count: 100_000, Per: time.Minute},
}

func redisClient(tb testing.TB) *redis.Client {
	tb.Helper()
	url := os.Getenv("TWOBRAINS_TEST_REDIS")
	if url == "" {
		tb.Fatal("TWOBRAINS_TEST_REDIS is not set; run: make test")
	}
	o, err := redis.ParseURL(url)
	require.NoError(tb, err)
	client := redis.NewClient(o)
	tb.Cleanup(func() { _ = client.Close() })
	return client
}

// replica is a server with the proxy to a Kratos, and a route that says who is signed in.
type replica struct {
	url           string
	verifier      *auth.Verifier
	invalidations *auth.Invalidations
	prefix        string
	kratosURL     string
}

type replicaOptions struct {
	kratos    string // public API; "" means the real one
	prefix    string // of Redis keys; "" means an own one
	auth      auth.Options
	proxy     auth.ProxyOptions // Limiter and Limits are heeded
	noRedis   bool
	origin    string // "" means the listener's own
	configure func(*fiber.Config)
}

func startReplica(t *testing.T, o replicaOptions) *replica {
	t.Helper()
	if o.kratos == "" {
		o.kratos = authtest.Kratos(t).Public
	}
	if o.prefix == "" {
		o.prefix = "test:" + uuid.NewString() + ":"
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &replica{url: "http://" + listener.Addr().String(), prefix: o.prefix, kratosURL: o.kratos}
	if o.origin == "" {
		o.origin = r.url
	}

	o.auth.PublicURL = o.kratos
	r.verifier, err = auth.NewVerifier(o.auth)
	require.NoError(t, err)
	t.Cleanup(r.verifier.Close)

	var client redis.UniversalClient
	if !o.noRedis {
		client = redisClient(t)
	}
	r.invalidations = auth.NewInvalidations(r.verifier, client, o.prefix, nil)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = r.invalidations.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })

	o.proxy.PublicURL, o.proxy.PublicOrigin = o.kratos, o.origin
	o.proxy.Verifier, o.proxy.Invalidations = r.verifier, r.invalidations
	if o.proxy.Limiter == nil {
		o.proxy.Limiter = ratelimit.NewRedis(redisClient(t), o.prefix)
	}
	if o.proxy.Limits == (auth.LoginLimits{}) {
		o.proxy.Limits = generous
	}
	proxy, err := auth.NewProxy(o.proxy)
	require.NoError(t, err)
	t.Cleanup(proxy.Close)

	config := fiber.Config{Immutable: true, DisableStartupMessage: true, ErrorHandler: showProblem, ReadBufferSize: 64 << 10}
	if o.configure != nil {
		o.configure(&config)
	}
	app := fiber.New(config)
	proxy.Register(app)
	app.All("/me", func(c *fiber.Ctx) error {
		cred, err := auth.CredentialFrom(auth.Header(c), r.verifier.CookieName())
		if err != nil {
			return err
		}
		if err := auth.CheckOrigin(c.Method(), cred, auth.Header(c), o.origin); err != nil {
			return err
		}
		user, meta, err := r.verifier.Verify(c.Context(), cred)
		if err != nil {
			return err
		}
		for _, line := range meta.SetCookie {
			c.Response().Header.Add("Set-Cookie", line)
		}
		return c.SendString(user.ID().String())
	})
	var serving sync.WaitGroup
	serving.Go(func() { _ = app.Listener(listener) })
	t.Cleanup(func() { _ = app.ShutdownWithTimeout(5 * time.Second); serving.Wait() })
	return r
}

// showProblem renders errors as the API does, as far as these tests care.
func showProblem(c *fiber.Ctx, err error) error {
	if e := (*fiber.Error)(nil); errors.As(err, &e) {
		return c.SendStatus(e.Code)
	}
	p := problem.From(err)
	c.Set("Content-Type", "application/problem+json")
	return c.Status(p.Code.Info().Status).JSON(fiber.Map{
		"code": p.Code, "detail": p.Detail, "retry_after": p.RetryAfter.Seconds(),
	}, "application/problem+json")
}

// browser is a client with cookies, whose requests come from the replica's own pages.
func (r *replica) browser(t *testing.T) *authtest.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &authtest.Client{
		Base: r.url + auth.PathPrefix,
		Mode: "browser",
		HTTP: &http.Client{
			Jar: jar, Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		Header: http.Header{"Origin": {r.url}, "Sec-Fetch-Site": {"same-origin"}},
	}
}

func code(t *testing.T, err error) problem.Code {
	t.Helper()
	require.Error(t, err)
	return problem.From(err).Code
}

// eventually polls a condition that other goroutines or processes bring about.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if condition() {
			return
		}
	}
	t.Fatalf("in vain: %s", what)
}

type manualClock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *manualClock { return &manualClock{now: time.Now()} }

func (c *manualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *manualClock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
