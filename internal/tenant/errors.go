package tenant

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"twobrains/internal/problem"
)

// SQLSTATEs raised by public.require. Class TB is ours; 0 is the kernel's, products take what follows.
const (
	// stateUnbound: no row behind the seal, so nothing is bound or the key is wrong.
	stateUnbound = "TB001"
	// stateBehind: the schema is older than this binary needs.
	stateBehind = "TB002"
)

// SQLSTATEs of Postgres that the kernel acts on.
const (
	stateCachedPlanChanged = "0A000"
	stateReadOnly          = "25006"
	stateNoTable           = "42P01"
	stateNoSchema          = "3F000"
	stateUniqueViolation   = "23505"
	stateDiskFull          = "53100"
	stateTooManyConns      = "53300"
	stateQueryCanceled     = "57014"
	stateLockNotAvailable  = "55P03"
	stateDeadlock          = "40P01"
	stateSyntaxError       = "42601"
	stateTooLong           = "54000"
	stateDenied            = "42501"
)

var (
	errLaneBusy = errors.New("lane is busy")
	// ErrSealed means that a private brain cannot be opened with any key of the ring.
	ErrSealed = errors.New("private brain is sealed with an unknown key")
	// ErrMissing means that the registry names a private brain that does not exist.
	ErrMissing = errors.New("private brain is registered but missing")
	// ErrDeleted means that the account was deleted or is being so: nothing is made for it again.
	ErrDeleted = errors.New("account is deleted")
)

// HasState reports whether err is a Postgres error with the SQLSTATE.
func HasState(err error, state string) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == state
}

// IsUnique reports whether err is a unique violation.
func IsUnique(err error) bool { return HasState(err, stateUniqueViolation) }

// failedError is a provisioning that failed a while ago and is not tried again before its time.
type failedError struct {
	retryIn time.Duration
	cause   error
}

func (e *failedError) Error() string { return "provision private brain: " + e.cause.Error() }
func (e *failedError) Unwrap() error { return e.cause }

// publicError gives a database failure its public face; an error that has one keeps it.
func (db *DB) publicError(err error) error {
	var public *problem.Error
	if err == nil || errors.As(err, &public) {
		return err
	}
	var failed *failedError
	var pgErr *pgconn.PgError
	switch {
	case errors.Is(err, ErrDeleted):
		return problem.New(problem.CodeAccountDeleted, "This account has been deleted.").Because(err)
	case errors.As(err, &failed):
		return problem.New(problem.CodeBrainUnavailable, "Your data is being prepared and that did not succeed yet; it will be tried again.").
			After(failed.retryIn).Because(err)
	case errors.Is(err, ErrSealed), errors.Is(err, ErrMissing), HasState(err, stateUnbound):
		return problem.New(problem.CodeBrainUnavailable, "Your data cannot be opened now.").After(time.Minute).Because(err)
	case errors.Is(err, errLaneBusy):
		return problem.New(problem.CodeBusy, "The server is busy; try again in a moment.").After(time.Second).Because(err)
	case isConnectError(err), errors.Is(err, context.DeadlineExceeded), isConnectionLost(err):
		return problem.New(problem.CodeUnavailable, "The database is not reachable; try again in a moment.").After(2 * time.Second).Because(err)
	case errors.As(err, &pgErr):
		switch pgErr.Code {
		case stateReadOnly, stateDiskFull, stateTooManyConns, stateQueryCanceled, stateLockNotAvailable:
			return problem.New(problem.CodeUnavailable, "The database cannot take this now; try again in a moment.").After(2 * time.Second).Because(err)
		}
	}
	return err
}

// isConnectionLost reports whether the server went away: its shutdown codes (57P01 to 57P03, class 08), or a socket
// that no longer carries anything.
func isConnectionLost(err error) bool {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return len(pgErr.Code) == 5 && (pgErr.Code[:2] == "08" || pgErr.Code[:3] == "57P")
	}
	return isSocketError(err)
}

// redactURL keeps a parse error from repeating the password that the URL holds.
func redactURL(err error) error {
	var parseErr *url.Error
	if errors.As(err, &parseErr) {
		return fmt.Errorf("cannot be parsed: %w", parseErr.Err)
	}
	return errors.New("cannot be parsed")
}

func isConnectError(err error) bool {
	var connectErr *pgconn.ConnectError
	return errors.As(err, &connectErr)
}

func isServerError(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr)
}
