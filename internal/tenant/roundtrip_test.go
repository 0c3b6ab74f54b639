package tenant_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
	"twobrains/internal/testdb"
)

func TestRoundTrips(t *testing.T) {
	t.Parallel()
	var wire testdb.Wire
	b := setup(t, func(o *tenant.Options) { o.ConfigureConn = wire.Configure })
	ctx := t.Context()
	alice := b.newUser(t)
	unit := func(queue int, direct int) func() {
		return func() {
			require.NoError(t, alice.Tx(ctx, func(tx *tenant.Tx) error {
				for range queue {
					tenant.Queue(tx, func(db tenant.DBTX) (tenantdb.ConversationGetRow, error) {
						return b.tenant.ConversationGet(ctx, db, "c")
					})
				}
				for range direct {
					if err := b.tenant.ConversationsDeleteMessages(ctx, tx, []string{"c"}); err != nil {
						return err
					}
				}
				return nil
			}))
		}
	}
	unit(1, 1)()
	for _, tc := range []struct {
		name          string
		queue, direct int
		trips         int64
	}{
		{"nothing", 0, 0, 0},
		{"queued", 1, 0, 1},
		{"many queued", 9, 0, 1},
		{"direct", 0, 1, 2},
		{"queued and direct", 3, 1, 2},
		{"direct twice", 0, 2, 3},
	} {
		require.Equal(t, tc.trips, wire.During(unit(tc.queue, tc.direct)), tc.name)
	}
	require.EqualValues(t, 0, wire.During(func() { b.open(t, b.DB, alice.UserID()) }), "a brain opened before")
	b.DB.Forget(b.ids.User(t, alice.UserID()))
	require.EqualValues(t, 1, wire.During(func() { b.open(t, b.DB, alice.UserID()) }), "a forgotten one")
}

func TestQueue(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	alice := b.newUser(t)
	get := func(tx *tenant.Tx, id string) *tenant.Result[tenantdb.ConversationGetRow] {
		return tenant.Queue(tx, func(db tenant.DBTX) (tenantdb.ConversationGetRow, error) {
			return b.tenant.ConversationGet(ctx, db, id)
		})
	}
	var none, found *tenant.Result[tenantdb.ConversationGetRow]
	require.NoError(t, alice.Tx(ctx, func(tx *tenant.Tx) error {
		none = get(tx, "c1")
		tenant.Queue(tx, func(db tenant.DBTX) (string, error) {
			return b.tenant.ConversationCreate(ctx, db, tenantdb.ConversationCreateParams{ID: "c1", Title: "t", Now: time.Now()})
		})
		found = get(tx, "c1")
		row, err := found.Get()
		require.NoError(t, err)
		require.Equal(t, "t", row.Title)
		found = get(tx, "c1")
		return nil
	}))
	require.ErrorIs(t, none.Err(), pgx.ErrNoRows, "no row does not end the transaction")
	require.Equal(t, "t", found.Value().Title)

	var bad *tenant.Result[struct{}]
	err := alice.Tx(ctx, func(tx *tenant.Tx) error {
		get(tx, "c1")
		bad = tenant.QueueExec(tx, func(db tenant.DBTX) error {
			_, err := db.Exec(ctx, "INSERT INTO conversations (id) VALUES ('c1')")
			return err
		})
		tenant.QueueExec(tx, func(db tenant.DBTX) error {
			_, err := db.Exec(ctx, "INSERT INTO conversations (id) VALUES ('c2')")
			return err
		})
		return nil
	})
	require.True(t, tenant.IsUnique(err), "%v", err)
	require.True(t, tenant.IsUnique(bad.Err()), "the query that failed is known")
	require.Equal(t, []string{"t"}, b.titles(t, alice), "all or nothing")

	err = alice.Tx(ctx, func(tx *tenant.Tx) error {
		tenant.QueueExec(tx, func(db tenant.DBTX) error { return nil })
		return nil
	})
	require.ErrorContains(t, err, "exactly one query")
}

// A backend that dies between units of work, or before COMMIT, costs nobody an error.
func TestLostConnections(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *tenant.Options) { o.Lanes = 1 })
	ctx := t.Context()
	alice := b.newUser(t)
	b.addConversation(t, alice, "c1", "t")
	super := b.Superuser(t)
	kill := func() {
		_, err := super.Exec(ctx, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'twobrains_app' AND datname = $1", b.Name)
		require.NoError(t, err)
	}
	kill()
	require.Equal(t, []string{"t"}, b.titles(t, alice))
	runs := 0
	require.NoError(t, alice.Tx(ctx, func(tx *tenant.Tx) error {
		runs++
		if _, err := tx.Exec(ctx, "UPDATE conversations SET title = title || 'x'"); err != nil {
			return err
		}
		if runs == 1 {
			kill()
		}
		_, err := tx.Exec(ctx, "UPDATE conversations SET title = title || 'y'")
		return err
	}))
	require.Equal(t, 2, runs)
	require.Equal(t, []string{"txy"}, b.titles(t, alice))
}

func TestLaneIsRecycledByUsers(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *tenant.Options) { o.Lanes, o.LaneUsers = 1, 3 })
	pid := func(brain *tenant.Brain) (pid int) {
		require.NoError(t, brain.Tx(t.Context(), func(tx *tenant.Tx) error {
			return tx.QueryRow(t.Context(), "SELECT pg_backend_pid()").Scan(&pid)
		}))
		return pid
	}
	pids := map[int]bool{}
	for range 8 {
		brain := b.newUser(t)
		pids[pid(brain)] = true
		pids[pid(brain)] = true
	}
	require.Len(t, pids, 3, "8 users, and the connection is given up after the one that exceeds 3")
}
