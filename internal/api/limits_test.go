package api_test

import (
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"

	"twobrains/internal/api/apitest"
	"twobrains/internal/auth/authtest"
)

// randomIP is an address that no other test uses.
func randomIP() string {
	id := uuid.New()
	return fmt.Sprintf("2001:db8:%x:%x::1", id[0:2], id[2:4])
}

func TestLimitPerUser(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Env: map[string]string{"RATE_LIMIT_USER": "3/1h"}})
	u := s.NewUser()
	for i := range 3 {
		h := u.Get(t, "/api/session").Want(t, 200).Header
		if want := fmt.Sprintf(`"api-user";r=%d;`, 2-i); !strings.HasPrefix(h.Get("RateLimit"), want) || h.Get("RateLimit-Policy") != `"api-user";q=3;w=3600` {
			t.Errorf("got RateLimit %q, policy %q", h.Get("RateLimit"), h.Get("RateLimit-Policy"))
		}
	}
	answer := u.Get(t, "/api/session")
	p := answer.Refused(t, 429, "rate_limited")
	if seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After")); seconds < 1000 || p.RetryAfter != seconds {
		t.Errorf("got Retry-After %q, problem %+v", answer.Header.Get("Retry-After"), p)
	}
	s.NewUser().Get(t, "/api/session").Want(t, 200)

	metrics := (&apitest.Client{Base: s.InternalURL}).Get(t, "/metrics").Want(t, 200).Body
	if !strings.Contains(metrics, `twobrains_ratelimit_refused_total{limit="api-user"} 1`) {
		t.Error("the refusal is not counted")
	}
}

func TestLimitOfSending(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Env: map[string]string{"RATE_LIMIT_AI_USER": "1/1h"}})
	u := s.NewUser()
	u.Do(t, "POST", "/api/ai", send("c", "m1", "hello")).Want(t, 200)
	u.Do(t, "POST", "/api/ai", send("c", "m2", "hello")).Refused(t, 429, "rate_limited")
	u.Get(t, "/api/conversations").Want(t, 200)
}

func TestLimitPerAddress(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Env: map[string]string{"RATE_LIMIT_IP": "2/1h", "TRUSTED_PROXIES": "127.0.0.0/8,10.0.0.0/8"}})
	from := func(forwarded string) *apitest.Client {
		u := s.NewUser()
		u.Header = map[string][]string{"X-Forwarded-For": {forwarded}}
		return u
	}
	ip := randomIP()
	from(ip).Get(t, "/api/session").Want(t, 200)
	// What the client itself claims stands to the left, and is not believed; our proxies stand to the right.
	from("203.0.113.9, "+ip).Get(t, "/api/session").Want(t, 200)
	from(ip+", 10.1.2.3").Get(t, "/api/session").Refused(t, 429, "rate_limited")
	// The whole /64 is one client.
	from(strings.TrimSuffix(ip, "1")+"2").Get(t, "/api/session").Refused(t, 429, "rate_limited")
	from(randomIP()).Get(t, "/api/session").Want(t, 200)

	// Guessing sessions is counted, too, and so are pages of sign-in.
	ip = randomIP()
	for range 2 {
		guess := &apitest.Client{Base: s.URL, Token: "guess", Header: map[string][]string{"X-Forwarded-For": {ip}}}
		guess.Get(t, "/api/session").Refused(t, 401, "unauthenticated")
	}
	asked := s.Identities.Asked()
	from(ip).Get(t, "/api/session").Refused(t, 429, "rate_limited")
	if s.Identities.Asked() != asked {
		t.Error("Kratos was asked on behalf of an address beyond its limit")
	}
	from(ip).Get(t, "/.ory/self-service/login/browser").Refused(t, 429, "rate_limited")
}

func TestForwardedForIsNotBelievedFromAnybody(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Env: map[string]string{"RATE_LIMIT_IP": "1/1s", "TRUSTED_PROXIES": "10.0.0.0/8"}})
	refused := 0
	for range 5 {
		u := s.NewUser()
		u.Header = map[string][]string{"X-Forwarded-For": {randomIP()}}
		if u.Get(t, "/api/session").Status == 429 {
			refused++
		}
	}
	if refused == 0 {
		t.Error("an untrusted peer chose its own address")
	}
}

// Without Redis requests are served, limited by this process alone; signing in is refused.
func TestWithoutRedis(t *testing.T) {
	t.Parallel()
	redisURL, err := url.Parse(os.Getenv("TWOBRAINS_TEST_REDIS"))
	if err != nil {
		t.Fatal(err)
	}
	link := apitest.NewLink(t, redisURL.Host)
	redisURL.Host = link.Addr
	s := apitest.Start(t, apitest.Options{RealKratos: true, Env: map[string]string{"REDIS_URL": redisURL.String(), "RATE_LIMIT_USER": "4/1h"}})
	kratos := authtest.Kratos(t)
	u := &apitest.Client{Base: s.URL, Token: kratos.Login(t, authtest.NewEmail())}
	u.Get(t, "/api/session").Want(t, 200)
	link.Cut()
	for range 4 {
		u.Get(t, "/api/session").Want(t, 200)
	}
	u.Get(t, "/api/session").Refused(t, 429, "rate_limited")
	other := &apitest.Client{Base: s.URL, Token: kratos.Login(t, authtest.NewEmail())}
	other.Do(t, "POST", "/api/ai", send("c", "m1", "hello")).Want(t, 200)

	flow := kratos.Native().Begin(t, "login")
	answer := s.Anonymous().Do(t, "POST", "/.ory/self-service/login?flow="+flow.ID, `{"method":"code","identifier":"x@example.test"}`)
	answer.Refused(t, 503, "unavailable")
	scenario{path: "/readyz", status: 200, has: []string{`"status":"degraded"`, `"redis":"down"`}}.run(t, s.Anonymous())
	metrics := (&apitest.Client{Base: s.InternalURL}).Get(t, "/metrics").Body
	if strings.Contains(metrics, "twobrains_ratelimit_fallbacks_total 0") {
		t.Error("the fallback is not counted")
	}
}
