package faults

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"twobrains/internal/faulttest"
)

// What the accounts of these tests hold: enough for several pieces of a file and several batches of an import.
const (
	movedConversations = 40
	movedMessages      = 50 // of each
	movedFiles         = 3
)

const allMoved = movedConversations * movedMessages

// elsewhere is an export of another service, with words that cannot be packed.
func elsewhere() []byte {
	type message struct {
		UUID   string `json:"uuid"`
		Sender string `json:"sender"`
		Text   string `json:"text"`
	}
	type conversation struct {
		UUID     string    `json:"uuid"`
		Name     string    `json:"name"`
		Messages []message `json:"chat_messages"`
	}
	all := make([]conversation, movedConversations)
	for c := range all {
		all[c] = conversation{UUID: fmt.Sprint("c", c), Name: fmt.Sprint("Conversation ", c)}
		for m := range movedMessages {
			text := ""
			for part := range 8 {
				text += fmt.Sprintf("%x ", sha256.Sum256(fmt.Append(nil, c, m, part)))
			}
			all[c].Messages = append(all[c].Messages, message{fmt.Sprintf("m%d-%d", c, m), []string{"human", "assistant"}[m%2], text})
		}
	}
	file, _ := json.Marshal(all)
	return file
}

// moving is how far an export or import is.
type moving struct {
	State     string
	ErrorCode *string
	File      *struct {
		Size                                 int64
		Conversations, Messages, Attachments int
	}
	Report *struct {
		Conversations, Messages, Attachments struct{ Taken, Already int }
		Skipped                              []struct{ Reason string }
		Refused                              *struct{ Code string }
	}
}

const (
	exportPath = "/api/account/export"
	importPath = "/api/account/import"
)

// moved waits until an export or import is done.
func moved(t *testing.T, c *faulttest.Client, path string) (m moving) {
	t.Helper()
	faulttest.Until(t, 60*time.Second, path+" is done", func() bool {
		a := c.Get(path)
		m = moving{}
		return a.Status == http.StatusOK && json.Unmarshal([]byte(a.Body), &m) == nil && m.State != "waiting" && m.State != "running"
	})
	require.Equal(t, "done", m.State, m)
	return m
}

// filled has somebody take in a file of another service, and send some of their own.
func (w *world) filled(c *faulttest.Client) {
	w.t.Helper()
	c.Upload(importPath, "application/octet-stream", elsewhere()).Want(w.t, http.StatusAccepted, "")
	require.Equal(w.t, allMoved, moved(w.t, c, importPath).Report.Messages.Taken)
	for n := range movedFiles {
		a := c.Upload(fmt.Sprintf("/api/attachments?filename=%d.md", n), "text/markdown", fmt.Append(nil, "# File ", n)).Want(w.t, http.StatusCreated, "")
		var file struct{ URL string }
		require.NoError(w.t, json.Unmarshal([]byte(a.Body), &file))
		body := fmt.Sprintf(`{"id":"own","message":{"id":"own%d","role":"user","parts":[{"type":"text","text":"and now?"},{"type":"file","mediaType":"text/markdown","url":%q}]}}`, n, file.URL)
		c.Follow(http.MethodPost, "/api/ai", body).End(w.t, 20*time.Second).Whole(w.t)
	}
}

// wholeArchive fails the test unless the last export of a user is what its manifest says, and has everything. It returns the file.
func (w *world) wholeArchive(c *faulttest.Client) []byte {
	w.t.Helper()
	m := moved(w.t, c, exportPath)
	require.Equal(w.t, movedConversations+1, m.File.Conversations)
	require.Equal(w.t, allMoved+2*movedFiles, m.File.Messages)
	require.Equal(w.t, movedFiles, m.File.Attachments)
	file := []byte(c.Get(exportPath+"/file").Want(w.t, http.StatusOK, "").Body)
	if int64(len(file)) != m.File.Size {
		w.t.Fatalf("the file has %d bytes, want %d", len(file), m.File.Size)
	}
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	require.NoError(w.t, err)
	sums := map[string]string{}
	var manifest struct {
		Files []struct{ Path, SHA256 string }
	}
	for _, entry := range z.File {
		r, err := entry.Open()
		require.NoError(w.t, err)
		content, err := io.ReadAll(r)
		require.NoError(w.t, err)
		sum := sha256.Sum256(content)
		sums[entry.Name] = hex.EncodeToString(sum[:])
		if entry.Name == "manifest.json" {
			require.NoError(w.t, json.Unmarshal(content, &manifest))
		}
	}
	require.NotEmpty(w.t, manifest.Files)
	require.Contains(w.t, sums, "brain.sql")
	for _, entry := range manifest.Files {
		require.Equal(w.t, entry.SHA256, sums[entry.Path], entry.Path)
	}
	return file
}

// everythingOnce fails the test unless a user has everything of an export, nothing of it twice, and nothing else.
func (w *world) everythingOnce(c *faulttest.Client) {
	w.t.Helper()
	schema := w.brain(c).Schema
	require.Equal(w.t, allMoved+2*movedFiles, w.db.Count(w.t, "SELECT count(*) FROM "+schema+".messages"))
	require.Equal(w.t, movedConversations+1, w.db.Count(w.t, "SELECT count(*) FROM "+schema+".conversations"))
	require.Equal(w.t, allMoved+2*movedFiles, w.db.Count(w.t, "SELECT sum(last_seq) FROM "+schema+".conversations"))
	require.Zero(w.t, w.db.Count(w.t, "SELECT count(*) FROM "+schema+".messages WHERE NOT on_path OR versions <> 1"))
	require.Equal(w.t, allMoved, w.db.Count(w.t, "SELECT count(DISTINCT parts) FROM "+schema+".messages WHERE conversation_id <> 'own'"))
	require.Equal(w.t, movedFiles, w.db.Count(w.t, "SELECT count(*) FROM "+schema+".attachments"))
}

// holding has whoever comes to a place, a statement on a table, wait until it is released, as long as the place is held.
const holding = `CREATE TABLE public.hold (place text);
	GRANT SELECT ON public.hold TO PUBLIC;
	CREATE FUNCTION public.hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF EXISTS (SELECT FROM public.hold h WHERE h.place = TG_ARGV[0]) THEN PERFORM pg_advisory_xact_lock(4712); END IF;
		RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END; END $$;`

// killedAt begins something, kills the process when it has come to a place, undoes what it was about to write there, and lets another
// process go on.
func (w *world) killedAt(place string, victim *faulttest.Server, begin func()) {
	t := w.t
	t.Helper()
	holder, err := pgx.Connect(t.Context(), w.db.SuperuserURL)
	require.NoError(t, err)
	defer func() { _ = holder.Close(t.Context()) }()
	_, err = holder.Exec(t.Context(), "SELECT pg_advisory_lock(4712)")
	require.NoError(t, err)
	w.db.Exec(t, "INSERT INTO public.hold VALUES ($1)", place)
	begin()
	const held = "FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' AND NOT l.granted AND l.objid = 4712 AND a.datname = current_database()"
	faulttest.Until(t, 20*time.Second, "somebody is held at "+place, func() bool { return w.db.Count(t, "SELECT count(*) "+held) > 0 })
	victim.Kill()
	w.db.Exec(t, "DELETE FROM public.hold")
	w.db.Exec(t, "SELECT pg_terminate_backend(a.pid) "+held)
}

// A process is killed in the middle of writing an export, when the file is whole and not yet said to be so, and when all is done and not
// yet noted: another process makes a file that is whole, and no other one stays that can be had.
func TestKilledDuringExport(t *testing.T) {
	t.Parallel()
	w := setup(t, faulttest.Words(3, 0))
	first := w.server()
	as := w.person()
	w.filled(as(first))
	w.db.Exec(t, holding+`
		CREATE TRIGGER hold_piece BEFORE INSERT ON public.account_file_chunks FOR EACH ROW WHEN (NEW.n = 1) EXECUTE FUNCTION public.hold('piece');
		CREATE TRIGGER hold_whole BEFORE UPDATE ON public.account_files FOR EACH ROW WHEN (NEW.complete) EXECUTE FUNCTION public.hold('whole');
		CREATE TRIGGER hold_done BEFORE UPDATE ON public.account_jobs FOR EACH ROW WHEN (NEW.finished_at IS NOT NULL) EXECUTE FUNCTION public.hold('done')`)
	for _, place := range []string{"piece", "whole", "done"} {
		w.killedAt(place, first, func() { as(first).Do(http.MethodPost, exportPath, "").Want(t, http.StatusAccepted, "") })
		first.Start(t)
		file := w.wholeArchive(as(first))
		require.Equal(t, 1, w.db.Count(t, "SELECT count(*) FROM public.account_files WHERE complete AND purpose = 'export'"), place)

		other := w.person()
		as := other(first)
		as.Upload(importPath, "application/octet-stream", file).Want(t, http.StatusAccepted, "")
		report := moved(t, as, importPath).Report
		require.Equal(t, allMoved+2*movedFiles, report.Messages.Taken, place)
		require.Nil(t, report.Refused, place)
		w.everythingOnce(as)
	}
}

// A process is killed in the middle of an import, between its batches, at the files, when what was imported is about to be removed, and when
// all is done and not yet noted: another process goes on, everything is there in the end, and nothing twice.
func TestKilledDuringImport(t *testing.T) {
	t.Parallel()
	w := setup(t, faulttest.Words(3, 0))
	first := w.server()
	giver := w.person()
	w.filled(giver(first))
	giver(first).Do(http.MethodPost, exportPath, "").Want(t, http.StatusAccepted, "")
	file := w.wholeArchive(giver(first))
	w.db.Exec(t, holding+`
		CREATE TRIGGER hold_removed BEFORE DELETE ON public.account_files FOR EACH ROW WHEN (OLD.purpose = 'import') EXECUTE FUNCTION public.hold('removed');
		CREATE TRIGGER hold_done BEFORE UPDATE ON public.account_jobs FOR EACH ROW WHEN (NEW.finished_at IS NOT NULL) EXECUTE FUNCTION public.hold('done')`)
	for _, place := range []string{"first message", "later message", "file", "removed", "done"} {
		as := w.person()
		w.warm(as(first))
		schema := w.brain(as(first)).Schema
		w.db.Exec(t, fmt.Sprintf(`
			CREATE TRIGGER hold_first BEFORE INSERT ON %[1]s.messages FOR EACH STATEMENT EXECUTE FUNCTION public.hold('first message');
			CREATE FUNCTION public.late_%[1]s() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
				IF (SELECT count(*) FROM %[1]s.messages) >= 1000 AND EXISTS (SELECT FROM public.hold WHERE place = 'later message') THEN
					PERFORM pg_advisory_xact_lock(4712); END IF; RETURN NULL; END $$;
			CREATE TRIGGER hold_later AFTER INSERT ON %[1]s.messages FOR EACH STATEMENT EXECUTE FUNCTION public.late_%[1]s();
			CREATE TRIGGER hold_file BEFORE INSERT ON %[1]s.attachments FOR EACH ROW EXECUTE FUNCTION public.hold('file')`, schema))
		w.killedAt(place, first, func() {
			as(first).Upload(importPath, "application/octet-stream", file).Want(t, http.StatusAccepted, "")
		})
		first.Start(t)
		report := moved(t, as(first), importPath).Report
		require.Equal(t, allMoved+2*movedFiles, report.Messages.Taken+report.Messages.Already, place)
		require.Equal(t, movedFiles, report.Attachments.Taken+report.Attachments.Already, place)
		require.Nil(t, report.Refused, place)
		w.everythingOnce(as(first))
		require.Zero(t, w.db.Count(t, "SELECT count(*) FROM public.account_files WHERE purpose = 'import'"), place)
	}
}

// Two replicas, one of which is killed at a random moment while it exports and imports, again and again.
func TestKilledAtRandomDuringTransfer(t *testing.T) {
	t.Parallel()
	w := setup(t, faulttest.Words(3, 0))
	servers := []*faulttest.Server{w.server(), w.server()}
	giver := w.person()
	w.filled(giver(servers[0]))
	giver(servers[0]).Do(http.MethodPost, exportPath, "").Want(t, http.StatusAccepted, "")
	file := w.wholeArchive(giver(servers[0]))
	const rounds = 4
	for round := range rounds {
		victim, other := servers[round%2], servers[1-round%2]
		taker := w.person()
		w.warm(taker(other))
		killed := make(chan struct{})
		giver(victim).Do(http.MethodPost, exportPath, "").Want(t, http.StatusAccepted, "")
		taker(victim).Upload(importPath, "application/octet-stream", file).Want(t, http.StatusAccepted, "")
		time.AfterFunc(rand.N(500*time.Millisecond), func() {
			victim.Kill()
			close(killed)
		})
		<-killed
		report := moved(t, taker(other), importPath).Report
		require.Equal(t, allMoved+2*movedFiles, report.Messages.Taken+report.Messages.Already)
		w.everythingOnce(taker(other))
		w.wholeArchive(giver(other))
		victim.Start(t)
	}
}
