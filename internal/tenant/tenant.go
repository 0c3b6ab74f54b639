// Package tenant is the kernel: it opens a private brain (a Postgres schema of the user's own) for the user that a
// session proves, provisions and migrates it on first access, and runs units of work over it and the public brain.
//
// It is the only holder of database pools. What a unit of work may touch follows from the user given to Open and from
// nothing else: the schema's name and the key that opens its seal derive from the user's id, both are bound for one
// transaction, and the binding proves itself before any statement of the unit counts.
//
// The kernel knows nothing of chat; README.md in this directory puts another product on it.
package tenant

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/tern/v2/migrate"
	"github.com/maypok86/otter/v2"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"
	"golang.org/x/sync/singleflight"

	"twobrains/internal/auth"
	"twobrains/internal/secret"
)

// Options configure a DB. URLs, Keys, PublicMigrations and TenantMigrations are required.
type Options struct {
	// URL is the login of the units of work (twobrains_app): DML through the seals, owns nothing.
	URL secret.Secret
	// OwnerURL is the login that owns both brains and provisions; its few connections end after half a minute
	// without work.
	OwnerURL secret.Secret
	// ConsoleURL is the login that users' own SQL runs on (twobrains_console): it reads private brains through the seals and
	// nothing else. Empty: there is no SQL console here.
	ConsoleURL secret.Secret
	// AnalystURL is the login that admins' SQL and reports run on (twobrains_analyst): it reads the public brain without secrets and
	// nothing else. Empty: there are neither here.
	AnalystURL secret.Secret
	Keys       *secret.KeyRing

	PublicMigrations fs.FS
	TenantMigrations fs.FS
	// Sync brings data of the public brain in line that the binary knows and the app's login may only read. Migrate calls it
	// as the owner, in its transaction. Nil: there is none.
	Sync func(context.Context, DBTX) error

	// Lanes is the number of app connections; a user always meets the same one. Backend memory grows with the users of a
	// lane, by about 135 KB each (docs/performance.md). Default 16.
	Lanes int
	// LaneUsers is the number of users after which a lane's connection is replaced: a safety valve for its memory, since
	// replacing it costs all of them their warm caches. Default 900, which keeps a backend at about 125 MB.
	LaneUsers int
	// Provisioners is the number of owner connections used at once for newcomers, and again for migrations. Default 4.
	Provisioners int
	// UnitTimeout limits a unit of work, waiting for its lane included. Default 15 s.
	UnitTimeout time.Duration
	// CacheSize is the number of opened brains remembered, about 200 bytes each. Default 200,000.
	CacheSize int
	// Clock is time.Now unless a test says otherwise.
	Clock func() time.Time
	// Logger defaults to slog.Default.
	Logger *slog.Logger
	// Registerer receives the kernel's metrics; nil keeps them unregistered.
	Registerer prometheus.Registerer
	// ConfigureConn may change the configuration of every app connection, for instance its dialer.
	ConfigureConn func(*pgx.ConnConfig)
}

// DB gives access to the brains of one Postgres database. It is safe for concurrent use.
type DB struct {
	opts     Options
	log      *slog.Logger
	now      func() time.Time
	lanes    []*lane
	ownerCfg *pgx.ConnConfig
	// owners are kept for a while, since a new connection costs more than what it is made for.
	owners *pgxpool.Pool
	// steps are the private brain's migrations, newTables what they make of an empty schema, once that was seen. A table that
	// were not among them would have no grant either.
	steps     []*migrate.Migration
	newTables atomic.Pointer[[]sealedTable]
	appRole   string
	// console is nil where nothing is configured; its role is there all the same, so that no private brain has to be touched
	// when it is.
	console     *pgx.ConnConfig
	consoleRole string
	// analyst is nil where nothing is configured; its pool is for questions of our own.
	analyst  *pgx.ConnConfig
	analysts *pgxpool.Pool
	latest   int32
	public   int32

	opened  *otter.Cache[string, opening]
	opens   singleflight.Group
	failing *otter.Cache[string, failure]
	// Newcomers and migrations have owner connections of their own: a slow migration does not hold up sign-ups.
	newcomers *semaphore.Weighted
	migrators *semaphore.Weighted
	metrics   *metrics
}

// New connects lazily: it fails on bad options, not on an absent Postgres.
func New(opts Options) (*DB, error) {
	opts = withDefaults(opts)
	if opts.Keys == nil {
		return nil, errors.New("no key ring")
	}
	steps, err := loadMigrations(opts.TenantMigrations)
	if err != nil {
		return nil, fmt.Errorf("read migrations of the private brain: %w", err)
	}
	public, err := loadMigrations(opts.PublicMigrations)
	if err != nil {
		return nil, fmt.Errorf("read migrations of the public brain: %w", err)
	}
	ownerCfg, err := pgx.ParseConfig(opts.OwnerURL.Reveal())
	if err != nil {
		return nil, fmt.Errorf("owner URL: %w", redactURL(err))
	}
	cache, err := otter.New(&otter.Options[string, opening]{MaximumSize: opts.CacheSize})
	if err != nil {
		return nil, fmt.Errorf("make cache: %w", err)
	}
	failing, err := otter.New(&otter.Options[string, failure]{MaximumSize: 10_000})
	if err != nil {
		return nil, fmt.Errorf("make cache: %w", err)
	}
	db := &DB{
		opts: opts, log: opts.Logger, now: opts.Clock, ownerCfg: ownerCfg,
		latest: int32(len(steps)), public: int32(len(public)), steps: steps,
		opened: cache, failing: failing,
		newcomers: semaphore.NewWeighted(int64(opts.Provisioners)),
		migrators: semaphore.NewWeighted(int64(opts.Provisioners)),
	}
	if db.owners, err = db.newOwners(); err != nil {
		return nil, err
	}
	db.metrics = newMetrics(opts.Registerer, func() float64 { return float64(cache.EstimatedSize()) })
	for i := range opts.Lanes {
		l, err := db.newLane(i)
		if err != nil {
			db.Close()
			return nil, err
		}
		db.lanes = append(db.lanes, l)
	}
	db.appRole = db.lanes[0].role()
	if db.console, db.consoleRole, err = newConsole(opts.ConsoleURL); err != nil {
		db.Close()
		return nil, err
	}
	if err := db.newAnalyst(opts.AnalystURL); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// Close waits for the units of work under way and closes every connection.
func (db *DB) Close() {
	for _, l := range db.lanes {
		l.pool.Close()
	}
	db.owners.Close()
	if db.analysts != nil {
		db.analysts.Close()
	}
}

// Open returns the private brain of a user, provisioning or migrating it first if needed. A brain opened before costs a
// look into memory. Errors are *problem.Error: CodeBrainUnavailable with a retry time while a migration fails,
// CodeUnavailable when Postgres is away, CodeBusy when the user's lane is.
func (db *DB) Open(ctx context.Context, user auth.User) (*Brain, error) {
	id := user.ID()
	if id == uuid.Nil {
		return nil, errors.New("open brain: no user")
	}
	schema := schemaName(id)
	if o, ok := db.opened.GetIfPresent(schema); ok {
		db.metrics.opens.WithLabelValues("cached").Inc()
		return db.brain(schema, id, o), nil
	}
	o, err := db.open(ctx, schema, id)
	if err != nil {
		return nil, db.publicError(err)
	}
	return db.brain(schema, id, o), nil
}

// Forget drops what this process remembers of a user's brain; the next Open asks the database.
func (db *DB) Forget(user auth.User) { db.opened.Invalidate(schemaName(user.ID())) }

// opening is what a process remembers of an opened brain.
type opening struct {
	key     string
	version int32
}

func (db *DB) brain(schema string, id uuid.UUID, o opening) *Brain {
	return &Brain{db: db, schema: schema, id: id, opening: o, lane: db.laneOf(schema)}
}

// open asks the registry, once for all who ask at the same time, and provisions if the answer is not good enough.
func (db *DB) open(ctx context.Context, schema string, id uuid.UUID) (opening, error) {
	result := db.opens.DoChan(schema, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), db.opts.UnitTimeout)
		defer cancel()
		key := deriveKey(db.opts.Keys.Primary(), schema)
		o := opening{key: key}
		registered, err := db.brain(schema, id, o).registration(ctx)
		if err != nil {
			return opening{}, err
		}
		outcome := "registry"
		if registered == nil || *registered < db.latest {
			outcome = "provisioned"
			slots := db.newcomers
			if registered != nil {
				slots = db.migrators
			}
			o.version, err = db.provision(ctx, schema, id, slots)
			if err != nil {
				db.metrics.opens.WithLabelValues("failed").Inc()
				return opening{}, err
			}
		} else {
			o.version = *registered
		}
		db.opened.Set(schema, o)
		db.metrics.opens.WithLabelValues(outcome).Inc()
		return o, nil
	})
	select {
	case r := <-result:
		if r.Err != nil {
			return opening{}, r.Err
		}
		return r.Val.(opening), nil
	case <-ctx.Done():
		return opening{}, ctx.Err()
	}
}

func withDefaults(o Options) Options {
	o.Lanes = cmp.Or(o.Lanes, 16)
	o.LaneUsers = cmp.Or(o.LaneUsers, 900)
	o.Provisioners = cmp.Or(o.Provisioners, 4)
	o.UnitTimeout = cmp.Or(o.UnitTimeout, 15*time.Second)
	o.CacheSize = cmp.Or(o.CacheSize, 200_000)
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o
}
