package archive

import (
	"archive/zip"
	"bufio"
	"bytes"
	"cmp"
	"compress/flate"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
)

// Kind is where an archive comes from.
type Kind string

// The kinds.
const (
	KindOwn     Kind = "twobrains"
	KindChatGPT Kind = "chatgpt"
	KindClaude  Kind = "claude"
)

// Bounds of what is read. Text of people compresses 200 to 1 only in small amounts, of which reading them all does no harm. The dump, which
// may hold files of nothing but zeros, is read by operators only.
const (
	maxEntries      = 300_000
	maxRatio        = 200
	ratioFrom       = 64 << 20
	maxUnfolded     = 64 << 30
	maxManifest     = 1 << 20
	maxConversation = 64 << 20
)

// Archive is an opened file. It is for one goroutine.
type Archive struct {
	Kind Kind
	// Manifest is that of our own archive; nil for others.
	Manifest *Manifest
	// Other are entries of which nothing is read, for the report; of other services' only what kind of files they are.
	Other []string

	file   io.ReaderAt
	size   int64
	zip    *zip.Reader
	byName map[string]*zip.File
	// texts are the entries with conversations; nil: the file itself is one.
	texts []*zip.File
}

// Open looks at a file of a size and refuses what cannot be one of ours, or would be dangerous to read. Errors wrap *Error. The sums
// of our own archive's entries are verified by those who read them.
func Open(file io.ReaderAt, size int64) (*Archive, error) {
	a := &Archive{file: file, size: size}
	head := make([]byte, min(size, 4))
	if _, err := file.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read file: %w", err)
	}
	if !bytes.HasPrefix(head, []byte("PK")) {
		return a, a.identify(func() (io.ReadCloser, error) { return io.NopCloser(io.NewSectionReader(file, 0, size)), nil }, "")
	}
	if err := a.openZIP(); err != nil {
		return nil, err
	}
	if _, ok := a.byName[manifestName]; ok {
		if err := a.readManifest(); err != nil || a.Manifest != nil {
			return a, err
		}
	}
	return a, a.openForeign()
}

func (a *Archive) openZIP() (err error) {
	a.zip, err = zip.NewReader(a.file, a.size)
	if errors.Is(err, zip.ErrFormat) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return refuse(CodeIncomplete, "", err) // the directory is at the end: of a file that was cut off it is missing
	}
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return fmt.Errorf("read file: %w", err)
	}
	if len(a.zip.File) > maxEntries {
		return refuse(CodeTooLarge, "", nil)
	}
	a.byName = make(map[string]*zip.File, len(a.zip.File))
	var packed, unfolded uint64
	for i, f := range a.zip.File {
		where := fmt.Sprintf("entry %d", i+1)
		switch {
		case !safePath(f.Name):
			return refuse(CodePath, where, nil)
		case a.byName[f.Name] != nil:
			return refuse(CodeDuplicate, where, nil)
		case f.Flags&1 != 0:
			return refuse(CodeEncrypted, where, nil)
		case f.Name != dumpName && f.UncompressedSize64 > ratioFrom && f.UncompressedSize64/maxRatio > f.CompressedSize64:
			return refuse(CodeBomb, where, nil)
		}
		a.byName[f.Name] = f
		packed += f.CompressedSize64
		unfolded += f.UncompressedSize64
		// Entries that share bytes would add up to more than the file.
		if packed > uint64(a.size) || f.CompressedSize64 > uint64(a.size) {
			return refuse(CodeBomb, where, nil)
		}
		if unfolded > maxUnfolded || f.UncompressedSize64 > maxUnfolded {
			return refuse(CodeTooLarge, where, nil)
		}
	}
	return nil
}

// safePath: nothing is ever written to a disk, but who packs such a name means no good.
func safePath(name string) bool {
	return utf8.ValidString(name) && name != "" && len(name) <= 1000 && !strings.ContainsAny(name, "\\\x00:") && !path.IsAbs(name) &&
		!slices.Contains(strings.Split(name, "/"), "..")
}

// open gives an entry's bytes, not one more than the directory says. Their checksum is verified at the end.
func open(f *zip.File) (io.ReadCloser, error) {
	r, err := f.Open()
	if err != nil {
		return nil, damaged(f.Name, err)
	}
	return &entryReader{ReadCloser: r, name: f.Name, left: int64(f.UncompressedSize64)}, nil
}

type entryReader struct {
	io.ReadCloser
	name string
	left int64
}

func (r *entryReader) Read(p []byte) (int, error) {
	if int64(len(p)) > r.left+1 {
		p = p[:r.left+1]
	}
	n, err := r.ReadCloser.Read(p)
	if r.left -= int64(n); r.left < 0 {
		return 0, refuse(CodeDamaged, r.name, nil)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return n, damaged(r.name, err)
	}
	return n, err
}

// damaged tells what is wrong with an entry from what is wrong with reading at all.
func damaged(name string, err error) error {
	var corrupt flate.CorruptInputError
	if errors.As(err, &corrupt) || errors.Is(err, zip.ErrFormat) || errors.Is(err, zip.ErrChecksum) || errors.Is(err, zip.ErrAlgorithm) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return refuse(CodeDamaged, name, err)
	}
	return fmt.Errorf("read entry: %w", err)
}

var foreignNames = regexp.MustCompile(`^(?:[^/]+/)?conversations(?:-\d{1,6})?\.json$`)

func (a *Archive) openForeign() error {
	nested := false
	for _, f := range a.zip.File {
		switch name := f.Name; {
		case foreignNames.MatchString(name):
			a.texts = append(a.texts, f)
		case strings.HasSuffix(name, "/"):
		default:
			nested = nested || strings.EqualFold(path.Ext(name), ".zip")
			a.Other = append(a.Other, "*"+strings.ToLower(path.Ext(name))) // names are texts
		}
	}
	if len(a.texts) == 0 {
		if nested {
			return refuse(CodeNested, "", nil)
		}
		return refuse(CodeForeign, "", nil)
	}
	slices.SortFunc(a.texts, func(x, y *zip.File) int { return cmp.Compare(x.Name, y.Name) })
	return a.identify(func() (io.ReadCloser, error) { return open(a.texts[0]) }, a.texts[0].Name)
}

// identify tells the kinds apart by the members of the first conversation.
func (a *Archive) identify(open func() (io.ReadCloser, error), where string) error {
	r, err := open()
	if err != nil {
		return err
	}
	defer r.Close()
	for raw, err := range values(r, where) {
		if err != nil {
			return err
		}
		var first struct {
			Mapping  json.RawMessage `json:"mapping"`
			Messages json.RawMessage `json:"chat_messages"`
		}
		if json.Unmarshal(raw, &first) != nil {
			return refuse(CodeForeign, where, nil)
		}
		switch {
		case first.Mapping != nil:
			a.Kind = KindChatGPT
		case first.Messages != nil:
			a.Kind = KindClaude
		default:
			return refuse(CodeForeign, where, nil)
		}
		return nil
	}
	return refuse(CodeForeign, where, nil) // an empty list
}

func (a *Archive) readManifest() error {
	f := a.byName[manifestName]
	if f.UncompressedSize64 > maxManifest {
		return refuse(CodeTooLarge, manifestName, nil)
	}
	r, err := open(f)
	if err != nil {
		return err
	}
	defer r.Close()
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	var m Manifest
	if json.Unmarshal(text, &m) != nil || m.Format != Format {
		return nil // Claude's export has an entry of this name, too
	}
	if m.Version > Version {
		return refuse(CodeNewer, manifestName, nil)
	}
	listed := map[string]bool{manifestName: true}
	for _, e := range m.Files {
		f, ok := a.byName[e.Path]
		switch {
		case !ok:
			return refuse(CodeIncomplete, manifestName, nil)
		case int64(f.UncompressedSize64) != e.Bytes || listed[e.Path]:
			return refuse(CodeDamaged, manifestName, nil)
		}
		listed[e.Path] = true
	}
	attachments := int64(0)
	for _, f := range a.zip.File {
		switch {
		case strings.HasPrefix(f.Name, attachmentsFolder):
			attachments++
		case !listed[f.Name]:
			return refuse(CodeForeign, "an entry that the manifest does not know", nil)
		}
	}
	for _, name := range []string{conversationsName, attachmentsName, dumpName} {
		if !listed[name] {
			return refuse(CodeIncomplete, manifestName, nil)
		}
	}
	if attachments != m.Counts.Attachments {
		return refuse(CodeIncomplete, attachmentsFolder, nil)
	}
	a.Kind, a.Manifest = KindOwn, &m
	a.texts = []*zip.File{a.byName[conversationsName]}
	for _, name := range []string{settingsName, usageName, sharesName} {
		if listed[name] {
			a.Other = append(a.Other, name)
		}
	}
	return nil
}

// verifyAll reads entries of our own archive, and refuses one that is not what the manifest says.
func (a *Archive) verifyAll(names ...string) error {
	for _, e := range a.Manifest.Files {
		if !slices.Contains(names, e.Path) {
			continue
		}
		if err := a.verify(e); err != nil {
			return err
		}
	}
	return nil
}

func (a *Archive) verify(e Entry) error {
	r, err := open(a.byName[e.Path])
	if err != nil {
		return err
	}
	defer r.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, r); err != nil {
		return err
	}
	if hex.EncodeToString(sum.Sum(nil)) != e.SHA256 {
		return refuse(CodeDamaged, e.Path, nil)
	}
	return nil
}

// VerifyConversations verifies what an import reads besides attachments.
func (a *Archive) VerifyConversations() error {
	return a.verifyAll(conversationsName, memoriesName, attachmentsName)
}

// VerifyDump verifies what a restore reads.
func (a *Archive) VerifyDump() error { return a.verifyAll(dumpName) }

// Conversations reads all conversations, one in memory at a time. A conversation that is not understood comes as its Skipped alone. An
// error ends it; it wraps *Error where the file is at fault.
func (a *Archive) Conversations() iter.Seq2[Conversation, error] {
	parse := map[Kind]func(json.RawMessage) Conversation{KindOwn: parseOwn, KindChatGPT: parseChatGPT, KindClaude: parseClaude}[a.Kind]
	return func(yield func(Conversation, error) bool) {
		each := func(r io.ReadCloser, where string) bool {
			defer r.Close()
			n := 0
			for raw, err := range values(r, where) {
				if err != nil {
					yield(Conversation{}, err)
					return false
				}
				n++
				c := parse(raw)
				if c.ID == "" && len(c.Skipped) == 0 {
					c.Skipped = []Skip{{ReasonUnreadable, fmt.Sprintf("conversation %d", n)}}
				}
				if !yield(c, nil) {
					return false
				}
			}
			return true
		}
		if a.texts == nil {
			each(io.NopCloser(io.NewSectionReader(a.file, 0, a.size)), "")
			return
		}
		for _, f := range a.texts {
			if a.isEmpty(f) {
				continue
			}
			r, err := open(f)
			if err != nil {
				yield(Conversation{}, err)
				return
			}
			if !each(r, f.Name) {
				return
			}
		}
	}
}

// isEmpty says whether an entry of our own archive has no lines.
func (a *Archive) isEmpty(f *zip.File) bool { return a.Manifest != nil && f.UncompressedSize64 == 0 }

// maxMemories bounds the notes that are read of an archive: more than anybody may have.
const maxMemories = 10_000

// Memories lists the notes of our own archive; other kinds have none. What is no note comes as its zero value.
func (a *Archive) Memories() iter.Seq2[Memory, error] {
	return func(yield func(Memory, error) bool) {
		if a.Manifest == nil || a.byName[memoriesName] == nil || a.isEmpty(a.byName[memoriesName]) {
			return
		}
		r, err := open(a.byName[memoriesName])
		if err != nil {
			yield(Memory{}, err)
			return
		}
		defer r.Close()
		n := 0
		for raw, err := range values(r, memoriesName) {
			var m Memory
			if n++; n > maxMemories && err == nil {
				err = refuse(CodeTooLarge, memoriesName, nil)
			}
			if err == nil && json.Unmarshal(raw, &m) != nil {
				m = Memory{}
			}
			if !yield(m, err) || err != nil {
				return
			}
		}
	}
}

// Attachments lists those of our own archive; other kinds have none.
func (a *Archive) Attachments() iter.Seq2[Attachment, error] {
	return func(yield func(Attachment, error) bool) {
		if a.Manifest == nil || a.isEmpty(a.byName[attachmentsName]) {
			return
		}
		r, err := open(a.byName[attachmentsName])
		if err != nil {
			yield(Attachment{}, err)
			return
		}
		defer r.Close()
		seen := map[uuid.UUID]bool{}
		for raw, err := range values(r, attachmentsName) {
			var at Attachment
			if err == nil && json.Unmarshal(raw, &at) != nil {
				err = refuse(CodeBadJSON, attachmentsName, nil)
			}
			if err == nil && (!strings.HasPrefix(at.Path, attachmentsFolder) || a.byName[at.Path] == nil || at.ID == uuid.Nil || seen[at.ID] ||
				int64(a.byName[at.Path].UncompressedSize64) != at.Bytes) {
				err = refuse(CodeDamaged, attachmentsName, nil)
			}
			seen[at.ID] = true
			if !yield(at, err) || err != nil {
				return
			}
		}
	}
}

// ReadAttachment reads one of the list, of at most so many bytes, and verifies its sum.
func (a *Archive) ReadAttachment(at Attachment, limit int) ([]byte, error) {
	if at.Bytes > int64(limit) {
		return nil, refuse(CodeTooLarge, at.Path, nil)
	}
	r, err := open(a.byName[at.Path])
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data := make([]byte, 0, at.Bytes+1)
	out := bytes.NewBuffer(data)
	if _, err := out.ReadFrom(r); err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(out.Bytes()); hex.EncodeToString(sum[:]) != at.SHA256 {
		return nil, refuse(CodeDamaged, at.Path, nil)
	}
	return out.Bytes(), nil
}

// values reads the JSON values of a list, or of lines, each of which fits into memory.
func values(r io.Reader, where string) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		text := &textReader{r: bufio.NewReaderSize(r, 64<<10), where: where}
		decoder := json.NewDecoder(text)
		fail := func(err error) {
			var own *Error
			switch {
			case errors.As(err, &own):
			case errors.Is(err, io.ErrUnexpectedEOF):
				err = refuse(CodeIncomplete, where, err)
			default:
				var syntax *json.SyntaxError
				if errors.As(err, &syntax) {
					err = refuse(CodeBadJSON, where, nil)
				}
			}
			yield(nil, err)
		}
		list, err := text.isList()
		if err != nil {
			fail(err)
			return
		}
		if list {
			if _, err := decoder.Token(); err != nil {
				fail(err)
				return
			}
		}
		for !list || decoder.More() {
			text.budget = text.read + maxConversation
			var raw json.RawMessage
			err := decoder.Decode(&raw)
			if errors.Is(err, io.EOF) && !list {
				return
			}
			if err != nil {
				fail(err)
				return
			}
			if !yield(raw, nil) {
				return
			}
		}
		if _, err := decoder.Token(); err != nil && !errors.Is(err, io.EOF) {
			fail(err)
		} else if err != nil {
			fail(io.ErrUnexpectedEOF) // the list has no end
		}
	}
}

// textReader gives UTF-8 and nothing else, without a mark at its beginning, and no more than the budget.
type textReader struct {
	r            *bufio.Reader
	where        string
	read, budget int64
	// rest are the first bytes of a character.
	rest []byte
}

// isList looks at the first character.
func (t *textReader) isList() (bool, error) {
	head, err := t.r.Peek(3)
	if len(head) == 0 && errors.Is(err, io.EOF) {
		return false, refuse(CodeNotArchive, t.where, nil)
	}
	if len(head) == 0 {
		return false, err
	}
	switch {
	case bytes.HasPrefix(head, []byte{0xef, 0xbb, 0xbf}):
		_, _ = t.r.Discard(3)
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}), bytes.HasPrefix(head, []byte{0xfe, 0xff}), bytes.IndexByte(head, 0) >= 0:
		return false, refuse(CodeEncoding, t.where, nil)
	}
	for {
		c, err := t.r.ReadByte()
		if err != nil {
			return false, refuse(CodeNotArchive, t.where, nil)
		}
		if c == ' ' || c == '\n' || c == '\r' || c == '\t' {
			continue
		}
		_ = t.r.UnreadByte()
		if c != '[' && c != '{' {
			return false, refuse(CodeNotArchive, t.where, nil)
		}
		return c == '[', nil
	}
}

// Read implements io.Reader.
func (t *textReader) Read(p []byte) (int, error) {
	if t.budget > 0 && t.read > t.budget {
		return 0, refuse(CodeLongEntry, t.where, nil)
	}
	n, err := t.r.Read(p[:min(len(p), 64<<10)]) // a decoder asks for more and more
	t.read += int64(n)
	checked := append(t.rest, p[:n]...)
	for len(checked) > 0 {
		if checked[0] < utf8.RuneSelf {
			checked = checked[1:]
			continue
		}
		c, size := utf8.DecodeRune(checked)
		if c == utf8.RuneError && size == 1 {
			if !utf8.FullRune(checked) && err == nil {
				break
			}
			return 0, refuse(CodeEncoding, t.where, nil) // none of it: who has bytes looks at errors later
		}
		checked = checked[size:]
	}
	t.rest = append([]byte(nil), checked...)
	return n, err
}
