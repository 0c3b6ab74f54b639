package transfer_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/account/archive"
	"twobrains/internal/memory"
)

// rewrite makes an archive whose notes are others; nil: it has none, as earlier versions wrote it.
func rewrite(t *testing.T, file []byte, notes []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for name, text := range entries(t, file) {
		switch name {
		case "memories.jsonl":
			if notes == nil {
				continue
			}
			text = string(notes)
		case "manifest.json":
			var m archive.Manifest
			require.NoError(t, json.Unmarshal([]byte(text), &m))
			kept := m.Files[:0]
			for _, e := range m.Files {
				if e.Path == "memories.jsonl" {
					if notes == nil {
						continue
					}
					sum := sha256.Sum256(notes)
					e.Bytes, e.SHA256 = int64(len(notes)), hex.EncodeToString(sum[:])
				}
				kept = append(kept, e)
			}
			m.Files = kept
			changed, err := json.Marshal(m)
			require.NoError(t, err)
			text = string(changed)
		}
		w, err := z.Create(name)
		require.NoError(t, err)
		_, err = w.Write([]byte(text))
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return out.Bytes()
}

func TestImportOfNotes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	u := b.filled()
	file := b.export(u)

	report := b.importInto(b.user(), rewrite(t, file, nil))
	require.Nil(t, report.Refused)
	require.Equal(t, 7, report.Messages.Taken)
	require.Zero(t, report.Memories, "an earlier version wrote none")

	// Anybody may have written the file.
	var lines strings.Builder
	for _, m := range []archive.Memory{
		{ID: uuid.New(), Content: strings.Repeat("ü", memory.MaxContent+1)}, {ID: uuid.New(), Content: " \n"}, {ID: uuid.New(), Content: "a\x00"},
		{Content: "no id"}, {ID: uuid.New(), Content: "Likes   <tea>"}, {ID: uuid.New(), Content: "  other \n", Source: "model", ConversationID: "../../x"},
	} {
		line, err := json.Marshal(m)
		require.NoError(t, err)
		lines.Write(append(line, '\n'))
	}
	lines.WriteString(`{"id":7}` + "\n" + `"text"` + "\n")
	report = b.importInto(u, rewrite(t, file, []byte(lines.String())))
	require.Nil(t, report.Refused)
	require.Equal(t, 1, report.Memories.Taken)
	require.Equal(t, 1, report.Memories.Already, "what says the same")
	require.Equal(t, archive.ReasonUnreadable, report.Skipped[0].Reason)
	require.Equal(t, 6, report.Skipped[0].Count)
	require.Equal(t, "(other,t,)", b.rows(b.super, "(SELECT * FROM "+schemaOf(u)+".memories WHERE content LIKE '%other%')", "x.content, x.by_model, x.conversation_id"))

	// As many as there may be, and no more.
	lines.Reset()
	for i := range memory.MaxNotes + 5 {
		fmt.Fprintf(&lines, `{"id":%q,"content":"note %d"}`+"\n", uuid.NewString(), i)
	}
	report = b.importInto(u, rewrite(t, file, []byte(lines.String())))
	require.Equal(t, memory.MaxNotes-3, report.Memories.Taken)
	require.Equal(t, "memory_full", string(report.Skipped[0].Reason))
	require.Equal(t, 8, report.Skipped[0].Count)
	var n int
	require.NoError(t, b.super.QueryRow(t.Context(), "SELECT count(*) FROM "+schemaOf(u)+".memories").Scan(&n))
	require.Equal(t, memory.MaxNotes, n)
}

// Who has nothing takes nothing along, and that is no fault of the file.
func TestImportOfNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	report := b.importInto(b.user(), b.export(b.user()))
	require.Nil(t, report.Refused)
	require.Zero(t, report.Conversations.Taken+report.Messages.Taken+report.Attachments.Taken+report.Memories.Taken)
}
