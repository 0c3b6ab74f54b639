package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"twobrains/internal/problem"
	"twobrains/internal/secret"
)

// clockTolerance is how far clocks may be apart: leases and heartbeats are compared with the database's.
const clockTolerance = 2 * time.Second

func (e *examination) migrations(ctx context.Context) {
	if e.DB == nil {
		return
	}
	state, err := e.DB.Status(ctx)
	switch {
	case err != nil:
		e.report(Failure, "postgres-migrations", "how far the database is cannot be read: "+kind(err), "see the other findings about Postgres")
		return
	case !state.Ready():
		e.report(Failure, "postgres-migrations", "migrations are pending", "run: twobrains migrate up")
		return
	}
	e.good("postgres-migrations", "the database is as this binary needs it")
	if err := e.DB.Check(ctx); err != nil {
		e.report(Failure, "postgres-ready", problem.From(err).Error(), "run: twobrains migrate up; if that changes nothing, docs/operations.md")
		return
	}
	e.good("postgres-ready", "the kernel would start")
}

// kind says what went wrong without what it says: errors of connections may quote URLs.
func kind(err error) string {
	var pgErr *pgconn.PgError
	switch {
	case errors.As(err, &pgErr):
		return pgErr.Message + " (SQLSTATE " + pgErr.Code + ")"
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	}
	var netErr *net.OpError
	if errors.As(err, &netErr) {
		return netErr.Op + " " + netErr.Net + ": " + netErr.Err.Error()
	}
	return "cannot be reached"
}

// connect reports what it cannot; the caller closes what it returns.
func (e *examination) connect(ctx context.Context, check string, key string, address secret.Secret) (*pgx.Conn, *pgx.ConnConfig) {
	cfg, err := pgx.ParseConfig(address.Reveal())
	if err != nil {
		e.report(Failure, check, key+" cannot be read", "write it as postgres://login:password@host:port/database")
		return nil, nil
	}
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec // behind a pooler, too
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		e.report(Failure, check, key+": "+kind(err), "is the server up, and does the login have that password? twobrains migrate up makes the logins")
		return nil, nil
	}
	return conn, cfg
}

func (e *examination) postgres(ctx context.Context) {
	if e.AppURL.IsZero() {
		return
	}
	conn, cfg := e.connect(ctx, "postgres-app", "DATABASE_URL", e.AppURL)
	if conn == nil {
		return
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	settings := map[string]string{}
	rows, err := conn.Query(ctx, `SELECT name, setting FROM pg_settings WHERE name IN ('server_version_num', 'server_encoding', 'fsync', 'full_page_writes',
		'max_connections', 'superuser_reserved_connections', 'log_min_duration_statement', 'log_statement', 'log_parameter_max_length')`)
	if err == nil {
		var name, value string
		_, err = pgx.ForEachRow(rows, []any{&name, &value}, func() error { settings[name] = value; return nil })
	}
	if err != nil {
		e.report(Failure, "postgres-settings", "settings cannot be read: "+kind(err), "is this really PostgreSQL?")
		return
	}
	e.version(settings["server_version_num"])
	if settings["server_encoding"] != "UTF8" {
		e.report(Failure, "postgres-encoding", "the database is encoded in "+settings["server_encoding"], "make one with ENCODING 'UTF8' and move there")
	}
	if settings["fsync"] == "off" || settings["full_page_writes"] == "off" {
		e.report(e.strict(), "postgres-durability", "fsync or full_page_writes is off: a crash of the machine loses the database", "switch both on")
	} else {
		e.good("postgres-durability", "what is committed is on disk")
	}
	e.logging(settings)
	e.connections(settings)
	e.encryption(ctx, conn, cfg)
	var now time.Time
	if err := conn.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&now); err == nil {
		e.clock("postgres-clock", "Postgres's clock", now)
	}
}

func (e *examination) version(number string) {
	var n int
	_, _ = fmt.Sscan(number, &n)
	switch major := n / 10000; {
	case major < 15:
		e.report(Failure, "postgres-version", fmt.Sprintf("PostgreSQL %d", major), "15 to 18 are supported")
	case major > 18:
		e.report(Warning, "postgres-version", fmt.Sprintf("PostgreSQL %d, which nobody has tried yet", major), "15 to 18 are supported")
	default:
		e.good("postgres-version", fmt.Sprintf("PostgreSQL %d.%d", major, n%10000))
	}
}

// logging looks for settings by which the server writes what users wrote into its log.
func (e *examination) logging(settings map[string]string) {
	logs := settings["log_min_duration_statement"] != "-1" || settings["log_statement"] == "all" || settings["log_statement"] == "mod"
	if logs && settings["log_parameter_max_length"] != "0" {
		e.report(Warning, "postgres-log", "Postgres logs statements with their parameters, which are what users write", "set log_parameter_max_length = 0 (docs/observability.md)")
		return
	}
	e.good("postgres-log", "Postgres's log holds no parameters")
}

func (e *examination) connections(settings map[string]string) {
	var most, reserved int
	_, _ = fmt.Sscan(settings["max_connections"], &most)
	_, _ = fmt.Sscan(settings["superuser_reserved_connections"], &reserved)
	if e.Connections == 0 || most == 0 {
		return
	}
	if room := (most - reserved) / e.Connections; room < 2 {
		e.report(Warning, "postgres-connections", fmt.Sprintf("a server opens up to %d connections, and there are %d: no room for two servers during a deploy", e.Connections, most-reserved),
			"raise max_connections, lower TENANT_LANES, or put PgBouncer between (docs/pgbouncer.md)")
	} else {
		e.good("postgres-connections", fmt.Sprintf("room for %d servers of %d connections", room, e.Connections))
	}
}

func (e *examination) encryption(ctx context.Context, conn *pgx.Conn, cfg *pgx.ConnConfig) {
	if isLocal(cfg.Host) {
		return
	}
	var encrypted bool
	if err := conn.QueryRow(ctx, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").Scan(&encrypted); err != nil {
		return
	}
	switch {
	case !encrypted:
		e.report(Warning, "postgres-tls", "the connection to Postgres is not encrypted", "set sslmode=verify-full in DATABASE_URL and DATABASE_OWNER_URL")
	case cfg.TLSConfig == nil || cfg.TLSConfig.InsecureSkipVerify:
		e.report(Warning, "postgres-tls", "the connection is encrypted, but with whom is not verified", "set sslmode=verify-full")
	default:
		e.good("postgres-tls", "the connection is encrypted and the server verified")
	}
}

// isLocal: a socket, a loopback address, or a name without a dot, as neighbours in a compose file or a cluster have.
func isLocal(host string) bool {
	if strings.HasPrefix(host, "/") || !strings.Contains(host, ".") && !strings.Contains(host, ":") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func (e *examination) clock(check, whose string, theirs time.Time) {
	apart := e.Clock().Sub(theirs).Abs()
	if apart > clockTolerance {
		e.report(Warning, check, fmt.Sprintf("%s is %s away from this machine's", whose, apart.Round(100*time.Millisecond)), "let both follow NTP")
		return
	}
	e.good(check, whose+" agrees with this machine's")
}

// logins looks at what each login may do besides its work.
func (e *examination) logins(ctx context.Context) {
	for _, login := range []struct {
		key     string
		address secret.Secret
		owner   bool
	}{{"DATABASE_URL", e.AppURL, false}, {"DATABASE_CONSOLE_URL", e.ConsoleURL, false}, {"DATABASE_OWNER_URL", e.OwnerURL, true}} {
		if login.address.IsZero() {
			continue
		}
		conn, cfg := e.connect(ctx, "postgres-login", login.key, login.address)
		if conn == nil {
			continue
		}
		e.login(ctx, conn, cfg.User, login.owner)
		_ = conn.Close(context.WithoutCancel(ctx))
	}
}

func (e *examination) login(ctx context.Context, conn *pgx.Conn, name string, owner bool) {
	var super, bypass, create, roles bool
	var others []string
	err := conn.QueryRow(ctx, `SELECT r.rolsuper, r.rolbypassrls, r.rolcreatedb, r.rolcreaterole,
		ARRAY(SELECT m.rolname::text FROM pg_auth_members a JOIN pg_roles m ON m.oid = a.roleid WHERE a.member = r.oid ORDER BY 1)
		FROM pg_roles r WHERE r.rolname = session_user`).Scan(&super, &bypass, &create, &roles, &others)
	switch {
	case err != nil:
		e.report(Failure, "postgres-login", name+": "+kind(err), "is this really PostgreSQL?")
	case owner && super:
		e.report(Note, "postgres-login", name+" is a superuser", "it need not be: a login with CREATEROLE that owns the database will do (docs/operations.md)")
	case owner:
		e.good("postgres-login", name+" owns and migrates, and is no superuser")
	case super || bypass:
		e.report(Failure, "postgres-login", name+" passes by row-level security: nothing keeps users apart", "take SUPERUSER and BYPASSRLS away; DATABASE_URL has to name twobrains_app")
	case create || roles || len(others) > 0:
		e.report(Warning, "postgres-login", name+" may more than serve: create databases or roles, or it is a member of "+strings.Join(others, ", "), "run: twobrains migrate up, and revoke what is left")
	default:
		e.good("postgres-login", name+" may do its work and nothing else")
	}
}
