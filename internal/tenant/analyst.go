package tenant

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"twobrains/internal/secret"
)

// ErrNoAnalyst means that no login for questions about all users is configured.
var ErrNoAnalyst = errors.New("no login of the analyst is configured")

const (
	// analystConns bounds the reports that are made at once, analystTimeout how long one takes: reports read millions of rows.
	analystConns   = 3
	analystTimeout = 20 * time.Second
	analystIdle    = time.Minute
)

// newAnalyst reads the URL of the analyst's login, which is one of a name that migrate knows.
func (db *DB) newAnalyst(url secret.Secret) error {
	if url.IsZero() {
		return nil
	}
	pool, err := pgxpool.ParseConfig(url.Reveal())
	if err != nil {
		return fmt.Errorf("analyst URL: %w", redactURL(err))
	}
	if pool.ConnConfig.User != analystRole {
		return fmt.Errorf("analyst URL: the login has to be %s, which may read nothing but the public brain", analystRole)
	}
	own := map[string]string{"application_name": "twobrains analyst", "search_path": "public, pg_temp"}
	db.analyst = pool.ConnConfig.Copy()
	maps.Copy(db.analyst.RuntimeParams, consoleSettings)
	maps.Copy(db.analyst.RuntimeParams, own)
	// Reports are ours: they may take the memory that they ask for, and processes beside their own.
	maps.Copy(pool.ConnConfig.RuntimeParams, own)
	maps.Copy(pool.ConnConfig.RuntimeParams, map[string]string{
		"jit": "off", "lock_timeout": "1000", "TimeZone": "UTC", "default_transaction_read_only": "on",
		"statement_timeout": strconv.FormatInt(analystTimeout.Milliseconds(), 10),
	})
	pool.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	pool.MaxConns, pool.MinConns, pool.MinIdleConns = analystConns, 0, 0
	pool.MaxConnIdleTime, pool.HealthCheckPeriod = analystIdle, analystIdle/2
	pool.ShouldPing = isDead
	if db.analysts, err = pgxpool.NewWithConfig(context.Background(), pool); err != nil {
		return fmt.Errorf("make pool of the analyst: %w", err)
	}
	return nil
}

// HasAnalyst reports whether questions about all users can be asked here.
func (db *DB) HasAnalyst() bool { return db.analyst != nil }

// Analyst runs fn in one read-only transaction of the analyst's login: for questions of our own about all users, never in a user's
// words. What it reads is the public brain without secrets. Errors: ErrNoAnalyst, *problem.Error where the database is away, and what
// Postgres says.
func (db *DB) Analyst(ctx context.Context, fn func(DBTX) error) error {
	if db.analysts == nil {
		return ErrNoAnalyst
	}
	ctx, cancel := context.WithTimeout(ctx, analystTimeout)
	defer cancel()
	return db.publicError(pgx.BeginTxFunc(ctx, db.analysts, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error { return fn(tx) }))
}

// AnalystQuery runs a query in an admin's words over the public brain, as Brain.Console does over a private one: on a connection that is
// made for it and closed after it, as what can only be a query. Errors as there, and ErrNoAnalyst.
func (db *DB) AnalystQuery(ctx context.Context, q ConsoleQuery, to ConsoleRows) (more bool, err error) {
	return db.askAnalyst(ctx, q, len(declare), func(ctx context.Context, conn *pgconn.PgConn) (bool, error) {
		return runConsole(ctx, conn, q, to)
	})
}

// AnalystPlan tells how Postgres would go about such a query, in its own lines. The query is not run: its words stand behind EXPLAIN
// DECLARE CURSOR FOR, which nothing but a query may follow.
func (db *DB) AnalystPlan(ctx context.Context, q ConsoleQuery) (plan string, err error) {
	const explain = "EXPLAIN " + declare
	_, err = db.askAnalyst(ctx, q, len(explain), func(ctx context.Context, conn *pgconn.PgConn) (bool, error) {
		read := conn.ExecParams(ctx, explain+q.SQL, nil, nil, nil, nil).Read()
		var lines strings.Builder
		for _, row := range read.Rows {
			lines.Write(row[0])
			lines.WriteByte('\n')
		}
		plan = lines.String()
		return false, read.Err
	})
	return plan, err
}

func (db *DB) askAnalyst(ctx context.Context, q ConsoleQuery, before int, work func(context.Context, *pgconn.PgConn) (bool, error)) (more bool, err error) {
	if db.analyst == nil {
		return false, ErrNoAnalyst
	}
	if err := q.check(); err != nil {
		return false, err
	}
	more, err = db.consoleOnce(ctx, db.analyst, q, before, func(ctx context.Context, conn *pgconn.PgConn) (bool, error) {
		if err := conn.Exec(ctx, "BEGIN READ ONLY").Close(); err != nil {
			return false, fmt.Errorf("begin: %w", err)
		}
		return work(ctx, conn)
	})
	var refused *ConsoleError
	if errors.As(err, &refused) {
		return false, err
	}
	return more, db.publicError(err)
}

// DescribePublic reads what the analyst can: tables and views of the public brain with the columns that are not hidden, and the
// functions of the schema analytics, by their whole names.
func (db *DB) DescribePublic(ctx context.Context) (d Description, err error) {
	err = db.Analyst(ctx, func(tx DBTX) (err error) {
		d, err = describe(ctx, tx, sqlDescribePublic)
		if err != nil {
			return err
		}
		rows, err := tx.Query(ctx, sqlAnalyticsFunctions)
		if err != nil {
			return err
		}
		d.Qualified, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	if err != nil {
		return Description{}, fmt.Errorf("describe public brain: %w", err)
	}
	return d, nil
}
