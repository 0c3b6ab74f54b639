package storage_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/auth"
	"twobrains/internal/auth/authtest"
	"twobrains/internal/problem"
	"twobrains/internal/storage"
	"twobrains/internal/tenant"
	"twobrains/internal/testdb"
)

type testBundle struct {
	*testdb.Database
	*storage.Service
	wire *testdb.Wire
	user auth.User
	ids  *authtest.Identities
	// later is added to the clock.
	later atomic.Int64
}

func setup(t *testing.T, limit int64) *testBundle {
	t.Helper()
	b := &testBundle{wire: &testdb.Wire{}, ids: authtest.NewIdentities(t)}
	b.Database = testdb.New(t, testdb.Watch(b.wire))
	var err error
	b.Service, err = storage.New(storage.Options{DB: b.DB, LimitBytes: limit, Clock: func() time.Time {
		return time.Now().Add(time.Duration(b.later.Load()))
	}})
	require.NoError(t, err)
	b.user = b.ids.User(t, uuid.New())
	return b
}

func (b *testBundle) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	require.NoError(t, b.DB.Tx(t.Context(), b.user, func(tx *tenant.Tx) error {
		_, err := tx.Exec(context.Background(), sql, args...)
		return err
	}))
}

const (
	message = `INSERT INTO messages (id, conversation_id, seq, role, parts, status, size) VALUES ($1, 'c', $2, 'user', jsonb_build_array($3::text), 'complete', 1)`
	file    = `INSERT INTO attachments (id, media_type, name, size, created_at, data) VALUES (gen_random_uuid(), 'text/plain', '', $1, now(), convert_to(repeat('x', $1), 'UTF8'))`
)

func TestMeasures(t *testing.T) {
	t.Parallel()
	b := setup(t, 0)
	u, err := b.Measure(t.Context(), b.user)
	require.NoError(t, err)
	require.Equal(t, storage.Usage{}, u)

	b.exec(t, message, "m1", 1, strings.Repeat("0", 100))
	b.exec(t, file, 10)
	b.exec(t, file, 10_000)
	b.exec(t, "INSERT INTO message_search (created_at, conversation_id, seq, tsv) VALUES (now(), 'c', 1, 'word')")
	u, err = b.Measure(t.Context(), b.user)
	require.NoError(t, err)
	require.Equal(t, int64(14_096), u.Attachments)
	require.InDelta(t, 320, u.Messages, 30)
	require.InDelta(t, 120, u.Search, 20)
	require.Equal(t, u.Messages+u.Attachments+u.Search, u.Total())

	other, err := b.Measure(t.Context(), b.ids.User(t, uuid.New()))
	require.NoError(t, err)
	require.Zero(t, other.Total())
	require.NoError(t, b.Admit(t.Context(), b.user, 1<<60), "there is no limit")
}

func TestAdmitsUpToTheLimit(t *testing.T) {
	t.Parallel()
	b := setup(t, 100_000)
	require.NoError(t, b.Admit(t.Context(), b.user, 99_000))
	full := b.Admit(t.Context(), b.user, 100_000)
	require.True(t, problem.HasCode(full, problem.CodeStorageFull), "%v", full)
	require.NoError(t, b.Admit(t.Context(), b.user, 1), "what was refused takes no room")

	b.exec(t, file, 100_000)
	require.True(t, problem.HasCode(b.Admit(t.Context(), b.user, 99_999), problem.CodeStorageFull))
	require.True(t, problem.HasCode(b.Admit(t.Context(), b.user, 0), problem.CodeStorageFull))
	b.exec(t, "DELETE FROM attachments")
	require.NoError(t, b.Admit(t.Context(), b.user, 1), "deleting makes room at once")
}

// While there is room a measurement is believed for a while, and what was admitted is added to it.
func TestRemembersAWhile(t *testing.T) {
	t.Parallel()
	b := setup(t, 100_000)
	require.NoError(t, b.Admit(t.Context(), b.user, 10_000))
	require.Zero(t, b.wire.During(func() {
		for range 8 {
			require.NoError(t, b.Admit(t.Context(), b.user, 10_000))
		}
	}))
	require.NotZero(t, b.wire.During(func() { require.NoError(t, b.Admit(t.Context(), b.user, 20_000)) }), "measured again: nothing was stored")
	b.exec(t, file, 90_000)
	require.NoError(t, b.Admit(t.Context(), b.user, 20_000), "another replica's doing is seen later")
	b.later.Store(int64(11 * time.Minute))
	require.Error(t, b.Admit(t.Context(), b.user, 20_000))
}
