package tenant

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"twobrains/internal/publicdb"
)

// Trace is a place where an account was looked for.
type Trace struct {
	// Place is a word or two: "registry", "schema", "table user_settings".
	Place string
	// Found counts what is there of the account.
	Found int64
	// Kept says why it is meant to stay, where it is.
	Kept string
}

// keptTables hold ids of accounts on purpose, and why.
var keptTables = map[string]string{"audit_log": "what operators did is on record"}

// Traces looks for an account everywhere in the database, as the owner, in one snapshot: in the registry, among schemas and all that
// stands in the catalogs under its name, in every public table that has a user_id, among the tickets of runs, and for its id in the
// text of every row of every public table. It reads all of those tables, so it takes its time.
func (f Fleet) Traces(ctx context.Context, id uuid.UUID) ([]Trace, error) {
	conn, err := f.db.connectOwnerWith(ctx, "pg_catalog", map[string]string{"jit": "off"})
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var traces []Trace
	err = pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		traces, err = f.db.traces(ctx, tx, id)
		return err
	})
	return traces, err
}

func (db *DB) traces(ctx context.Context, tx pgx.Tx, id uuid.UUID) (traces []Trace, err error) {
	schema := schemaName(id)
	count := func(place, sql string, arguments ...any) error {
		t := Trace{Place: place}
		if err := tx.QueryRow(ctx, sql, arguments...).Scan(&t.Found); err != nil {
			return fmt.Errorf("look into %s: %w", place, err)
		}
		traces = append(traces, t)
		return nil
	}
	for place, sql := range map[string]string{"schema": sqlTraceSchema, "objects": sqlTraceObjects} {
		if err := count(place, sql, schema); err != nil {
			return nil, err
		}
	}
	users, err := userTables(ctx, tx)
	if err != nil {
		return nil, err
	}
	for _, table := range users {
		if err := count("rows of "+table, "SELECT count(*) FROM "+quoted("public", table)+" WHERE user_id = $1", id); err != nil {
			return nil, err
		}
	}
	for _, master := range db.opts.Keys.Keys() {
		if err := count("run tickets under master key "+master.ID(), sqlTraceTickets, deriveKey(master, schema)); err != nil {
			return nil, err
		}
	}
	all, err := publicTables(ctx, tx)
	if err != nil {
		return nil, err
	}
	for _, table := range all {
		if err := count("id in "+table, "SELECT count(*) FROM "+quoted("public", table)+" t WHERE t::text LIKE ANY ($1)", mentions(id)); err != nil {
			return nil, err
		}
		traces[len(traces)-1].Kept = keptTables[table]
	}
	return traces, nil
}

func publicTables(ctx context.Context, tx pgx.Tx) ([]string, error) {
	rows, err := tx.Query(ctx, sqlPublicTables)
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// mentions are the patterns of an id in text: as it is written, and bare, as in the name of the schema.
func mentions(id uuid.UUID) []string {
	return []string{"%" + id.String() + "%", "%" + strings.ReplaceAll(id.String(), "-", "") + "%", "%" + hex.EncodeToString([]byte(id.String())) + "%"}
}

// Registered reports whether the registry knows an account.
func (f Fleet) Registered(ctx context.Context, id uuid.UUID) (bool, error) {
	conn, err := f.db.connectOwner(ctx, "public")
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	rows, err := publicdb.New().TenantRegistry(ctx, conn, publicdb.TenantRegistryParams{UserIds: []string{id.String()}})
	if err != nil {
		return false, fmt.Errorf("read registry: %w", err)
	}
	return len(rows) > 0, nil
}
