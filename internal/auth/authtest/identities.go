// Package authtest gives tests of other packages what only Kratos can give: auth.Users. Since nothing but a
// Verifier makes them, Identities runs a small HTTP server that answers whoami, and Kratos (kratos.go) talks to the real
// one.
package authtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"twobrains/internal/auth"
)

// Fault is a way in which the whoami server misbehaves.
type Fault int32

// Faults.
const (
	None          Fault = iota
	Refusing            // whoami 401 for everybody, readiness 200
	DatabaseDown        // whoami 401 for everybody, readiness 503, as Kratos does
	Broken              // whoami 500
	SecondFactor        // whoami 403 session_aal2_required
	Forbidden           // whoami 403 of another kind
	Hanging             // whoami does not answer until the client gives up
	Garbage             // whoami 200 with something that is no session
	Inactive            // whoami 200 with an inactive session
	StateInactive       // whoami 200 with an inactive identity
	NilIdentity         // whoami 200 with the nil UUID
	Redirecting         // whoami 302
	Endless             // whoami 200 with a body that does not end
)

const tokenPrefix = "authtest_"

// Identities is a server that answers /sessions/whoami for the tokens it gives out, and /health/ready.
type Identities struct {
	// URL is its base.
	URL string
	// Verifier asks it.
	Verifier *auth.Verifier

	server *httptest.Server
	fault  atomic.Int32
	whoami atomic.Int64
	ready  atomic.Int64
	gate   atomic.Pointer[chan struct{}]
	// factors holds when identities gave their second factor.
	factors sync.Map
}

// NewIdentities starts a server and a Verifier for it, both stopped with the test.
func NewIdentities(tb testing.TB) *Identities {
	tb.Helper()
	ids, stop, err := Start(auth.Options{})
	if err != nil {
		tb.Fatalf("start identities: %v", err)
	}
	tb.Cleanup(stop)
	return ids
}

// Start is NewIdentities for programs that are not tests, such as benchmarks; PublicURL of the options is set here.
func Start(o auth.Options) (*Identities, func(), error) {
	ids := &Identities{}
	ids.server = httptest.NewServer(http.HandlerFunc(ids.serve))
	ids.URL = ids.server.URL
	o.PublicURL = ids.URL
	v, err := auth.NewVerifier(o)
	if err != nil {
		ids.server.Close()
		return nil, nil, fmt.Errorf("make verifier: %w", err)
	}
	ids.Verifier = v
	return ids, func() {
		ids.Release()
		v.Close()
		ids.server.CloseClientConnections()
		ids.server.Close()
	}, nil
}

// Token returns the session token of the identity; it is always the same one.
func (ids *Identities) Token(id uuid.UUID) string { return tokenPrefix + id.String() }

// Credential returns the credential of the identity's token.
func (ids *Identities) Credential(tb testing.TB, id uuid.UUID) auth.Credential {
	tb.Helper()
	return Credential(tb, ids.Token(id))
}

// Credential makes a credential of any session token.
func Credential(tb testing.TB, token string) auth.Credential {
	tb.Helper()
	cred, err := auth.CredentialFrom(func(name string) string {
		if name == "X-Session-Token" {
			return token
		}
		return ""
	}, "")
	if err != nil {
		tb.Fatalf("make credential: %v", err)
	}
	return cred
}

// User returns the identity as a user, through Verify.
func (ids *Identities) User(tb testing.TB, id uuid.UUID) auth.User {
	tb.Helper()
	u, _, err := ids.Verifier.Verify(tb.Context(), ids.Credential(tb, id))
	if err != nil {
		tb.Fatalf("verify user: %v", err)
	}
	return u
}

// Set makes the server misbehave from the next request on.
func (ids *Identities) Set(f Fault) { ids.fault.Store(int32(f)) }

// GiveSecondFactor has the identity's session hold a second factor, given at a time.
func (ids *Identities) GiveSecondFactor(id uuid.UUID, at time.Time) { ids.factors.Store(id, at) }

// Hold makes whoami wait, after it was counted, until Release.
func (ids *Identities) Hold() {
	gate := make(chan struct{})
	ids.gate.Store(&gate)
}

// Release lets what Hold held go on.
func (ids *Identities) Release() {
	if gate := ids.gate.Swap(nil); gate != nil {
		close(*gate)
	}
}

// Asked counts the whoami requests so far.
func (ids *Identities) Asked() int { return int(ids.whoami.Load()) }

// AskedReady counts the readiness requests so far.
func (ids *Identities) AskedReady() int { return int(ids.ready.Load()) }

func (ids *Identities) serve(w http.ResponseWriter, r *http.Request) {
	fault := Fault(ids.fault.Load())
	switch r.URL.Path {
	case "/health/ready":
		ids.ready.Add(1)
		if fault == DatabaseDown || fault == Broken {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		answer(w, http.StatusOK, `{"status":"ok"}`)
	case "/sessions/whoami":
		ids.whoami.Add(1)
		if gate := ids.gate.Load(); gate != nil {
			<-*gate
		}
		ids.serveWhoami(w, r, fault)
	default:
		http.NotFound(w, r)
	}
}

func (ids *Identities) serveWhoami(w http.ResponseWriter, r *http.Request, fault Fault) {
	id, err := uuid.Parse(strings.TrimPrefix(r.Header.Get("X-Session-Token"), tokenPrefix))
	active, state := true, "active"
	switch fault {
	case Refusing, DatabaseDown:
		refuse(w)
		return
	case Broken:
		answer(w, http.StatusInternalServerError, `{"error":{"code":500,"debug":"user=kratos host=10.0.0.1"}}`)
		return
	case SecondFactor:
		answer(w, http.StatusForbidden, `{"error":{"id":"session_aal2_required","code":403},"redirect_browser_to":"/x"}`)
		return
	case Forbidden:
		answer(w, http.StatusForbidden, `{"error":{"id":"security_csrf_violation","code":403}}`)
		return
	case Hanging:
		<-r.Context().Done()
		return
	case Garbage:
		answer(w, http.StatusOK, `{"id":`)
		return
	case Redirecting:
		http.Redirect(w, r, "/health/ready", http.StatusFound)
		return
	case Endless:
		w.Header().Set("Content-Type", "application/json")
		for chunk := []byte(strings.Repeat(" ", 32<<10)); r.Context().Err() == nil; {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
		return
	case Inactive:
		active = false
	case StateInactive:
		state = "inactive"
	case NilIdentity:
		id, err = uuid.Nil, nil
	}
	if err != nil {
		refuse(w)
		return
	}
	now := time.Now().UTC()
	level, methods := "aal1", []map[string]any{{"method": "code", "aal": "aal1", "completed_at": now}}
	if at, ok := ids.factors.Load(id); ok {
		level, methods = "aal2", append(methods, map[string]any{"method": "totp", "aal": "aal2", "completed_at": at})
	}
	body, _ := json.Marshal(map[string]any{
		"id":                            SessionID(id),
		"active":                        active,
		"authenticated_at":              now,
		"expires_at":                    now.Add(24 * time.Hour),
		"authenticator_assurance_level": level,
		"authentication_methods":        methods,
		"identity": map[string]any{
			"id":         id,
			"state":      state,
			"schema_id":  "user_v1",
			"schema_url": ids.URL + "/schemas/user_v1",
			"traits":     map[string]any{"email": Email(id)},
		},
	})
	answer(w, http.StatusOK, string(body))
}

// SessionID is the session id that Identities gives an identity.
func SessionID(id uuid.UUID) string { return uuid.NewSHA1(id, []byte("session")).String() }

// Email is the e-mail address that Identities gives an identity.
func Email(id uuid.UUID) string { return id.String() + "@example.test" }

func refuse(w http.ResponseWriter) {
	answer(w, http.StatusUnauthorized, `{"error":{"id":"session_inactive","code":401,"message":"unauthorized"}}`)
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}
