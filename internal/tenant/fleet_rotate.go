package tenant

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/jackc/pgx/v5"

	"twobrains/internal/publicdb"
	"twobrains/internal/secret"
)

// Vault is a table of the public brain whose rows hold sealed secrets of users. Its functions run one query each, with the
// owner's rights, inside a transaction that ends with the call of Rotate's.
type Vault struct {
	Name string
	// Page reads rows sealed under another key than the primary one, after a place, in an order that all calls share.
	Page func(ctx context.Context, db DBTX, primary string, after secret.Place, limit int) ([]VaultRow, error)
	// Replace stores what a row is sealed as now, unless it is not what was read any more; it returns the number of rows changed.
	Replace func(ctx context.Context, db DBTX, row VaultRow, by secret.Sealed) (int64, error)
}

// VaultRow is a sealed secret and where it stands.
type VaultRow struct {
	Place  secret.Place
	Sealed secret.Sealed
}

// RotateOptions say what is sealed anew; Vaults is required.
type RotateOptions struct {
	Vaults []Vault
	// DryRun opens and seals, and writes nothing.
	DryRun bool
	// Batch is the number of rows in one transaction, which holds their locks. Default 100: some 50 ms.
	Batch int
}

// RotateOutcome of one row.
type RotateOutcome string

// The outcomes.
const (
	// RotateDone: sealed under the primary key; in a dry run, it could be.
	RotateDone RotateOutcome = "done"
	// RotateChanged: its user replaced or deleted it meanwhile.
	RotateChanged RotateOutcome = "changed"
	// RotateUnreadable: it does not open, Err says why; it stays as it is.
	RotateUnreadable RotateOutcome = "unreadable"
	// RotateBusy: it was locked by others for too long, three times.
	RotateBusy RotateOutcome = "busy"
)

// Rotated is what became of one sealed secret.
type Rotated struct {
	Vault   string
	Place   secret.Place
	KeyID   string
	Outcome RotateOutcome
	Err     error
}

// Rotate seals anew what is sealed under other master keys than the primary one, in batches, while others serve. A row is
// replaced only if it is still what was read, so a user's change wins. What was not committed when it ends, for whatever
// reason, is what the next Rotate finds. It yields after the commit.
func (f Fleet) Rotate(ctx context.Context, o RotateOptions) iter.Seq2[Rotated, error] {
	o.Batch = cmp.Or(o.Batch, 100)
	return func(yield func(Rotated, error) bool) {
		conn := &ownerConn{db: f.db}
		defer conn.close()
		for _, v := range o.Vaults {
			var after secret.Place
			for {
				results, err := f.db.rotateBatch(ctx, conn, v, after, o)
				if err != nil {
					yield(Rotated{}, fmt.Errorf("rotate %s: %w", v.Name, err))
					return
				}
				for _, r := range results {
					if !yield(r, nil) {
						return
					}
					after = r.Place
				}
				if len(results) < o.Batch {
					break
				}
			}
		}
	}
}

// rotateBatch tries again when users hold its rows, and when the connection was lost. Doing it twice is harmless.
func (db *DB) rotateBatch(ctx context.Context, conn *ownerConn, v Vault, after secret.Place, o RotateOptions) ([]Rotated, error) {
	for try := 1; ; try++ {
		var results []Rotated
		c, err := conn.get(ctx)
		if err == nil {
			results, err = db.rotateOnce(ctx, c, v, after, o)
		}
		switch {
		case err == nil:
			return results, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case HasState(err, stateLockNotAvailable) || HasState(err, stateDeadlock):
			if try == sweepTries {
				return busy(results), nil
			}
		case isConnectionLost(err) || isConnectError(err):
			conn.close()
			if try == sweepTries {
				return nil, err
			}
		default:
			return nil, err
		}
	}
}

// busy is a batch of which nothing was written.
func busy(results []Rotated) []Rotated {
	for i := range results {
		if results[i].Outcome != RotateUnreadable {
			results[i].Outcome, results[i].Err = RotateBusy, errors.New("locked by others")
		}
	}
	return results
}

// rotateOnce gives the results back with an error, too: they name the rows of the batch.
func (db *DB) rotateOnce(ctx context.Context, conn *pgx.Conn, v Vault, after secret.Place, o RotateOptions) ([]Rotated, error) {
	primary := db.opts.Keys.Primary().ID()
	tx, err := conn.Begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	rows, err := v.Page(ctx, tx, primary, after, o.Batch)
	if err != nil {
		return nil, fmt.Errorf("read page: %w", err)
	}
	results := make([]Rotated, len(rows))
	for i, row := range rows {
		results[i] = Rotated{Vault: v.Name, Place: row.Place, KeyID: row.Sealed.KeyID, Outcome: RotateDone}
	}
	for i, row := range rows {
		sealed, err := db.opts.Keys.Reseal(row.Place, row.Sealed)
		if err != nil {
			results[i].Outcome, results[i].Err = RotateUnreadable, err
			continue
		}
		if o.DryRun {
			continue
		}
		n, err := v.Replace(ctx, tx, row, sealed)
		if err != nil {
			return results, fmt.Errorf("replace: %w", err)
		}
		if n == 0 {
			results[i].Outcome = RotateChanged
		}
	}
	if err := tx.Commit(ctx); err != nil {
		return results, fmt.Errorf("commit: %w", err)
	}
	return results, nil
}

// KeyUse is how much was made with one master key.
type KeyUse struct {
	KeyID string
	// Known: the ring has a key of this id. Primary: it is the first.
	Known, Primary bool
	// OwnKeys and Headers are sealed secrets, Brains private brains.
	OwnKeys, Headers, Brains int64
}

// KeyUse counts by master key: those of the ring in its order, then those that the ring lacks.
func (f Fleet) KeyUse(ctx context.Context) ([]KeyUse, error) {
	conn, err := f.db.connectOwner(ctx, "public")
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	rows, err := publicdb.New().MasterKeyUse(ctx, conn)
	if err != nil {
		return nil, fmt.Errorf("count by master key: %w", err)
	}
	var uses []KeyUse
	place := map[string]int{}
	for i, key := range f.db.opts.Keys.Keys() {
		place[key.ID()] = i
		uses = append(uses, KeyUse{KeyID: key.ID(), Known: true, Primary: i == 0})
	}
	for _, r := range rows {
		i, ok := place[r.KeyID]
		if !ok {
			i = len(uses)
			uses = append(uses, KeyUse{KeyID: r.KeyID})
		}
		uses[i].OwnKeys, uses[i].Headers, uses[i].Brains = r.OwnKeys, r.Headers, r.Brains
	}
	return uses, nil
}
