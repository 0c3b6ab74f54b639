package auth

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/google/uuid"
	"golang.org/x/sync/singleflight"

	"twobrains/internal/problem"
	"twobrains/internal/tracing"
)

// Verifier makes Users out of credentials, by asking Kratos. It is safe for concurrent use.
type Verifier struct {
	options Options
	kratos  *kratos
	cache   *cache
	flights singleflight.Group
	slots   chan struct{}
}

// Meta accompanies a verified user.
type Meta struct {
	// SetCookie holds Set-Cookie lines to send on to the browser: the session cookie Kratos issued anew because the
	// session was extended. Usually empty.
	SetCookie []string
}

// NewVerifier makes a Verifier. It asks nothing yet, so Kratos may come up later.
func NewVerifier(o Options) (*Verifier, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	c, err := newCache(o)
	if err != nil {
		return nil, err
	}
	return &Verifier{
		options: o,
		kratos:  newKratos(o),
		cache:   c,
		slots:   make(chan struct{}, o.MaxLookups),
	}, nil
}

// Close frees idle connections. A Verifier must not be used afterwards.
func (v *Verifier) Close() { v.kratos.http.CloseIdleConnections() }

// CookieName is the name of the session cookie the Verifier believes in.
func (v *Verifier) CookieName() string { return v.options.CookieName }

// Ready asks Kratos, now, whether it and its database are there.
func (v *Verifier) Ready(ctx context.Context) error { return v.kratos.ready(ctx) }

// Verify returns the user a credential belongs to. It may believe a confirmation up to the TTL old. Errors are
// problem.Errors: CodeUnauthenticated (no valid session), CodeSecondFactorRequired, CodeUnavailable (nobody can tell
// now), CodeBusy; when ctx ends first, its error is wrapped in a CodeUnavailable.
func (v *Verifier) Verify(ctx context.Context, cred Credential) (User, Meta, error) {
	if cred.IsZero() {
		return User{}, Meta{}, errNoCredential()
	}
	if u, ok := v.cache.get(cred); ok {
		v.options.OnEvent(EventHit)
		return u, Meta{}, nil
	}
	// An invalidation during the question makes its answer void; ask again then, since it may have concerned another
	// session of the same person.
	for range 3 {
		s, generation, err := v.shared(ctx, cred)
		if err == nil && v.cache.revoked(cred, s.user, generation) {
			continue
		}
		v.count(err)
		return s.user, Meta{SetCookie: s.setCookie}, err
	}
	err := unavailable(errors.New("look session up: invalidated again and again"))
	v.count(err)
	return User{}, Meta{}, err
}

// VerifyFresh is Verify that believes nothing but Kratos, now: for deletion, export and administration.
func (v *Verifier) VerifyFresh(ctx context.Context, cred Credential) (User, Meta, error) {
	if cred.IsZero() {
		return User{}, Meta{}, errNoCredential()
	}
	s, _, err := v.ask(ctx, cred)
	v.count(err)
	return s.user, Meta{SetCookie: s.setCookie}, err
}

// Forget drops what is remembered of a credential, such as at a sign-out.
func (v *Verifier) Forget(cred Credential) {
	v.forget(markKey{kind: credentialMark, credential: cred.hash})
}

// ForgetSession drops what is remembered of a session, whatever credentials it is known by.
func (v *Verifier) ForgetSession(sessionID string) {
	v.forget(markKey{kind: sessionMark, session: sessionID})
}

// ForgetUser drops what is remembered of every session of an identity.
func (v *Verifier) ForgetUser(id uuid.UUID) {
	v.forget(markKey{kind: userMark, user: id})
}

// ForgetAll drops everything, as is prudent when invalidations may have been missed.
func (v *Verifier) ForgetAll() {
	v.cache.invalidateAll()
	v.options.OnEvent(EventForgotten)
}

// reconsider makes the next Verify of a credential ask Kratos, without the weight of an invalidation.
func (v *Verifier) reconsider(cred Credential) { v.cache.entries.Invalidate(cred.hash) }

func (v *Verifier) forget(key markKey) {
	v.cache.invalidate(key)
	v.options.OnEvent(EventForgotten)
}

type answer struct {
	session    session
	generation uint64
}

// shared asks once for all callers who want the same credential at the same time. The question does not die with the
// caller who happened to be first, and callers who come after an invalidation do not share an older question.
func (v *Verifier) shared(ctx context.Context, cred Credential) (session, uint64, error) {
	key := string(cred.hash[:]) + strconv.FormatUint(v.cache.generation.Load(), 36)
	flight := v.flights.DoChan(key, func() (any, error) {
		// Not even ctx's values: a server's request context may be recycled while this still runs.
		s, generation, err := v.ask(tracing.Detach(ctx), cred)
		return answer{s, generation}, err
	})
	select {
	case <-ctx.Done():
		return session{}, 0, unavailable(fmt.Errorf("wait for whoami: %w", ctx.Err()))
	case r := <-flight:
		a := r.Val.(answer)
		return a.session, a.generation, r.Err
	}
}

// ask puts one question to Kratos, within the bounds of number and time, and remembers a confirmation.
func (v *Verifier) ask(ctx context.Context, cred Credential) (session, uint64, error) {
	waiting, stop := context.WithTimeout(ctx, v.options.LookupTimeout)
	defer stop()
	select {
	case v.slots <- struct{}{}:
		defer func() { <-v.slots }()
	case <-waiting.Done():
		return session{}, 0, problem.New(problem.CodeBusy, "Too many sign-ins are being checked right now.").
			After(retrySoon).Because(waiting.Err())
	}
	asking, done := context.WithTimeout(ctx, v.options.LookupTimeout)
	defer done()

	generation := v.cache.generation.Load()
	s, err := v.kratos.whoami(asking, cred)
	if err != nil {
		if !problem.HasCode(err, problem.CodeUnavailable) {
			v.cache.drop(cred, generation)
		}
		return session{}, generation, err
	}
	v.cache.put(cred, s.user, generation)
	return s, generation, nil
}

func (v *Verifier) count(err error) {
	event := EventAccepted
	switch {
	case err == nil:
	case errors.Is(err, context.Canceled):
		event = EventCanceled
	case problem.HasCode(err, problem.CodeUnauthenticated):
		event = EventRefused
	case problem.HasCode(err, problem.CodeSecondFactorRequired):
		event = EventSecondFactor
	case problem.HasCode(err, problem.CodeBusy):
		event = EventBusy
	default:
		event = EventUnavailable
	}
	v.options.OnEvent(event)
}
