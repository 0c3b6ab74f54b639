package share_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"twobrains/internal/auth"
	"twobrains/internal/auth/authtest"
	"twobrains/internal/chat"
	"twobrains/internal/problem"
	"twobrains/internal/share"
	"twobrains/internal/tenant"
	"twobrains/internal/testdb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type bundle struct {
	*testdb.Database
	*share.Service
	chat  *chat.Service
	wire  *testdb.Wire
	ids   *authtest.Identities
	user  auth.User
	super *pgx.Conn
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{ids: authtest.NewIdentities(t), wire: &testdb.Wire{}}
	b.Database = testdb.New(t, testdb.Watch(b.wire))
	b.Service = share.New(share.Options{DB: b.DB, ModelName: func(id string) string { return strings.TrimPrefix(id, "known:") }})
	b.chat = chat.NewService(chat.Options{DB: b.DB})
	b.super = b.Superuser(t)
	b.user = b.ids.User(t, uuid.New())
	_, err := b.DB.Open(t.Context(), b.user)
	require.NoError(t, err)
	return b
}

// exec runs SQL past all seals; S. stands for the user's schema.
func (b *bundle) exec(t *testing.T, user auth.User, sql string, args ...any) {
	t.Helper()
	_, err := b.super.Exec(t.Context(), strings.ReplaceAll(sql, "S.", schema(user)+"."), args...)
	require.NoError(t, err, sql)
}

func (b *bundle) count(t *testing.T, sql string, args ...any) (n int) {
	t.Helper()
	require.NoError(t, b.super.QueryRow(t.Context(), sql, args...).Scan(&n))
	return n
}

func schema(user auth.User) string { return "u_" + strings.ReplaceAll(user.ID().String(), "-", "") }

// talk makes a conversation of n messages, by turns of the user and of a model.
func (b *bundle) talk(t *testing.T, user auth.User, id string, n int) {
	t.Helper()
	b.exec(t, user, "INSERT INTO S.conversations (id, title, last_seq) VALUES ($1::text, 'title of ' || $1::text, $2)", id, n)
	b.exec(t, user, `INSERT INTO S.messages (id, conversation_id, seq, role, parts, metadata, status, size)
		SELECT $1::text || '-' || i, $1::text, i, CASE WHEN i % 2 = 1 THEN 'user' ELSE 'assistant' END,
			jsonb_build_array(jsonb_build_object('type', 'text', 'text', 'text ' || i)), '{"model": "known:Model"}', 'complete', 6
		FROM generate_series(1, $2::int) i`, id, n)
}

func (b *bundle) share(t *testing.T, conversation string) share.Share {
	t.Helper()
	made, err := b.Create(t.Context(), b.user, share.CreateParams{ConversationID: conversation})
	require.NoError(t, err)
	return made
}

// texts are those of what is shared, in order.
func (b *bundle) texts(t *testing.T, id string) string {
	t.Helper()
	shared, err := b.Read(t.Context(), id)
	require.NoError(t, err)
	var all []string
	for _, m := range shared.Messages {
		for _, p := range m.Parts {
			all = append(all, p.Text)
		}
	}
	return strings.Join(all, "|")
}

func (b *bundle) gone(t *testing.T, id string) {
	t.Helper()
	_, err := b.Read(t.Context(), id)
	refused(t, err, problem.CodeNotFound)
}

func refused(t *testing.T, err error, code problem.Code) {
	t.Helper()
	require.True(t, problem.HasCode(err, code), "want %s, got %v", code, err)
}

// condemned sets an account's tombstone.
func (b *bundle) condemn(t *testing.T, user auth.User) {
	t.Helper()
	_, created, err := b.DB.Condemn(t.Context(), user.ID(), tenant.Condemnation{
		By: "user", Step: "runs", Job: uuid.New(), Kind: "deletion", Ticket: auth.Ticket{Ciphertext: []byte("x"), KeyID: "x"},
	})
	require.NoError(t, err)
	require.True(t, created)
}
