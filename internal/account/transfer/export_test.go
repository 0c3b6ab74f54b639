package transfer_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"twobrains/internal/account/archive"
	"twobrains/internal/account/transfer"
)

func entries(t *testing.T, file []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	require.NoError(t, err)
	all := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		require.NoError(t, err)
		text, err := io.ReadAll(r)
		require.NoError(t, err)
		all[f.Name] = string(text)
	}
	return all
}

const (
	conversationColumns = "x.id, x.title, x.title_by_user, x.pinned, x.archived_at, x.last_seq, x.created_at, x.updated_at"
	messageColumns      = "x.id, x.conversation_id, x.seq, x.role, x.parts, x.metadata, x.status, x.created_at, x.parent_seq, x.on_path, x.version, x.versions"
	attachmentColumns   = "x.id, x.conversation_id, x.media_type, x.name, x.size, x.created_at, sha256(x.data)"
	memoryColumns       = "x.id, x.content, x.by_model, x.conversation_id, x.created_at, x.updated_at"
	lasting             = " WHERE x.conversation_id <> 'temporary'"
)

func TestExportHoldsEverythingAndNoSecret(t *testing.T) {
	t.Parallel()
	b := setup(t)
	u := b.filled()
	b.filled() // somebody else, of whom nothing may show
	file := b.export(u)
	all := entries(t, file)
	for _, name := range []string{"README.txt", "conversations.jsonl", "attachments.jsonl", "memories.jsonl", "settings.json", "usage.csv", "shares.jsonl", "brain.sql", "manifest.json", "attachments/00000000-0000-7000-8000-000000000001.txt"} {
		require.NotEmpty(t, all[name], name)
	}
	for name, text := range all {
		require.NotContains(t, text, "secret-", name)
		require.NotContains(t, text, "bobs-temporary", name)
	}
	var m archive.Manifest
	require.NoError(t, json.Unmarshal([]byte(all["manifest.json"]), &m))
	require.Equal(t, archive.Counts{Conversations: 3, Messages: 7, Attachments: 2, Memories: 2}, m.Counts)
	require.Equal(t, u.ID(), m.UserID)
	require.Equal(t, int64(7), m.Tables["messages"])
	require.NotContains(t, m.Tables, "message_search")
	require.Contains(t, all["settings.json"], `"be brief"`)
	require.Contains(t, all["settings.json"], `"https://mcp.test/path"`)
	require.Equal(t, "day,model,keySource,messages,inputTokens,cachedInputTokens,outputTokens,reasoningTokens,costMicroUSD\n2026-01-02,demo:x,platform,43,0,0,0,0,7\n", all["usage.csv"])
	require.JSONEq(t, `{"id":"00000000-0000-7000-8000-0000000000a2","content":"Likes \u003ctea\u003e","source":"model","conversationId":"c1",`+
		`"createdAt":"2026-01-04T00:00:00Z","updatedAt":"2026-01-04T00:00:00Z"}`, strings.Split(all["memories.jsonl"], "\n")[0])
	require.JSONEq(t, `{"path":"/s/`+strings.ReplaceAll(u.ID().String(), "-", "")[:22]+`","conversationId":"c1","title":"Shown","messages":3,`+
		`"createdAt":"2026-01-05T00:00:00Z","expiresAt":"2126-01-05T00:00:00Z"}`, all["shares.jsonl"])
	require.Equal(t, "hello", all["attachments/00000000-0000-7000-8000-000000000001.txt"])
	lines := strings.Split(strings.TrimSpace(all["conversations.jsonl"]), "\n")
	require.Len(t, lines, 3)
	var c archive.Conversation
	require.NoError(t, json.Unmarshal([]byte(lines[0]), &c))
	parents := map[string]string{}
	for _, m := range c.Messages {
		parents[m.ID] = m.ParentID
	}
	require.Equal(t, map[string]string{"m1": "", "m2": "m1", "m3": "m1", "m4": "m3", "m5": "m4"}, parents)

	// The dump is the brain: what psql makes of it is what there was.
	conn := b.psql([]byte(all["brain.sql"]))
	for table, columns := range map[string]string{"conversations": conversationColumns, "messages": messageColumns, "attachments": attachmentColumns} {
		where := lasting
		if table == "conversations" {
			where = " WHERE x.id <> 'temporary'"
		}
		require.Equal(t, b.rows(b.super, "(SELECT * FROM "+schemaOf(u)+"."+table+" x"+where+")", columns), b.rows(conn, table, columns), table)
	}
	require.Equal(t, b.rows(b.super, schemaOf(u)+".memories", memoryColumns), b.rows(conn, "memories", memoryColumns))
	definitions := `SELECT string_agg(d, E'\n' ORDER BY d) FROM (
		SELECT replace(pg_get_indexdef(indexrelid), $1 || '.', '') FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid WHERE c.relnamespace = $1::regnamespace
		UNION ALL SELECT c.relname || pg_get_constraintdef(o.oid) FROM pg_constraint o JOIN pg_class c ON c.oid = o.conrelid WHERE c.relnamespace = $1::regnamespace
		UNION ALL SELECT c.relname || ' ' || a.attname || a.attnum || format_type(a.atttypid, a.atttypmod) || a.attnotnull || a.attstorage::text || coalesce(pg_get_expr(e.adbin, e.adrelid), '') || coalesce(c.reloptions::text, '')
		  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 LEFT JOIN pg_attrdef e ON e.adrelid = c.oid AND e.adnum = a.attnum WHERE c.relnamespace = $1::regnamespace AND c.relkind = 'r') x(d)`
	var want, got string
	require.NoError(t, b.super.QueryRow(t.Context(), definitions, schemaOf(u)).Scan(&want))
	require.NoError(t, conn.QueryRow(t.Context(), definitions, "public").Scan(&got))
	require.Equal(t, want, got)
}

func TestImportOfOwnExport(t *testing.T) {
	t.Parallel()
	b := setup(t)
	u, other := b.filled(), b.user()
	file := b.export(u)
	report := b.importInto(other, file)
	require.Nil(t, report.Refused)
	require.Equal(t, 7, report.Messages.Taken)
	require.Equal(t, 2, report.Attachments.Taken)
	for table, columns := range map[string]string{"conversations": conversationColumns, "messages": messageColumns, "attachments": attachmentColumns} {
		where := lasting
		if table == "conversations" {
			where = " WHERE x.id <> 'temporary'"
		}
		want := b.rows(b.super, "(SELECT * FROM "+schemaOf(u)+"."+table+" x"+where+")", columns)
		require.Equal(t, want, b.rows(b.super, schemaOf(other)+"."+table, columns), table)
	}
	require.Equal(t, transfer.Tally{Taken: 2}, report.Memories)
	require.Equal(t, b.rows(b.super, schemaOf(u)+".memories", memoryColumns), b.rows(b.super, schemaOf(other)+".memories", memoryColumns))
	again := b.importInto(other, file)
	require.Equal(t, transfer.Tally{Already: 2}, again.Memories)
	require.Equal(t, 0, again.Messages.Taken+again.Conversations.Taken+again.Attachments.Taken)
	require.Equal(t, 7, again.Messages.Already)
	require.Equal(t, 2, again.Attachments.Already)

	// Into the account that it is from, where some is gone and some has gone on.
	b.exec(u, "DELETE FROM {S}.conversations WHERE id = 'c2'; DELETE FROM {S}.messages WHERE conversation_id = 'c2'; DELETE FROM {S}.runs; DELETE FROM {S}.attachments WHERE conversation_id = 'c2'")
	b.exec(u, "UPDATE {S}.conversations SET last_seq = 6, title = 'renamed' WHERE id = 'c1'; DELETE FROM {S}.messages WHERE id IN ('m2', 'm5')")
	b.exec(u, `INSERT INTO {S}.messages (id, conversation_id, seq, role, parts, status, size) VALUES ('m6', 'c1', 6, 'assistant', '[{"type":"text","text":"mine"}]', 'complete', 4)`)
	back := b.importInto(u, file)
	require.Equal(t, 4, back.Messages.Taken)
	require.Equal(t, 3, back.Messages.Already)
	require.Equal(t, `(c1,renamed,8)`+"\n"+`(c2,"",2)`+"\n"+`(c3,empty,0)`+"\n"+`(temporary,bobs-temporary,1)`, b.rows(b.super, schemaOf(u)+".conversations", "x.id, x.title, x.last_seq"))
	require.Equal(t, "(m1,1,0,t,1,1)\n(m2,7,1,f,2,2)\n(m3,3,0,t,1,2)\n(m4,4,0,t,1,1)\n(m5,8,4,f,2,2)\n(m6,6,0,t,1,2)",
		b.rows(b.super, "(SELECT * FROM "+schemaOf(u)+".messages WHERE conversation_id = 'c1')", "x.id, x.seq, x.parent_seq, x.on_path, x.version, x.versions"))
}
