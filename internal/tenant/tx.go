package tenant

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// DBTX is what a query needs; sqlc's generated methods take it.
type DBTX interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Tx is one transaction over both brains. Its methods run a query at once; Queue puts one into the next round trip
// instead. It must not be used after the function it was given to has returned, nor by two goroutines at once.
type Tx struct {
	ctx  context.Context
	conn *pgxpool.Conn
	// tag goes before every statement: a user's statements are texts of their own, so their prepared plans never meet
	// another search path.
	tag   string
	queue []*queued
	// opening is the number of statements that only open the transaction.
	opening int
	// bound says that the opening statements have succeeded.
	bound   bool
	sent    bool
	failed  error
	metrics *metrics
}

// add queues a statement whose result does not matter.
func (tx *Tx) add(sql string, args []any) {
	tx.queue = append(tx.queue, &queued{sql: sql, args: args, read: func(db DBTX) error {
		_, err := db.Exec(tx.ctx, sql, args...)
		return err
	}})
	tx.opening = len(tx.queue)
}

// bind gives the transaction its schema and the key of its seal, until it ends.
func (tx *Tx) bind(schema string, o opening) {
	tx.add(sqlBind, []any{schema + ", pg_temp", o.key})
	tx.then(func(err error) error {
		tx.bound = err == nil
		return err
	})
}

// then looks at the result of what was added last.
func (tx *Tx) then(look func(error) error) {
	added := tx.queue[len(tx.queue)-1]
	read := added.read
	added.read = func(db DBTX) error { return look(read(db)) }
}

// prove makes the transaction fail unless the bound key opens the bound schema and that has at least the version.
func (tx *Tx) prove(version int32) {
	tx.add(tx.tag+sqlProve, []any{version})
	tx.then(func(err error) error {
		tx.bound = err == nil
		if HasState(err, stateNoTable) {
			return fmt.Errorf("%w: %w", ErrMissing, err)
		}
		return err
	})
}

// queued is a statement that waits for the next round trip.
type queued struct {
	sql  string
	args []any
	// read takes the statement's result. It is called in order, exactly once.
	read func(DBTX) error
}

// Exec implements DBTX.
func (tx *Tx) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	br, err := tx.sendWith(ctx, sql, args)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	tag, err := br.Exec()
	return tag, tx.finish(br, err)
}

// Query implements DBTX.
func (tx *Tx) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	br, err := tx.sendWith(ctx, sql, args)
	if err != nil {
		return nil, err
	}
	rows, err := br.Query()
	if err != nil {
		return nil, tx.finish(br, err)
	}
	return &lastRows{Rows: rows, close: func(err error) error { return tx.finish(br, err) }}, nil
}

// QueryRow implements DBTX.
func (tx *Tx) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	rows, err := tx.Query(ctx, sql, args...)
	return &singleRow{rows: rows, err: err}
}

// Flush sends what is queued, in one round trip, and reads all results.
func (tx *Tx) Flush() error {
	if tx.failed != nil {
		return tx.failed
	}
	if len(tx.queue) == 0 {
		return nil
	}
	br, err := tx.send(tx.ctx)
	if err != nil {
		return err
	}
	return tx.finish(br, nil)
}

// send starts a round trip with everything queued and reads those results; the caller reads what it added and finishes.
func (tx *Tx) send(ctx context.Context, extra ...*queued) (pgx.BatchResults, error) {
	if tx.failed != nil {
		return nil, tx.failed
	}
	batch := &pgx.Batch{}
	for _, q := range tx.queue {
		batch.Queue(q.sql, q.args...)
	}
	for _, q := range extra {
		batch.Queue(q.sql, q.args...)
	}
	waiting := tx.queue
	tx.queue, tx.sent = nil, true
	tx.metrics.roundTrips.Inc()
	br := tx.conn.SendBatch(ctx, batch)
	for _, q := range waiting {
		if err := q.read(batchReader{br}); err != nil {
			return nil, tx.finish(br, err)
		}
	}
	return br, nil
}

func (tx *Tx) sendWith(ctx context.Context, sql string, args []any) (pgx.BatchResults, error) {
	return tx.send(ctx, &queued{sql: tx.tag + sql, args: args})
}

// finish ends a round trip. The first error of a transaction is the one that its later uses report.
func (tx *Tx) finish(br pgx.BatchResults, err error) error {
	closeErr := br.Close()
	if err == nil {
		err = closeErr
	}
	if err != nil && !errors.Is(err, pgx.ErrNoRows) && tx.failed == nil {
		tx.failed = fmt.Errorf("%w", err)
	}
	return err
}

// commit sends what is still queued together with COMMIT.
func (tx *Tx) commit() error {
	if tx.failed != nil {
		return tx.failed
	}
	if !tx.sent && len(tx.queue) == tx.opening {
		return nil
	}
	br, err := tx.send(tx.ctx, &queued{sql: "COMMIT"})
	if err != nil {
		return err
	}
	tag, err := br.Exec()
	if err = tx.finish(br, err); err != nil {
		return err
	}
	if tag.String() != "COMMIT" {
		return fmt.Errorf("commit: the server answered %s", tag)
	}
	return nil
}

// rollback leaves the connection outside any transaction, or closed.
func (tx *Tx) rollback() {
	conn := tx.conn.Conn()
	if conn.IsClosed() || conn.PgConn().TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(tx.ctx), rollbackTimeout)
	defer cancel()
	tx.metrics.roundTrips.Inc()
	if _, err := conn.Exec(ctx, "ROLLBACK"); err != nil {
		_ = conn.Close(ctx)
	}
}

// isSocketError reports whether err comes from a broken connection.
func isSocketError(err error) bool {
	var netErr *net.OpError
	return errors.As(err, &netErr) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.Is(err, net.ErrClosed)
}

// lastRows ends the round trip when its rows have been read.
type lastRows struct {
	pgx.Rows
	close func(error) error
	done  bool
	err   error
}

func (r *lastRows) Next() bool {
	if r.Rows.Next() {
		return true
	}
	r.Close()
	return false
}

func (r *lastRows) Close() {
	if r.done {
		return
	}
	r.done = true
	r.Rows.Close()
	r.err = r.close(r.Rows.Err())
}

func (r *lastRows) Err() error {
	if r.done {
		return r.err
	}
	return r.Rows.Err()
}

type singleRow struct {
	rows pgx.Rows
	err  error
}

func (r *singleRow) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	defer r.rows.Close()
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return pgx.ErrNoRows
	}
	if err := r.rows.Scan(dest...); err != nil {
		return err
	}
	r.rows.Close()
	return r.rows.Err()
}
