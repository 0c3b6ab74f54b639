package tenant_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/tenant"
)

// More users than there are migrators wait for a migration that does not come to an end; meanwhile somebody signs up, and
// a user whose migration is quick is served.
func TestSlowMigrationsHoldUpNobodyElse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	const provisioners = 2
	var slow []*tenant.Brain
	var names []string
	for range provisioners {
		brain := b.newUser(t)
		slow = append(slow, brain)
		names = append(names, "'"+schemaOf(brain.UserID())+"'")
	}
	super := b.Superuser(t)
	_, err := super.Exec(ctx, "SELECT pg_advisory_lock(42)")
	require.NoError(t, err)
	next := b.Kernel(t, func(o *tenant.Options) {
		o.Provisioners = provisioners
		o.TenantMigrations = withMigration(t, fmt.Sprintf(`CREATE TABLE notes (id int);
			DO $$ BEGIN
				IF current_schema() IN (%s) THEN PERFORM pg_catalog.pg_advisory_xact_lock(42); END IF;
			END $$;`, strings.Join(names, ",")))
	})
	require.NoError(t, next.Migrate(ctx, false, nil))

	var wg sync.WaitGroup
	for _, brain := range slow {
		user := b.ids.User(t, brain.UserID())
		wg.Go(func() {
			if _, err := next.Open(ctx, user); err != nil {
				t.Errorf("a slow migration: %v", err)
			}
		})
	}
	require.Eventually(t, func() bool {
		var waiting int
		return b.Superuser(t).QueryRow(ctx, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 42 AND NOT granted").
			Scan(&waiting) == nil && waiting == provisioners
	}, 10*time.Second, 20*time.Millisecond)
	b.open(t, next, uuid.New())
	require.Empty(t, b.titles(t, slow[0]), "the older binary serves a user whose migration has not begun to commit")

	_, err = super.Exec(ctx, "SELECT pg_advisory_unlock(42)")
	require.NoError(t, err)
	wg.Wait()
}

// A user's brain is migrated by a newer binary while the older one is in the middle of a unit of work in it: the migration
// waits for the unit, and both succeed.
func TestMigrationMeetsRunningUnit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	alice := b.newUser(t)
	next := b.Kernel(t, func(o *tenant.Options) {
		o.TenantMigrations = withMigration(t, "ALTER TABLE conversations ADD COLUMN extra text DEFAULT 'x';")
	})
	require.NoError(t, next.Migrate(ctx, false, nil))
	user := b.ids.User(t, alice.UserID())
	migrated := make(chan error, 1)
	require.NoError(t, alice.Tx(ctx, func(tx *tenant.Tx) error {
		if _, err := tx.Exec(ctx, "INSERT INTO conversations (id, title) VALUES ('c1', 'before')"); err != nil {
			return err
		}
		go func() {
			_, err := next.Open(ctx, user)
			migrated <- err
		}()
		require.Eventually(t, func() bool {
			var waiting int
			return b.Superuser(t).QueryRow(ctx, `SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
				WHERE d.datname = $1 AND l.locktype = 'relation' AND NOT l.granted`, b.Name).Scan(&waiting) == nil && waiting > 0
		}, 10*time.Second, 20*time.Millisecond)
		_, err := tx.Exec(ctx, "UPDATE conversations SET title = 'after'")
		return err
	}))
	require.NoError(t, <-migrated)
	require.Equal(t, []string{"after"}, b.titles(t, alice))
	require.Equal(t, []string{"after"}, b.titles(t, b.open(t, next, alice.UserID())))
}
