package tenant

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/trace"

	"twobrains/internal/tracing"
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
	tag string
	// path and key are the binding: the schema that unqualified names mean, and what opens its seal.
	path, key string
	// version is what the bound schema must have at least.
	version int32
	proof   proof
	queue   []*queued
	// shares says that statements of the public brain run under the template's path, where their plans are everybody's; at is
	// where the path leads just now.
	shares bool
	at     place
	// bound says that the opening statements have succeeded.
	bound bool
	sent  bool
	// unmarked says that a statement was sent that is no proof by its rows.
	unmarked bool
	// open says that BEGIN was sent, so that only COMMIT makes anything last.
	open    bool
	failed  error
	metrics *metrics
	// trip is the span of the round trip under way.
	trip trace.Span
}

// proof is what is known of a binding. The zero value is for one that claims no private brain.
type proof uint8

const (
	// proofDue means that the binding may be void: a wrong key shows no rows and raises no error by itself.
	proofDue proof = iota + 1
	// proofGiven means that a row from behind the seal was seen.
	proofGiven
)

// queued is a statement that waits for the next round trip.
type queued struct {
	sql  string
	args []any
	// read takes the statement's result. It is called in order, exactly once.
	read func(DBTX) error
	// proves says that any row of the result comes from behind the seal.
	proves bool
	place  place
}

// place is where a statement's plan was made, so which search path it has to meet: Postgres plans anew whenever the path is
// another one.
type place uint8

const (
	// anywhere is for what names nothing.
	anywhere place = iota
	// home is the private brain. The statement's text is tagged, so its plan is the user's own.
	home
	// outside names the public brain only, under the template's path. Its text and plan are everybody's.
	outside
)

// statement is one of the kernel's own, whose result matters only by its error.
func (tx *Tx) statement(sql string, look func(error) error, args ...any) *queued {
	return &queued{sql: sql, args: args, read: func(db DBTX) error {
		_, err := db.Exec(tx.ctx, sql, args...)
		return look(err)
	}}
}

func pass(err error) error { return err }

// bindStatement gives the transaction the key of its seal and a path, until it ends.
func (tx *Tx) bindStatement(path string) *queued {
	return tx.statement(sqlBind, func(err error) error {
		tx.bound = err == nil
		return err
	}, path, tx.key)
}

// withPaths puts a change of the path before each statement that needs another one than it would find.
func (tx *Tx) withPaths(statements []*queued) []*queued {
	if !tx.shares {
		return statements
	}
	placed := make([]*queued, 0, len(statements)+2)
	for _, q := range statements {
		if q.place != anywhere && q.place != tx.at {
			placed = append(placed, tx.moveStatement(q.place))
			tx.at = q.place
		}
		placed = append(placed, q)
	}
	return placed
}

func (tx *Tx) moveStatement(to place) *queued {
	sql := sqlPath
	if tx.at == home {
		sql = tx.tag + sql
	}
	return tx.statement(sql, pass, tx.pathAt(to))
}

func (tx *Tx) pathAt(p place) string {
	if p == outside {
		return templatePath
	}
	return tx.path
}

// firstPlace is the one that the first statement with a need has, so that binding goes there at once.
func (tx *Tx) firstPlace(statements []*queued) place {
	for _, q := range statements {
		if q.place != anywhere && tx.shares {
			return q.place
		}
	}
	return home
}

// proveStatement fails unless the bound key opens the bound schema and that has at least the version.
func (tx *Tx) proveStatement() *queued {
	prove := tx.statement(tx.tag+sqlProve, func(err error) error {
		switch {
		case err == nil:
			tx.proof = proofGiven
			tx.conn.Conn().PgConn().CustomData()[provedKey] = time.Now()
		case HasState(err, stateNoTable):
			return fmt.Errorf("%w: %w", ErrMissing, err)
		}
		return err
	}, tx.version)
	prove.place = home
	return prove
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
	return tx.roundTrip(tx.ctx, false)
}

func (tx *Tx) roundTrip(ctx context.Context, whole bool) error {
	br, err := tx.send(ctx, whole)
	if err != nil {
		return err
	}
	return tx.finish(br, nil)
}

// send starts a round trip with everything queued and reads those results; the caller reads what it added and finishes.
// A whole unit needs no BEGIN and COMMIT: what a pipeline sends before its end is one transaction by itself.
func (tx *Tx) send(ctx context.Context, whole bool, extra ...*queued) (pgx.BatchResults, error) {
	if tx.failed == nil && tx.conn.Conn().IsClosed() {
		tx.failed = errNotSent
	}
	if tx.failed != nil {
		return nil, tx.failed
	}
	waiting := tx.queue
	tx.unmarked = tx.unmarked || len(extra) > 0 || slices.ContainsFunc(waiting, func(q *queued) bool { return !q.proves })
	if !tx.sent {
		waiting = append(tx.opening(whole, extra), waiting...)
	}
	all := tx.withPaths(append(waiting, extra...))
	waiting = all[:len(all)-len(extra)]
	batch := &pgx.Batch{QueuedQueries: make([]*pgx.QueuedQuery, 0, len(all))}
	for _, q := range all {
		batch.Queue(q.sql, q.args...)
	}
	tx.queue, tx.sent, tx.open = nil, true, tx.open || !whole
	tx.metrics.roundTrips.Inc()
	ctx, tx.trip = beginTrip(ctx, all)
	br := tx.conn.SendBatch(ctx, batch)
	for _, q := range waiting {
		reader := batchReader{results: br}
		if err := q.read(&reader); err != nil {
			return nil, tx.finish(br, err)
		}
		if q.proves && reader.rows > 0 {
			tx.proof = proofGiven
		}
	}
	return br, nil
}

// A row from behind the seal proves the key. That the seal holds for the login at all is proved on each connection at least this
// often.
const proveEvery = time.Minute

// provedKey is where a connection keeps the time of its last proof.
const provedKey = "twobrains.proved"

// opening is what goes before the statements of a unit. The proof is left out where one of them may give it.
func (tx *Tx) opening(whole bool, extra []*queued) []*queued {
	statements := make([]*queued, 0, 3+len(tx.queue)+len(extra))
	if !whole {
		statements = append(statements, tx.statement(sqlBegin, pass))
	}
	proved, _ := tx.conn.Conn().PgConn().CustomData()[provedKey].(time.Time)
	byRow := time.Since(proved) < proveEvery && slices.ContainsFunc(tx.queue, func(q *queued) bool { return q.proves })
	if tx.proof != proofDue || byRow {
		tx.at = tx.firstPlace(slices.Concat(tx.queue, extra))
		return append(statements, tx.bindStatement(tx.pathAt(tx.at)))
	}
	prove := tx.proveStatement()
	read := prove.read
	prove.read = func(db DBTX) error {
		err := read(db)
		tx.bound = err == nil
		return err
	}
	tx.at = home
	return append(statements, tx.bindStatement(tx.path), prove)
}

func (tx *Tx) sendWith(ctx context.Context, sql string, args []any) (pgx.BatchResults, error) {
	return tx.send(ctx, false, &queued{sql: tx.tag + sql, args: args, place: home})
}

// verify proves a binding after the fact: it found no row by which it could have been proved, or came to no end. If the proof
// fails, nothing that its marked statements did came from, or went to, a private brain.
func (tx *Tx) verify() error {
	check := &Tx{
		ctx: tx.ctx, conn: tx.conn, tag: tx.tag, path: tx.path, key: tx.key, version: tx.version, proof: proofDue, shares: tx.shares, metrics: tx.metrics,
	}
	return check.roundTrip(tx.ctx, true)
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
	if errors.Is(err, pgx.ErrNoRows) {
		tracing.End(tx.trip, nil)
	} else {
		tracing.End(tx.trip, err)
	}
	return err
}

// commit makes the unit last, sending what is still queued.
func (tx *Tx) commit() error {
	switch {
	case tx.failed != nil:
		return tx.failed
	case !tx.open && len(tx.queue) == 0:
		return nil
	case !tx.open:
		return tx.roundTrip(tx.ctx, true)
	}
	if tx.proof == proofDue {
		tx.queue = append(tx.queue, tx.proveStatement())
	}
	br, err := tx.send(tx.ctx, false, &queued{sql: "COMMIT"})
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

// errNotSent says that the connection was closed before a round trip began. pgconn.SafeToRetry is no such proof: in a batch, it calls
// a connection that broke while results were read "closed" and safe.
var errNotSent = fmt.Errorf("connection is closed: %w", net.ErrClosed)

// isSocketError reports whether err comes from a broken connection; pgconn has a way of its own to say that it was closed.
func isSocketError(err error) bool {
	var netErr *net.OpError
	return pgconn.SafeToRetry(err) || errors.As(err, &netErr) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
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
