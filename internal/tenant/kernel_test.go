package tenant_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"twobrains/internal/auth/authtest"
	"twobrains/internal/problem"
	"twobrains/internal/publicdb"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
	"twobrains/internal/testdb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) }

// testBundle is a fresh database and a source of users.
type testBundle struct {
	*testdb.Database
	ids    *authtest.Identities
	tenant *tenantdb.Queries
	public *publicdb.Queries
}

func setup(t *testing.T, options ...testdb.Option) *testBundle {
	t.Helper()
	return &testBundle{Database: testdb.New(t, options...), ids: authtest.NewIdentities(t), tenant: tenantdb.New(), public: publicdb.New()}
}

func (b *testBundle) open(t *testing.T, db *tenant.DB, id uuid.UUID) *tenant.Brain {
	t.Helper()
	brain, err := db.Open(t.Context(), b.ids.User(t, id))
	require.NoError(t, err)
	return brain
}

func (b *testBundle) newUser(t *testing.T) *tenant.Brain { return b.open(t, b.DB, uuid.New()) }

func (b *testBundle) addConversation(t *testing.T, brain *tenant.Brain, id, title string) {
	t.Helper()
	require.NoError(t, brain.Tx(t.Context(), func(tx *tenant.Tx) error {
		_, err := b.tenant.ConversationCreate(t.Context(), tx, tenantdb.ConversationCreateParams{ID: id, Title: title, Now: time.Now()})
		return err
	}))
}

func (b *testBundle) titles(t *testing.T, brain *tenant.Brain) []string {
	t.Helper()
	var titles []string
	require.NoError(t, brain.Tx(t.Context(), func(tx *tenant.Tx) error {
		rows, err := tx.Query(t.Context(), "SELECT title FROM conversations ORDER BY title")
		if err != nil {
			return err
		}
		titles, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	}))
	return titles
}

func schemaOf(id uuid.UUID) string {
	text := id.String()
	return "u_" + text[:8] + text[9:13] + text[14:18] + text[19:23] + text[24:]
}

func TestOpenProvisionsOnFirstAccess(t *testing.T) {
	t.Parallel()
	b := setup(t)
	brain := b.newUser(t)

	b.addConversation(t, brain, "c1", "mine")
	require.Equal(t, []string{"mine"}, b.titles(t, brain))

	var version int32
	super := b.Superuser(t)
	require.NoError(t, super.QueryRow(t.Context(), "SELECT version FROM public.tenants WHERE schema_name = $1", schemaOf(brain.UserID())).Scan(&version))
	require.Positive(t, version)
	var unsealed int
	require.NoError(t, super.QueryRow(t.Context(), `SELECT count(*) FROM pg_class c WHERE c.relnamespace = $1::regnamespace AND c.relkind = 'r'
		AND NOT (c.relrowsecurity AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'seal'))`,
		schemaOf(brain.UserID())).Scan(&unsealed))
	require.Zero(t, unsealed, "every private table is sealed, tern's version table too")
}

func TestUsersDoNotMeet(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *tenant.Options) { o.Lanes = 1 })
	alice, bob := b.newUser(t), b.newUser(t)
	b.addConversation(t, alice, "c1", "alice's")
	b.addConversation(t, bob, "c1", "bob's")
	for range 3 {
		require.Equal(t, []string{"alice's"}, b.titles(t, alice))
		require.Equal(t, []string{"bob's"}, b.titles(t, bob))
	}
}

// Rows of the public brain are sealed too: a query without WHERE reads and changes the caller's own rows only.
func TestPublicRowsOfOthersAreUnreachable(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	alice, bob := b.newUser(t), b.newUser(t)
	super := b.Superuser(t)
	for _, brain := range []*tenant.Brain{alice, bob} {
		id := brain.UserID()
		for _, sql := range []string{
			`INSERT INTO public.user_settings (user_id, custom_instructions) VALUES ($1, 'instructions of ' || $1::uuid::text)`,
			`INSERT INTO public.user_api_keys (user_id, provider, id, ciphertext, key_id, last_four) VALUES ($1, 'openai', gen_random_uuid(), 'x', 'k', 'abcd')`,
			`INSERT INTO public.user_mcp_servers (user_id, id, slot, name, url, transport) VALUES ($1, gen_random_uuid(), 1, 'n', 'https://example.test', 'sse')`,
			`INSERT INTO public.user_mcp_builtins (user_id, server, enabled) VALUES ($1, 'context7', true)`,
			`INSERT INTO public.quota_counters (user_id, day, day_used, month, month_used) VALUES ($1, '2026-01-02', 7, '2026-01-01', 7)`,
			`INSERT INTO public.usage_daily (user_id, day, model, key_source, messages) VALUES ($1, '2026-01-02', 'm', 'platform', 7)`,
		} {
			_, err := super.Exec(ctx, sql, id)
			require.NoError(t, err)
		}
	}
	perUser := []string{"tenants", "user_settings", "user_api_keys", "user_mcp_servers", "user_mcp_builtins", "quota_counters", "usage_daily"}
	for _, table := range perUser {
		var ids []uuid.UUID
		require.NoError(t, alice.Tx(ctx, func(tx *tenant.Tx) error {
			rows, err := tx.Query(ctx, "SELECT user_id FROM public."+table)
			if err != nil {
				return err
			}
			ids, err = pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
			return err
		}))
		require.Equal(t, []uuid.UUID{alice.UserID()}, ids, table)
		if table == "tenants" {
			continue
		}
		var touched int64
		require.NoError(t, alice.Tx(ctx, func(tx *tenant.Tx) error {
			tag, err := tx.Exec(ctx, "DELETE FROM public."+table)
			touched = tag.RowsAffected()
			return err
		}))
		require.EqualValues(t, 1, touched, table)
		var left uuid.UUID
		require.NoError(t, super.QueryRow(ctx, "SELECT user_id FROM public."+table).Scan(&left))
		require.Equal(t, bob.UserID(), left, table)
		err := alice.Tx(ctx, func(tx *tenant.Tx) error {
			_, err := tx.Exec(ctx, "UPDATE public."+table+" SET user_id = $1", bob.UserID())
			if err != nil {
				return err
			}
			_, err = tx.Exec(ctx, "INSERT INTO public."+table+" SELECT * FROM public."+table)
			return err
		})
		require.NoError(t, err, "nothing to change, nothing to copy")
	}
	err := alice.Tx(ctx, func(tx *tenant.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO public.user_settings (user_id) VALUES ($1)", bob.UserID())
		return err
	})
	require.True(t, tenant.HasState(err, "42501"), "a row for another user is refused: %v", err)
}

func TestUnboundSeesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	alice := b.newUser(t)
	b.addConversation(t, alice, "c1", "alice's")
	app := b.App(t)
	for _, table := range []string{"conversations", "messages", "runs", schemaOf(alice.UserID()) + ".conversations", "public.tenants", "public.user_settings"} {
		var n int
		require.NoError(t, app.QueryRow(ctx, "SELECT count(*) FROM "+table).Scan(&n))
		require.Zero(t, n, table)
	}
	_, err := app.Exec(ctx, "INSERT INTO conversations (id) VALUES ('x')")
	require.True(t, tenant.HasState(err, "42501"), "%v", err)
	_, err = app.Exec(ctx, "CREATE TEMP TABLE t (x int)")
	require.True(t, tenant.HasState(err, "42501"), "%v", err)
	_, err = app.Exec(ctx, "CREATE TABLE public.t (x int)")
	require.True(t, tenant.HasState(err, "42501"), "%v", err)
	_, err = app.Exec(ctx, "CREATE SCHEMA s")
	require.True(t, tenant.HasState(err, "42501"), "%v", err)

	require.NoError(t, b.DB.Public(ctx, func(tx *tenant.Tx) error {
		if _, err := b.public.InstanceBeat(ctx, tx, publicdb.InstanceBeatParams{ID: uuid.New(), Version: "test"}); err != nil {
			return err
		}
		var n int
		if err := tx.QueryRow(ctx, "SELECT count(*) FROM conversations").Scan(&n); err != nil {
			return err
		}
		require.Zero(t, n)
		return nil
	}))
}

// Two replicas and many requests race for the first access of the same users: each brain is made once, everybody gets it.
func TestFirstAccessRaces(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := b.Kernel(t)
	const users, perReplica = 5, 4
	var wg sync.WaitGroup
	for range users {
		user := b.ids.User(t, uuid.New())
		for _, db := range []*tenant.DB{b.DB, other} {
			for range perReplica {
				wg.Go(func() {
					brain, err := db.Open(t.Context(), user)
					if err == nil {
						err = brain.Tx(t.Context(), func(tx *tenant.Tx) error {
							_, err := b.tenant.MessageSend(t.Context(), tx, tenantdb.MessageSendParams{
								ConversationID: "c", ID: uuid.NewString(), Role: "user", Parts: json.RawMessage("[]"), Metadata: json.RawMessage("{}"), Status: "complete", Now: time.Now(),
							})
							return err
						})
					}
					if err != nil {
						t.Errorf("open: %v", err)
					}
				})
			}
		}
	}
	wg.Wait()
	super := b.Superuser(t)
	var n int
	require.NoError(t, super.QueryRow(t.Context(), "SELECT count(*) FROM public.tenants").Scan(&n))
	require.Equal(t, users, n)
	rows, _ := super.Query(t.Context(), "SELECT schema_name FROM public.tenants")
	schemas, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	for _, schema := range schemas {
		var seq int
		require.NoError(t, super.QueryRow(t.Context(), "SELECT last_seq FROM "+schema+".conversations").Scan(&seq))
		require.Equal(t, 2*perReplica, seq)
	}
}

func TestForeignKeyDoesNotOpen(t *testing.T) {
	t.Parallel()
	b := setup(t)
	alice := b.newUser(t)
	b.addConversation(t, alice, "c1", "alice's")
	stranger := b.Kernel(t, func(o *tenant.Options) { o.Keys = testdb.Keys(t, "stranger") })
	_, err := stranger.Open(t.Context(), b.ids.User(t, alice.UserID()))
	require.True(t, problem.HasCode(err, problem.CodeBrainUnavailable), "%v", err)
	require.ErrorIs(t, err, tenant.ErrSealed)
	require.Equal(t, []string{"alice's"}, b.titles(t, alice), "untouched")
}

func TestOlderKeyIsReplacedByThePrimary(t *testing.T) {
	t.Parallel()
	b := setup(t)
	alice := b.newUser(t)
	b.addConversation(t, alice, "c1", "alice's")
	rotated := b.Kernel(t, func(o *tenant.Options) { o.Keys = testdb.Keys(t, "new", "test") })
	require.Equal(t, []string{"alice's"}, b.titles(t, b.open(t, rotated, alice.UserID())))
	onlyNew := b.Kernel(t, func(o *tenant.Options) { o.Keys = testdb.Keys(t, "new") })
	require.Equal(t, []string{"alice's"}, b.titles(t, b.open(t, onlyNew, alice.UserID())))

	// The first kernel still remembers the old key: its binding proves nothing, it looks again and finds it sealed.
	err := alice.Tx(t.Context(), func(*tenant.Tx) error { return nil })
	require.NoError(t, err, "no statement, no round trip")
	err = alice.Tx(t.Context(), func(tx *tenant.Tx) error {
		_, err := tx.Exec(t.Context(), "DELETE FROM conversations")
		return err
	})
	require.ErrorIs(t, err, tenant.ErrSealed)
	require.Equal(t, []string{"alice's"}, b.titles(t, b.open(t, onlyNew, alice.UserID())))
}

func TestTxRollsBack(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *tenant.Options) { o.Lanes = 1 })
	ctx := t.Context()
	alice, bob := b.newUser(t), b.newUser(t)
	boom := errors.New("boom")
	insert := func(tx *tenant.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO conversations (id, title) VALUES ('x', 'x')")
		return err
	}
	require.ErrorIs(t, alice.Tx(ctx, func(tx *tenant.Tx) error { return errors.Join(insert(tx), boom) }), boom)
	require.Empty(t, b.titles(t, alice))

	require.Panics(t, func() {
		_ = alice.Tx(ctx, func(tx *tenant.Tx) error { _ = insert(tx); panic("in a unit of work") })
	})
	require.Empty(t, b.titles(t, alice))
	require.Empty(t, b.titles(t, bob), "the lane is in order for the next user")

	require.Error(t, alice.Tx(ctx, func(tx *tenant.Tx) error {
		_ = insert(tx)
		_, _ = tx.Exec(ctx, "SELECT 1/0")
		return nil
	}), "an error that the function swallows still ends the transaction")
	require.Empty(t, b.titles(t, alice))

	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	err := alice.Tx(short, func(tx *tenant.Tx) error { _, err := tx.Exec(short, "SELECT pg_sleep(10)"); return err })
	require.True(t, problem.HasCode(err, problem.CodeUnavailable), "%v", err)
	require.Empty(t, b.titles(t, bob), "the lane has a new connection")
}
