package authtest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// The variables that name the Kratos of a test run.
const (
	PublicVariable = "TWOBRAINS_TEST_KRATOS_PUBLIC"
	AdminVariable  = "TWOBRAINS_TEST_KRATOS_ADMIN"
	DSNVariable    = "TWOBRAINS_TEST_KRATOS_DSN"
	MailsVariable  = "TWOBRAINS_TEST_KRATOS_MAILS"
)

// Server is the real Kratos of a test run.
type Server struct {
	// Public and Admin are the base URLs of its two APIs.
	Public, Admin string
}

// Kratos returns the real Kratos, which the environment names.
func Kratos(tb testing.TB) *Server {
	tb.Helper()
	return &Server{Public: variable(tb, PublicVariable), Admin: variable(tb, AdminVariable)}
}

func variable(tb testing.TB, name string) string {
	tb.Helper()
	value := os.Getenv(name)
	if value == "" {
		tb.Fatalf("%s is not set; run: make test", name)
	}
	return strings.TrimRight(value, "/")
}

// httpClient is shared by helpers; its idle connections are closed after each call, so that none outlives a test.
var httpClient = sync.OnceValue(func() *http.Client {
	return &http.Client{
		Timeout:       30 * time.Second,
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
})

// NewEmail returns an address that no other test uses.
func NewEmail() string { return uuid.NewString() + "@example.test" }

// Login returns a session token of the address, after registration or login by a code sent by e-mail.
func (s *Server) Login(tb testing.TB, email string) (token string) {
	tb.Helper()
	kind, who := "login", map[string]any{"identifier": email}
	if s.Identity(tb, email) == uuid.Nil {
		kind, who = "registration", map[string]any{"traits": map[string]any{"email": email}}
	}
	return s.Native().ByCode(tb, s, kind, email, who).Token
}

// Native is a client of flows for native applications, straight to Kratos.
func (s *Server) Native() *Client { return &Client{Base: s.Public, Mode: "api"} }

// Identity returns the id of the identity with the address, the nil UUID if there is none.
func (s *Server) Identity(tb testing.TB, email string) uuid.UUID {
	tb.Helper()
	var found []struct{ ID uuid.UUID }
	s.admin(tb, http.MethodGet, "/identities?credentials_identifier="+url.QueryEscape(email), nil, &found, http.StatusOK)
	if len(found) == 0 {
		return uuid.Nil
	}
	return found[0].ID
}

// Create makes an identity with an address, verified or not, and, unless empty, a password.
func (s *Server) Create(tb testing.TB, email string, verified bool, password string) uuid.UUID {
	tb.Helper()
	credentials := map[string]any{}
	if password != "" {
		credentials["password"] = map[string]any{"config": map[string]any{"password": password}}
	}
	return s.create(tb, email, verified, credentials)
}

// CreateLinked makes an identity with an address, verified or not, and a link to an account at an OIDC provider.
func (s *Server) CreateLinked(tb testing.TB, email string, verified bool, provider, subject string) uuid.UUID {
	tb.Helper()
	return s.create(tb, email, verified, map[string]any{"oidc": map[string]any{"config": map[string]any{
		"providers": []any{map[string]any{"provider": provider, "subject": subject}},
	}}})
}

func (s *Server) create(tb testing.TB, email string, verified bool, credentials map[string]any) uuid.UUID {
	tb.Helper()
	status := "pending"
	if verified {
		status = "completed"
	}
	var made struct{ ID uuid.UUID }
	s.admin(tb, http.MethodPost, "/identities", map[string]any{
		"schema_id":            "user_v1",
		"traits":               map[string]any{"email": email},
		"verifiable_addresses": []any{map[string]any{"value": email, "via": "email", "verified": verified, "status": status}},
		"credentials":          credentials,
	}, &made, http.StatusCreated)
	return made.ID
}

// Links counts an identity's links to accounts at OIDC providers.
func (s *Server) Links(tb testing.TB, id uuid.UUID) int {
	tb.Helper()
	var link struct{ Identifiers []string }
	if raw, ok := s.Details(tb, id).Credentials["oidc"]; ok {
		if err := json.Unmarshal(raw, &link); err != nil {
			tb.Fatalf("read credentials: %v", err)
		}
	}
	return len(link.Identifiers)
}

// Details is what the admin API tells of an identity.
type Details struct {
	State       string                     `json:"state"`
	Credentials map[string]json.RawMessage `json:"credentials"`
	Metadata    map[string]any             `json:"metadata_admin"`
	Addresses   []struct {
		Value      string     `json:"value"`
		Verified   bool       `json:"verified"`
		VerifiedAt *time.Time `json:"verified_at"`
	} `json:"verifiable_addresses"`
}

// Details reads an identity.
func (s *Server) Details(tb testing.TB, id uuid.UUID) Details {
	tb.Helper()
	var d Details
	s.admin(tb, http.MethodGet, "/identities/"+id.String(), nil, &d, http.StatusOK)
	return d
}

// Verify marks the address of an identity as verified.
func (s *Server) Verify(tb testing.TB, id uuid.UUID) {
	tb.Helper()
	s.Patch(tb, id, "/verifiable_addresses/0/verified", true)
	s.Patch(tb, id, "/verifiable_addresses/0/status", "completed")
}

// Patch sets one member of an identity, named by its JSON pointer.
func (s *Server) Patch(tb testing.TB, id uuid.UUID, path string, value any) {
	tb.Helper()
	s.admin(tb, http.MethodPatch, "/identities/"+id.String(),
		[]any{map[string]any{"op": "add", "path": path, "value": value}}, nil, http.StatusOK)
}

// Delete removes an identity with everything of it.
func (s *Server) Delete(tb testing.TB, id uuid.UUID) {
	tb.Helper()
	s.admin(tb, http.MethodDelete, "/identities/"+id.String(), nil, nil, http.StatusNoContent)
}

// Revoke ends a session behind everybody's back.
func (s *Server) Revoke(tb testing.TB, sessionID string) {
	tb.Helper()
	s.admin(tb, http.MethodDelete, "/sessions/"+sessionID, nil, nil, http.StatusNoContent)
}

// Extend brings a session near its end, since Kratos prolongs no others, and has it prolonged.
func (s *Server) Extend(tb testing.TB, sessionID string) {
	tb.Helper()
	dsn, err := url.Parse(variable(tb, DSNVariable))
	if err != nil {
		tb.Fatalf("read %s: %v", DSNVariable, err)
	}
	dsn.RawQuery = url.Values{"sslmode": {dsn.Query().Get("sslmode")}}.Encode() // the rest is for Kratos's pool
	conn, err := pgx.Connect(tb.Context(), dsn.String())
	if err != nil {
		tb.Fatalf("connect to the database of Kratos: %v", err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	tag, err := conn.Exec(tb.Context(), "UPDATE sessions SET expires_at = now() AT TIME ZONE 'UTC' + interval '1 hour' WHERE id = $1", sessionID)
	if err != nil || tag.RowsAffected() != 1 {
		tb.Fatalf("shorten session: %v, %v", tag, err)
	}
	s.admin(tb, http.MethodPatch, "/sessions/"+sessionID+"/extend", nil, nil, http.StatusOK, http.StatusNoContent)
}

// Sessions lists the ids of an identity's active sessions.
func (s *Server) Sessions(tb testing.TB, id uuid.UUID) []string {
	tb.Helper()
	var found []struct{ ID string }
	s.admin(tb, http.MethodGet, "/identities/"+id.String()+"/sessions?active=true", nil, &found, http.StatusOK)
	var ids []string
	for _, f := range found {
		ids = append(ids, f.ID)
	}
	return ids
}

func (s *Server) admin(tb testing.TB, method, path string, body, into any, want ...int) {
	tb.Helper()
	status, answer, _ := call(tb, httpClient(), method, s.Admin+"/admin"+path, nil, body)
	for _, w := range want {
		if status != w {
			continue
		}
		if into != nil {
			if err := json.Unmarshal(answer, into); err != nil {
				tb.Fatalf("%s %s: read answer: %v", method, path, err)
			}
		}
		return
	}
	tb.Fatalf("%s %s: status %d: %s", method, path, status, answer)
}

func call(tb testing.TB, client *http.Client, method, target string, header http.Header, body any) (int, []byte, http.Header) {
	tb.Helper()
	var reader io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			tb.Fatalf("write request: %v", err)
		}
		reader = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(tb.Context(), method, target, reader)
	if err != nil {
		tb.Fatalf("make request: %v", err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	r.Header.Set("Accept", "application/json")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := client.Do(r)
	if err != nil {
		tb.Fatalf("%s %s: %v", method, target, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatalf("%s %s: read answer: %v", method, target, err)
	}
	return resp.StatusCode, answer, resp.Header
}
