package auth

import (
	"errors"
	"fmt"

	"github.com/google/uuid"

	"twobrains/internal/secret"
)

// What else tickets are sealed for: one kind opens in no other's place.
const (
	jobPurpose      = secret.Purpose("twobrains/job-ticket/v1")
	deletionPurpose = secret.Purpose("twobrains/deletion-ticket/v1")
)

// IssueJob makes the ticket of a user's job in the background, which is redeemed by RedeemJob alone.
func (t *Tickets) IssueJob(user User, job uuid.UUID) (Ticket, error) {
	if user.IsZero() {
		return Ticket{}, errors.New("issue job ticket: no user")
	}
	return t.issue(jobPurpose, user.id, job)
}

// RedeemJob returns the user for whom the ticket of a job was issued, as Redeem does. Errors wrap ErrTicket.
func (t *Tickets) RedeemJob(ticket Ticket, job uuid.UUID) (User, error) {
	id, err := t.redeem(jobPurpose, ticket, job)
	return User{id: id}, err
}

// IssueDeletion makes the ticket of the job that deletes an account. It opens no brain: what it tells is an id.
func (t *Tickets) IssueDeletion(account, job uuid.UUID) (Ticket, error) {
	if account == uuid.Nil {
		return Ticket{}, errors.New("issue deletion ticket: no account")
	}
	return t.issue(deletionPurpose, account, job)
}

// RedeemDeletion returns the id of the account that is to be deleted. Errors wrap ErrTicket.
func (t *Tickets) RedeemDeletion(ticket Ticket, job uuid.UUID) (uuid.UUID, error) {
	return t.redeem(deletionPurpose, ticket, job)
}

func (t *Tickets) issue(p secret.Purpose, id, job uuid.UUID) (Ticket, error) {
	sealed, err := t.ring.SealFor(p, job, id[:])
	if err != nil {
		return Ticket{}, fmt.Errorf("issue ticket: %w", err)
	}
	return Ticket(sealed), nil
}

func (t *Tickets) redeem(p secret.Purpose, ticket Ticket, job uuid.UUID) (uuid.UUID, error) {
	plain, err := t.ring.OpenFor(p, job, secret.Sealed(ticket))
	if err != nil {
		return uuid.Nil, fmt.Errorf("%w: %w", ErrTicket, err)
	}
	id, err := uuid.FromBytes(plain)
	if err != nil || id == uuid.Nil {
		return uuid.Nil, ErrTicket
	}
	return id, nil
}
