package tenant

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"twobrains/internal/tracing"
)

// statementCache is the number of prepared statements kept per connection, the least recently used going first. A plan takes some
// 40 KB of the backend: so all of them stay below 80 MB, whatever the users do.
const statementCache = 2048

// A lane is one connection. A user's units of work always run on the same lane, so they meet a backend whose caches know
// the user's tables and plans, and they queue there one behind the other.
type lane struct {
	pool *pgxpool.Pool
	// direct says that the connection is a backend of its own, not one that a pooler lends.
	direct bool
}

// usersKey is where a connection keeps the set of schemas it has met.
const usersKey = "twobrains.users"

func (db *DB) newLane(index int) (*lane, error) {
	cfg, err := pgxpool.ParseConfig(db.opts.URL.Reveal())
	if err != nil {
		return nil, fmt.Errorf("app URL: %w", redactURL(err))
	}
	cfg.MaxConns = 1
	cfg.MinConns = 0
	cfg.MaxConnLifetime = 24 * time.Hour
	cfg.MaxConnLifetimeJitter = time.Hour
	cfg.MaxConnIdleTime = 24 * time.Hour
	direct, err := isDirect(cfg.ConnConfig)
	if err != nil {
		return nil, err
	}
	cfg.ConnConfig.RuntimeParams["application_name"] = "twobrains"
	if direct {
		cfg.ConnConfig.StatementCacheCapacity = statementCache
		maps.Copy(cfg.ConnConfig.RuntimeParams, appSettings)
		cfg.ConnConfig.RuntimeParams["application_name"] = fmt.Sprintf("twobrains lane %d", index)
	}
	if db.opts.ConfigureConn != nil {
		db.opts.ConfigureConn(cfg.ConnConfig)
	}
	if !direct {
		cfg.AfterConnect = nameTypes
	}
	cfg.ShouldPing = isDead
	cfg.AfterRelease = func(conn *pgx.Conn) bool {
		users, _ := conn.PgConn().CustomData()[usersKey].(map[string]struct{})
		if len(users) <= db.opts.LaneUsers {
			return true
		}
		db.metrics.recycled.Inc()
		return false
	}
	pool, err := pgxpool.NewWithConfig(context.Background(), cfg)
	if err != nil {
		return nil, fmt.Errorf("make lane: %w", err)
	}
	return &lane{pool: pool, direct: direct}, nil
}

// nameTypes tells a connection which types of Postgres values of Go stand for. Where statements are not prepared nobody else does; pgx knows
// the plain ones.
func nameTypes(_ context.Context, conn *pgx.Conn) error {
	types := conn.TypeMap()
	types.RegisterDefaultPgType(uuid.UUID{}, "uuid")
	types.RegisterDefaultPgType([16]byte{}, "uuid") // as pgx reads one without being told into what
	types.RegisterDefaultPgType([]uuid.UUID{}, "_uuid")
	types.RegisterDefaultPgType(json.RawMessage{}, "jsonb")
	return nil
}

// isDirect reports whether lanes keep what belongs to their own backend: prepared statements and startup parameters. The
// operator says no with default_query_exec_mode=exec in the app's URL, because a pooler such as PgBouncer in transaction mode
// stands in between (docs/pgbouncer.md). Settings then come from the role (converge.sql), and application_name is the same for
// all lanes, since a pooler sets it anew at each change.
func isDirect(cfg *pgx.ConnConfig) (bool, error) {
	switch cfg.DefaultQueryExecMode {
	case pgx.QueryExecModeCacheStatement:
		return true, nil
	case pgx.QueryExecModeExec:
		return false, nil
	default:
		// The simple protocol would write the key into the statement's text; the others prepare in a round trip of its own.
		return false, fmt.Errorf("app URL: default_query_exec_mode must be cache_statement or exec, not %s",
			strings.ReplaceAll(cfg.DefaultQueryExecMode.String(), " ", "_"))
	}
}

func (l *lane) role() string { return l.pool.Config().ConnConfig.User }

func (db *DB) laneOf(schema string) *lane {
	h := fnv.New32a()
	_, _ = h.Write([]byte(schema))
	return db.lanes[h.Sum32()%uint32(len(db.lanes))]
}

// acquire waits for the lane's connection and notes the user on it.
func (db *DB) acquire(ctx context.Context, l *lane, schema string) (*pgxpool.Conn, error) {
	start := time.Now()
	within, span := tracing.Begin(ctx, "wait for lane")
	conn, err := l.pool.Acquire(within)
	tracing.End(span, err)
	db.metrics.laneWait.Observe(time.Since(start).Seconds())
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) && l.pool.Stat().AcquiredConns() > 0 {
			return nil, fmt.Errorf("%w: %w", errLaneBusy, err)
		}
		return nil, fmt.Errorf("acquire lane: %w", err)
	}
	// The memory behind a pooler's connection is the pooler's to free.
	if schema == publicTag || !l.direct {
		return conn, nil
	}
	data := conn.Conn().PgConn().CustomData()
	users, _ := data[usersKey].(map[string]struct{})
	if users == nil {
		users = map[string]struct{}{}
		data[usersKey] = users
	}
	users[schema] = struct{}{}
	return conn, nil
}

// isDead notices a socket that the server has closed by reading from it, without a round trip.
func isDead(_ context.Context, p pgxpool.ShouldPingParams) bool {
	return p.IdleDuration > time.Second && p.Conn.PgConn().CheckConn() != nil //nolint:staticcheck // Ping costs a round trip
}
