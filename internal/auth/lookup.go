package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	ory "github.com/ory/client-go"

	"twobrains/internal/problem"
)

// retrySoon is the Retry-After of answers that depend on Kratos coming back.
const retrySoon = 2 * time.Second

// session is what one whoami told.
type session struct {
	user      User
	setCookie []string
}

// kratos asks the public API who a credential belongs to.
type kratos struct {
	api        *ory.APIClient
	http       *http.Client
	base       string
	cookieName string
}

func newKratos(o Options) *kratos {
	client := newClient(o.Transport, o.LookupTimeout)
	base := strings.TrimRight(o.PublicURL, "/")
	return &kratos{
		api:        newAPIClient(base, client),
		http:       client,
		base:       base,
		cookieName: o.CookieName,
	}
}

func newAPIClient(base string, client *http.Client) *ory.APIClient {
	c := ory.NewConfiguration()
	c.Servers = ory.ServerConfigurations{{URL: base}} // the default is Ory's playground
	c.HTTPClient = client
	c.UserAgent = "twobrains"
	return ory.NewAPIClient(c)
}

// whoami answers a problem.Error of code Unauthenticated, SecondFactorRequired or Unavailable when there is no user.
func (k *kratos) whoami(ctx context.Context, cred Credential) (session, error) {
	request := k.api.FrontendAPI.ToSession(ctx)
	switch cred.kind {
	case tokenCredential:
		request = request.XSessionToken(cred.value)
	case cookieCredential:
		request = request.Cookie(k.cookieName + "=" + cred.value)
	default:
		return session{}, errNoCredential()
	}
	s, resp, err := request.Execute()
	if resp == nil {
		return session{}, unavailable(fmt.Errorf("ask whoami: %w", err))
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusOK && err == nil:
		return k.accept(s, resp)
	case resp.StatusCode == http.StatusUnauthorized:
		// Kratos says 401 to good sessions, too, while its database is down (ory/kratos#3250).
		if err := k.ready(ctx); err != nil {
			return session{}, unavailable(fmt.Errorf("doubt whoami: %w", err))
		}
		return session{}, problem.New(problem.CodeUnauthenticated, "There is no valid session; sign in again.")
	case resp.StatusCode == http.StatusForbidden && kratosErrorID(err) == "session_aal2_required":
		return session{}, problem.New(problem.CodeSecondFactorRequired, "Give the second factor to go on.")
	default:
		// Not err: client-go's errors quote the answer.
		return session{}, unavailable(fmt.Errorf("ask whoami: unexpected answer, status %d", resp.StatusCode))
	}
}

func (k *kratos) accept(s *ory.Session, resp *http.Response) (session, error) {
	if s == nil || s.Identity == nil {
		return session{}, unavailable(errors.New("read whoami: no identity in the answer"))
	}
	id, err := uuid.Parse(s.Identity.Id)
	if err != nil || id == uuid.Nil || s.Id == "" || s.ExpiresAt == nil {
		return session{}, unavailable(errors.New("read whoami: no usable identity id, session id or expiry"))
	}
	// Whether the session has expired Kratos has judged by its own clock; ours may be wrong.
	if !s.GetActive() || s.Identity.GetState() != "active" {
		return session{}, problem.New(problem.CodeUnauthenticated, "There is no valid session; sign in again.")
	}
	user := User{
		id:              id,
		sessionID:       s.Id,
		aal:             string(s.GetAuthenticatorAssuranceLevel()),
		authenticatedAt: s.GetAuthenticatedAt(),
		expiresAt:       *s.ExpiresAt,
	}
	if traits, ok := s.Identity.Traits.(map[string]any); ok {
		user.email, _ = traits["email"].(string)
	}
	for _, m := range s.AuthenticationMethods {
		if m.Aal != nil && *m.Aal == ory.AUTHENTICATORASSURANCELEVEL_AAL2 && m.GetCompletedAt().After(user.secondFactorAt) {
			user.secondFactorAt = m.GetCompletedAt()
		}
	}
	return session{user: user, setCookie: k.sessionSetCookies(resp.Header)}, nil
}

// sessionSetCookies keeps the session cookie that Kratos issues anew after a session was extended, and nothing else.
func (k *kratos) sessionSetCookies(h http.Header) []string {
	var kept []string
	for _, line := range h.Values("Set-Cookie") {
		if name, _, ok := strings.Cut(line, "="); ok && strings.TrimSpace(name) == k.cookieName {
			kept = append(kept, line)
		}
	}
	return kept
}

// ready asks Kratos whether its dependencies are there. The answer is never remembered: it decides between "signed out"
// and "try again".
func (k *kratos) ready(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, k.base+"/health/ready", nil)
	if err != nil {
		return fmt.Errorf("make readiness request: %w", err)
	}
	resp, err := k.http.Do(r)
	if err != nil {
		return fmt.Errorf("ask readiness: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("ask readiness: status %d", resp.StatusCode)
	}
	return nil
}

// kratosErrorID finds error.id in an answer of Kratos, "" if there is none.
func kratosErrorID(err error) string {
	var apiErr *ory.GenericOpenAPIError
	if !errors.As(err, &apiErr) {
		return ""
	}
	var body struct {
		Error struct {
			ID string `json:"id"`
		} `json:"error"`
	}
	if json.Unmarshal(apiErr.Body(), &body) != nil {
		return ""
	}
	return body.Error.ID
}

func unavailable(cause error) error {
	return problem.New(problem.CodeUnavailable, "Sign-in cannot be checked right now.").After(retrySoon).Because(cause)
}
