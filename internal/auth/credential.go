package auth

import (
	"crypto/sha256"
	"strings"

	"twobrains/internal/problem"
)

// DefaultCookieName is the name Kratos gives its session cookie unless told otherwise.
const DefaultCookieName = "ory_kratos_session"

// Bounds of what is looked at. Kratos's tokens have 40 characters and its cookies about 500; proxies in front of us
// allow 8 to 16 KiB for all headers together.
const (
	maxTokenLength        = 512
	maxCookieLength       = 4096
	maxCookieHeaderLength = 16 << 10
)

type credentialKind byte

const (
	tokenCredential credentialKind = iota + 1
	cookieCredential
)

type credentialHash [sha256.Size]byte

// Credential is the one secret a request identifies itself by: a session token or the value of the session cookie. It
// prints as nothing of the kind, and is a key of the cache only by its SHA-256.
type Credential struct {
	kind  credentialKind
	value string
	hash  credentialHash
}

// IsCookie reports whether the credential is one that browsers send by themselves, so that the request must also prove
// its origin (CheckOrigin).
func (c Credential) IsCookie() bool { return c.kind == cookieCredential }

// IsZero reports whether there is no credential.
func (c Credential) IsZero() bool { return c.kind == 0 }

// String hides the secret from logs.
func (c Credential) String() string { return "[redacted]" }

// GoString hides the secret from %#v.
func (c Credential) GoString() string { return "[redacted]" }

func newCredential(kind credentialKind, value string) Credential {
	h := sha256.New()
	h.Write([]byte{byte(kind)})
	h.Write([]byte(value))
	c := Credential{kind: kind, value: value}
	h.Sum(c.hash[:0])
	return c
}

var (
	errNoCredential = func() error {
		return problem.New(problem.CodeUnauthenticated, "Sign in first.")
	}
	errTwoCredentials = func() error {
		return problem.New(problem.CodeBadRequest, "Send exactly one credential: a session token or one session cookie.")
	}
	errBadCredential = func() error {
		return problem.New(problem.CodeUnauthenticated, "The credential is not one of ours.")
	}
)

// CredentialFrom takes the credential out of a request's headers. The getter returns a header's value or ""; repeated
// headers must come joined ("; " for Cookie, ", " for others), and the strings must not alias reused buffers.
//
// Accepted is exactly one of "Authorization: Bearer <token>", "X-Session-Token: <token>" and one session cookie of the
// given name ("" means DefaultCookieName). Other cookies are ignored. None is CodeUnauthenticated, more than one
// CodeBadRequest: with two, the parts of the system could disagree about whose request it is.
func CredentialFrom(header func(name string) string, cookieName string) (Credential, error) {
	if cookieName == "" {
		cookieName = DefaultCookieName
	}
	authorization, xToken, cookies := header("Authorization"), header("X-Session-Token"), header("Cookie")

	var found []Credential
	if authorization != "" {
		scheme, token, _ := strings.Cut(authorization, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return Credential{}, problem.New(problem.CodeUnauthenticated, "The Authorization header must be of the form Bearer <token>.")
		}
		token = strings.TrimSpace(token)
		if !isToken(token) {
			return Credential{}, errBadCredential()
		}
		found = append(found, newCredential(tokenCredential, token))
	}
	if xToken != "" {
		if !isToken(xToken) {
			return Credential{}, errBadCredential()
		}
		found = append(found, newCredential(tokenCredential, xToken))
	}
	values, err := sessionCookies(cookies, cookieName)
	if err != nil {
		return Credential{}, err
	}
	for _, v := range values {
		if !isCookieValue(v) {
			return Credential{}, errBadCredential()
		}
		found = append(found, newCredential(cookieCredential, v))
	}

	switch len(found) {
	case 0:
		return Credential{}, errNoCredential()
	case 1:
		return found[0], nil
	default:
		return Credential{}, errTwoCredentials()
	}
}

// sessionCookies returns the values of every cookie of exactly that name. A control character anywhere in the header is
// an error, since parsers disagree about where such a header ends.
func sessionCookies(header, name string) ([]string, error) {
	if header == "" {
		return nil, nil
	}
	if len(header) > maxCookieHeaderLength {
		return nil, problem.New(problem.CodeBadRequest, "The Cookie header is too long.")
	}
	if strings.ContainsFunc(header, isControl) {
		return nil, problem.New(problem.CodeBadRequest, "The Cookie header is malformed.")
	}
	var values []string
	for part := range strings.SplitSeq(header, ";") {
		key, value, ok := strings.Cut(strings.TrimLeft(part, " "), "=")
		if !ok || strings.TrimRight(key, " ") != name {
			continue
		}
		value = strings.TrimRight(value, " ")
		if value == "" { // what a sign-out leaves behind in some clients
			continue
		}
		values = append(values, value)
	}
	return values, nil
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }

// isToken allows what Kratos issues ("ory_st_" and letters) and the rest of RFC 6750's b64token.
func isToken(s string) bool {
	if s == "" || len(s) > maxTokenLength {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("-._~+/=", r))
	})
}

// isCookieValue allows RFC 6265's cookie-octets.
func isCookieValue(s string) bool {
	if s == "" || len(s) > maxCookieLength {
		return false
	}
	for i := range len(s) {
		if b := s[i]; b <= 0x20 || b >= 0x7f || b == '"' || b == ',' || b == ';' || b == '\\' {
			return false
		}
	}
	return true
}
