package admin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"twobrains/internal/publicdb"
	"twobrains/internal/tenant"
)

// Roster says who is an admin. It works as the owner, so from the command line alone.
type Roster struct {
	fleet tenant.Fleet
	q     *publicdb.Queries
}

// NewRoster makes a Roster.
func NewRoster(db *tenant.DB) Roster { return Roster{db.Fleet(), publicdb.New()} }

// Granted is an admin, and since when.
type Granted struct {
	ID uuid.UUID
	At time.Time
}

var (
	// ErrNotGranted: the account is no admin.
	ErrNotGranted = errors.New("not an admin")
	// ErrLastAdmin: without this admin there would be none.
	ErrLastAdmin = errors.New("the last admin stays: grant another one first")
)

// Grant makes an admin of an account, from the next request on; granted is false if it was one. The audit names the actor.
func (r Roster) Grant(ctx context.Context, account uuid.UUID, actor string) (granted bool, err error) {
	err = r.alone(ctx, actor, func(db tenant.DBTX) error {
		n, err := r.q.AdminGrant(ctx, db, account)
		granted = n > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("grant admin: %w", err)
	}
	return granted, nil
}

// Revoke takes it away, from the next request on. Errors wrap ErrNotGranted or ErrLastAdmin. Of two who revoke the last two, one fails.
func (r Roster) Revoke(ctx context.Context, account uuid.UUID, actor string) error {
	return r.alone(ctx, actor, func(db tenant.DBTX) error {
		n, err := r.q.AdminRevoke(ctx, db, account)
		if err != nil {
			return fmt.Errorf("revoke admin: %w", err)
		}
		if n == 0 {
			return ErrNotGranted
		}
		left, err := r.q.AdminList(ctx, db)
		if err == nil && len(left) == 0 {
			return ErrLastAdmin
		}
		return err
	})
}

// List lists all admins, the first to be one first.
func (r Roster) List(ctx context.Context) (all []Granted, err error) {
	err = r.fleet.AsOwner(ctx, func(db tenant.DBTX) error {
		rows, err := r.q.AdminList(ctx, db)
		all = nil
		for _, row := range rows {
			all = append(all, Granted{row.UserID, row.GrantedAt})
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list admins: %w", err)
	}
	return all, nil
}

// alone runs fn in a transaction that nobody else who changes admins runs beside.
func (r Roster) alone(ctx context.Context, actor string, fn func(tenant.DBTX) error) error {
	return r.fleet.AsOwner(ctx, func(db tenant.DBTX) error {
		if err := r.q.AdminActor(ctx, db, actor); err != nil {
			return fmt.Errorf("name actor: %w", err)
		}
		if err := r.q.AdminLock(ctx, db); err != nil {
			return fmt.Errorf("lock admins: %w", err)
		}
		return fn(db)
	})
}
