package auth

import (
	"errors"
	"fmt"

	"github.com/google/uuid"

	"twobrains/internal/secret"
)

// Ticket lets a server into one private brain later, without a session, to end one run there in the user's name. It is the
// user's id, sealed for that run: whoever has only the database can neither read it nor make one, nor use it for another run.
type Ticket struct {
	KeyID      string
	Ciphertext []byte
}

// Tickets issues and redeems tickets. It is safe for concurrent use.
type Tickets struct{ ring *secret.KeyRing }

// ErrTicket says that a ticket is not good: damaged, made up, for another run, or sealed under a master key that is lost.
var ErrTicket = errors.New("ticket is not good")

// ticketPurpose is part of what tickets are sealed with.
const ticketPurpose = secret.Purpose("twobrains/run-ticket/v1")

// NewTickets makes a Tickets that seals with the ring.
func NewTickets(ring *secret.KeyRing) *Tickets { return &Tickets{ring} }

// Issue makes the ticket of a user's run.
func (t *Tickets) Issue(user User, run uuid.UUID) (Ticket, error) {
	if user.IsZero() {
		return Ticket{}, errors.New("issue ticket: no user")
	}
	sealed, err := t.ring.SealFor(ticketPurpose, run, user.id[:])
	if err != nil {
		return Ticket{}, fmt.Errorf("issue ticket: %w", err)
	}
	return Ticket(sealed), nil
}

// Redeem returns the user for whom the ticket was issued. That user has an id and nothing else: no session, no assurance level,
// no address. Errors wrap ErrTicket.
func (t *Tickets) Redeem(ticket Ticket, run uuid.UUID) (User, error) {
	plain, err := t.ring.OpenFor(ticketPurpose, run, secret.Sealed(ticket))
	if err != nil {
		return User{}, fmt.Errorf("%w: %w", ErrTicket, err)
	}
	id, err := uuid.FromBytes(plain)
	if err != nil || id == uuid.Nil {
		return User{}, ErrTicket
	}
	return User{id: id}, nil
}
