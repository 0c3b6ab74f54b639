package tenant

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"twobrains/internal/publicdb"
)

// Fleet is what an operator does to all private brains, as their owner. Nothing here returns content: names, versions,
// sizes and definitions only.
type Fleet struct{ db *DB }

// Fleet gives the operations of an operator.
func (db *DB) Fleet() Fleet { return Fleet{db} }

// State of a private brain, by its entry in the registry.
type EntryState string

// The states; the first that fits is an entry's.
const (
	// EntryFailed: the last attempt to provision, migrate or re-seal failed.
	EntryFailed EntryState = "failed"
	// EntryBehind: older than the migrations of this binary.
	EntryBehind EntryState = "behind"
	// EntryOldKey: sealed with another master key than the primary one.
	EntryOldKey EntryState = "old-key"
	EntryOK     EntryState = "ok"
)

// EntryStates are all states.
func EntryStates() []EntryState {
	return []EntryState{EntryOK, EntryBehind, EntryOldKey, EntryFailed}
}

// Entry is the registry's entry of a private brain.
type Entry struct {
	UserID     uuid.UUID
	Schema     string
	State      EntryState
	Version    int32
	KeyID      string
	CreatedAt  time.Time
	MigratedAt *time.Time
	// The last failure, what it was and when it may be tried again; zero if there is none.
	Failure  string
	Failures int32
	FailedAt *time.Time
	RetryAt  *time.Time
}

// fleetPage is the number of entries read at once.
const fleetPage = 1000

// ErrNoEntry means that the registry knows no such user.
var ErrNoEntry = errors.New("no such private brain in the registry")

// ParseUser reads a user's id, or the name of their schema.
func ParseUser(text string) (uuid.UUID, error) {
	if digits, ok := strings.CutPrefix(text, "u_"); ok {
		if raw, err := hex.DecodeString(digits); err == nil && schemaName(uuid.UUID(append(raw, make([]byte, 16)...))) == text {
			return uuid.UUID(raw), nil
		}
	} else if id, err := uuid.Parse(text); err == nil {
		return id, nil
	}
	return uuid.Nil, fmt.Errorf("%q is neither a user's id nor the name of a schema (u_ and 32 hex digits)", text)
}

// List reads the registry in the order of ids, page by page; state may be empty for all.
func (f Fleet) List(ctx context.Context, state EntryState) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		conn, err := f.db.connectOwner(ctx, "public")
		if err != nil {
			yield(Entry{}, err)
			return
		}
		defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
		var after uuid.UUID
		for {
			rows, err := f.db.entries(ctx, conn, publicdb.TenantPageParams{After: after, State: string(state), MaxRows: fleetPage})
			if err != nil {
				yield(Entry{}, err)
				return
			}
			for _, e := range rows {
				if !yield(e, nil) {
					return
				}
				after = e.UserID
			}
			if len(rows) < fleetPage {
				return
			}
		}
	}
}

func (db *DB) entries(ctx context.Context, conn *pgx.Conn, page publicdb.TenantPageParams) ([]Entry, error) {
	page.Latest, page.PrimaryKeyID = db.latest, db.opts.Keys.Primary().ID()
	rows, err := publicdb.New().TenantPage(ctx, conn, page)
	if err != nil {
		return nil, fmt.Errorf("read registry: %w", err)
	}
	entries := make([]Entry, len(rows))
	for i, r := range rows {
		e := Entry{
			UserID: r.UserID, Schema: r.SchemaName, State: EntryState(r.State), Version: r.Version, KeyID: r.KeyID,
			CreatedAt: r.CreatedAt, MigratedAt: r.MigratedAt, Failures: r.Failures, FailedAt: r.FailedAt,
		}
		if r.Failure != nil {
			e.Failure = *r.Failure
		}
		if r.FailedAt != nil {
			e.RetryAt = ptr(r.FailedAt.Add(backoff(r.Failures)))
		}
		entries[i] = e
	}
	return entries, nil
}

// Table is a table of a private brain, in numbers.
type Table struct {
	Name string
	// Rows is the planner's estimate; -1 when the table was never analysed.
	Rows int64
	// Bytes on disk, indexes and long values included.
	Bytes int64
}

// Detail is what can be said of one private brain without reading it.
type Detail struct {
	Entry
	// Exists: there is a schema. The rest is zero otherwise.
	Exists bool
	// SchemaVersion is the version that the schema itself states; 0 if it states none.
	SchemaVersion int32
	Bytes         int64
	Tables        []Table
}

// Show describes one private brain. The error is ErrNoEntry if the registry does not know the user.
func (f Fleet) Show(ctx context.Context, id uuid.UUID) (Detail, error) {
	conn, err := f.db.connectOwner(ctx, "public")
	if err != nil {
		return Detail{}, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	entries, err := f.db.entries(ctx, conn, publicdb.TenantPageParams{After: before(id), MaxRows: 1})
	if err != nil {
		return Detail{}, err
	}
	if len(entries) == 0 || entries[0].UserID != id {
		return Detail{}, ErrNoEntry
	}
	d := Detail{Entry: entries[0]}
	if err := conn.QueryRow(ctx, sqlSchemaExists, d.Schema).Scan(&d.Exists); err != nil || !d.Exists {
		return d, err
	}
	rows, err := conn.Query(ctx, sqlSchemaSizes, d.Schema)
	if err != nil {
		return d, fmt.Errorf("measure tables: %w", err)
	}
	if d.Tables, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Table]); err != nil {
		return d, fmt.Errorf("measure tables: %w", err)
	}
	for _, t := range d.Tables {
		d.Bytes += t.Bytes
	}
	err = conn.QueryRow(ctx, "SELECT coalesce(max(version), 0) FROM "+pgx.Identifier{d.Schema, versionTable}.Sanitize()).Scan(&d.SchemaVersion)
	if err != nil && !HasState(err, stateNoTable) {
		return d, fmt.Errorf("read version: %w", err)
	}
	return d, nil
}

// before is the id that precedes another in their order.
func before(id uuid.UUID) uuid.UUID {
	for i := len(id) - 1; i >= 0; i-- {
		id[i]--
		if id[i] != 0xff {
			break
		}
	}
	return id
}
