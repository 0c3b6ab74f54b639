package tenant

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"

	"twobrains/internal/secret"
)

// consoleRole is the console's login where no URL names another.
const consoleRole = "twobrains_console"

// ErrNoConsole means that no login for users' own SQL is configured.
var ErrNoConsole = errors.New("no SQL console is configured")

// consoleSettings are the startup parameters of the console's connections. Times and forms of values are the same whatever the
// server's own settings are.
var consoleSettings = map[string]string{
	"application_name":            "twobrains console",
	"search_path":                 templateSchema + ", pg_temp",
	"jit":                         "off",
	"lock_timeout":                "1000",
	"standard_conforming_strings": "on",
	"DateStyle":                   "ISO, YMD",
	"IntervalStyle":               "iso_8601",
	"TimeZone":                    "UTC",
	"bytea_output":                "hex",
	// Four sorts at once may take no more than these.
	"work_mem":                            "16MB",
	"hash_mem_multiplier":                 "1",
	"max_parallel_workers_per_gather":     "0",
	"idle_in_transaction_session_timeout": "30000",
	"default_transaction_read_only":       "on",
}

// ConsoleQuery is a query in a user's own words.
type ConsoleQuery struct {
	SQL string
	// MaxRows are returned at most.
	MaxRows int
	// MaxRowBytes is the longest row that is read; a result ends before a longer one.
	MaxRowBytes int
	// Timeout of the whole.
	Timeout time.Duration
}

// ConsoleColumn is a column of a result.
type ConsoleColumn struct {
	Name string
	// Type is as Postgres writes it: "timestamp with time zone". OID is its number.
	Type string
	OID  uint32
}

// ConsoleRows takes a result. Columns comes first, then Row for each row: values as Postgres writes them, nil for NULL, bytea in
// its bytes; they are overwritten by the next row. Row says whether it wants more.
type ConsoleRows struct {
	Columns func([]ConsoleColumn)
	Row     func(values [][]byte) bool
}

// ConsoleError is what Postgres says of a query.
type ConsoleError struct {
	Message, Hint string
	// State is the SQLSTATE.
	State string
	// Position is that of the character it is about, from 1; 0: none in particular.
	Position int
}

// Error implements error.
func (e *ConsoleError) Error() string { return e.Message + " (SQLSTATE " + e.State + ")" }

// newConsole reads the URL of the console's login; nil if there is none.
func newConsole(url secret.Secret) (*pgx.ConnConfig, string, error) {
	if url.IsZero() {
		return nil, consoleRole, nil
	}
	cfg, err := pgx.ParseConfig(url.Reveal())
	if err != nil {
		return nil, "", fmt.Errorf("console URL: %w", redactURL(err))
	}
	maps.Copy(cfg.RuntimeParams, consoleSettings)
	return cfg, cfg.User, nil
}

// HasConsole reports whether users' own SQL can be run here.
func (db *DB) HasConsole() bool { return db.console != nil }

// Console runs a query of the user's own words on a connection that is made for it and closed after it, as a login that can
// read private brains and nothing else, in a read-only transaction bound to this one. The text is put behind DECLARE CURSOR FOR
// and sent alone by the extended protocol, so that it is one query or an error, whatever is in it. More says that the result
// goes on after the last row taken.
//
// Errors: *ConsoleError for what is wrong with the query, *problem.Error for what is not its fault, ErrNoConsole.
func (b *Brain) Console(ctx context.Context, q ConsoleQuery, to ConsoleRows) (more bool, err error) {
	if b.db.console == nil {
		return false, ErrNoConsole
	}
	if err := q.check(); err != nil {
		return false, err
	}
	err = b.db.retry(func(bool) (string, error) {
		o, ok := b.db.opened.GetIfPresent(b.schema)
		if !ok {
			if o, err = b.db.open(ctx, b.schema, b.id); err != nil {
				return "", err
			}
		}
		more, err = b.db.consoleOnce(ctx, b.db.console, q, len(declare), func(ctx context.Context, conn *pgconn.PgConn) (bool, error) {
			if err := bindConsole(ctx, conn, binding{schema: b.schema, key: o.key}); err != nil {
				return false, err
			}
			return runConsole(ctx, conn, q, to)
		})
		if isStale(err) {
			b.db.opened.Invalidate(b.schema)
			return retryStale, err
		}
		return "", err
	})
	var refused *ConsoleError
	if errors.As(err, &refused) {
		return false, err
	}
	return more, b.db.publicError(err)
}

// check refuses what the protocol cannot carry.
func (q ConsoleQuery) check() error {
	if at := strings.IndexByte(q.SQL, 0); at >= 0 {
		// In the protocol it would be the end of the text.
		return &ConsoleError{Message: "invalid character U+0000", State: stateSyntaxError, Position: utf8.RuneCountInString(q.SQL[:at]) + 1}
	}
	return nil
}

// consoleOnce runs work on a connection of its own, whose errors it makes those of the query; so many bytes stand before that in what
// is sent.
func (db *DB) consoleOnce(
	ctx context.Context, login *pgx.ConnConfig, q ConsoleQuery, before int, work func(context.Context, *pgconn.PgConn) (bool, error),
) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, q.Timeout)
	defer cancel()
	cfg := login.Copy()
	cfg.RuntimeParams["statement_timeout"] = strconv.FormatInt(q.Timeout.Milliseconds(), 10)
	cfg.MaxProtocolMessageBodyLen = q.MaxRowBytes
	conn, err := pgconn.ConnectConfig(ctx, &cfg.Config)
	if err != nil {
		return false, fmt.Errorf("connect as console: %w", err)
	}
	// A query that is still running is cancelled first: that comes with the end of ctx.
	defer func() {
		cancel()
		leave, done := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
		defer done()
		_ = conn.Close(leave)
		select {
		case <-conn.CleanupDone():
		case <-leave.Done():
		}
	}()
	more, err = work(ctx, conn)
	if err == nil {
		return more, nil
	}
	var pgErr *pgconn.PgError
	var tooLong *pgproto3.ExceededMaxBodyLenErr
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded), HasState(err, stateQueryCanceled):
		return false, &ConsoleError{Message: fmt.Sprintf("the query took longer than %s", q.Timeout), State: stateQueryCanceled}
	case errors.As(err, &pgErr) && pgErr.SeverityUnlocalized == "ERROR":
		return false, &ConsoleError{
			Message: clip(pgErr.Message), Hint: clip(pgErr.Hint), State: pgErr.Code, Position: max(int(pgErr.Position)-before, 0),
		}
	case errors.As(err, &tooLong):
		return false, &ConsoleError{Message: "the query failed, and what Postgres says of it is too long", State: stateTooLong}
	}
	return false, err
}

// clip shortens what Postgres says: it repeats whole values.
func clip(message string) string {
	const longest = 1000
	if len(message) <= longest {
		return message
	}
	return strings.ToValidUTF8(message[:longest], "") + "…"
}

// bindConsole begins the transaction, binds it and sees a row from behind the seal, which also has to hold for the login.
func bindConsole(ctx context.Context, conn *pgconn.PgConn, bind binding) error {
	if err := conn.Exec(ctx, "BEGIN READ ONLY").Close(); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if r := conn.ExecParams(ctx, sqlBindConsole, [][]byte{[]byte(bind.schema + ", pg_temp"), []byte(bind.key)}, nil, nil, nil).Read(); r.Err != nil {
		return fmt.Errorf("bind console: %w", r.Err)
	}
	proof := conn.ExecParams(ctx, sqlProveConsole, nil, nil, nil, nil).Read()
	switch {
	case HasState(proof.Err, stateNoTable), HasState(proof.Err, stateNoSchema):
		return fmt.Errorf("prove console: %w: %w", ErrMissing, proof.Err)
	case proof.Err != nil:
		return fmt.Errorf("prove console: %w", proof.Err)
	case len(proof.Rows) != 1:
		return fmt.Errorf("prove console: no row behind the seal: %w", ErrMissing)
	}
	return nil
}

// declare makes of what follows a query: nothing else can be the end of this statement.
const declare = "DECLARE result NO SCROLL CURSOR FOR "

func runConsole(ctx context.Context, conn *pgconn.PgConn, q ConsoleQuery, to ConsoleRows) (more bool, err error) {
	if r := conn.ExecParams(ctx, declare+q.SQL, nil, nil, nil, nil).Read(); r.Err != nil {
		return false, r.Err
	}
	fetch, err := conn.Prepare(ctx, "fetch", "FETCH FORWARD "+strconv.Itoa(q.MaxRows+1)+" FROM result", nil)
	if err != nil {
		return false, err
	}
	columns, err := describeConsole(ctx, conn, fetch.Fields)
	if err != nil {
		return false, err
	}
	to.Columns(columns)
	formats := make([]int16, len(columns))
	for i, c := range columns {
		if c.OID == pgtype.ByteaOID {
			formats[i] = pgtype.BinaryFormatCode
		}
	}
	rows := conn.ExecPrepared(ctx, fetch.Name, nil, nil, formats)
	for n := 0; rows.NextRow(); n++ {
		if n == q.MaxRows || !to.Row(rows.Values()) {
			// What is left is not read: the connection ends with the query under way.
			return true, nil
		}
	}
	_, err = rows.Close()
	var tooLong *pgproto3.ExceededMaxBodyLenErr
	if errors.As(err, &tooLong) {
		return true, nil
	}
	return false, err
}

// describeConsole names the types of a result.
func describeConsole(ctx context.Context, conn *pgconn.PgConn, fields []pgconn.FieldDescription) ([]ConsoleColumn, error) {
	var oids, modifiers strings.Builder
	for i, f := range fields {
		if i > 0 {
			oids.WriteByte(',')
			modifiers.WriteByte(',')
		}
		oids.WriteString(strconv.FormatUint(uint64(f.DataTypeOID), 10))
		modifiers.WriteString(strconv.Itoa(int(f.TypeModifier)))
	}
	r := conn.ExecParams(ctx, sqlTypeNames, [][]byte{[]byte("{" + oids.String() + "}"), []byte("{" + modifiers.String() + "}")}, nil, nil, nil).Read()
	if r.Err != nil {
		return nil, fmt.Errorf("name types: %w", r.Err)
	}
	if len(r.Rows) != len(fields) {
		return nil, fmt.Errorf("name types: %d of %d", len(r.Rows), len(fields))
	}
	columns := make([]ConsoleColumn, len(fields))
	for i, f := range fields {
		columns[i] = ConsoleColumn{Name: f.Name, Type: string(r.Rows[i][0]), OID: f.DataTypeOID}
	}
	return columns, nil
}
