package archive_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/account/archive"
)

type entry struct{ name, text string }

func pack(t *testing.T, all ...entry) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, e := range all {
		w, err := z.Create(e.name)
		require.NoError(t, err)
		_, err = io.WriteString(w, e.text)
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	return out.Bytes()
}

const (
	ownLine   = `{"id":"c1","title":"A","createdAt":"2026-01-02T03:04:05Z","updatedAt":"2026-01-02T03:04:05Z","messages":[{"id":"m1","parentId":"","role":"user","parts":[{"type":"text","text":"hi"}],"metadata":{},"status":"complete","createdAt":"2026-01-02T03:04:05Z","shown":true}]}` + "\n"
	fileID    = "00000000-0000-7000-8000-000000000001"
	filePath  = "attachments/" + fileID + ".txt"
	dumpText  = "CREATE TABLE conversations (id text);\nDROP TABLE everything;\n\nCOPY conversations (id, title) FROM stdin;\nc1\tA \\\\. b\n\\.\n\nCOPY empty (id) FROM stdin;\n\\.\nCOMMIT;\n"
	gptText   = `[{"id":"x","mapping":{"a":{"message":null,"parent":null,"children":[]}}}]`
	unrelated = `[{"hello":"world"}]`
)

func sum(text string) string {
	s := sha256.Sum256([]byte(text))
	return hex.EncodeToString(s[:])
}

// own is an archive as Write makes it; change may alter it before it is packed.
func own(t *testing.T, change func(files map[string]string, m *archive.Manifest)) []byte {
	t.Helper()
	listed := fmt.Sprintf(`{"path":%q,"bytes":5,"sha256":%q,"id":%q,"conversationId":"c1","mediaType":"text/plain","name":"a.txt","createdAt":"2026-01-02T03:04:05Z"}`+"\n", filePath, sum("hello"), fileID)
	files := map[string]string{"conversations.jsonl": ownLine, "attachments.jsonl": listed, "brain.sql": dumpText, "settings.json": "{}", filePath: "hello"}
	m := archive.Manifest{Format: archive.Format, Version: archive.Version, UserID: uuid.New(), SchemaVersion: 3, Counts: archive.Counts{Conversations: 1, Messages: 1, Attachments: 1}}
	for _, name := range []string{"conversations.jsonl", "attachments.jsonl", "brain.sql", "settings.json"} {
		m.Files = append(m.Files, archive.Entry{Path: name, Bytes: int64(len(files[name])), SHA256: sum(files[name])})
	}
	if change != nil {
		change(files, &m)
	}
	var all []entry
	for name, text := range files {
		all = append(all, entry{name, text})
	}
	text, err := json.Marshal(m)
	require.NoError(t, err)
	return pack(t, append(all, entry{"manifest.json", string(text)})...)
}

// readAll reads all that there is, and returns the first error.
func readAll(file []byte) (conversations []archive.Conversation, err error) {
	a, err := archive.Open(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return nil, err
	}
	if a.Manifest != nil {
		if err := errors.Join(a.VerifyConversations(), a.VerifyDump()); err != nil {
			return nil, err
		}
	}
	for c, err := range a.Conversations() {
		if err != nil {
			return conversations, err
		}
		conversations = append(conversations, c)
	}
	for at, err := range a.Attachments() {
		if err == nil {
			_, err = a.ReadAttachment(at, 1<<20)
		}
		if err != nil {
			return conversations, err
		}
	}
	return conversations, nil
}

func TestOwnArchiveIsRead(t *testing.T) {
	t.Parallel()
	all, err := readAll(own(t, nil))
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.Equal(t, "m1", all[0].Messages[0].ID)

	file := own(t, nil)
	a, err := archive.Open(bytes.NewReader(file), int64(len(file)))
	require.NoError(t, err)
	var tables []string
	require.NoError(t, a.Dump(func(d archive.DumpTable) error {
		rows, err := io.ReadAll(d.Rows)
		tables = append(tables, fmt.Sprintf("%s %v %q", d.Name, d.Columns, rows))
		return err
	}))
	require.Equal(t, []string{`conversations [id title] "c1\tA \\\\. b\n"`, `empty [id] ""`}, tables)
}

func TestRefusedFiles(t *testing.T) {
	t.Parallel()
	whole := own(t, nil)
	changed := bytes.Clone(pack(t, entry{"conversations.json", gptText + strings.Repeat(" ", 100)}))
	changed[60] ^= 0x55 // in the middle of the packed text
	cases := map[string]struct {
		file []byte
		code archive.Code
	}{
		"empty":                       {nil, archive.CodeNotArchive},
		"a picture":                   {[]byte("\x89PNG\r\n\x1a\n0000"), archive.CodeNotArchive},
		"a page":                      {[]byte("<html><body>conversations</body></html>"), archive.CodeNotArchive},
		"blanks":                      {[]byte("  \n "), archive.CodeNotArchive},
		"JSON of something else":      {[]byte(unrelated), archive.CodeForeign},
		"a list of numbers":           {[]byte("[1,2]"), archive.CodeForeign},
		"an empty list":               {[]byte("[]"), archive.CodeForeign},
		"a ZIP of something else":     {pack(t, entry{"a.txt", "b"}), archive.CodeForeign},
		"an empty ZIP":                {pack(t), archive.CodeForeign},
		"conversations of nobody":     {pack(t, entry{"conversations.json", unrelated}), archive.CodeForeign},
		"half a ZIP":                  {whole[:len(whole)/2], archive.CodeIncomplete},
		"a ZIP without its last byte": {whole[:len(whole)-30], archive.CodeIncomplete},
		"half a JSON":                 {[]byte(gptText[:len(gptText)-3]), archive.CodeIncomplete},
		"a list without its end":      {[]byte(strings.TrimSuffix(gptText, "]")), archive.CodeIncomplete},
		"malformed JSON":              {[]byte(`[{"id":"x","mapping":{]}]`), archive.CodeBadJSON},
		"path to the parent":          {pack(t, entry{"../conversations.json", gptText}), archive.CodePath},
		"path in the middle":          {pack(t, entry{"conversations.json", gptText}, entry{"a/../../b", ""}), archive.CodePath},
		"absolute path":               {pack(t, entry{"conversations.json", gptText}, entry{"/etc/passwd", ""}), archive.CodePath},
		"Windows path":                {pack(t, entry{"conversations.json", gptText}, entry{`..\b`, ""}), archive.CodePath},
		"drive":                       {pack(t, entry{"conversations.json", gptText}, entry{"C:evil", ""}), archive.CodePath},
		"name that is no UTF-8":       {pack(t, entry{"conversations.json", gptText}, entry{"\xff\xfe", ""}), archive.CodePath},
		"two of one name":             {pack(t, entry{"conversations.json", gptText}, entry{"conversations.json", gptText}), archive.CodeDuplicate},
		"two manifests":               {pack(t, entry{"manifest.json", "{}"}, entry{"manifest.json", "{}"}), archive.CodeDuplicate},
		"a ZIP in a ZIP":              {pack(t, entry{"export.zip", string(whole)}), archive.CodeNested},
		"a bomb":                      {pack(t, entry{"conversations.json", strings.Repeat(" ", 100<<20) + gptText}), archive.CodeBomb},
		"damaged bytes":               {changed, archive.CodeDamaged},
		"UTF-16":                      {[]byte("\xff\xfe[\x00{\x00}\x00]\x00"), archive.CodeEncoding},
		"UTF-16 without a mark":       {[]byte("[\x00{\x00}\x00]\x00"), archive.CodeEncoding},
		"Latin 1":                     {[]byte(`[{"id":"x","mapping":{"` + "\xfc" + `":{}}}]`), archive.CodeEncoding},
		"Latin 1 at the end":          {[]byte(gptText + "\xfc"), archive.CodeEncoding},
		"a conversation of 70 MB":     {[]byte(`[{"id":"` + strings.Repeat("x", 70<<20) + `"}]`), archive.CodeLongEntry},
		"a newer version":             {own(t, func(_ map[string]string, m *archive.Manifest) { m.Version = archive.Version + 1 }), archive.CodeNewer},
		"conversations changed": {own(t, func(f map[string]string, _ *archive.Manifest) {
			f["conversations.jsonl"] = strings.Replace(ownLine, "hi", "ho", 1)
		}), archive.CodeDamaged},
		"conversations longer": {own(t, func(f map[string]string, _ *archive.Manifest) { f["conversations.jsonl"] += ownLine }), archive.CodeDamaged},
		"dump changed": {own(t, func(f map[string]string, _ *archive.Manifest) {
			f["brain.sql"] = strings.Replace(dumpText, "A", "B", 1)
		}), archive.CodeDamaged},
		"manifest changed":            {own(t, func(_ map[string]string, m *archive.Manifest) { m.Files[0].SHA256 = sum("something else") }), archive.CodeDamaged},
		"manifest names a file twice": {own(t, func(_ map[string]string, m *archive.Manifest) { m.Files = append(m.Files, m.Files[0]) }), archive.CodeDamaged},
		"conversations missing":       {own(t, func(f map[string]string, _ *archive.Manifest) { delete(f, "conversations.jsonl") }), archive.CodeIncomplete},
		"conversations unlisted": {own(t, func(f map[string]string, m *archive.Manifest) {
			delete(f, "conversations.jsonl")
			m.Files = m.Files[1:]
		}), archive.CodeIncomplete},
		"attachment missing": {own(t, func(f map[string]string, _ *archive.Manifest) { delete(f, filePath) }), archive.CodeIncomplete},
		"attachment changed": {own(t, func(f map[string]string, _ *archive.Manifest) { f[filePath] = "hallo" }), archive.CodeDamaged},
		"attachment longer":  {own(t, func(f map[string]string, _ *archive.Manifest) { f[filePath] = "hello!" }), archive.CodeDamaged},
		"foreign entry":      {own(t, func(f map[string]string, _ *archive.Manifest) { f["virus.exe"] = "MZ" }), archive.CodeForeign},
		"attachment that points elsewhere": {own(t, func(f map[string]string, m *archive.Manifest) {
			f["attachments.jsonl"] = strings.Replace(f["attachments.jsonl"], filePath, "brain.sql", 1)
			m.Files[1] = archive.Entry{Path: "attachments.jsonl", Bytes: int64(len(f["attachments.jsonl"])), SHA256: sum(f["attachments.jsonl"])}
		}), archive.CodeDamaged},
	}
	for name, tc := range cases {
		_, err := readAll(tc.file)
		var refused *archive.Error
		require.ErrorAs(t, err, &refused, name)
		require.Equal(t, tc.code, refused.Code, "%s: %v", name, err)
	}
}

// An entry that unfolds to more than the directory says is not read on.
func TestEntryThatLiesAboutItsSize(t *testing.T) {
	t.Parallel()
	text := gptText + strings.Repeat(" ", 1000)
	file := pack(t, entry{"conversations.json", text})
	at := bytes.LastIndex(file, []byte("PK\x01\x02"))
	require.Positive(t, at)
	file[at+24] = byte(len(gptText)) // uncompressed size in the directory
	file[at+25], file[at+26], file[at+27] = 0, 0, 0
	_, err := readAll(file)
	var refused *archive.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, archive.CodeDamaged, refused.Code)
}

func TestWhatOwnMessagesMayHold(t *testing.T) {
	t.Parallel()
	line := func(parts string) string {
		return `{"id":"c1","title":"a\nb\u0007c","messages":[{"id":"m1","role":"assistant","parts":` + parts + `,"metadata":{"branch":{"count":9}},"status":"odd","shown":true},{"id":"m2","parentId":"m1","role":"user","parts":[{"type":"text","text":"x"},{"type":"reasoning","text":"x"}],"shown":true}]}`
	}
	for parts, want := range map[string]string{
		`[{"type":"text","text":"a"},{"type":"unheard-of","html":"<script>"}]`:                                          `[{"text":"a","type":"text"}]`,
		`[{"type":"file","mediaType":"image/png","url":"https://evil.test/x.png"},{"type":"text","text":"a"}]`:          `[{"text":"a","type":"text"}]`,
		`[{"type":"file","mediaType":"image/png","url":"/api/attachments/` + fileID + `"}]`:                             `[{"mediaType":"image/png","type":"file","url":"/api/attachments/` + fileID + `"}]`,
		`[{"type":"source-url","url":"javascript:alert(1)"},{"type":"text","text":"a"}]`:                                `[{"text":"a","type":"text"}]`,
		`[{"type":"tool-x","toolCallId":"1","state":"approval-requested","approval":{"id":"1"}},{"type":"step-start"}]`: `[{"type":"step-start"}]`,
		`[{"type":"tool-x","toolCallId":"1","state":"output-available","output":12345678901234567890}]`:                 `[{"output":12345678901234567890,"state":"output-available","toolCallId":"1","type":"tool-x"}]`,
		`[{"type":"text","text":"lone \ud800"}]`:                                                                        `[{"text":"lone ` + "\uFFFD" + `","type":"text"}]`,
		`[]`:                                                                                                            `[]`,
		// Not storable, or nothing left: the message goes, and what follows it follows nothing.
		`[{"type":"text","text":"a\u0000b"}]`:                                                                                         ``,
		`[{"type":"tool-x","toolCallId":"1","state":"output-available","output":1e9999}]`:                                             ``,
		`[{"type":"tool-x","toolCallId":"1","state":"output-error","x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}]`: ``,
		`{"type":"text"}`: ``,
		`[{"type":"x"}]`:  ``,
	} {
		text := line(parts)
		all, err := readAll(own(t, func(f map[string]string, m *archive.Manifest) {
			f["conversations.jsonl"] = text
			m.Files[0] = archive.Entry{Path: "conversations.jsonl", Bytes: int64(len(text)), SHA256: sum(text)}
		}))
		require.NoError(t, err, parts)
		require.Equal(t, "a b c", all[0].Title)
		messages := all[0].Messages
		if want == "" {
			require.Len(t, messages, 1, parts)
			require.Empty(t, messages[0].ParentID)
			require.Len(t, all[0].Skipped, 1)
			continue
		}
		require.Len(t, messages, 2, parts)
		require.Equal(t, want, string(messages[0].Parts))
		require.Equal(t, "complete", messages[0].Status)
		require.Equal(t, "{}", string(messages[0].Metadata))
		require.JSONEq(t, `[{"text":"x","type":"text"}]`, string(messages[1].Parts))
	}
}
