package auth

import (
	"encoding/base64"
	"fmt"
	"time"

	"github.com/gofiber/fiber/v2"

	"twobrains/internal/problem"
	"twobrains/internal/ratelimit"
)

// loginLimitWait bounds what an attempt waits for its limits.
const loginLimitWait = time.Second

// Rate is a number of attempts in a time.
type Rate struct {
	Count int
	Per   time.Duration
}

// LoginLimits bound the POSTs to /self-service/{login,registration,recovery,verification,settings}. Each attempt counts
// against all that apply, whether it succeeds or not: asking for a code and sending it are two.
type LoginLimits struct {
	// Address bounds one client address (IPv6: one /64).
	Address Rate
	// Identifier bounds one e-mail address, whoever tries it and in whatever flow: mails sent and guesses.
	Identifier Rate
	// Flow bounds one flow, such as guesses of one code (Kratos itself stops at 5).
	Flow Rate
	// Credential bounds one session that tries to be more, such as guesses of a second factor.
	Credential Rate
}

// DefaultLoginLimits let an office behind one address sign in, and leave a guesser of 6-digit codes 1,440 tries a day.
var DefaultLoginLimits = LoginLimits{
	Address:    Rate{60, 10 * time.Minute},
	Identifier: Rate{10, 10 * time.Minute},
	Flow:       Rate{15, 10 * time.Minute},
	Credential: Rate{15, 10 * time.Minute},
}

type loginLimiter struct {
	limiter ratelimit.Limiter
	limits  LoginLimits
}

func newLoginLimiter(l ratelimit.Limiter, limits LoginLimits) (*loginLimiter, error) {
	for _, r := range []struct {
		rate     *Rate
		standard Rate
	}{
		{&limits.Address, DefaultLoginLimits.Address},
		{&limits.Identifier, DefaultLoginLimits.Identifier},
		{&limits.Flow, DefaultLoginLimits.Flow},
		{&limits.Credential, DefaultLoginLimits.Credential},
	} {
		if *r.rate == (Rate{}) {
			*r.rate = r.standard
		}
		if r.rate.Count <= 0 || r.rate.Per <= 0 {
			return nil, fmt.Errorf("read login limits: %d per %s is none", r.rate.Count, r.rate.Per)
		}
	}
	return &loginLimiter{limiter: ratelimit.Bounded(l, loginLimitWait), limits: limits}, nil
}

// check charges an attempt. A refusal is CodeRateLimited, with headers on the response; if the limits cannot be asked,
// CodeUnavailable.
func (l *loginLimiter) check(c *fiber.Ctx, cred Credential, contentType string, body []byte, query string) error {
	identifiers, flow, err := readAttempt(contentType, body, query)
	if err != nil {
		return err
	}
	limits := []ratelimit.Limit{limit("login-address", ratelimit.AddressKey(c.IP()), l.limits.Address)}
	for _, id := range identifiers {
		limits = append(limits, limit("login-identifier", id, l.limits.Identifier))
	}
	if flow != "" {
		limits = append(limits, limit("login-flow", flow, l.limits.Flow))
	}
	if !cred.IsZero() {
		key := base64.RawURLEncoding.EncodeToString(cred.hash[:])
		limits = append(limits, limit("login-credential", key, l.limits.Credential))
	}
	d, err := l.limiter.Allow(c.Context(), limits...)
	if err != nil {
		return problem.New(problem.CodeUnavailable, "Signing in is not possible right now.").After(5 * time.Second).Because(err)
	}
	ratelimit.Headers(d, c.Set)
	if !d.Allowed {
		return problem.New(problem.CodeRateLimited, "Too many attempts; wait a while.").After(d.RetryAfter)
	}
	return nil
}

func limit(name, key string, r Rate) ratelimit.Limit {
	return ratelimit.Limit{Name: name, Key: key, Rate: r.Count, Period: r.Per}
}
