package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"twobrains/internal/auth"
	"twobrains/internal/auth/authtest"
	"twobrains/internal/secret"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
	"twobrains/tern"
)

// database is one with private brains in it.
type database struct {
	name          string
	url, ownerURL string
	s             *services
	ids           *authtest.Identities
	keys          *secret.KeyRing
	clones        *cloner
}

// The roles belong to the whole server; the stack's own database has set their passwords.
func (b *bench) newDatabase(ctx context.Context, s *services, name string) (*database, error) {
	for _, sql := range []string{"DROP DATABASE IF EXISTS " + name + " WITH (FORCE)", "CREATE DATABASE " + name + " OWNER twobrains_owner"} {
		if _, err := s.super.Exec(ctx, sql); err != nil {
			return nil, fmt.Errorf("make database: %w", err)
		}
	}
	d := &database{
		name: name, s: s, ids: b.ids, keys: b.keys,
		url: inDatabase(s.Postgres.AppURL(), name), ownerURL: inDatabase(s.Postgres.OwnerURL(), name),
	}
	k, err := d.kernel(tenant.Options{Lanes: 1})
	if err != nil {
		return nil, err
	}
	defer k.close()
	if err := k.db.Migrate(ctx, false, nil); err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	first := userID(name, -1)
	user, err := d.user(ctx, first)
	if err != nil {
		return nil, err
	}
	if _, err := k.db.Open(ctx, user); err != nil {
		return nil, fmt.Errorf("provision pattern: %w", err)
	}
	d.clones, err = newCloner(ctx, d.ownerURL, d.keys, first)
	return d, err
}

// fill clones the brains of users. Autovacuum would have looked after the catalogs meanwhile, so that is made up for.
func (d *database) fill(ctx context.Context, ids []uuid.UUID, filled func(i int) bool) error {
	if err := d.clones.make(ctx, ids, filled); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, d.s.Postgres.SuperuserURL(d.name))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	rows, err := conn.Query(ctx, "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace IN ('pg_catalog'::regnamespace, 'public'::regnamespace)")
	if err != nil {
		return fmt.Errorf("list catalogs: %w", err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("list catalogs: %w", err)
	}
	for _, table := range tables {
		if _, err := conn.Exec(ctx, "VACUUM ANALYZE "+table); err != nil {
			return fmt.Errorf("analyse %s: %w", table, err)
		}
	}
	return nil
}

// userID is the same one in every run.
func userID(population string, i int) uuid.UUID {
	return uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "%s %d", population, i))
}

func userIDs(population string, n int) []uuid.UUID {
	ids := make([]uuid.UUID, n)
	for i := range ids {
		ids[i] = userID(population, i)
	}
	return ids
}

// user proves who an identity is, as a request would.
func (d *database) user(ctx context.Context, id uuid.UUID) (auth.User, error) {
	credential, err := auth.CredentialFrom(func(name string) string {
		if name == "X-Session-Token" {
			return d.ids.Token(id)
		}
		return ""
	}, "")
	if err != nil {
		return auth.User{}, fmt.Errorf("make credential: %w", err)
	}
	user, _, err := d.ids.Verifier.Verify(ctx, credential)
	if err != nil {
		return auth.User{}, fmt.Errorf("verify user: %w", err)
	}
	return user, nil
}

func (d *database) verify(ctx context.Context, ids []uuid.UUID) ([]auth.User, error) {
	users := make([]auth.User, len(ids))
	err := each(ctx, 4, len(ids), func(ctx context.Context, i int) (err error) {
		users[i], err = d.user(ctx, ids[i])
		return err
	})
	return users, err
}

// kernel is the product's kernel with users who have been verified.
type kernel struct {
	db    *tenant.DB
	d     *database
	users []auth.User
	q     *tenantdb.Queries
}

func (d *database) kernel(o tenant.Options, users ...auth.User) (*kernel, error) {
	k := &kernel{d: d, users: users, q: tenantdb.New()}
	o.URL, o.OwnerURL, o.Keys = secret.New(d.url), secret.New(d.ownerURL), d.keys
	o.PublicMigrations = tern.Public()
	if o.TenantMigrations == nil {
		o.TenantMigrations = tern.Tenant()
	}
	o.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	db, err := tenant.New(o)
	if err != nil {
		return nil, fmt.Errorf("make kernel: %w", err)
	}
	k.db = db
	return k, nil
}

func (k *kernel) close() { k.db.Close() }

func (k *kernel) backends(ctx context.Context) ([]int, error) {
	return backends(ctx, k.d.s.super, k.d.name, "twobrains_app")
}

func (k *kernel) cpu(ctx context.Context) (func() (time.Duration, error), error) {
	pids, err := k.backends(ctx)
	return func() (time.Duration, error) { return processCPU(pids) }, err
}

// warm does both units once for every user.
func (k *kernel) warm(ctx context.Context) error {
	return each(ctx, 4, len(k.users), func(ctx context.Context, i int) error {
		if err := k.read(ctx, i); err != nil {
			return err
		}
		return k.append(ctx, i)
	})
}

func (k *kernel) read(ctx context.Context, user int) error {
	brain, err := k.db.Open(ctx, k.users[user])
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	var rows *tenant.Result[[]tenantdb.MessageListRow]
	err = brain.Tx(ctx, func(tx *tenant.Tx) error {
		rows = tenant.Queue(tx, func(db tenant.DBTX) ([]tenantdb.MessageListRow, error) {
			return k.q.MessageList(ctx, db, tenantdb.MessageListParams{ConversationID: "c", BeforeSeq: math.MaxInt64, RowLimit: messagesRead})
		}).Proves()
		return nil
	})
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	if n := len(rows.Value()); n != messagesRead {
		return fmt.Errorf("read: %d messages", n)
	}
	return nil
}

func (k *kernel) append(ctx context.Context, user int) error {
	brain, err := k.db.Open(ctx, k.users[user])
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	now, id := time.Now(), newID()
	err = brain.Tx(ctx, func(tx *tenant.Tx) error {
		tenant.Queue(tx, func(db tenant.DBTX) (int64, error) {
			return k.q.MessageAppend(ctx, db, tenantdb.MessageAppendParams{
				ID: id, ConversationID: "c", Role: "user", Parts: body, Metadata: json.RawMessage("{}"), Status: "complete", Size: 300, Now: now,
			})
		}).Proves()
		return nil
	})
	if err != nil {
		return fmt.Errorf("append: %w", err)
	}
	return nil
}
