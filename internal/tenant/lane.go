package tenant

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// statementCache is the number of prepared statements kept per connection: users per lane times statements of a user.
const statementCache = 8192

// A lane is one connection. A user's units of work always run on the same lane, so they meet a backend whose caches know
// the user's tables and plans, and they queue there one behind the other.
type lane struct {
	pool *pgxpool.Pool
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
	cfg.ConnConfig.StatementCacheCapacity = statementCache
	cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
	for name, value := range appSettings {
		cfg.ConnConfig.RuntimeParams[name] = value
	}
	cfg.ConnConfig.RuntimeParams["application_name"] = fmt.Sprintf("twobrains lane %d", index)
	if db.opts.ConfigureConn != nil {
		db.opts.ConfigureConn(cfg.ConnConfig)
	}
	// A socket that the server has closed is noticed by reading from it, without a round trip.
	cfg.ShouldPing = func(_ context.Context, p pgxpool.ShouldPingParams) bool {
		return p.IdleDuration > time.Second && p.Conn.PgConn().CheckConn() != nil //nolint:staticcheck // Ping costs a round trip
	}
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
	return &lane{pool: pool}, nil
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
	conn, err := l.pool.Acquire(ctx)
	db.metrics.laneWait.Observe(time.Since(start).Seconds())
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) && l.pool.Stat().AcquiredConns() > 0 {
			return nil, fmt.Errorf("%w: %w", errLaneBusy, err)
		}
		return nil, fmt.Errorf("acquire lane: %w", err)
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
