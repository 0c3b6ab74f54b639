package faults

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"twobrains/internal/faulttest"
	"twobrains/internal/localstack"
)

// at is the time by the clock of the database.
func (w *world) at() (now time.Time) {
	w.t.Helper()
	conn, err := pgx.Connect(w.t.Context(), w.db.SuperuserURL)
	require.NoError(w.t, err)
	defer func() { _ = conn.Close(w.t.Context()) }()
	require.NoError(w.t, conn.QueryRow(w.t.Context(), "SELECT clock_timestamp()").Scan(&now))
	return now
}

// deletedSince runs the script that finds accounts which a restored database should not have.
func deletedSince(t *testing.T, left string, restored faulttest.Database) string {
	t.Helper()
	programs, err := localstack.PostgresDir(t.Context())
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), "../tools/postgres/deleted-since.sh", left, restored.OwnerURL)
	cmd.Env = []string{"PATH=" + programs + string(filepath.ListSeparator) + os.Getenv("PATH")}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	return strings.TrimSpace(string(out))
}

// Point-in-time recovery, as docs/operations.md has it: a backup taken while everybody is served, the log of what came after, and a mistake
// that has to be undone. What was there before the mistake is there, to the byte; what came after it is not; and who deleted their account
// since is found and deleted again.
func TestRestoredToBeforeAMistake(t *testing.T) {
	t.Parallel()
	w := setup(t, faulttest.Words(5, 0), realKratos, ownPostgres)
	archive := w.postgres.Archive(t)
	first := w.server()
	stays, leaves := w.leaver(first), w.leaver(first)
	backup := w.postgres.Backup(t)

	me := first.As(stays.token)
	w.says(me, "c2")
	paths := []string{"/api/conversations", "/api/conversations/c1/messages", "/api/conversations/c2/messages", "/api/settings"}
	seen := map[string]string{}
	for _, path := range paths {
		seen[path] = me.Get(path).Want(t, http.StatusOK, "").Body
	}
	moment := w.at()
	me.Do(http.MethodDelete, "/api/conversations/c1", "").Want(t, http.StatusNoContent, "")
	w.says(me, "c3")
	leaves.ask(first).Want(t, http.StatusAccepted, "")
	w.gone(first, leaves)
	first.Kill()
	digests := filepath.Join(t.TempDir(), "deletions")
	text := deletionsOf(t, w.db)
	require.NoError(t, os.WriteFile(digests, []byte(text), 0o600))
	left := w.db
	w.db.Exec(t, "SELECT pg_switch_wal()")
	faulttest.Until(t, 20*time.Second, "the log is archived", func() bool {
		return w.db.Count(t, "SELECT count(*) FROM pg_stat_archiver WHERE last_archived_time > $1 AND (SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready') = 0", moment) == 1
	})

	restored := faulttest.Recover(t, backup, archive, moment)
	w.db = restored.Database(nil)
	require.Equal(t, leaves.id.String(), deletedSince(t, left.OwnerURL, w.db))
	require.Equal(t, leaves.id.String(), deletedSince(t, digests, w.db))
	w.redis.Empty(t)
	second := w.server()
	me = second.As(stays.token)
	for _, path := range paths {
		require.Equal(t, seen[path], me.Get(path).Want(t, http.StatusOK, "").Body, path)
	}
	me.Get("/api/conversations/c3").Want(t, http.StatusNotFound, "not_found")
	w.says(me, "c1")
	output, err := second.Command(t, "tenant", "doctor")
	require.NoError(t, err, output)

	output, err = second.Command(t, "tenant", "delete", "--yes", leaves.id.String())
	require.NoError(t, err, output)
	w.gone(second, &leaver{id: leaves.id, email: leaves.email, token: leaves.token})
	require.Empty(t, deletedSince(t, left.OwnerURL, w.db))
	w.balanced()
}

func deletionsOf(t *testing.T, db faulttest.Database) (digests string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), db.SuperuserURL)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT coalesce(string_agg('\x' || encode(digest, 'hex'), chr(10)), '') FROM public.deletions`).Scan(&digests))
	return digests + "\n"
}

// The whole database as pg_dump writes it, with its roles, put into another server.
func TestRestoredFromDump(t *testing.T) {
	t.Parallel()
	w := setup(t, faulttest.Words(5, 0), ownPostgres)
	first := w.server()
	as := w.person()
	w.says(as(first), "c1")
	seen := as(first).Get("/api/conversations/c1/messages").Want(t, http.StatusOK, "").Body
	first.Terminate()
	require.NoError(t, first.Wait(t, 20*time.Second))
	roles, dump := w.postgres.Dump(t)

	other := faulttest.NewPostgres(t)
	other.Restore(t, roles, dump)
	w.db = other.Database(nil)
	second := w.server()
	output, err := second.Command(t, "tenant", "doctor")
	require.NoError(t, err, output)
	require.Equal(t, seen, as(second).Get("/api/conversations/c1/messages").Want(t, http.StatusOK, "").Body)
	w.says(as(second), "c1")
	w.balanced()
}
