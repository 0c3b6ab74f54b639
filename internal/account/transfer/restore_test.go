package transfer_test

import (
	"archive/zip"
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/account/archive"
	"twobrains/internal/account/transfer"
	"twobrains/internal/auth"
	"twobrains/internal/tenant"
)

func (b *testBundle) open(file []byte) *archive.Archive {
	b.t.Helper()
	a, err := archive.Open(bytes.NewReader(file), int64(len(file)))
	require.NoError(b.t, err)
	return a
}

// everything is what a private brain holds, as text; temporary conversations aside.
func (b *testBundle) everything(u auth.User) string {
	var all []string
	for _, t := range []struct{ name, columns, where string }{
		{"conversations", conversationColumns, " WHERE x.id <> 'temporary'"}, {"messages", messageColumns, lasting}, {"attachments", attachmentColumns, lasting},
	} {
		all = append(all, b.rows(b.super, "(SELECT * FROM "+schemaOf(u)+"."+t.name+" x"+t.where+")", t.columns))
	}
	all = append(all, b.rows(b.super, schemaOf(u)+".runs", "x.id, x.message_id"), b.rows(b.super, schemaOf(u)+".memories", memoryColumns))
	return strings.Join(all, "\n")
}

func (b *testBundle) sealed(u auth.User) {
	b.t.Helper()
	for f, err := range b.DB.Fleet().Doctor(b.t.Context()) {
		require.NoError(b.t, err)
		require.Fail(b.t, "finding", "%s %s %s: %s", f.Schema, f.Kind, f.Object, f.Detail)
	}
	err := b.DB.Tx(b.t.Context(), u, func(tx *tenant.Tx) error {
		var n int
		if err := tx.QueryRow(b.t.Context(), "SELECT count(*) FROM messages").Scan(&n); err != nil {
			return err
		}
		require.Equal(b.t, 7, n)
		return nil
	})
	require.NoError(b.t, err)
}

func TestRestore(t *testing.T) {
	t.Parallel()
	b := setup(t)
	u, other, bystander := b.filled(), b.user(), b.filled()
	file, before, theirs := b.export(u), b.everything(u), b.everything(bystander)
	fleet := b.DB.Fleet()

	// Into somebody who is new, and somebody whose brain is empty.
	fresh := b.ids.User(t, uuid.New())
	for _, into := range []auth.User{other, fresh} {
		counts, err := transfer.Restore(t.Context(), fleet, b.open(file), transfer.RestoreOptions{User: u.ID(), Into: into.ID(), Actor: "tester"})
		require.NoError(t, err)
		require.Equal(t, int64(7), counts["messages"])
		require.Equal(t, before, b.everything(into))
		b.sealed(into)
	}
	require.Equal(t, "(c1,0,f)\n(c2,0,f)\n(c3,0,f)", b.rows(b.super, schemaOf(fresh)+".conversations", "x.id, x.indexed_seq, x.title_indexed"), "search finds it anew")
	require.NotContains(t, b.rows(b.super, schemaOf(fresh)+".runs", "x.status"), "running")

	// In place of what is there: only if told so, and as a whole.
	b.exec(u, "DELETE FROM {S}.memories; DELETE FROM {S}.messages; DELETE FROM {S}.conversations WHERE id = 'c2'; DELETE FROM {S}.attachments; DELETE FROM {S}.runs")
	_, err := transfer.Restore(t.Context(), fleet, b.open(file), transfer.RestoreOptions{User: u.ID(), Actor: "tester"})
	require.ErrorIs(t, err, tenant.ErrNotEmpty)
	_, err = transfer.Restore(t.Context(), fleet, b.open(file), transfer.RestoreOptions{User: u.ID(), Replace: true, Actor: "tester"})
	require.NoError(t, err)
	require.Equal(t, before, b.everything(u))
	b.sealed(u)
	require.Equal(t, theirs, b.everything(bystander))
	require.Equal(t, "(tester,restore,\"\")\n(tester,restore,\"\")\n(tester,restore,\"\")", b.rows(b.super, "public.audit_log", "x.actor, x.action, x.detail"))

	// Refusals leave everything as it is.
	_, err = transfer.Restore(t.Context(), fleet, b.open(file), transfer.RestoreOptions{User: other.ID(), Replace: true, Actor: "tester"})
	require.ErrorIs(t, err, transfer.ErrOtherUser)
	for name, change := range map[string]func(dump string) string{
		"table":  func(dump string) string { return strings.Replace(dump, "COPY runs (", "COPY tenants (", 1) },
		"column": func(dump string) string { return strings.Replace(dump, "COPY runs (id,", "COPY runs (owner,", 1) },
		"row":    func(dump string) string { return strings.Replace(dump, "\tassistant\t", "\tsystem\t", 1) },
		"fewer":  func(dump string) string { return dump[:strings.Index(dump, "COPY runs")] },
	} {
		_, err = transfer.Restore(t.Context(), fleet, b.open(b.forge(file, change)), transfer.RestoreOptions{User: u.ID(), Replace: true, Actor: "tester"})
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), "text", name)
		require.Equal(t, before, b.everything(u), name)
	}
	cut := b.open(file[:len(file):len(file)])
	cut.Manifest.SchemaVersion = 99
	_, err = transfer.Restore(t.Context(), fleet, cut, transfer.RestoreOptions{User: u.ID(), Replace: true, Actor: "tester"})
	require.ErrorIs(t, err, tenant.ErrNewer)
}

// forge changes the dump of an archive, and the manifest to match.
func (b *testBundle) forge(file []byte, change func(string) string) []byte {
	b.t.Helper()
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	require.NoError(b.t, err)
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	sums := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		require.NoError(b.t, err)
		raw, err := io.ReadAll(r)
		require.NoError(b.t, err)
		text := string(raw)
		switch f.Name {
		case "brain.sql":
			changed := change(text)
			require.NotEqual(b.t, text, changed)
			sums[digest(text)] = digest(changed)
			sums[size(text)] = size(changed)
			text = changed
		case "manifest.json":
			for old, now := range sums {
				require.Contains(b.t, text, old)
				text = strings.Replace(text, old, now, 1)
			}
		}
		to, err := w.Create(f.Name)
		require.NoError(b.t, err)
		_, err = io.WriteString(to, text)
		require.NoError(b.t, err)
	}
	require.NoError(b.t, w.Close())
	return out.Bytes()
}

// While a brain is exchanged, its user and others are served: units of work wait, and none fails or sees half of it.
func TestRestoreWhileServing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	u := b.filled()
	file := b.export(u)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan int, 1)
	go func() {
		n := 0
		defer func() { served <- n }()
		for ctx.Err() == nil {
			err := b.DB.Tx(context.WithoutCancel(ctx), u, func(tx *tenant.Tx) error {
				var messages, conversations int
				if err := tx.QueryRow(ctx, "SELECT (SELECT count(*) FROM messages WHERE conversation_id <> 'temporary'), (SELECT count(*) FROM conversations WHERE id <> 'temporary')").Scan(&messages, &conversations); err != nil {
					return err
				}
				if messages != 7 || conversations != 3 {
					t.Errorf("a unit of work saw %d messages of %d conversations", messages, conversations)
				}
				return nil
			})
			if err != nil && ctx.Err() == nil {
				t.Errorf("a unit of work failed: %v", err)
				return
			}
			n++
		}
	}()
	for range 5 {
		_, err := transfer.Restore(t.Context(), b.DB.Fleet(), b.open(file), transfer.RestoreOptions{User: u.ID(), Replace: true, Actor: "tester"})
		require.NoError(t, err)
	}
	stop()
	require.Positive(t, <-served)
}

func TestClone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	u, full := b.filled(), b.filled()
	into := b.ids.User(t, uuid.New())
	before := b.everything(u)
	require.NoError(t, transfer.Clone(t.Context(), b.DB.Fleet(), u.ID(), into.ID(), "ticket 7, mail of today", "tester"))
	require.Equal(t, before, b.everything(u))
	require.Equal(t, before, b.everything(into))
	require.NotContains(t, b.rows(b.super, schemaOf(into)+".conversations", "x.title"), "temporary")
	require.NotContains(t, b.rows(b.super, schemaOf(into)+".messages", "x.parts"), "temporary")
	b.sealed(into)
	require.Equal(t, "(tester,clone,"+u.ID().String()+","+into.ID().String()+`,"ticket 7, mail of today")`,
		b.rows(b.super, "public.audit_log", "x.actor, x.action, x.subject, x.object, x.detail"))

	require.ErrorIs(t, transfer.Clone(t.Context(), b.DB.Fleet(), u.ID(), full.ID(), "consent given", "tester"), tenant.ErrNotEmpty)
	require.ErrorIs(t, transfer.Clone(t.Context(), b.DB.Fleet(), uuid.New(), uuid.New(), "consent given", "tester"), tenant.ErrNoEntry)
}

// Rows of the audit are added by the owner and changed by nobody; the server's login sees none.
func TestAuditIsFixed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	u := b.user()
	var out bytes.Buffer
	_, err := transfer.Export(t.Context(), b.DB.Fleet(), u.ID(), "tester", &out, archive.WriteOptions{})
	require.NoError(t, err)
	owner, app := b.Owner(t), b.App(t)
	for _, sql := range []string{"UPDATE public.audit_log SET actor = 'x'", "DELETE FROM public.audit_log", "TRUNCATE public.audit_log"} {
		_, err := owner.Exec(t.Context(), sql)
		require.Error(t, err, sql)
	}
	var n int
	require.NoError(t, app.QueryRow(t.Context(), "SELECT count(*) FROM public.audit_log").Scan(&n))
	require.Zero(t, n)
	_, err = app.Exec(t.Context(), "INSERT INTO public.audit_log (actor, action, subject) VALUES ('x', 'x', gen_random_uuid())")
	require.Error(t, err)
	_, err = transfer.Export(t.Context(), b.DB.Fleet(), uuid.New(), "tester", &out, archive.WriteOptions{})
	require.ErrorIs(t, err, tenant.ErrNoEntry)
}

// A snapshot shows one moment, whatever happens while it is read, and holds up nobody.
func TestSnapshotIsOfOneMoment(t *testing.T) {
	t.Parallel()
	b := setup(t)
	u := b.filled()
	count := func(db tenant.DBTX) (n int) {
		require.NoError(t, db.QueryRow(t.Context(), "SELECT count(*) FROM messages").Scan(&n))
		return n
	}
	err := b.DB.Snapshot(t.Context(), u, func(s *tenant.Snapshot) error {
		require.Equal(t, 8, count(s))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		require.NoError(t, b.DB.Tx(ctx, u, func(tx *tenant.Tx) error {
			_, err := tx.Exec(ctx, "DELETE FROM messages")
			return err
		}))
		require.Equal(t, 8, count(s))
		_, err := s.Exec(t.Context(), "DELETE FROM messages")
		require.Error(t, err)
		return nil
	})
	require.NoError(t, err)
	require.NoError(t, b.DB.Snapshot(t.Context(), u, func(s *tenant.Snapshot) error { require.Zero(t, count(s)); return nil }))
	require.Error(t, b.DB.Snapshot(t.Context(), auth.User{}, nil))
}
