package tenant_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"twobrains/internal/problem"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
	"twobrains/internal/testdb"
)

// A row from behind the seal proves a unit of work. Where it met none, the proof is made up for, before the outcome counts.
func TestProofByRow(t *testing.T) {
	t.Parallel()
	var wire testdb.Wire
	b := setup(t, func(o *tenant.Options) { o.Lanes, o.ConfigureConn = 1, wire.Configure })
	ctx := t.Context()
	alice := b.newUser(t)
	b.addConversation(t, alice, "here", "t")
	super := b.Superuser(t)

	errAbsent := errors.New("absent")
	queueGet := func(tx *tenant.Tx, id string) *tenant.Result[tenantdb.ConversationGetRow] {
		return tenant.Queue(tx, func(db tenant.DBTX) (tenantdb.ConversationGetRow, error) {
			return b.tenant.ConversationGet(ctx, db, id)
		}).Proves()
	}
	// whole is one round trip; early looks at its result before it goes on, and has an error of its own for no row.
	whole := func(id string) func() error {
		return func() error {
			var row *tenant.Result[tenantdb.ConversationGetRow]
			err := alice.Tx(ctx, func(tx *tenant.Tx) error {
				row = queueGet(tx, id)
				return nil
			})
			if err == nil && row.Err() != nil {
				return errAbsent
			}
			return err
		}
	}
	early := func(id string) func() error {
		return func() error {
			return alice.Tx(ctx, func(tx *tenant.Tx) error {
				if _, err := queueGet(tx, id).Get(); err != nil {
					return errAbsent
				}
				return b.tenant.ConversationsDeleteMessages(ctx, tx, []string{id})
			})
		}
	}
	settle := func() error {
		return alice.Tx(ctx, func(tx *tenant.Tx) error {
			tenant.Queue(tx, func(db tenant.DBTX) (bool, error) {
				return b.tenant.RunSettle(ctx, db, tenantdb.RunSettleParams{Status: "complete"})
			}).Proves()
			return nil
		})
	}
	trips := func(unit func() error) (n int64, err error) {
		n = wire.During(func() { err = unit() })
		return n, err
	}
	for range 2 {
		_ = whole("here")() // prepares, and proves the connection
		_ = early("here")()
	}
	for _, tc := range []struct {
		name  string
		unit  func() error
		trips int64
		check func(error) bool
	}{
		{"a row", whole("here"), 1, func(err error) bool { return err == nil }},
		{"no row", whole("gone"), 2, func(err error) bool { return errors.Is(err, errAbsent) }},
		{"a row, then more", early("here"), 3, func(err error) bool { return err == nil }},
		{"no row, and an error for it", early("gone"), 3, func(err error) bool { return errors.Is(err, errAbsent) }},
	} {
		n, err := trips(tc.unit)
		require.True(t, tc.check(err), "%s: %v", tc.name, err)
		require.Equal(t, tc.trips, n, tc.name)
	}
	require.True(t, tenant.HasState(settle(), "TB010"), "there is no such run")

	// The seal is exchanged behind the kernel's back: its key opens nothing any more.
	for _, table := range []string{"conversations", "messages", "runs", "schema_version"} {
		_, err := super.Exec(ctx, fmt.Sprintf("ALTER POLICY seal ON %s.%s USING ((SELECT sha256(current_setting('twobrains.key', true)::bytea) = '\\x%s'::bytea))",
			schemaOf(alice.UserID()), table, strings.Repeat("00", 32)))
		require.NoError(t, err)
	}
	for name, unit := range map[string]func() error{
		"whole": whole("here"), "early": early("here"), "settle": settle,
		"write": func() error {
			return alice.Tx(ctx, func(tx *tenant.Tx) error {
				tenant.QueueExec(tx, func(db tenant.DBTX) error { return b.tenant.ConversationsDeleteMessages(ctx, db, []string{"here"}) }).Proves()
				return nil
			})
		},
	} {
		err := unit()
		require.True(t, problem.HasCode(err, problem.CodeBrainUnavailable), "%s: %v", name, err)
	}
}

// The connection's own proof is not left out for long: a login for which no seal holds is found out.
func TestProofOfTheLogin(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *tenant.Options) { o.Lanes = 1 })
	alice := b.newUser(t)
	b.addConversation(t, alice, "here", "t")
	_, err := b.Superuser(t).Exec(context.WithoutCancel(t.Context()), "ALTER TABLE "+schemaOf(alice.UserID())+".schema_version DISABLE ROW LEVEL SECURITY")
	require.NoError(t, err)
	other := b.Kernel(t, func(o *tenant.Options) { o.Lanes = 1 })
	err = b.open(t, other, alice.UserID()).Tx(t.Context(), func(tx *tenant.Tx) error {
		tenant.Queue(tx, func(db tenant.DBTX) (tenantdb.ConversationGetRow, error) {
			return b.tenant.ConversationGet(t.Context(), db, "here")
		}).Proves()
		return nil
	})
	require.True(t, problem.HasCode(err, problem.CodeBrainUnavailable), "a new connection proves it before any row does: %v", err)
}
