package tenant

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"twobrains/internal/auth"
	"twobrains/internal/publicdb"
)

// rememberDeleted is how long a process refuses a deleted account without asking the database.
const rememberDeleted = time.Minute

// condemnPatience is how long a tombstone waits for who else works at the schema, such as a migration.
const condemnPatience = "10s"

// digestOf recognises an account in its tombstone. An id has 122 random bits, so it cannot be found from its digest.
func digestOf(id uuid.UUID) []byte {
	sum := sha256.Sum256(append([]byte("twobrains/deleted-account/v1 "), id[:]...))
	return sum[:]
}

// Condemnation is what a tombstone is set up with.
type Condemnation struct {
	// By is who wants it: "user" or "operator".
	By string
	// Step is the first one that the job has to do.
	Step string
	// Job of the kind does the rest; it is let in by the ticket.
	Job    uuid.UUID
	Kind   string
	Ticket auth.Ticket
}

// Deletion is what is known of the deletion of an account.
type Deletion struct {
	// Receipt names it to whoever asked for it.
	Receipt     uuid.UUID
	RequestedBy string
	RequestedAt time.Time
	// Step is the one under way, Steps when those before it were done, as JSON.
	Step  string
	Steps []byte
	// Mails that were sent to the account were "purged" or "kept"; empty: not known yet.
	Mails string
	// ErrorCode says why the step under way has not been done yet.
	ErrorCode  string
	FinishedAt *time.Time
}

// Condemn sets the tombstone of an account, in one transaction: from its end on no unit of work of the user succeeds, in any process,
// whatever is remembered there; Open makes nothing for them again; and a job is there that does the rest. What else was to be done for
// the user in the background is dropped. If the account has a tombstone, that deletion is returned and created is false.
//
// The app loses its privileges on the private tables, which waits for nobody, instead of getting a new seal, which would wait for an
// export under way.
func (db *DB) Condemn(ctx context.Context, id uuid.UUID, c Condemnation) (d Deletion, created bool, err error) {
	if id == uuid.Nil {
		return Deletion{}, false, errors.New("condemn account: no account")
	}
	ctx, cancel := context.WithTimeout(ctx, db.opts.UnitTimeout)
	defer cancel()
	d, created, err = db.condemn(ctx, id, c)
	schema := schemaName(id)
	db.opened.Invalidate(schema)
	if err != nil {
		return Deletion{}, false, db.publicError(fmt.Errorf("condemn account: %w", err))
	}
	return d, created, nil
}

func (db *DB) condemn(ctx context.Context, id uuid.UUID, c Condemnation) (d Deletion, created bool, err error) {
	queries, schema, digest := publicdb.New(), schemaName(id), digestOf(id)
	err = db.asOwner(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL lock_timeout = '"+condemnPatience+"'"); err != nil {
			return err
		}
		_, exists, err := lockBrain(ctx, tx, schema, id)
		if errors.Is(err, ErrDeleted) {
			d, err = findDeletion(ctx, tx, digest)
			return err
		}
		if err != nil {
			return err
		}
		if exists {
			if err := revoke(ctx, tx, schema); err != nil {
				return err
			}
		}
		created = true
		if err := queries.DeletionUnregister(ctx, tx, id); err != nil {
			return fmt.Errorf("remove from registry: %w", err)
		}
		if err := queries.DeletionCancelJobs(ctx, tx, id); err != nil {
			return fmt.Errorf("drop jobs: %w", err)
		}
		receipt, err := uuid.NewRandom()
		if err != nil {
			return err
		}
		err = queries.DeletionBegin(ctx, tx, publicdb.DeletionBeginParams{ID: receipt, Digest: digest, RequestedBy: c.By, Step: c.Step})
		if err != nil {
			return fmt.Errorf("set tombstone: %w", err)
		}
		err = queries.DeletionAddJob(ctx, tx, publicdb.DeletionAddJobParams{
			ID: c.Job, UserID: id, Kind: c.Kind, Ciphertext: c.Ticket.Ciphertext, KeyID: c.Ticket.KeyID,
		})
		if err != nil {
			return fmt.Errorf("add job: %w", err)
		}
		d, err = findDeletion(ctx, tx, digest)
		return err
	})
	return d, created, err
}

// asOwner runs one transaction on a connection of the owner.
func (db *DB) asOwner(ctx context.Context, fn func(pgx.Tx) error) error {
	conn, err := db.owners.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("connect as owner: %w", err)
	}
	defer conn.Release()
	return pgx.BeginFunc(ctx, conn, fn)
}

// revoke takes every privilege on what is in a schema from everybody but the owner.
func revoke(ctx context.Context, tx pgx.Tx, schema string) error {
	rows, err := tx.Query(ctx, sqlSchemaGrants, schema)
	if err != nil {
		return fmt.Errorf("read grants: %w", err)
	}
	var ddl strings.Builder
	var relation, grantee string
	if _, err := pgx.ForEachRow(rows, []any{&relation, &grantee}, func() error {
		fmt.Fprintf(&ddl, "REVOKE ALL ON %s FROM %s CASCADE;\n", quoted(schema, relation), grantee)
		return nil
	}); err != nil {
		return fmt.Errorf("read grants: %w", err)
	}
	if _, err := tx.Exec(ctx, ddl.String()); err != nil {
		return fmt.Errorf("revoke grants: %w", err)
	}
	return nil
}

func findDeletion(ctx context.Context, db DBTX, digest []byte) (Deletion, error) {
	row, err := publicdb.New().DeletionFind(ctx, db, digest)
	if err != nil {
		return Deletion{}, fmt.Errorf("read tombstone: %w", err)
	}
	return deletionOf(publicdb.DeletionGetRow(row)), nil
}

func deletionOf(r publicdb.DeletionGetRow) Deletion {
	d := Deletion{Receipt: r.ID, RequestedBy: r.RequestedBy, RequestedAt: r.RequestedAt, Step: r.Step, Steps: bytes.Clone(r.Steps), FinishedAt: r.FinishedAt}
	if r.Mails != nil {
		d.Mails = *r.Mails
	}
	if r.ErrorCode != nil {
		d.ErrorCode = *r.ErrorCode
	}
	return d
}

// ErrNoDeletion means that there is no such receipt, or no tombstone of the account.
var ErrNoDeletion = errors.New("no such deletion")

// Receipt returns a deletion by its receipt; ErrNoDeletion.
func (db *DB) Receipt(ctx context.Context, receipt uuid.UUID) (d Deletion, err error) {
	err = db.Public(ctx, func(tx *Tx) error {
		row, err := publicdb.New().DeletionGet(ctx, tx, receipt)
		d = deletionOf(row)
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNoDeletion
	}
	return d, err
}
