package tenant

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Result is the outcome of a queued query: there once its round trip is over.
type Result[T any] struct {
	tx    *Tx
	query *queued
	value T
	err   error
	done  bool
}

// Queue puts one query into the next round trip of the transaction. The function is called twice: first against a
// recorder that keeps the statement and its arguments, then against the statement's result. So it must run exactly one
// query, do nothing else, and pass its error on; a call of a generated method is just that.
func Queue[T any](tx *Tx, query func(DBTX) (T, error)) *Result[T] {
	r := &Result[T]{tx: tx}
	rec := &recorder{}
	if _, err := query(rec); !errors.Is(err, errRecorded) || rec.calls != 1 {
		r.done, r.err = true, errNotOneQuery
		if tx.failed == nil {
			tx.failed = errNotOneQuery
		}
		return r
	}
	r.query = &queued{sql: tx.tag + rec.sql, args: rec.args, place: home, read: func(db DBTX) error {
		r.done = true
		r.value, r.err = query(db)
		if errors.Is(r.err, pgx.ErrNoRows) {
			return nil
		}
		return r.err
	}}
	tx.queue = append(tx.queue, r.query)
	return r
}

// Proves says that any row which the query returns or changes is one of a private table. Such a row proves the binding of the
// unit, which then saves the statement that else does; without one the proof is made up for. A row made of constants or by an
// aggregate proves nothing.
func (r *Result[T]) Proves() *Result[T] {
	if r.query != nil {
		r.query.proves = true
	}
	return r
}

// Public says that the query names tables of the public brain alone, all of them with their schema. All users then share its plan,
// which else every one has of their own in each lane. It runs where unqualified names mean the sealed, empty template: said of a query
// of the private brain, it finds nothing and changes nothing. Changing between the brains costs a small statement, so queries of
// either are best queued together.
func (r *Result[T]) Public() *Result[T] {
	if r.query != nil && r.tx.shares {
		r.query.sql, r.query.place = strings.TrimPrefix(r.query.sql, r.tx.tag), outside
	}
	return r
}

// QueueExec is Queue for a query without result.
func QueueExec(tx *Tx, query func(DBTX) error) *Result[struct{}] {
	return Queue(tx, func(db DBTX) (struct{}, error) { return struct{}{}, query(db) })
}

// Get returns the result, sending what is queued first if it is not there yet. A query for one row that found none gives
// pgx.ErrNoRows, which does not end the transaction.
func (r *Result[T]) Get() (T, error) {
	if !r.done {
		if err := r.tx.Flush(); err != nil && !r.done {
			return r.value, err
		}
	}
	return r.value, r.err
}

// Value returns the result of a query that has run without error, for use after the transaction; else the zero value.
func (r *Result[T]) Value() T { return r.value }

// Err returns the query's own error: how to find out which of several queued queries ended a transaction.
func (r *Result[T]) Err() error { return r.err }

var (
	errRecorded    = errors.New("recorded")
	errNotOneQuery = errors.New("queue: the function must run exactly one query and return its error")
)

// recorder keeps the one statement that a function runs.
type recorder struct {
	sql   string
	args  []any
	calls int
}

func (r *recorder) record(sql string, args []any) {
	r.sql, r.args = sql, args
	r.calls++
}

func (r *recorder) Exec(_ context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	r.record(sql, args)
	return pgconn.CommandTag{}, errRecorded
}

func (r *recorder) Query(_ context.Context, sql string, args ...any) (pgx.Rows, error) {
	r.record(sql, args)
	return nil, errRecorded
}

func (r *recorder) QueryRow(_ context.Context, sql string, args ...any) pgx.Row {
	r.record(sql, args)
	return recordedRow{}
}

type recordedRow struct{}

func (recordedRow) Scan(...any) error { return errRecorded }

// batchReader answers a query with the next result of a batch, whatever its text, and counts the rows that it returned or
// changed.
type batchReader struct {
	results pgx.BatchResults
	rows    int64
}

func (b *batchReader) Exec(context.Context, string, ...any) (pgconn.CommandTag, error) {
	tag, err := b.results.Exec()
	b.rows = tag.RowsAffected()
	return tag, err
}

func (b *batchReader) Query(context.Context, string, ...any) (pgx.Rows, error) {
	rows, err := b.results.Query()
	return &countedRows{Rows: rows, reader: b}, err
}

func (b *batchReader) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	rows, err := b.Query(ctx, sql, args...)
	return &singleRow{rows: rows, err: err}
}

type countedRows struct {
	pgx.Rows
	reader *batchReader
}

func (r *countedRows) Next() bool {
	more := r.Rows.Next()
	if more {
		r.reader.rows++
	}
	return more
}
