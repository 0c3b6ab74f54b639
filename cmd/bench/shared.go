package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"twobrains/internal/tenantdb"
)

//go:embed shared.sql
var sharedDDL string

// The baseline's statements are those of sql/tenant with the owner added. They are no sqlc queries, since its tables are
// none of the product's.
const (
	sharedRead = `SELECT id, seq, role, parts, metadata, status, created_at
FROM messages
WHERE user_id = $1 AND conversation_id = $2 AND seq < $3
ORDER BY seq DESC
LIMIT $4::bigint`

	sharedAppend = `WITH advanced AS (
  UPDATE conversations c SET last_seq = c.last_seq + 1, updated_at = $1 WHERE c.user_id = $2 AND c.id = $3
  RETURNING c.user_id, c.id, c.last_seq
)
INSERT INTO messages (user_id, id, conversation_id, seq, role, parts, metadata, status, size, created_at)
SELECT a.user_id, $4::text, a.id, a.last_seq, $5::text, $6::jsonb, $7::jsonb, $8::text, $9::integer, $1
FROM advanced a`

	sharedFill = `INSERT INTO conversations (user_id, id, title, last_seq)
SELECT u, 'c', 'A conversation', $2 FROM unnest($1::uuid[]) u`

	sharedFillMessages = `INSERT INTO messages (user_id, id, conversation_id, seq, role, parts, status, size)
SELECT u, 'm' || s, 'c', s, CASE WHEN s % 2 = 1 THEN 'user' ELSE 'assistant' END, $3, 'complete', 300
FROM unnest($1::uuid[]) u, generate_series(1, $2::int) s`
)

// messagesEach is how many messages a user's conversation starts with; a read takes the newest 50.
const messagesEach, messagesRead = 60, 50

// body is the content of every message: one part of 300 characters.
var body = func() json.RawMessage {
	text := make([]byte, 300)
	for i := range text {
		text[i] = "the quick brown fox jumps over the lazy dog "[i%44]
	}
	return json.RawMessage(`[{"type":"text","text":"` + string(text) + `"}]`)
}()

// shared is the traditional design: one pool, prepared statements.
type shared struct {
	pool  *pgxpool.Pool
	users []uuid.UUID
	s     *services
}

const sharedDatabase = "bench_shared"

// openShared opens the baseline's database with as many connections as the kernel has lanes, making it first if asked to.
func openShared(ctx context.Context, s *services, connections int, users []uuid.UUID, fresh bool) (*shared, error) {
	url := s.Postgres.SuperuserURL(sharedDatabase)
	if fresh {
		for _, sql := range []string{"DROP DATABASE IF EXISTS " + sharedDatabase + " WITH (FORCE)", "CREATE DATABASE " + sharedDatabase} {
			if _, err := s.super.Exec(ctx, sql); err != nil {
				return nil, fmt.Errorf("make database of the baseline: %w", err)
			}
		}
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return nil, fmt.Errorf("connect: %w", err)
		}
		defer func() { _ = conn.Close(ctx) }()
		if _, err := conn.Exec(ctx, sharedDDL); err != nil {
			return nil, fmt.Errorf("make tables of the baseline: %w", err)
		}
		if _, err := conn.Exec(ctx, sharedFill, users, messagesEach); err != nil {
			return nil, fmt.Errorf("fill baseline: %w", err)
		}
		if _, err := conn.Exec(ctx, sharedFillMessages, users, messagesEach, body); err != nil {
			return nil, fmt.Errorf("fill baseline: %w", err)
		}
		if _, err := conn.Exec(ctx, "VACUUM ANALYZE"); err != nil {
			return nil, fmt.Errorf("analyse baseline: %w", err)
		}
	}
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("configure pool: %w", err)
	}
	cfg.MaxConns, cfg.MinConns = int32(connections), int32(connections)
	cfg.ConnConfig.RuntimeParams["jit"] = "off"
	cfg.ConnConfig.RuntimeParams["plan_cache_mode"] = "force_generic_plan"
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("make pool: %w", err)
	}
	return &shared{pool: pool, users: users, s: s}, nil
}

func (d *shared) close() { d.pool.Close() }

func (d *shared) cpu(ctx context.Context) (func() (time.Duration, error), error) {
	pids, err := backends(ctx, d.s.super, sharedDatabase, "postgres")
	return func() (time.Duration, error) { return processCPU(pids) }, err
}

// warm opens all connections.
func (d *shared) warm(ctx context.Context) error {
	conns := make([]*pgxpool.Conn, d.pool.Config().MaxConns)
	for i := range conns {
		conn, err := d.pool.Acquire(ctx)
		if err != nil {
			return fmt.Errorf("open pool: %w", err)
		}
		defer conn.Release()
		conns[i] = conn
	}
	return nil
}

func (d *shared) read(ctx context.Context, user int) error {
	rows, err := d.pool.Query(ctx, sharedRead, d.users[user], "c", int64(math.MaxInt64), int64(messagesRead))
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	list, err := scanMessages(rows)
	if err == nil && len(list) != messagesRead {
		err = fmt.Errorf("read: %d messages", len(list))
	}
	return err
}

// scanMessages reads rows in the way of generated queries.
func scanMessages(rows pgx.Rows) ([]tenantdb.MessageListRow, error) {
	defer rows.Close()
	items := []tenantdb.MessageListRow{}
	for rows.Next() {
		var i tenantdb.MessageListRow
		if err := rows.Scan(&i.ID, &i.Seq, &i.Role, &i.Parts, &i.Metadata, &i.Status, &i.CreatedAt); err != nil {
			return nil, err
		}
		items = append(items, i)
	}
	return items, rows.Err()
}

// append adds a message and touches its conversation in one statement.
func (d *shared) append(ctx context.Context, user int) error {
	_, err := d.pool.Exec(ctx, sharedAppend, time.Now(), d.users[user], "c", newID(), "user", body, json.RawMessage("{}"), "complete", int32(300))
	if err != nil {
		return fmt.Errorf("append: %w", err)
	}
	return nil
}

func newID() string { return fmt.Sprintf("n%016x", rand.Uint64()) }
