package tenant

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"twobrains/internal/publicdb"
)

// Condemned is what is left of an account that has a tombstone. What is done here is done as the owner, past all seals, so it is
// refused for any other account.
type Condemned struct {
	db     *DB
	id     uuid.UUID
	schema string
}

// Condemned gives access to what is left of a deleted account.
func (db *DB) Condemned(id uuid.UUID) *Condemned {
	return &Condemned{db: db, id: id, schema: schemaName(id)}
}

// Tx runs fn in one transaction, as the owner. While the private brain is there, unqualified names mean its tables. ErrNoDeletion: the
// account has no tombstone. A failure that has a public face comes as *problem.Error.
func (c *Condemned) Tx(ctx context.Context, fn func(DBTX) error) error {
	return c.tx(ctx, func(tx pgx.Tx) error { return fn(tx) })
}

func (c *Condemned) tx(ctx context.Context, fn func(pgx.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, c.db.opts.UnitTimeout)
	defer cancel()
	return c.db.publicError(c.db.asOwner(ctx, func(tx pgx.Tx) error {
		var deleted bool
		batch := &pgx.Batch{}
		batch.Queue(sqlTombstone, digestOf(c.id)).QueryRow(func(row pgx.Row) error { return row.Scan(&deleted) })
		batch.Queue(sqlBindCondemned, ownerPath(c.schema), deriveKey(c.db.opts.Keys.Primary(), c.schema))
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return fmt.Errorf("look for tombstone: %w", err)
		}
		if !deleted {
			return ErrNoDeletion
		}
		return fn(tx)
	}))
}

// Exists reports whether the private brain is there.
func (c *Condemned) Exists(ctx context.Context) (exists bool, err error) {
	err = c.tx(ctx, func(tx pgx.Tx) error { return tx.QueryRow(ctx, sqlSchemaExists, c.schema).Scan(&exists) })
	return exists, err
}

// Deletion returns what is known of it.
func (c *Condemned) Deletion(ctx context.Context) (d Deletion, err error) {
	err = c.tx(ctx, func(tx pgx.Tx) error {
		d, err = findDeletion(ctx, tx, digestOf(c.id))
		return err
	})
	return d, err
}

// Note writes down that a step is done and which one comes next.
func (c *Condemned) Note(ctx context.Context, done, next string) error {
	return c.tx(ctx, func(tx pgx.Tx) error {
		return publicdb.New().DeletionNote(ctx, tx, publicdb.DeletionNoteParams{Digest: digestOf(c.id), Done: done, Next: next})
	})
}

// Fail writes down why the step under way was not done.
func (c *Condemned) Fail(ctx context.Context, code string) error {
	return c.tx(ctx, func(tx pgx.Tx) error {
		return publicdb.New().DeletionFail(ctx, tx, publicdb.DeletionFailParams{Digest: digestOf(c.id), ErrorCode: &code})
	})
}

// Addresses returns the mail addresses that were kept for the deletion, as they were sealed for its receipt; nothing if none were.
func (c *Condemned) Addresses(ctx context.Context) (receipt uuid.UUID, keyID string, ciphertext []byte, err error) {
	err = c.tx(ctx, func(tx pgx.Tx) error {
		row, err := publicdb.New().DeletionAddresses(ctx, tx, digestOf(c.id))
		if err != nil {
			return fmt.Errorf("read addresses: %w", err)
		}
		receipt, ciphertext = row.ID, row.AddressesCiphertext
		if row.KeyID != nil {
			keyID = *row.KeyID
		}
		return nil
	})
	return receipt, keyID, ciphertext, err
}

// KeepAddresses keeps them until the deletion is finished.
func (c *Condemned) KeepAddresses(ctx context.Context, keyID string, ciphertext []byte) error {
	return c.tx(ctx, func(tx pgx.Tx) error {
		return publicdb.New().DeletionKeepAddresses(ctx, tx, publicdb.DeletionKeepAddressesParams{
			Digest: digestOf(c.id), Ciphertext: ciphertext, KeyID: keyID,
		})
	})
}

// dropPatience is how long dropping waits for who still reads the private brain. It is tried again.
const dropPatience = "5s"

// Drop removes the private brain. Once it has, no unit of work of the account is under way anywhere: each holds a lock on one of its
// tables until it ends.
func (c *Condemned) Drop(ctx context.Context) error {
	return c.tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '"+dropPatience+"'"); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlLockSchema, c.schema); err != nil {
			return fmt.Errorf("lock schema: %w", err)
		}
		if _, err := tx.Exec(ctx, "DROP SCHEMA IF EXISTS "+c.schema+" CASCADE"); err != nil {
			return fmt.Errorf("drop schema: %w", err)
		}
		return nil
	})
}

// DeleteRows removes the account's rows from every public table that has a user_id, but for those named.
func (c *Condemned) DeleteRows(ctx context.Context, db DBTX, but ...string) error {
	tables, err := userTables(ctx, db)
	if err != nil {
		return err
	}
	for _, table := range tables {
		if slices.Contains(but, table) {
			continue
		}
		if _, err := db.Exec(ctx, "DELETE FROM "+quoted("public", table)+" WHERE user_id = $1", c.id); err != nil {
			return fmt.Errorf("delete rows of %s: %w", table, err)
		}
	}
	return nil
}

// userTables are the public tables that have a user_id, the registry among them.
func userTables(ctx context.Context, db DBTX) ([]string, error) {
	rows, err := db.Query(ctx, sqlUserTables)
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	return tables, nil
}

// Finish completes the receipt and removes the job that did all this, the last row with the account's id.
func (c *Condemned) Finish(ctx context.Context, done, mails string) error {
	return c.tx(ctx, func(tx pgx.Tx) error {
		return publicdb.New().DeletionFinish(ctx, tx, publicdb.DeletionFinishParams{UserID: c.id, Digest: digestOf(c.id), Done: done, Mails: mails})
	})
}

// ID is the account's.
func (c *Condemned) ID() uuid.UUID { return c.id }

// FindDeletion returns the deletion of an account by its id, finished or not; ErrNoDeletion.
func (f Fleet) FindDeletion(ctx context.Context, id uuid.UUID) (Deletion, error) {
	return f.db.Condemned(id).Deletion(ctx)
}

// Job is the one that goes on with the deletion.
func (c *Condemned) Job(ctx context.Context, kind string) (id uuid.UUID, err error) {
	err = c.tx(ctx, func(tx pgx.Tx) error {
		id, err = publicdb.New().DeletionJob(ctx, tx, publicdb.DeletionJobParams{UserID: c.id, Kind: kind})
		return err
	})
	return id, err
}
