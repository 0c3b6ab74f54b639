package auth_test

import (
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"twobrains/internal/auth"
	"twobrains/internal/ratelimit"
)

// behindProxy makes tests choose their client address.
func behindProxy(c *fiber.Config) {
	c.EnableTrustedProxyCheck, c.TrustedProxies = true, []string{"127.0.0.1"}
	c.ProxyHeader, c.EnableIPValidation = fiber.HeaderXForwardedFor, true
}

type attempt struct {
	address  string
	path     string // "" means login
	form     bool
	body     string
	token    string
	flow     string
	moreArgs string
}

func (r *replica) attempt(t *testing.T, a attempt) (int, http.Header) {
	t.Helper()
	if a.path == "" {
		a.path = "/self-service/login"
	}
	if a.flow == "" {
		a.flow = uuid.NewString()
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+"/.ory"+a.path+"?flow="+a.flow+a.moreArgs, strings.NewReader(a.body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	if a.form {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if a.address != "" {
		req.Header.Set("X-Forwarded-For", a.address)
	}
	if a.token != "" {
		req.Header.Set("X-Session-Token", a.token)
	}
	status, _, header := do(t, req)
	return status, header
}

func TestLoginLimits(t *testing.T) {
	t.Parallel()
	limits := func(change func(*auth.LoginLimits)) auth.LoginLimits {
		l := generous
		change(&l)
		return l
	}
	three := auth.Rate{Count: 3, Per: time.Hour}
	email := `{"identifier":"alice@example.test"}`
	for name, c := range map[string]struct {
		limits   auth.LoginLimits
		attempts []attempt // after three of them the fourth is refused
		free     attempt   // which passes all the same
	}{
		"address": {
			limits(func(l *auth.LoginLimits) { l.Address = three }),
			[]attempt{
				{address: "203.0.113.1", body: `{"identifier":"a@example.test"}`},
				{address: "203.0.113.1", path: "/self-service/registration", body: `{"traits":{"email":"b@example.test"}}`},
				{address: "203.0.113.1", path: "/self-service/recovery", body: "{}"},
				{address: "203.0.113.1", path: "/self-service/settings", body: "{}"},
			},
			attempt{address: "203.0.113.2", body: "{}"},
		},
		"network of IPv6": {
			limits(func(l *auth.LoginLimits) { l.Address = three }),
			[]attempt{
				{address: "2001:db8:1:2::1", body: "{}"}, {address: "2001:db8:1:2::2", body: "{}"},
				{address: "2001:db8:1:2:3:4:5:6", body: "{}"}, {address: "2001:db8:1:2:ffff::", body: "{}"},
			},
			attempt{address: "2001:db8:1:3::1", body: "{}"},
		},
		"identifier, however it is written": {
			limits(func(l *auth.LoginLimits) { l.Identifier = three }),
			[]attempt{
				{address: "203.0.113.1", body: email},
				{address: "203.0.113.2", body: `{"Identifier":" ALICE@example.test "}`, path: "/self-service/login"},
				{address: "203.0.113.3", body: `{"traits":{"email":"alice@example.test"}}`, path: "/self-service/registration"},
				{address: "203.0.113.4", body: "method=code&email=Alice%40example.test", form: true, path: "/self-service/recovery"},
			},
			attempt{address: "203.0.113.4", body: `{"identifier":"bob@example.test"}`},
		},
		"identifier, hidden": {
			limits(func(l *auth.LoginLimits) { l.Identifier = three }),
			[]attempt{
				{body: `{"identifier":"x@example.test","IDENTIFIER":"alice@example.test"}`},
				{body: `{"traits.email":"\u0061lice@example.test"}`, path: "/self-service/registration"},
				{body: "traits.email=alice@example.test", form: true, path: "/self-service/registration"},
				{body: "{}", moreArgs: "&identifier=alice@example.test"},
			},
			attempt{body: `{"name":"alice@example.test"}`},
		},
		"identifier, repeated": {
			limits(func(l *auth.LoginLimits) { l.Identifier = three }),
			[]attempt{
				{body: `{"identifier":"alice@example.test","identifier":"y@example.test"}`},
				{body: `{"identifier":"z@example.test","identifier":"alice@example.test"}`},
				{body: "identifier=w@example.test&identifier=alice@example.test", form: true},
				{body: `{"password_identifier":"alice@example.test"}`},
			},
			attempt{body: `{"identifier":["alice@example.test"]}`},
		},
		"flow": {
			limits(func(l *auth.LoginLimits) { l.Flow = three }),
			[]attempt{
				{flow: "5f2a9c1e-6b1d-4c52-9f0c-2a4b5c6d7e8f", body: `{"code":"000001"}`},
				{flow: "5f2a9c1e-6b1d-4c52-9f0c-2a4b5c6d7e8f", body: `{"code":"000002"}`, address: "203.0.113.1"},
				{flow: "5f2a9c1e-6b1d-4c52-9f0c-2a4b5c6d7e8f", body: `code=000003`, form: true},
				{flow: "5f2a9c1e-6b1d-4c52-9f0c-2a4b5c6d7e8f", body: `{"code":"000004"}`},
			},
			attempt{body: `{"code":"000005"}`},
		},
		"credential": {
			limits(func(l *auth.LoginLimits) { l.Credential = three }),
			[]attempt{
				{token: "t1", body: `{"totp_code":"000001"}`}, {token: "t1", body: `{"totp_code":"000002"}`},
				{token: "t1", body: `{"lookup_secret":"a"}`}, {token: "t1", body: `{"totp_code":"000003"}`, address: "203.0.113.1"},
			},
			attempt{token: "t2", body: `{"totp_code":"000004"}`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := startUpstream(t, nil)
			r := startReplica(t, replicaOptions{
				kratos: u.URL, configure: behindProxy, proxy: auth.ProxyOptions{Limits: c.limits},
			})
			for _, a := range c.attempts[:3] {
				status, header := r.attempt(t, a)
				require.Equal(t, http.StatusOK, status, "%+v", a)
				require.NotEmpty(t, header.Get("RateLimit"))
			}
			before := u.count()
			status, header := r.attempt(t, c.attempts[3])
			require.Equal(t, http.StatusTooManyRequests, status)
			require.Equal(t, before, u.count())
			seconds, err := strconv.Atoi(header.Get("Retry-After"))
			require.NoError(t, err)
			require.InDelta(t, 1200, seconds, 60, "a third of an hour")
			require.Contains(t, header.Get("RateLimit-Policy"), ";q=3;w=3600")
			require.Contains(t, header.Get("RateLimit"), ";r=0;")
			require.Equal(t, "application/problem+json", header.Get("Content-Type"))
			status, _ = r.attempt(t, c.free)
			require.Equal(t, http.StatusOK, status)
		})
	}
}

func TestLoginLimitsAreSharedAndLeaveNoAddresses(t *testing.T) {
	t.Parallel()
	u := startUpstream(t, nil)
	prefix := "test:" + uuid.NewString() + ":"
	limits := auth.DefaultLoginLimits
	limits.Identifier = auth.Rate{Count: 1, Per: time.Hour}
	o := replicaOptions{kratos: u.URL, prefix: prefix, proxy: auth.ProxyOptions{Limits: limits}}
	one, other := startReplica(t, o), startReplica(t, o)
	a := attempt{body: `{"identifier":"carol@example.test"}`}
	status, _ := one.attempt(t, a)
	require.Equal(t, http.StatusOK, status)
	status, _ = other.attempt(t, a)
	require.Equal(t, http.StatusTooManyRequests, status)

	keys, err := redisClient(t).Keys(t.Context(), prefix+"*").Result()
	require.NoError(t, err)
	require.Len(t, keys, 3, "address, identifier, flow")
	for _, key := range keys {
		require.NotContains(t, key, "carol")
	}
	crowd := attempt{body: `{"a":{"email":"1"},"b":{"email":"2"},"c":{"email":"3"},"d":{"email":"4"},"e":{"email":"5"}}`}
	status, _ = one.attempt(t, crowd)
	require.Equal(t, http.StatusBadRequest, status)
}

func TestLoginLimitsFailClosed(t *testing.T) {
	t.Parallel()
	hole, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and never answers
	require.NoError(t, err)
	t.Cleanup(func() { _ = hole.Close() })
	for name, address := range map[string]string{"gone": "127.0.0.1:1", "silent": hole.Addr().String()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := startUpstream(t, nil)
			client := redis.NewClient(&redis.Options{Addr: address, MaxRetries: -1})
			t.Cleanup(func() { _ = client.Close() })
			r := startReplica(t, replicaOptions{kratos: u.URL, proxy: auth.ProxyOptions{Limiter: ratelimit.NewRedis(client, "")}})
			began := time.Now()
			for _, path := range []string{"login", "registration", "recovery", "verification", "settings"} {
				status, header := r.attempt(t, attempt{path: "/self-service/" + path, body: "{}"})
				require.Equal(t, http.StatusServiceUnavailable, status)
				require.Equal(t, "application/problem+json", header.Get("Content-Type"))
			}
			require.Less(t, time.Since(began), 12*time.Second)
			require.Zero(t, u.count(), "not one attempt got through")

			// Who is signed in stays so, and may leave.
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+"/.ory/sessions/whoami", nil)
			require.NoError(t, err)
			status, _, _ := do(t, req)
			require.Equal(t, http.StatusOK, status)
		})
	}
}

func TestKratosGuessingIsLimited(t *testing.T) {
	t.Parallel()
	limits := generous
	limits.Identifier = auth.Rate{Count: 4, Per: time.Hour}
	r := startReplica(t, replicaOptions{proxy: auth.ProxyOptions{Limits: limits}})
	email := uuid.NewString() + "@example.test"
	refused := 0
	for range 8 {
		status, _ := r.attempt(t, attempt{body: `{"method":"password","identifier":"` + email + `","password":"guess-guess"}`})
		if status == http.StatusTooManyRequests {
			refused++
		} else {
			require.Contains(t, []int{http.StatusBadRequest, http.StatusNotFound, http.StatusGone}, status)
		}
	}
	require.Equal(t, 4, refused)
}

func TestNewProxyRefusesBadOptions(t *testing.T) {
	t.Parallel()
	v, err := auth.NewVerifier(auth.Options{PublicURL: "http://kratos:4433"})
	require.NoError(t, err)
	t.Cleanup(v.Close)
	local, err := ratelimit.NewLocal(nil)
	require.NoError(t, err)
	good := auth.ProxyOptions{
		PublicURL: "http://kratos:4433", PublicOrigin: "https://chat.example.test", Verifier: v,
		Invalidations: auth.NewInvalidations(v, nil, "", nil), Limiter: local,
	}
	_, err = auth.NewProxy(good)
	require.NoError(t, err)
	for name, spoil := range map[string]func(*auth.ProxyOptions){
		"no url":         func(o *auth.ProxyOptions) { o.PublicURL = "" },
		"no origin":      func(o *auth.ProxyOptions) { o.PublicOrigin = "" },
		"origin, path":   func(o *auth.ProxyOptions) { o.PublicOrigin = "https://chat.example.test/app" },
		"origin, slash":  func(o *auth.ProxyOptions) { o.PublicOrigin = "https://chat.example.test/" },
		"no verifier":    func(o *auth.ProxyOptions) { o.Verifier = nil },
		"no limiter":     func(o *auth.ProxyOptions) { o.Limiter = nil },
		"no forgetting":  func(o *auth.ProxyOptions) { o.Invalidations = nil },
		"negative limit": func(o *auth.ProxyOptions) { o.Limits.Flow = auth.Rate{Count: -1, Per: time.Second} },
		"half a limit":   func(o *auth.ProxyOptions) { o.Limits.Address = auth.Rate{Count: 1} },
	} {
		o := good
		spoil(&o)
		_, err := auth.NewProxy(o)
		require.Error(t, err, name)
	}
}
