package auth

import (
	"time"

	"github.com/google/uuid"
)

// User is a person whose session Kratos has confirmed. Only Verifier makes one; the zero value is nobody.
type User struct {
	id              uuid.UUID
	sessionID       string
	email           string
	aal             string
	authenticatedAt time.Time
	secondFactorAt  time.Time
	expiresAt       time.Time
}

// ID is the Kratos identity id, never the nil UUID unless the User is zero. The tenant follows from it and from nothing
// else.
func (u User) ID() uuid.UUID { return u.id }

// Email is the identity's e-mail trait, for display only: it can change, and may be unverified or empty.
func (u User) Email() string { return u.email }

// SessionID is the id of the Kratos session (not its token).
func (u User) SessionID() string { return u.sessionID }

// AuthenticatedAt is when the last factor of the session was given.
func (u User) AuthenticatedAt() time.Time { return u.authenticatedAt }

// SecondFactorAt is when a second factor was last given in the session; zero: none was.
func (u User) SecondFactorAt() time.Time { return u.secondFactorAt }

// ExpiresAt is when the session ends by itself.
func (u User) ExpiresAt() time.Time { return u.expiresAt }

// AAL is Kratos's authenticator assurance level of the session: "aal1", or "aal2" after a second factor.
func (u User) AAL() string { return u.aal }

// IsZero reports whether u is nobody.
func (u User) IsZero() bool { return u.id == uuid.Nil }
