package tenant

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"twobrains/internal/publicdb"
)

// SchemaOf is the name of an account's schema.
func SchemaOf(account uuid.UUID) string { return schemaName(account) }

// LatestVersion is that of the last migration of private brains which this binary has.
func (f Fleet) LatestVersion() int32 { return f.db.latest }

// Judge gives the state of an entry of the registry.
func (f Fleet) Judge(version int32, keyID string, failed bool) EntryState {
	switch {
	case failed:
		return EntryFailed
	case version < f.db.latest:
		return EntryBehind
	case keyID != f.db.opts.Keys.Primary().ID():
		return EntryOldKey
	}
	return EntryOK
}

// StopRuns asks the processes that make replies of an account to stop them, and returns the ids of those. It needs no user: which
// tickets are the account's is told by the keys of its seal, as it is to the account itself. Nothing private is read.
func (f Fleet) StopRuns(ctx context.Context, account uuid.UUID) (runs []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, f.db.opts.UnitTimeout)
	defer cancel()
	schema, queries := schemaName(account), publicdb.New()
	err = f.db.asOwner(ctx, func(tx pgx.Tx) error {
		runs = nil
		for _, master := range f.db.opts.Keys.Keys() {
			if _, err := tx.Exec(ctx, sqlBindCondemned, ownerPath("pg_catalog"), deriveKey(master, schema)); err != nil {
				return fmt.Errorf("bind: %w", err)
			}
			ids, err := queries.RunTicketStopAll(ctx, tx)
			if err != nil {
				return fmt.Errorf("stop replies: %w", err)
			}
			for _, id := range ids {
				runs = append(runs, id.String())
			}
		}
		return nil
	})
	return runs, f.db.publicError(err)
}
