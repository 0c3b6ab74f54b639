package tenant

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Connections of the owner, who may do everything to both brains. Those that make private brains are kept while there is
// work: connecting costs three times as much as making one (docs/performance.md). All others live as long as one command.
const (
	ownerIdle = 30 * time.Second
	// A backend's catalog caches grow with every private brain it makes.
	ownerBrains = 500
)

// brainsKey is where a connection of the owner counts the private brains it has met.
const brainsKey = "twobrains.brains"

func (db *DB) newOwners() (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(db.opts.OwnerURL.Reveal())
	if err != nil {
		return nil, fmt.Errorf("owner URL: %w", redactURL(err))
	}
	cfg.ConnConfig = db.ownerConfig("pg_catalog", nil)
	cfg.MaxConns = int32(2 * db.opts.Provisioners)
	cfg.MinConns, cfg.MinIdleConns = 0, 0
	cfg.MaxConnIdleTime = ownerIdle
	cfg.HealthCheckPeriod = ownerIdle / 2
	cfg.ShouldPing = isDead
	cfg.AfterRelease = func(conn *pgx.Conn) bool {
		data := conn.PgConn().CustomData()
		met, _ := data[brainsKey].(int)
		data[brainsKey] = met + 1
		return met+1 < ownerBrains
	}
	pool, err := pgxpool.NewWithConfig(context.Background(), cfg)
	if err != nil {
		return nil, fmt.Errorf("make pool of the owner: %w", err)
	}
	return pool, nil
}

// connectOwner opens a connection of the owner whose unqualified names mean the schema. The path is a startup parameter,
// because tern resets all settings after each migration.
func (db *DB) connectOwner(ctx context.Context, schema string) (*pgx.Conn, error) {
	return db.connectOwnerWith(ctx, schema, nil)
}

func (db *DB) connectOwnerWith(ctx context.Context, schema string, settings map[string]string) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, db.ownerConfig(schema, settings))
	if err != nil {
		return nil, fmt.Errorf("connect as owner: %w", err)
	}
	return conn, nil
}

func (db *DB) ownerConfig(schema string, settings map[string]string) *pgx.ConnConfig {
	cfg := db.ownerCfg.Copy()
	maps.Copy(cfg.RuntimeParams, settings)
	cfg.RuntimeParams["search_path"] = ownerPath(schema)
	cfg.RuntimeParams["application_name"] = "twobrains owner"
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	return cfg
}

func ownerPath(schema string) string {
	return schema + ", pg_catalog, pg_temp"
}
