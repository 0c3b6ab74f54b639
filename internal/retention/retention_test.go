package retention_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"twobrains/internal/auth"
	"twobrains/internal/auth/authtest"
	"twobrains/internal/retention"
	"twobrains/internal/search"
	"twobrains/internal/tenant"
	"twobrains/internal/testdb"
)

type testBundle struct {
	*testdb.Database
	*retention.Keeper
	user  auth.User
	ids   *authtest.Identities
	later atomic.Int64
	super *pgx.Conn
}

func setup(t *testing.T) *testBundle {
	t.Helper()
	b := &testBundle{ids: authtest.NewIdentities(t), Database: testdb.New(t)}
	var err error
	b.Keeper, err = retention.New(retention.Options{DB: b.DB, Clock: func() time.Time { return time.Now().Add(time.Duration(b.later.Load())) }})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	b.super = b.Superuser(t)
	b.user = b.ids.User(t, uuid.New())
	return b
}

func (b *testBundle) exec(t *testing.T, user auth.User, sql string, args ...any) {
	t.Helper()
	require.NoError(t, b.DB.Tx(t.Context(), user, func(tx *tenant.Tx) error {
		_, err := tx.Exec(context.Background(), sql, args...)
		return err
	}))
}

// talk makes a conversation with a message, a run and a file, whose last message is so old.
func (b *testBundle) talk(t *testing.T, user auth.User, id string, age time.Duration, temporary bool) {
	t.Helper()
	at := time.Now().Add(-age)
	b.exec(t, user, "INSERT INTO conversations (id, title, last_seq, temporary, created_at, updated_at) VALUES ($1, 'title', 1, $3, $2, $2)", id, at, temporary)
	b.exec(t, user, `INSERT INTO messages (id, conversation_id, seq, role, parts, status, size, created_at)
		VALUES ('m-' || $1, $1::varchar, 1, 'user', '[{"type":"text","text":"word"}]', 'complete', 4, $2)`, id, at)
	b.exec(t, user, `INSERT INTO runs (id, conversation_id, user_message_id, message_id, model, effort, key_source, instance_id, status)
		VALUES (gen_random_uuid(), $1::varchar, 'm-' || $1, 'r', 'm', '', 'own', gen_random_uuid(), 'complete')`, id)
	b.exec(t, user, "INSERT INTO attachments (id, conversation_id, media_type, name, size, created_at, data) VALUES (gen_random_uuid(), $1, 'text/plain', '', 1, now(), 'x')", id)
}

// left are the conversations that a user has, past the seal. What stands in other tables is theirs; all is read as of one moment.
func (b *testBundle) left(t *testing.T, user auth.User) (ids []string) {
	t.Helper()
	list := "(SELECT coalesce(array_agg(DISTINCT conversation_id::text ORDER BY conversation_id::text) FILTER (WHERE conversation_id <> ''), '{}') FROM S."
	var messages, runs, files, words []string
	require.NoError(t, b.super.QueryRow(t.Context(), strings.ReplaceAll("SELECT (SELECT coalesce(array_agg(id::text ORDER BY id::text), '{}') FROM S.conversations), "+
		list+"messages), "+list+"runs), "+list+"attachments), "+list+"message_search)", "S.", "u_"+strings.ReplaceAll(user.ID().String(), "-", "")+".")).
		Scan(&ids, &messages, &runs, &files, &words))
	require.Subset(t, ids, slices.Concat(messages, runs, files, words))
	return ids
}

const day = 24 * time.Hour

// What was shared of a conversation goes with it, and nothing else.
func TestSharesGoWithTheirConversations(t *testing.T) {
	t.Parallel()
	b := setup(t)
	stranger := b.ids.User(t, uuid.New())
	for i, user := range []auth.User{b.user, stranger} {
		b.talk(t, user, "old", 9*day, false)
		b.talk(t, user, "new", day, false)
		_, err := b.super.Exec(t.Context(), `INSERT INTO public.shares (id, user_id, conversation_id, slot, title, snapshot, messages, expires_at)
			SELECT lpad(c || $2::int || n, 22, 'x'), $1, c, n, '', '[]', 1, now() + interval '1 day'
			FROM (VALUES ('old', 1), ('old', 2), ('newer', 3)) v(c, n)`, user.ID(), i)
		require.NoError(t, err)
	}
	_, err := b.super.Exec(t.Context(), "INSERT INTO public.user_settings (user_id, retention_days) VALUES ($1, 7)", b.user.ID())
	require.NoError(t, err)
	deleted, err := b.Sweep(t.Context(), b.user)
	require.NoError(t, err)
	require.EqualValues(t, 1, deleted)
	var mine, theirs int
	require.NoError(t, b.super.QueryRow(t.Context(), "SELECT count(*) FILTER (WHERE user_id = $1), count(*) FILTER (WHERE user_id <> $1) FROM public.shares", b.user.ID()).
		Scan(&mine, &theirs))
	require.Equal(t, []int{1, 3}, []int{mine, theirs})
}

func TestDeletesWhatIsOlderThanItsOwnerWants(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := b.ids.User(t, uuid.New())
	for _, user := range []auth.User{b.user, other} {
		b.talk(t, user, "ancient", 400*day, false)
		b.talk(t, user, "new", time.Hour, false)
		b.talk(t, user, "old", 31*day, false)
		b.talk(t, user, "recent", 29*day, false)
		b.talk(t, user, "running", 50*day, false)
		b.exec(t, user, "UPDATE conversations SET pinned = true, archived_at = now() WHERE id = 'ancient'")
		b.exec(t, user, "UPDATE runs SET status = 'running' WHERE conversation_id = 'running'")
	}
	s := search.New(search.Options{DB: b.DB, Patience: time.Minute})
	t.Cleanup(s.Close)
	_, err := s.Search(t.Context(), b.user, search.Params{Query: "word"})
	require.NoError(t, err)

	n, err := b.Sweep(t.Context(), b.user)
	require.NoError(t, err)
	require.Zero(t, n, "nothing was said")
	b.exec(t, b.user, "INSERT INTO public.user_settings (user_id, retention_days) SELECT user_id, 30 FROM public.tenants")
	n, err = b.Sweep(t.Context(), b.user)
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
	require.Equal(t, []string{"new", "recent", "running"}, b.left(t, b.user))
	require.Len(t, b.left(t, other), 5)
}

func TestDeletesTemporaryConversationsThatNobodyEnded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.talk(t, b.user, "kept", 3*day, false)
	b.talk(t, b.user, "idle", 25*time.Hour, true)
	b.talk(t, b.user, "alive", 23*time.Hour, true)
	n, err := b.Sweep(t.Context(), b.user)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	require.Equal(t, []string{"alive", "kept"}, b.left(t, b.user))
}

func TestDeletesMany(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.talk(t, b.user, "kept", 0, false)
	b.exec(t, b.user, "INSERT INTO conversations (id, temporary, updated_at) SELECT 'c' || n, true, now() - interval '2 days' FROM generate_series(1, 250) n")
	n, err := b.Sweep(t.Context(), b.user)
	require.NoError(t, err)
	require.EqualValues(t, 250, n)
	require.Equal(t, []string{"kept"}, b.left(t, b.user))
}

// A visit looks in the background, and not again within the hour.
func TestVisitsAreLookedAtOnceAnHour(t *testing.T) {
	t.Parallel()
	b := setup(t)
	has := func(user auth.User, want ...string) func() bool {
		return func() bool { return slices.Equal(b.left(t, user), want) }
	}
	b.talk(t, b.user, "first", 2*day, true)
	b.Visit(b.user)
	require.Eventually(t, has(b.user), 30*time.Second, 10*time.Millisecond)
	b.talk(t, b.user, "second", 2*day, true)
	b.Visit(b.user)
	other := b.ids.User(t, uuid.New())
	b.talk(t, other, "third", 2*day, true)
	b.Visit(other) // looked at after what would have been looked at before
	require.Eventually(t, has(other), 30*time.Second, 10*time.Millisecond)
	require.Equal(t, []string{"second"}, b.left(t, b.user))
	b.later.Store(int64(time.Hour))
	b.Visit(b.user)
	require.Eventually(t, has(b.user), 30*time.Second, 10*time.Millisecond)
}
