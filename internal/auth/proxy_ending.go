package auth

import (
	"context"
	"encoding/json"
)

// ending finds out, before Kratos is asked to end sessions, whose they are, and returns what to do afterwards. It does
// not matter whether Kratos agreed: forgetting costs one question to it. Only sessions that are good now are forgotten
// everywhere, so that strangers cannot make the replicas forget things all day.
func (p *Proxy) ending(act action, cred Credential, body []byte) func() {
	switch act {
	case logout:
		return p.endingOf(cred)
	case logoutAPI:
		var request struct {
			SessionToken string `json:"session_token"`
		}
		if json.Unmarshal(body, &request) != nil || !isToken(request.SessionToken) {
			return func() {}
		}
		return p.endingOf(newCredential(tokenCredential, request.SessionToken))
	case revoke, change:
		user := p.whose(cred)
		return func() {
			if !user.IsZero() {
				p.options.Invalidations.User(user.ID())
			}
		}
	case submit:
		// A second factor or a fresh proof raises what the same credential is worth.
		return func() { p.options.Verifier.reconsider(cred) }
	default:
		return func() {}
	}
}

func (p *Proxy) endingOf(cred Credential) func() {
	user := p.whose(cred)
	return func() {
		if !user.IsZero() {
			p.options.Invalidations.Session(user.SessionID())
		}
	}
}

// whose answers the zero User when there is none or nobody can tell; then nothing is cached here either, and other
// replicas notice when their entries expire.
func (p *Proxy) whose(cred Credential) User {
	if cred.IsZero() {
		return User{}
	}
	ctx, stop := context.WithTimeout(context.Background(), p.options.Timeout)
	defer stop()
	user, _, err := p.options.Verifier.Verify(ctx, cred)
	if err != nil {
		return User{}
	}
	return user
}
