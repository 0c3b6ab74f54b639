package transfer_test

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"twobrains/internal/account/archive"
	"twobrains/internal/account/transfer"
	"twobrains/internal/auth"
	"twobrains/internal/auth/authtest"
	"twobrains/internal/tenant"
	"twobrains/internal/testdb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type testBundle struct {
	*testdb.Database
	t     *testing.T
	ids   *authtest.Identities
	super *pgx.Conn
}

func setup(t *testing.T) *testBundle {
	t.Helper()
	d := testdb.New(t)
	return &testBundle{Database: d, t: t, ids: authtest.NewIdentities(t), super: d.Superuser(t)}
}

// user makes somebody with an empty private brain.
func (b *testBundle) user() auth.User {
	b.t.Helper()
	u := b.ids.User(b.t, uuid.New())
	_, err := b.DB.Open(b.t.Context(), u)
	require.NoError(b.t, err)
	return u
}

func schemaOf(u auth.User) string { return "u_" + strings.ReplaceAll(u.ID().String(), "-", "") }

// exec runs SQL, {S} being the user's schema and {ID} their id.
func (b *testBundle) exec(u auth.User, sql string, args ...any) {
	b.t.Helper()
	_, err := b.super.Exec(b.t.Context(), strings.NewReplacer("{S}", schemaOf(u), "{ID}", u.ID().String()).Replace(sql), args...)
	require.NoError(b.t, err, sql)
}

// filled makes somebody who has something everywhere: branches, files large and small, odd texts.
func (b *testBundle) filled() auth.User {
	u := b.user()
	for _, sql := range []string{
		`INSERT INTO {S}.conversations (id, title, title_by_user, pinned, archived_at, last_seq, created_at, updated_at, indexed_seq, title_indexed)
		 VALUES ('c1', E'Back \\. "x" ü😀', true, true, NULL, 5, '2026-01-02T03:04:05.123456Z', '2026-01-03T00:00:00Z', 5, true),
		   ('c2', '', false, false, '2026-02-01', 2, '2026-01-02', '2026-01-04', 0, false), ('c3', 'empty', false, false, NULL, 0, '2026-01-02', '2026-01-02', 0, false)`,
		`INSERT INTO {S}.conversations (id, title, temporary, last_seq) VALUES ('temporary', 'bobs-temporary', true, 1)`,
		`INSERT INTO {S}.messages (id, conversation_id, seq, role, parts, metadata, status, size, created_at, parent_seq, on_path, version, versions) VALUES
		 ('m1', 'c1', 1, 'user', '[{"type":"text","text":"line\nbreak \\\\. \\t tab ü😀"}]', '{}', 'complete', 9, '2026-01-02T03:04:06Z', 0, true, 1, 1),
		 ('m2', 'c1', 2, 'assistant', '[{"type":"text","text":"first"}]', '{"model":"demo:x","n":12345678901234567890}', 'complete', 5, '2026-01-02T03:04:07Z', 1, false, 1, 2),
		 ('m3', 'c1', 3, 'assistant', '[{"type":"reasoning","text":"r"},{"type":"text","text":"second"}]', '{}', 'aborted', 6, '2026-01-02T03:04:08Z', 0, true, 2, 2),
		 ('m4', 'c1', 4, 'user', '[{"type":"text","text":"next"}]', '{}', 'complete', 4, '2026-01-02T03:04:09Z', 0, true, 1, 1),
		 ('m5', 'c1', 5, 'assistant', '[{"type":"text","text":"end"}]', '{}', 'complete', 3, '2026-01-02T03:04:10Z', 0, true, 1, 1),
		 ('n1', 'c2', 1, 'user', '[{"type":"text","text":"see"},{"type":"file","mediaType":"text/plain","url":"/api/attachments/00000000-0000-7000-8000-000000000001"}]', '{}', 'complete', 3, '2026-01-02', 0, true, 1, 1),
		 ('n2', 'c2', 2, 'assistant', '[]', '{}', 'failed', 0, '2026-01-02', 0, true, 1, 1),
		 ('t1', 'temporary', 1, 'user', '[{"type":"text","text":"bobs-temporary"}]', '{}', 'complete', 1, '2026-01-02', 0, true, 1, 1)`,
		`INSERT INTO {S}.runs (id, conversation_id, user_message_id, message_id, model, effort, key_source, instance_id, status)
		 VALUES (gen_random_uuid(), 'c1', 'm1', 'm2', 'demo:x', '', 'platform', gen_random_uuid(), 'complete'), (gen_random_uuid(), 'c2', 'n1', 'n2', 'demo:x', '', 'own', gen_random_uuid(), 'running')`,
		`INSERT INTO {S}.attachments (id, conversation_id, media_type, name, size, created_at, data) VALUES
		 ('00000000-0000-7000-8000-000000000001', 'c2', 'text/plain', 'ü "x".txt', 5, '2026-01-02', 'hello'),
		 ('00000000-0000-7000-8000-000000000002', 'temporary', 'text/plain', 'x', 14, '2026-01-02', 'bobs-temporary')`,
		`INSERT INTO {S}.message_search (created_at, conversation_id, seq, tsv) VALUES ('2026-01-02', 'c1', 1, to_tsvector('simple', 'line'))`,
		`INSERT INTO {S}.memories (id, content, by_model, conversation_id, created_at, updated_at) VALUES
		 ('00000000-0000-7000-8000-0000000000a1', E'Lives in "Köln"\n\\. 😀', false, NULL, '2026-01-02T03:04:05.123456Z', '2026-01-03'),
		 ('00000000-0000-7000-8000-0000000000a2', 'Likes <tea>', true, 'c1', '2026-01-04', '2026-01-04')`,
		`INSERT INTO public.user_settings (user_id, custom_instructions, preferences) VALUES ('{ID}', 'be brief', '{"theme":"dark"}')`,
		`INSERT INTO public.user_api_keys (user_id, provider, id, ciphertext, key_id, last_four) VALUES ('{ID}', 'openai', gen_random_uuid(), 'secret-bytes', 'k', 'abcd')`,
		`INSERT INTO public.user_mcp_servers (user_id, id, slot, name, url, transport, header_names, headers_ciphertext, key_id)
		 VALUES ('{ID}', gen_random_uuid(), 1, 'tools', 'https://me:secret-pass@mcp.test/path?token=secret-token', 'sse', '{x-key}', 'secret-headers', 'k')`,
		`INSERT INTO public.usage_daily (user_id, day, model, key_source, messages, cost_microusd) VALUES ('{ID}', '2026-01-02', 'demo:x', 'platform', 43, 7)`,
		`INSERT INTO public.shares (id, user_id, conversation_id, slot, title, snapshot, messages, created_at, expires_at)
		 VALUES (left(replace('{ID}', '-', ''), 22), '{ID}', 'c1', 1, 'Shown', '[{"role":"user"}]', 3, '2026-01-05', '2126-01-05')`,
	} {
		b.exec(u, sql)
	}
	long := bytes.Repeat([]byte("0123456789abcdef"), 50_000) // 800 KB: several pieces
	b.exec(u, `INSERT INTO {S}.attachments (id, conversation_id, media_type, name, size, created_at, data)
		VALUES ('00000000-0000-7000-8000-000000000003', 'c1', 'text/plain', 'long.txt', $1, '2026-01-02', $2)`, len(long), long)
	return u
}

// rows is all that a table has, as text.
func (b *testBundle) rows(conn *pgx.Conn, table, columns string) string {
	b.t.Helper()
	rows, err := conn.Query(b.t.Context(), fmt.Sprintf("SELECT (%s)::text FROM %s x ORDER BY 1", columns, table))
	require.NoError(b.t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(b.t, err)
	return strings.Join(lines, "\n")
}

func (b *testBundle) export(u auth.User) []byte {
	b.t.Helper()
	var out bytes.Buffer
	err := b.DB.Snapshot(b.t.Context(), u, func(s *tenant.Snapshot) error {
		_, err := archive.Write(b.t.Context(), s, &out, archive.WriteOptions{Program: "test"})
		return err
	})
	require.NoError(b.t, err)
	return out.Bytes()
}

func (b *testBundle) importInto(u auth.User, file []byte) transfer.Report {
	b.t.Helper()
	a, err := archive.Open(bytes.NewReader(file), int64(len(file)))
	require.NoError(b.t, err)
	report, err := transfer.Import(b.t.Context(), u, a, transfer.ImportOptions{DB: b.DB, AttachmentMax: 20 << 20})
	require.NoError(b.t, err)
	return report
}

// psql loads a script into an empty database, and returns a connection to it.
func (b *testBundle) psql(script []byte) *pgx.Conn {
	b.t.Helper()
	name := "tb_test_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	_, err := b.super.Exec(b.t.Context(), "CREATE DATABASE "+name+" TEMPLATE template0")
	require.NoError(b.t, err)
	u := strings.Replace(b.SuperuserURL, "/"+b.Name, "/"+name, 1)
	b.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		conn, err := pgx.Connect(ctx, b.SuperuserURL)
		if err == nil {
			_, _ = conn.Exec(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
			_ = conn.Close(ctx)
		}
	})
	path, err := exec.LookPath("psql")
	if err != nil {
		b.t.Skip("no psql here")
	}
	cmd := exec.CommandContext(b.t.Context(), path, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", u, "-f", "-")
	cmd.Stdin = bytes.NewReader(script)
	out, err := cmd.CombinedOutput()
	require.NoError(b.t, err, string(out))
	conn, err := pgx.Connect(b.t.Context(), u)
	require.NoError(b.t, err)
	b.t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}
