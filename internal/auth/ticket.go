package auth

import (
	"errors"
	"fmt"

	"github.com/google/uuid"

	"twobrains/internal/secret"
)

// Ticket lets a server into one private brain later, without a session, for one piece of work in the user's name: a run that is to
// be ended, a job. It is the user's id, sealed for that work: whoever has only the database can neither read it nor make one, nor use
// it for anything else.
type Ticket struct {
	KeyID      string
	Ciphertext []byte
}

// Tickets issues and redeems tickets. It is safe for concurrent use.
type Tickets struct{ ring *secret.KeyRing }

// ErrTicket says that a ticket is not good: damaged, made up, for other work, or sealed under a master key that is lost.
var ErrTicket = errors.New("ticket is not good")

// What tickets are sealed for: one kind opens in no other's place.
const (
	runPurpose      = secret.Purpose("twobrains/run-ticket/v1")
	jobPurpose      = secret.Purpose("twobrains/job-ticket/v1")
	deletionPurpose = secret.Purpose("twobrains/deletion-ticket/v1")
)

// NewTickets makes a Tickets that seals with the ring.
func NewTickets(ring *secret.KeyRing) *Tickets { return &Tickets{ring} }

// Issue makes the ticket of a user's run.
func (t *Tickets) Issue(user User, run uuid.UUID) (Ticket, error) {
	return t.issue(runPurpose, user.id, run)
}

// Redeem returns the user for whom the ticket was issued. That user has an id and nothing else: no session, no assurance level,
// no address. Errors wrap ErrTicket.
func (t *Tickets) Redeem(ticket Ticket, run uuid.UUID) (User, error) {
	id, err := t.redeem(runPurpose, ticket, run)
	return User{id: id}, err
}

// IssueJob makes the ticket of a user's job in the background, which is redeemed by RedeemJob alone.
func (t *Tickets) IssueJob(user User, job uuid.UUID) (Ticket, error) {
	return t.issue(jobPurpose, user.id, job)
}

// RedeemJob returns the user for whom the ticket of a job was issued, as Redeem does. Errors wrap ErrTicket.
func (t *Tickets) RedeemJob(ticket Ticket, job uuid.UUID) (User, error) {
	id, err := t.redeem(jobPurpose, ticket, job)
	return User{id: id}, err
}

// IssueDeletion makes the ticket of the job that deletes an account. It opens no brain: what it tells is an id.
func (t *Tickets) IssueDeletion(account, job uuid.UUID) (Ticket, error) {
	return t.issue(deletionPurpose, account, job)
}

// RedeemDeletion returns the id of the account that is to be deleted. Errors wrap ErrTicket.
func (t *Tickets) RedeemDeletion(ticket Ticket, job uuid.UUID) (uuid.UUID, error) {
	return t.redeem(deletionPurpose, ticket, job)
}

func (t *Tickets) issue(p secret.Purpose, account, work uuid.UUID) (Ticket, error) {
	if account == uuid.Nil {
		return Ticket{}, errors.New("issue ticket: no user")
	}
	sealed, err := t.ring.SealFor(p, work, account[:])
	if err != nil {
		return Ticket{}, fmt.Errorf("issue ticket: %w", err)
	}
	return Ticket(sealed), nil
}

func (t *Tickets) redeem(p secret.Purpose, ticket Ticket, work uuid.UUID) (uuid.UUID, error) {
	plain, err := t.ring.OpenFor(p, work, secret.Sealed(ticket))
	if err != nil {
		return uuid.Nil, fmt.Errorf("%w: %w", ErrTicket, err)
	}
	id, err := uuid.FromBytes(plain)
	if err != nil || id == uuid.Nil {
		return uuid.Nil, ErrTicket
	}
	return id, nil
}
