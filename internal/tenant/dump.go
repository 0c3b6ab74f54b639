package tenant

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// DumpOptions say how a private brain is written as SQL. Tables are found in the catalog; those that are named here need not exist.
type DumpOptions struct {
	// Derived are tables whose rows follow from those of others: they are made and stay empty.
	Derived []string
	// Defaults are columns that get what their definitions say, because what they hold is about derived tables.
	Defaults []Column
	// Long are columns of type bytea, by table, whose values may be long: they are written piece by piece.
	Long map[string]LongColumn
	// Only are conditions on the rows of a table, in SQL that names columns without a table. A condition applies where the table has all
	// the columns that it is said to need.
	Only []RowFilter
}

// LongColumn names a column and the one, of type uuid, that identifies its row.
type LongColumn struct{ Key, Column string }

// RowFilter leaves rows out. In the condition, "@." goes before the name of a table.
type RowFilter struct {
	Table, Condition string
	Needs            []Column
}

// Column names a column of a table.
type Column struct{ Table, Name string }

const (
	// longValue is from how many bytes on a value of a LongColumn is read in pieces.
	longValue = 256 << 10
	longPiece = 256 << 10
	longPage  = 1000
)

// table is one of a private brain, as statements make it; names are quoted where they have to be.
type table struct {
	name, options string
	// definitions of columns; columns are those that take values.
	definitions, columns []string
	// before are statements that go before the rows, after those that go after them.
	before, after []string
}

func (t table) plain() string { return strings.Trim(t.name, `"`) }

// describe reads the definitions of a schema's tables.
func (db *DB) describe(ctx context.Context, schema string) ([]table, error) {
	conn, err := db.connectOwner(ctx, schema)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	rows, err := conn.Query(ctx, sqlDescribeTables, schema)
	if err != nil {
		return nil, fmt.Errorf("describe tables: %w", err)
	}
	tables, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t table, err error) {
		return t, row.Scan(&t.name, &t.options, &t.definitions, &t.columns, &t.before, &t.after)
	})
	if err != nil {
		return nil, fmt.Errorf("describe tables: %w", err)
	}
	return tables, nil
}

// Dump writes the private brain as SQL that psql loads into an empty database: tables, rows as COPY reads them, then keys, indexes and
// comments, without seals, roles and grants. It returns the number of rows of each table.
func (s *Snapshot) Dump(ctx context.Context, w io.Writer, o DumpOptions) (map[string]int64, error) {
	tables, err := s.db.describe(ctx, s.schema)
	if err != nil {
		return nil, err
	}
	d := dumper{s: s, w: w, o: o, tables: tables}
	d.printf("SET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\nSET client_min_messages = warning;\nBEGIN;\n")
	for _, t := range tables {
		d.printf("\nCREATE TABLE %s (\n  %s\n)", t.name, strings.Join(t.definitions, ",\n  "))
		if t.options != "" {
			d.printf(" WITH (%s)", t.options)
		}
		d.printf(";\n")
		d.statements(t.before)
	}
	counts := map[string]int64{}
	for _, t := range tables {
		if slices.Contains(o.Derived, t.plain()) || d.err != nil {
			continue
		}
		counts[t.plain()] = d.rows(ctx, t)
	}
	for _, t := range tables {
		d.printf("\n")
		d.statements(t.after)
	}
	d.printf("\nCOMMIT;\n")
	return counts, d.err
}

// dumper writes until the first error.
type dumper struct {
	s      *Snapshot
	w      io.Writer
	o      DumpOptions
	tables []table
	// from is the schema, with a dot, whose rows are read; empty: that on the search path.
	from string
	err  error
}

func (d *dumper) printf(format string, args ...any) {
	if d.err == nil {
		_, d.err = fmt.Fprintf(d.w, format, args...)
	}
}

func (d *dumper) statements(all []string) {
	for _, sql := range all {
		d.printf("%s;\n", sql)
	}
}

func (d *dumper) copy(ctx context.Context, w io.Writer, sql string) (rows int64) {
	if d.err != nil {
		return 0
	}
	tag, err := d.s.conn.PgConn().CopyTo(ctx, w, "COPY ("+sql+") TO STDOUT")
	d.err = err
	return tag.RowsAffected()
}

// rows writes those of a table, in the order of no index: a dump is read whole.
func (d *dumper) rows(ctx context.Context, t table) (n int64) {
	long, isLong := d.o.Long[t.plain()]
	columns := d.taken(t)
	if isLong = isLong && slices.Contains(columns, long.Column); isLong { // last, so that it can follow the others
		columns = append(slices.DeleteFunc(columns, func(c string) bool { return c == long.Column }), long.Column)
	}
	from := " FROM " + t.name + " WHERE true" + d.conditions(t)
	d.printf("\nCOPY %s (%s) FROM stdin;\n", t.name, strings.Join(columns, ", "))
	if !isLong {
		n = d.copy(ctx, d.w, "SELECT "+strings.Join(columns, ", ")+from)
	} else {
		n = d.copy(ctx, d.w, fmt.Sprintf("SELECT %s%s AND octet_length(%s) <= %d", strings.Join(columns, ", "), from, long.Column, longValue))
		n += d.longRows(ctx, columns[:len(columns)-1], from, long)
	}
	d.printf("\\.\n")
	return n
}

// taken are the columns whose values are taken along.
func (d *dumper) taken(t table) []string {
	return slices.DeleteFunc(slices.Clone(t.columns), func(c string) bool { return slices.Contains(d.o.Defaults, Column{t.plain(), c}) })
}

func (d *dumper) conditions(t table) (sql string) {
	for _, filter := range d.o.Only {
		if filter.Table == t.plain() && !slices.ContainsFunc(filter.Needs, func(c Column) bool { return !d.has(c) }) {
			sql += " AND (" + strings.ReplaceAll(filter.Condition, "@.", d.from) + ")"
		}
	}
	return sql
}

func (d *dumper) has(c Column) bool {
	return slices.ContainsFunc(d.tables, func(t table) bool { return t.plain() == c.Table && slices.Contains(t.columns, c.Name) })
}

// longRows writes those whose value is not to be in memory as a whole.
func (d *dumper) longRows(ctx context.Context, others []string, from string, long LongColumn) (n int64) {
	keys, err := d.longKeys(ctx, from, long)
	for err == nil && d.err == nil && len(keys) > 0 {
		for _, key := range keys {
			d.longRow(ctx, others, from, long, key)
			n++
		}
		if len(keys) < longPage {
			break
		}
		keys, err = d.longKeys(ctx, from+fmt.Sprintf(" AND %s > '%x'", long.Key, keys[len(keys)-1]), long)
	}
	if d.err == nil {
		d.err = err
	}
	return n
}

func (d *dumper) longKeys(ctx context.Context, from string, long LongColumn) ([][16]byte, error) {
	if d.err != nil {
		return nil, d.err
	}
	rows, err := d.s.conn.Query(ctx, fmt.Sprintf("SELECT %[1]s%[2]s AND octet_length(%[3]s) > %[4]d ORDER BY %[1]s LIMIT %[5]d", long.Key, from, long.Column, longValue, longPage))
	if err != nil {
		return nil, fmt.Errorf("list long values: %w", err)
	}
	keys, err := pgx.CollectRows(rows, pgx.RowTo[[16]byte])
	if err != nil {
		return nil, fmt.Errorf("list long values: %w", err)
	}
	return keys, nil
}

func (d *dumper) longRow(ctx context.Context, others []string, from string, long LongColumn, key [16]byte) {
	var line bytes.Buffer
	d.copy(ctx, &line, fmt.Sprintf("SELECT %s%s AND %s = '%x'", strings.Join(others, ", "), from, long.Key, key))
	d.printf("%s\t\\\\x", bytes.TrimSuffix(line.Bytes(), []byte{'\n'}))
	text := make([]byte, 2*longPiece)
	for first := 1; d.err == nil; first += longPiece {
		var piece []byte
		d.err = d.s.conn.QueryRow(ctx, fmt.Sprintf("SELECT substr(%s, $1::integer, $2::integer)%s AND %s = $3", long.Column, from, long.Key), first, longPiece, key).Scan(&piece)
		if d.err == nil && len(piece) > 0 {
			_, d.err = d.w.Write(text[:hex.Encode(text, piece)])
		}
		if len(piece) < longPiece {
			break
		}
	}
	d.printf("\n")
}
