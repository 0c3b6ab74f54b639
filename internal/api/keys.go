package api

import (
	"context"
	"net/http"
	"time"

	"twobrains/internal/auth"
	"twobrains/internal/problem"
	"twobrains/internal/ratelimit"
	"twobrains/internal/secret"
)

// OwnKey is the wire form of byok.Key.
type OwnKey struct {
	Provider   string     `json:"provider" example:"openai"`
	Name       string     `json:"name" example:"OpenAI"`
	LastFour   string     `json:"lastFour" doc:"The end of the key; fewer characters of a short one." example:"x7Qa"`
	CreatedAt  time.Time  `json:"createdAt" doc:"When this key was stored."`
	LastUsedAt *time.Time `json:"lastUsedAt" doc:"Exact to an hour; null: never."`
	Readable   bool       `json:"readable" doc:"False: the server can no longer read it; enter it again."`
}

// OwnKeyList is the list of the caller's keys.
type OwnKeyList struct {
	Items []OwnKey `json:"items"`
}

// KeyParam names a provider in the path.
type KeyParam struct {
	Provider string `path:"provider" doc:"Id of the provider: openai, anthropic, google, exa."`
}

// KeyInput is a key as it comes in. It never goes out.
type KeyInput struct {
	Key string `json:"key" minLength:"8" maxLength:"512" pattern:"^[!-~]+$" patternDescription:"printable ASCII without spaces" writeOnly:"true"`
}

// Tests of keys, per user: enough for people, too few to sort stolen keys with.
const (
	keyTests      = 20
	keyTestsEvery = 10 * time.Minute
)

// keyRoutes are about the keys that users bring.
func (s *Server) keyRoutes() {
	const tag, base = "Own keys", "/api/settings/keys"
	register(s, operation{
		id: "listKeys", method: http.MethodGet, path: base, tag: tag, summary: "List own keys",
		description: "What is known of them; no key is ever returned.",
	}, func(ctx context.Context, user auth.User, _ *struct{}) (*struct{ Body OwnKeyList }, error) {
		list, err := s.keys.List(ctx, user)
		if err != nil {
			return nil, err
		}
		out := OwnKeyList{Items: make([]OwnKey, len(list))}
		for i, k := range list {
			out.Items[i] = OwnKey(k)
		}
		return &struct{ Body OwnKeyList }{out}, nil
	})

	type put struct {
		KeyParam
		Body KeyInput
	}
	register(s, operation{
		id: "putKey", method: http.MethodPut, path: base + "/{provider}", tag: tag, summary: "Store an own key",
		description: "In place of an earlier one. It is stored without being tried.",
		codes:       []problem.Code{problem.CodeUnknownProvider},
	}, func(ctx context.Context, user auth.User, in *put) (*struct{ Body OwnKey }, error) {
		key, err := s.keys.Put(ctx, user, in.Provider, secret.New(in.Body.Key))
		return &struct{ Body OwnKey }{OwnKey(key)}, err
	})

	register(s, operation{
		id: "deleteKey", method: http.MethodDelete, path: base + "/{provider}", tag: tag, summary: "Delete an own key",
		codes: []problem.Code{problem.CodeNotFound},
	}, func(ctx context.Context, user auth.User, in *KeyParam) (*struct{}, error) {
		return nil, s.keys.Delete(ctx, user, in.Provider)
	})

	type test struct {
		KeyParam
		Body *KeyInput
	}
	register(s, operation{
		id: "testKey", method: http.MethodPost, path: base + "/{provider}/test", tag: tag, summary: "Try a key out",
		description: "Asks the provider whether it takes the key of the body or, without a body, the stored one. 204: it does.",
		codes: []problem.Code{
			problem.CodeUnknownProvider, problem.CodeNotFound, problem.CodeSecretUnreadable, problem.CodeProviderAuth, problem.CodeProviderRate,
			problem.CodeProviderOverloaded, problem.CodeProviderFailed,
		},
	}, func(ctx context.Context, user auth.User, in *test) (*struct{}, error) {
		if err := s.chargeKeyTest(ctx, user); err != nil {
			return nil, err
		}
		var key secret.Secret
		if in.Body != nil {
			key = secret.New(in.Body.Key)
		}
		return nil, s.keys.Test(ctx, user, in.Provider, key)
	})
}

// chargeKeyTest comes on top of what every request is charged.
func (s *Server) chargeKeyTest(ctx context.Context, user auth.User) error {
	limit := ratelimit.Limit{Name: "key-test-user", Key: "user:" + user.ID().String(), Rate: keyTests, Period: keyTestsEvery}
	d, err := s.limiter.Allow(ctx, limit)
	if err != nil || d.Allowed {
		return err
	}
	s.metrics.limited.WithLabelValues(limit.Name).Inc()
	return problem.New(problem.CodeRateLimited, "Too many keys were tried in a short time; wait a moment.").After(d.RetryAfter)
}
