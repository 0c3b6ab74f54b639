package tenant

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// RepairOptions say what is repaired.
type RepairOptions struct {
	// User, if set, is the only one; otherwise all private brains and the template are.
	User uuid.UUID
	// DryRun does it all and rolls back, each private brain's locks held for that long.
	DryRun bool
}

// Repaired is what became of a finding.
type Repaired struct {
	Finding
	// Mended: it is gone; in a dry run, it would be. Otherwise Err, if set, says why mending it failed, and Next what to do.
	Mended bool
	Err    error
}

// repairRounds is how often one private brain is looked at: some things can only be seen when others are mended.
const repairRounds = 3

// Repair mends what can be mended without touching content: ownership, row-level security, seals, grants, indexes,
// constraints, defaults, versions, and registry entries that contradict the key ring. The rest it gives back with the next
// step. Each private brain is one transaction under its lock, looked at again before it is committed.
func (f Fleet) Repair(ctx context.Context, o RepairOptions) iter.Seq2[Repaired, error] {
	return func(yield func(Repaired, error) bool) {
		schemas, found, err := f.db.ailing(ctx, o.User)
		if err != nil {
			yield(Repaired{}, err)
			return
		}
		conn := &ownerConn{db: f.db}
		defer conn.close()
		for _, schema := range schemas {
			c, err := conn.get(ctx)
			if err != nil {
				yield(Repaired{}, err)
				return
			}
			results, err := f.db.repair(ctx, c, schema, o.DryRun)
			if err != nil {
				if ctx.Err() != nil || !isServerError(err) {
					yield(Repaired{}, err)
					return
				}
				// It is in use for too long, for instance: nothing was mended, the next one is tried.
				results = nil
				for _, finding := range between(found, schema) {
					finding.Next = cmp.Or(finding.Next, "run repair again")
					results = append(results, Repaired{Finding: finding, Err: errors.New(failureText(err))})
				}
			}
			for _, r := range results {
				if !yield(r, nil) {
					return
				}
			}
		}
	}
}

// ailing gives the schemas that there are findings about, and the findings.
func (db *DB) ailing(ctx context.Context, user uuid.UUID) (schemas []string, found []Finding, err error) {
	if user == uuid.Nil {
		found, err = db.diagnose(ctx)
	} else {
		found, err = db.examineFleet(ctx, []string{schemaName(user)})
	}
	for _, f := range found {
		schemas = append(schemas, f.Schema)
	}
	return slices.Compact(schemas), found, err
}

func (db *DB) repair(ctx context.Context, conn *pgx.Conn, schema string, dryRun bool) ([]Repaired, error) {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	lock, args := sqlLockSchema, []any{schema}
	if schema == templateSchema {
		lock, args = sqlMigrateLock, nil
	}
	if _, err := tx.Exec(ctx, lock, args...); err != nil {
		return nil, fmt.Errorf("lock schema: %w", err)
	}
	if schema != templateSchema {
		// Only the owner may; where somebody else owns the table, that is a finding.
		_ = pgx.BeginFunc(ctx, tx, func(sub pgx.Tx) error { return fence(ctx, sub, schema) })
	}
	results, err := db.mend(ctx, tx, schema)
	if err != nil || dryRun || !slices.ContainsFunc(results, func(r Repaired) bool { return r.Mended }) {
		return results, err
	}
	if err := tx.Commit(ctx); err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	db.opened.Invalidate(schema)
	return results, nil
}

// mend tries each mend in a transaction of its own inside the given one, and trusts only what it sees afterwards.
func (db *DB) mend(ctx context.Context, tx pgx.Tx, schema string) ([]Repaired, error) {
	var results []Repaired
	for range repairRounds {
		found, err := db.examineSchemas(ctx, tx, []string{schema}, readVersionsHere)
		if err != nil {
			return nil, err
		}
		slices.SortStableFunc(found, func(a, b Finding) int { return cmp.Compare(rank(a.Kind), rank(b.Kind)) })
		for i := range results {
			results[i].Mended = !slices.ContainsFunc(found, results[i].same)
		}
		tried := false
		for _, f := range found {
			i := slices.IndexFunc(results, func(r Repaired) bool { return r.same(f) })
			if i >= 0 {
				continue
			}
			r := Repaired{Finding: f}
			if f.mend != nil {
				tried = true
				if err := pgx.BeginFunc(ctx, tx, func(sub pgx.Tx) error { return f.mend(ctx, sub) }); err != nil {
					if ctx.Err() != nil || !isServerError(err) && tx.Conn().IsClosed() {
						return nil, err
					}
					r.Err = errors.New(failureText(err))
				}
			}
			results = append(results, r)
		}
		if !tried {
			break
		}
	}
	return results, db.confirm(ctx, tx, schema, results)
}

// confirm marks what is gone in the end.
func (db *DB) confirm(ctx context.Context, tx pgx.Tx, schema string, results []Repaired) error {
	left, err := db.examineSchemas(ctx, tx, []string{schema}, readVersionsHere)
	if err != nil {
		return err
	}
	for i := range results {
		results[i].Mended = !slices.ContainsFunc(left, results[i].same)
	}
	return nil
}

// readVersionsHere reads inside the transaction of a repair.
func readVersionsHere(ctx context.Context, tx pgx.Tx, schemas []string, each func(string, schemaVersions)) error {
	for _, schema := range schemas {
		err := pgx.BeginFunc(ctx, tx, func(sub pgx.Tx) error { return readVersionBatch(ctx, sub.Conn(), []string{schema}, each) })
		if err != nil {
			if !isServerError(err) {
				return fmt.Errorf("read version: %w", err)
			}
			each(schema, schemaVersions{err: err})
		}
	}
	return nil
}

// rank orders mends: who owns comes first, what is reached through the seal next, the version last, since setting it may run
// migrations.
func rank(kind Kind) int {
	switch kind {
	case FindWrongOwner:
		return 0
	case FindUnknownLock, FindWrongKeyID:
		return 1
	case FindMissingColumn, FindChangedColumn:
		return 3
	case FindMissingConstraint, FindChangedConstraint:
		return 4
	case FindMissingIndex, FindChangedIndex, FindInvalidIndex:
		return 5
	case FindMissingTable:
		return 6
	case FindWrongVersion:
		return 7
	}
	return 2
}
