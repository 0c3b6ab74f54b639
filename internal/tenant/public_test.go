package tenant_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/stretchr/testify/require"

	"twobrains/internal/publicdb"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
	"twobrains/internal/testdb"
)

// publicUnit writes settings and a conversation and reads both back: there and back between the brains, twice.
func (b *testBundle) publicUnit(ctx context.Context, brain *tenant.Brain, title string) (instructions, stored string, err error) {
	text := "instructions of " + title
	var settings *tenant.Result[publicdb.SettingsGetRow]
	var conversation *tenant.Result[tenantdb.ConversationGetRow]
	q := publicdb.New()
	read := func(tx *tenant.Tx) {
		settings = tenant.Queue(tx, func(db tenant.DBTX) (publicdb.SettingsGetRow, error) { return q.SettingsGet(ctx, db) }).Public()
		conversation = tenant.Queue(tx, func(db tenant.DBTX) (tenantdb.ConversationGetRow, error) {
			return b.tenant.ConversationGet(ctx, db, "c")
		})
	}
	err = brain.Tx(ctx, func(tx *tenant.Tx) error {
		tenant.QueueExec(tx, func(db tenant.DBTX) error {
			return q.SettingsPatch(ctx, db, publicdb.SettingsPatchParams{CustomInstructions: &text, SetCustomInstructions: true, Now: time.Now()})
		}).Public()
		tenant.Queue(tx, func(db tenant.DBTX) (string, error) {
			return b.tenant.ConversationCreate(ctx, db, tenantdb.ConversationCreateParams{ID: "c", Title: title, Now: time.Now()})
		})
		read(tx)
		if err := tx.Flush(); err != nil {
			return err
		}
		if row := conversation.Value(); row.Title != title {
			return fmt.Errorf("the first round trip read %q", row.Title)
		}
		var one int
		if err := tx.QueryRow(ctx, "SELECT 1").Scan(&one); err != nil { // and one at home, at once
			return err
		}
		read(tx)
		return nil
	})
	return settings.Value().CustomInstructions, conversation.Value().Title, err
}

func TestPublicPlansAreShared(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *tenant.Options) { o.Lanes = 1 })
	ctx := t.Context()
	alice, bob := b.newUser(t), b.newUser(t)
	for title, brain := range map[string]*tenant.Brain{"Alice's": alice, "Bob's": bob} {
		instructions, stored, err := b.publicUnit(ctx, brain, title)
		require.NoError(t, err)
		require.Equal(t, "instructions of "+title, instructions)
		require.Equal(t, title, stored)
	}
	require.NoError(t, alice.Tx(ctx, func(tx *tenant.Tx) error {
		count := func(name string) (n int) {
			row := tx.QueryRow(ctx, "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%-- name: ' || $1 || ' %'", name)
			require.NoError(t, row.Scan(&n))
			return n
		}
		require.Equal(t, 1, count("SettingsGet"), "plans of a statement marked Public")
		require.Equal(t, 2, count("ConversationCreate"), "plans of another, for two users")
		return nil
	}))
}

func TestPublicFindsNothingPrivate(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	alice := b.newUser(t)
	b.addConversation(t, alice, "c", "private")
	var found *tenant.Result[tenantdb.ConversationGetRow]
	var path pgtype.Text
	require.NoError(t, alice.Tx(ctx, func(tx *tenant.Tx) error {
		found = tenant.Queue(tx, func(db tenant.DBTX) (tenantdb.ConversationGetRow, error) {
			return b.tenant.ConversationGet(ctx, db, "c")
		}).Public()
		return tx.QueryRow(ctx, "SELECT current_setting('search_path')").Scan(&path)
	}))
	require.ErrorIs(t, found.Err(), pgx.ErrNoRows, "a private statement that is called public")
	require.Equal(t, schemaOf(alice.UserID())+", pg_temp", path.String)

	err := alice.Tx(ctx, func(tx *tenant.Tx) error {
		tenant.Queue(tx, func(db tenant.DBTX) (string, error) {
			return b.tenant.ConversationCreate(ctx, db, tenantdb.ConversationCreateParams{ID: "d", Title: "t", Now: time.Now()})
		}).Public()
		return nil
	})
	require.True(t, tenant.HasState(err, "42501"), "a row for the template: %v", err)
	require.Equal(t, []string{"private"}, b.titles(t, alice))
}

// A move between the brains is a statement of the same round trip.
func TestPublicCostsNoRoundTrip(t *testing.T) {
	t.Parallel()
	var wire testdb.Wire
	b := setup(t, func(o *tenant.Options) { o.ConfigureConn = wire.Configure })
	alice := b.newUser(t)
	_, _, err := b.publicUnit(t.Context(), alice, "first")
	require.NoError(t, err)
	q := publicdb.New()
	unit := func() {
		require.NoError(t, alice.Tx(t.Context(), func(tx *tenant.Tx) error {
			tenant.Queue(tx, func(db tenant.DBTX) (publicdb.SettingsGetRow, error) { return q.SettingsGet(t.Context(), db) }).Public()
			tenant.Queue(tx, func(db tenant.DBTX) (tenantdb.ConversationGetRow, error) {
				return b.tenant.ConversationGet(t.Context(), db, "c")
			}).Proves()
			tenant.Queue(tx, func(db tenant.DBTX) (publicdb.QuotaGetRow, error) { return q.QuotaGet(t.Context(), db) }).Public()
			return nil
		}))
	}
	unit() // its statements are prepared
	require.EqualValues(t, 1, wire.During(unit))
}
