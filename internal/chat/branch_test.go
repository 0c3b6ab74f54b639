package chat_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/auth/authtest"
	"twobrains/internal/chat"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
	"twobrains/internal/testdb"
	"twobrains/tern"
)

// appended is how every release, from the first on, adds a message to the path.
const appended = `WITH advanced AS (
  INSERT INTO conversations AS c (id, last_seq) VALUES ('c', 1)
  ON CONFLICT (id) DO UPDATE SET last_seq = c.last_seq + 1
  RETURNING c.id, c.last_seq
)
INSERT INTO messages (id, conversation_id, seq, role, parts, status, size)
SELECT $1, a.id, a.last_seq, $2, $3, 'complete', 1 FROM advanced a`

// add appends a message as any release does.
func (b *testBundle) add(t *testing.T, db *tenant.DB, id, role, parts string) {
	t.Helper()
	require.NoError(t, db.Tx(t.Context(), b.user, func(tx *tenant.Tx) error {
		_, err := tx.Exec(t.Context(), appended, id, role, json.RawMessage(parts))
		return err
	}))
}

// anotherVersion hides the messages from an id on and appends another one in its place, as an edit or another reply does.
func (b *testBundle) anotherVersion(t *testing.T, of, id string) {
	t.Helper()
	require.NoError(t, b.tx(t, func(tx *tenant.Tx) error {
		read := chat.QueueTree(t.Context(), tx, "c")
		if err := tx.Flush(); err != nil {
			return err
		}
		tree := read.Tree()
		old, ok := tree.Find(of)
		require.True(t, ok)
		before, _ := tree.At(old.Parent)
		tree.QueueMove(t.Context(), tx, old.Parent)
		tenant.Queue(tx, func(q tenant.DBTX) (int64, error) {
			return b.q.MessageAppend(t.Context(), q, tenantdb.MessageAppendParams{
				ConversationID: "c", ID: id, Role: old.Role, Parts: json.RawMessage(`[]`), Metadata: json.RawMessage("{}"), Status: "complete", Size: 1, Now: time.Now(),
			})
		})
		tenant.QueueExec(tx, func(q tenant.DBTX) error {
			return b.q.BranchNumber(t.Context(), q, tenantdb.BranchNumberParams{ConversationID: "c", ID: id, Follows: before.ID})
		})
		return nil
	}))
}

func (b *testBundle) listed(t *testing.T, limit int) (ids []string) {
	t.Helper()
	for cursor := ""; ; {
		page, err := b.chat.Messages(t.Context(), b.user, "c", chat.MessagesParams{Limit: limit, Cursor: cursor})
		require.NoError(t, err)
		var of []string
		for _, m := range page.Items {
			of = append(of, m.ID)
		}
		if ids = append(of, ids...); page.NextCursor == "" {
			return ids
		}
		cursor = page.NextCursor
	}
}

func TestPagesOfPathAndVersions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i := range 4 {
		b.add(t, b.DB, fmt.Sprint("q", i), "user", `[]`)
		b.add(t, b.DB, fmt.Sprint("a", i), "assistant", `[]`)
	}
	for i := range 5 {
		b.anotherVersion(t, "a1", fmt.Sprint("b", i))
	}
	for limit := 1; limit <= 5; limit++ {
		require.Equal(t, []string{"q0", "a0", "q1", "b4"}, b.listed(t, limit), "pages of %d", limit)
		var got []string
		for cursor, n := "", 0; ; n++ {
			page, err := b.chat.Siblings(t.Context(), b.user, "c", "b2", chat.SiblingsParams{Limit: limit, Cursor: cursor})
			require.NoError(t, err)
			for _, v := range page.Items {
				got = append(got, v.ID)
				require.Equal(t, len(got), v.Position)
				require.Equal(t, v.ID == "b4", v.Current)
				require.Contains(t, string(v.Metadata), fmt.Sprintf(`"branch":{"position":%d,"count":6}`, v.Position))
			}
			if cursor = page.NextCursor; cursor == "" {
				break
			}
			require.Less(t, n, 10)
		}
		require.Equal(t, []string{"a1", "b0", "b1", "b2", "b3", "b4"}, got, "pages of %d", limit)
	}
	page, err := b.chat.Select(t.Context(), b.user, "c", "a1", 3)
	require.NoError(t, err)
	require.Equal(t, "a2", page.Items[0].ID)
	older, err := b.chat.Messages(t.Context(), b.user, "c", chat.MessagesParams{Cursor: page.NextCursor})
	require.NoError(t, err)
	require.Len(t, older.Items, 5)
	require.Equal(t, []string{"q0", "a0", "q1", "a1", "q2", "a2", "q3", "a3"}, b.listed(t, 2))
}

// What a run that died had been allowed to do is not shown as if it were being done; a reply that a run goes on with is not among the
// messages, since who follows the run gets all of it.
func TestLostCallsAreShownAsLost(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.add(t, b.DB, "q", "user", `[]`)
	b.add(t, b.DB, "a", "assistant", `[{"type":"dynamic-tool","toolName":"x","toolCallId":"1","state":"approval-responded","input":{},"approval":{"id":"apr","approved":true}}]`)
	shown := func() (listed int, version string) {
		page, err := b.chat.Messages(t.Context(), b.user, "c", chat.MessagesParams{})
		require.NoError(t, err)
		versions, err := b.chat.Siblings(t.Context(), b.user, "c", "a", chat.SiblingsParams{})
		require.NoError(t, err)
		require.Len(t, versions.Items, 1)
		version = string(versions.Items[0].Parts)
		if len(page.Items) > 1 {
			require.JSONEq(t, string(page.Items[1].Parts), version)
		}
		return len(page.Items), version
	}
	listed, version := shown()
	require.Equal(t, 2, listed)
	require.Contains(t, version, "output-error")
	schema := "u_" + strings.ReplaceAll(b.user.ID().String(), "-", "")
	_, err := b.Superuser(t).Exec(t.Context(), "INSERT INTO "+schema+`.runs (id, conversation_id, user_message_id, message_id, model, effort, key_source, instance_id, status)
		VALUES (gen_random_uuid(), 'c', 'q', 'a', 'm', '', 'own', gen_random_uuid(), 'running')`)
	require.NoError(t, err)
	listed, version = shown()
	require.Equal(t, 1, listed)
	require.Contains(t, version, "approval-responded", "while a run is under way")
}

// before is the private brain as it was before there were versions.
func before(t *testing.T) fs.FS {
	t.Helper()
	old := fstest.MapFS{}
	for _, name := range []string{"001_chat.sql", "002_attachments.sql"} {
		body, err := fs.ReadFile(tern.Tenant(), name)
		require.NoError(t, err)
		old[name] = &fstest.MapFile{Data: body}
	}
	return old
}

// A brain from before is migrated when its user comes, and its conversations are paths without branches. A server of the earlier
// release that still runs then appends, and takes back, as it always did; what it does is read rightly, and can be branched from.
func TestBranchesOfAnEarlierRelease(t *testing.T) {
	t.Parallel()
	b := &testBundle{Database: testdb.NewEmpty(t, func(o *tenant.Options) { o.TenantMigrations = before(t) }), ids: authtest.NewIdentities(t), q: tenantdb.New()}
	b.user = b.ids.User(t, uuid.New())
	require.NoError(t, b.DB.Migrate(t.Context(), false, nil))
	old := b.DB
	b.add(t, old, "q0", "user", `[]`)
	b.add(t, old, "a0", "assistant", `[]`)
	b.add(t, old, "q1", "user", `[]`)
	b.add(t, old, "a1", "assistant", `[]`)

	b.DB = b.Kernel(t)
	b.chat = chat.NewService(chat.Options{DB: b.DB})
	require.NoError(t, b.DB.Migrate(t.Context(), false, nil))
	require.Equal(t, 2, b.version(t), "nobody has come yet")
	require.Equal(t, []string{"q0", "a0", "q1", "a1"}, b.listed(t, 3))
	migrations, err := fs.ReadDir(tern.Tenant(), ".")
	require.NoError(t, err)
	require.Equal(t, len(migrations), b.version(t))

	b.anotherVersion(t, "a0", "b0")
	require.Equal(t, []string{"q0", "b0"}, b.listed(t, 3))
	b.add(t, old, "q2", "user", `[]`)
	b.add(t, old, "a2", "assistant", `[]`)
	require.Equal(t, []string{"q0", "b0", "q2", "a2"}, b.listed(t, 3))
	b.anotherVersion(t, "a2", "b2")
	require.Equal(t, []string{"q0", "b0", "q2", "b2"}, b.listed(t, 3))
	for _, at := range []struct {
		id   string
		path []string
	}{{"q1", []string{"q0", "a0", "q1", "a1"}}, {"a2", []string{"q0", "b0", "q2", "a2"}}, {"b2", []string{"q0", "b0", "q2", "b2"}}} {
		_, err := b.chat.Select(t.Context(), b.user, "c", at.id, 0)
		require.NoError(t, err)
		require.Equal(t, at.path, b.listed(t, 3))
	}

	// An edit by the earlier release drops what followed, by its order.
	require.NoError(t, old.Tx(t.Context(), b.user, func(tx *tenant.Tx) error {
		_, err := tx.Exec(t.Context(), "DELETE FROM messages WHERE conversation_id = 'c' AND seq > 6")
		return err
	}))
	b.add(t, old, "a3", "assistant", `[]`)
	require.Equal(t, []string{"q0", "b0", "q2", "a3"}, b.listed(t, 3))
	b.anotherVersion(t, "a3", "b3")
	versions, err := b.chat.Siblings(t.Context(), b.user, "c", "b3", chat.SiblingsParams{})
	require.NoError(t, err)
	require.Len(t, versions.Items, 2)
	_, err = b.chat.Select(t.Context(), b.user, "c", "a0", 0)
	require.NoError(t, err)
	require.Equal(t, []string{"q0", "a0", "q1", "a1"}, b.listed(t, 3))
}

func (b *testBundle) version(t *testing.T) (version int) {
	t.Helper()
	require.NoError(t, b.Superuser(t).QueryRow(context.Background(), "SELECT version FROM public.tenants WHERE user_id = $1", b.user.ID()).Scan(&version))
	return version
}
