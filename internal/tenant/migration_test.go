package tenant_test

import (
	"fmt"
	"io/fs"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/problem"
	"twobrains/internal/tenant"
	"twobrains/tern"
)

// withMigration is today's private brain and one migration more.
func withMigration(t *testing.T, sql string) fs.FS {
	t.Helper()
	all := fstest.MapFS{}
	names, err := fs.Glob(tern.Tenant(), "*.sql")
	require.NoError(t, err)
	for _, name := range names {
		body, err := fs.ReadFile(tern.Tenant(), name)
		require.NoError(t, err)
		all[name] = &fstest.MapFile{Data: body}
	}
	all[fmt.Sprintf("%03d_next.sql", len(names)+1)] = &fstest.MapFile{Data: []byte(sql)}
	return all
}

func tenantVersion(t *testing.T, b *testBundle, brain *tenant.Brain) (version int32, failures int) {
	t.Helper()
	require.NoError(t, b.Superuser(t).QueryRow(t.Context(), "SELECT version, failures FROM public.tenants WHERE user_id = $1", brain.UserID()).
		Scan(&version, &failures))
	return version, failures
}

// A migration that fails for one user: that user gets 503 with a retry time and loses nothing, nobody else notices, and
// once the cause is gone a later access succeeds.
func TestFailedMigrationConcernsOneUser(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	alice, bob := b.newUser(t), b.newUser(t)
	b.addConversation(t, alice, "c1", "alice's")
	b.addConversation(t, bob, "c1", "bob's")
	before, _ := tenantVersion(t, b, alice)

	var mu sync.Mutex
	now := time.Now()
	next := b.Kernel(t, func(o *tenant.Options) {
		o.TenantMigrations = withMigration(t, fmt.Sprintf(`ALTER TABLE conversations ADD COLUMN extra text;
			DO $$ BEGIN
				IF current_schema() = '%s' AND NOT EXISTS (SELECT FROM pg_class WHERE relname = 'mended') THEN
					RAISE EXCEPTION 'broken for this user';
				END IF;
			END $$;`, schemaOf(alice.UserID())))
		o.Clock = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	})
	require.ErrorIs(t, next.Check(ctx), tenant.ErrNotMigrated)
	require.NoError(t, next.Migrate(ctx, false, nil))
	require.NoError(t, next.Check(ctx))

	user := b.ids.User(t, alice.UserID())
	for range 3 {
		_, err := next.Open(ctx, user)
		require.True(t, problem.HasCode(err, problem.CodeBrainUnavailable), "%v", err)
		require.Positive(t, problem.From(err).RetryAfter)
		require.NotContains(t, problem.From(err).Detail, "broken")
	}
	version, failures := tenantVersion(t, b, alice)
	require.Equal(t, before, version)
	require.Equal(t, 1, failures, "the backoff held the later tries back")

	require.Equal(t, []string{"bob's"}, b.titles(t, b.open(t, next, bob.UserID())))
	require.Equal(t, []string{"alice's"}, b.titles(t, alice), "the older binary still serves the user")
	b.open(t, next, uuid.New())

	_, err := b.Superuser(t).Exec(ctx, "CREATE TABLE public.mended ()")
	require.NoError(t, err)
	_, err = next.Open(ctx, user)
	require.Error(t, err, "not before its time")
	mu.Lock()
	now = now.Add(time.Minute)
	mu.Unlock()
	require.Equal(t, []string{"alice's"}, b.titles(t, b.open(t, next, alice.UserID())))
	version, failures = tenantVersion(t, b, alice)
	require.Equal(t, before+1, version)
	require.Zero(t, failures)
}

// Old and new binary serve the same user; the newer schema is accepted, and result columns that grew do not break plans.
func TestNewerSchemaIsServed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	alice := b.newUser(t)
	b.addConversation(t, alice, "c1", "alice's")
	star := func(brain *tenant.Brain) (columns int) {
		require.NoError(t, brain.Tx(ctx, func(tx *tenant.Tx) error {
			rows, err := tx.Query(ctx, "SELECT * FROM conversations")
			if err != nil {
				return err
			}
			columns = len(rows.FieldDescriptions())
			rows.Close()
			return rows.Err()
		}))
		return columns
	}
	columns := star(alice)

	next := b.Kernel(t, func(o *tenant.Options) {
		o.TenantMigrations = withMigration(t, "ALTER TABLE conversations ADD COLUMN extra text;")
	})
	require.NoError(t, next.Migrate(ctx, false, nil))
	require.Equal(t, columns+1, star(b.open(t, next, alice.UserID())))

	require.Equal(t, columns+1, star(alice), "the cached plan is void, the unit of work runs again")
	require.Equal(t, []string{"alice's"}, b.titles(t, alice))
	require.NoError(t, b.DB.Migrate(ctx, false, nil), "an older binary's migrate leaves newer schemas alone")
	fresh := b.Kernel(t)
	require.Equal(t, []string{"alice's"}, b.titles(t, b.open(t, fresh, alice.UserID())))
	newcomer := b.open(t, fresh, uuid.New())
	version, _ := tenantVersion(t, b, newcomer)
	require.Positive(t, version)
}

// A schema that fell behind what the process remembers (a restored backup) is migrated before anything runs in it.
func TestBehindSchemaIsMigratedFirst(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	next := b.Kernel(t, func(o *tenant.Options) {
		o.TenantMigrations = withMigration(t, "CREATE TABLE notes (id int);")
	})
	require.NoError(t, next.Migrate(ctx, false, nil))
	alice := b.open(t, next, uuid.New())
	require.Empty(t, b.titles(t, alice))
	schema := schemaOf(alice.UserID())
	super := b.Superuser(t)
	for _, sql := range []string{
		"DROP TABLE " + schema + ".notes",
		"UPDATE " + schema + ".schema_version SET version = version - 1",
		"UPDATE public.tenants SET version = version - 1",
	} {
		_, err := super.Exec(ctx, sql)
		require.NoError(t, err)
	}
	require.NoError(t, alice.Tx(ctx, func(tx *tenant.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO notes VALUES (1)")
		return err
	}))
}

func TestMissingSchemaIsLoud(t *testing.T) {
	t.Parallel()
	b := setup(t)
	alice := b.newUser(t)
	_, err := b.Superuser(t).Exec(t.Context(), "DROP SCHEMA "+schemaOf(alice.UserID())+" CASCADE")
	require.NoError(t, err)
	fresh := b.Kernel(t)
	_, err = fresh.Open(t.Context(), b.ids.User(t, alice.UserID()))
	require.NoError(t, err, "the registry is content")
	brain, err := fresh.Open(t.Context(), b.ids.User(t, alice.UserID()))
	require.NoError(t, err)
	err = brain.Tx(t.Context(), func(tx *tenant.Tx) error {
		_, err := tx.Exec(t.Context(), "DELETE FROM conversations")
		return err
	})
	require.Error(t, err, "a lost brain is never replaced by an empty one in silence")
	require.True(t, problem.HasCode(err, problem.CodeBrainUnavailable), "%v", err)
}

func TestMigrateTwiceAtOnceAndDry(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	next := b.Kernel(t, func(o *tenant.Options) {
		o.TenantMigrations = withMigration(t, "CREATE TABLE notes (id int);")
	})
	var dry []tenant.Step
	require.NoError(t, next.Migrate(ctx, true, func(s tenant.Step) { dry = append(dry, s) }))
	state, err := next.Status(ctx)
	require.NoError(t, err)
	require.Equal(t, []tenant.Step{{Brain: "template", Version: state.TenantTarget, Name: fmt.Sprintf("%03d_next.sql", state.TenantTarget)}}, dry)
	require.False(t, state.Ready(), "a dry run changes nothing")

	var mu sync.Mutex
	var steps []tenant.Step
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := next.Migrate(ctx, false, func(s tenant.Step) { mu.Lock(); defer mu.Unlock(); steps = append(steps, s) }); err != nil {
				t.Errorf("migrate: %v", err)
			}
		})
	}
	wg.Wait()
	require.Equal(t, dry, steps, "one did it, the others found it done")
	state, err = next.Status(ctx)
	require.NoError(t, err)
	require.True(t, state.Ready())
}

// Privileges and seals that went astray are brought back, and a per-user table without a seal is refused.
func TestMigrateConverges(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	super := b.Superuser(t)
	for _, sql := range []string{
		"GRANT ALL ON public.tenants TO twobrains_app",
		"GRANT SELECT ON public.user_api_keys TO twobrains_analyst",
		"GRANT SELECT ON public.shares TO twobrains_analyst",
		"GRANT EXECUTE ON FUNCTION public.read_share(text) TO PUBLIC, twobrains_analyst, twobrains_console",
		"GRANT CREATE ON SCHEMA public TO PUBLIC",
		"GRANT TEMP ON DATABASE " + b.Name + " TO PUBLIC",
	} {
		_, err := super.Exec(ctx, sql)
		require.NoError(t, err)
	}
	require.NoError(t, b.DB.Migrate(ctx, false, nil))
	for _, probe := range []string{
		"has_table_privilege('twobrains_app', 'public.tenants', 'INSERT, UPDATE, DELETE')",
		"has_column_privilege('twobrains_analyst', 'public.user_api_keys', 'ciphertext', 'SELECT')",
		"has_column_privilege('twobrains_analyst', 'public.shares', 'id', 'SELECT')",
		"has_function_privilege('twobrains_analyst', 'public.read_share(text)', 'EXECUTE')",
		"has_function_privilege('twobrains_console', 'public.read_share(text)', 'EXECUTE')",
		"has_schema_privilege('twobrains_app', 'public', 'CREATE')",
		"has_database_privilege('twobrains_app', current_database(), 'TEMP')",
	} {
		var has bool
		require.NoError(t, super.QueryRow(ctx, "SELECT "+probe).Scan(&has))
		require.False(t, has, probe)
	}
	_, err := super.Exec(ctx, "CREATE TABLE public.leaky (user_id uuid)")
	require.NoError(t, err)
	require.ErrorContains(t, b.DB.Migrate(ctx, false, nil), "no seal")
}

func TestPrivilegedAppRoleIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	asOwner := func(o *tenant.Options) { o.URL = o.OwnerURL }
	db := b.Kernel(t, asOwner)
	require.ErrorContains(t, db.Migrate(t.Context(), false, nil), "role of its own")
	require.ErrorContains(t, db.Check(t.Context()), "NOCREATEROLE")
	brain := b.open(t, db, b.newUser(t).UserID())
	err := brain.Tx(t.Context(), func(tx *tenant.Tx) error {
		_, err := tx.Exec(t.Context(), "INSERT INTO conversations (id) VALUES ('x')")
		return err
	})
	require.True(t, problem.HasCode(err, problem.CodeBrainUnavailable), "a login that no seal holds is refused: %v", err)
}
