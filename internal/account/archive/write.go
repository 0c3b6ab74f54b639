package archive

import (
	"archive/zip"
	"compress/flate"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"twobrains/internal/publicdb"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
)

// WriteOptions say how an archive is written.
type WriteOptions struct {
	// Program is the version of this one.
	Program string
	// Progress, if set, hears how many bytes of how many have been read, as far as that can be known. Its error ends the work.
	Progress func(done, total int64) error
}

// Dumped says what of a private brain is written as SQL: not what follows from the rest, nor what is not to last.
func Dumped() tenant.DumpOptions {
	temporary := []tenant.Column{{Table: "conversations", Name: "temporary"}}
	only := []tenant.RowFilter{{Table: "conversations", Condition: "NOT temporary", Needs: temporary}}
	for _, table := range []string{"messages", "runs", "attachments"} {
		only = append(only, tenant.RowFilter{
			Table: table, Needs: temporary,
			Condition: "NOT EXISTS (SELECT FROM @.conversations c WHERE c.id = conversation_id AND c.temporary)",
		})
	}
	return tenant.DumpOptions{
		Derived:  []string{"message_search"},
		Defaults: []tenant.Column{{Table: "conversations", Name: "indexed_seq"}, {Table: "conversations", Name: "title_indexed"}},
		Long:     map[string]tenant.LongColumn{"attachments": {Key: "id", Column: "data"}},
		Only:     only,
	}
}

// What is in memory at once: rows of lists, messages, and bytes of an attachment.
const (
	pageRows     = 500
	pageMessages = 50
	pieceBytes   = 512 << 10
)

// Write writes all that a user has, as it was when the snapshot was taken. It needs the same memory for little as for much.
func Write(ctx context.Context, s *tenant.Snapshot, to io.Writer, o WriteOptions) (Manifest, error) {
	w := &writer{s: s, o: o, zip: zip.NewWriter(to)}
	w.zip.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) { return flate.NewWriter(out, flate.BestSpeed) })
	if err := w.begin(ctx); err != nil {
		return Manifest{}, err
	}
	for _, step := range []struct {
		name  string
		write func(context.Context, io.Writer) error
	}{
		{readmeName, w.readme}, {conversationsName, w.conversations}, {memoriesName, w.memories}, {settingsName, w.settings}, {usageName, w.usage},
		{sharesName, w.shares},
	} {
		if err := w.entry(ctx, step.name, step.write); err != nil {
			return Manifest{}, err
		}
	}
	if err := w.attachments(ctx); err != nil {
		return Manifest{}, err
	}
	if err := w.entry(ctx, attachmentsName, w.index); err != nil {
		return Manifest{}, err
	}
	if err := w.entry(ctx, dumpName, w.dump); err != nil {
		return Manifest{}, err
	}
	return w.manifest, w.finish()
}

type writer struct {
	s           *tenant.Snapshot
	o           WriteOptions
	zip         *zip.Writer
	manifest    Manifest
	done, total int64
	// sums of the attachments, in the order of their ids.
	sums [][sha256.Size]byte
}

func (w *writer) begin(ctx context.Context) error {
	at, err := w.s.Time(ctx)
	if err != nil {
		return err
	}
	totals, err := tenantdb.New().ArchiveTotals(ctx, w.s)
	if err != nil {
		return fmt.Errorf("measure private brain: %w", err)
	}
	// Messages are written twice, and attachments as files and in hexadecimal digits.
	w.total = 2*totals.MessageBytes + 3*totals.AttachmentBytes
	w.manifest = Manifest{
		Format: Format, Version: Version, Program: w.o.Program, UserID: w.s.UserID(), SchemaVersion: w.s.Version, TakenAt: at,
	}
	return nil
}

// counter measures what goes into an entry.
type counter struct {
	w     *writer
	to    io.Writer
	bytes int64
	sum   hash.Hash
	// silent: it does not count as progress.
	silent bool
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.bytes += int64(n)
	c.sum.Write(p[:n])
	if err == nil && !c.silent {
		err = c.w.advance(n)
	}
	return n, err
}

func (w *writer) advance(n int) error {
	w.done += int64(n)
	if w.o.Progress == nil {
		return nil
	}
	return w.o.Progress(min(w.done, w.total), w.total)
}

func (w *writer) create(name string, method uint16) (*counter, error) {
	to, err := w.zip.CreateHeader(&zip.FileHeader{Name: name, Method: method, Modified: w.manifest.TakenAt})
	if err != nil {
		return nil, fmt.Errorf("begin %s: %w", name, err)
	}
	return &counter{w: w, to: to, sum: sha256.New()}, nil
}

// entry writes one and notes it in the manifest.
func (w *writer) entry(ctx context.Context, name string, write func(context.Context, io.Writer) error) error {
	c, err := w.create(name, zip.Deflate)
	if err != nil {
		return err
	}
	if err := write(ctx, c); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	w.manifest.Files = append(w.manifest.Files, Entry{name, c.bytes, hex.EncodeToString(c.sum.Sum(nil))})
	return nil
}

func (w *writer) readme(_ context.Context, to io.Writer) error {
	_, err := fmt.Fprintf(to, readmeText, w.manifest.TakenAt.Format(time.RFC1123), w.manifest.UserID)
	return err
}

const readmeText = `Everything that this account holds, as it was on %s.
Account: %s

conversations.jsonl  Conversations with their messages, one conversation a line, as JSON: messages name the one that they follow
                     (parentId), "shown" ones are those you see. Files are in parts of type "file"; their url ends with an id of attachments.jsonl.
attachments.jsonl    Files, one a line: their place in this archive, name, type, size, SHA-256.
attachments/         The files themselves.
memories.jsonl       Notes that models get to know, one a line.
settings.json        What you have set. Keys and the values of headers are secrets and not in here.
usage.csv            Use by UTC day, model and whose key paid. Costs are in millionths of a US dollar.
shares.jsonl         Links by which you show conversations to others, one a line. What they show is a copy of the conversation as it was then.
brain.sql            The same conversations, files and notes, and the replies' accounts, as a database: PostgreSQL 15 or newer loads it,
                         createdb mychats && psql -v ON_ERROR_STOP=1 -d mychats -f brain.sql
manifest.json        What is in this archive, with sizes and SHA-256.

This archive can be imported again, here or into another installation of the same program.
`

// conversations writes a line for each, piece by piece.
func (w *writer) conversations(ctx context.Context, to io.Writer) error {
	after := ""
	for {
		rows, err := tenantdb.New().ArchiveConversations(ctx, w.s, tenantdb.ArchiveConversationsParams{After: after, MaxRows: pageRows})
		if err != nil {
			return fmt.Errorf("list conversations: %w", err)
		}
		for _, r := range rows {
			if err := w.conversation(ctx, to, r); err != nil {
				return err
			}
			after = r.ID
		}
		if len(rows) < pageRows {
			return nil
		}
	}
}

func (w *writer) conversation(ctx context.Context, to io.Writer, c tenantdb.ArchiveConversationsRow) error {
	w.manifest.Counts.Conversations++
	line := conversationLine{to: to, ids: map[int64]string{}}
	if err := line.begin(c); err != nil {
		return err
	}
	after := int64(0)
	for {
		rows, err := tenantdb.New().ArchiveMessages(ctx, w.s, tenantdb.ArchiveMessagesParams{ConversationID: c.ID, After: after, MaxRows: pageMessages})
		if err != nil {
			return fmt.Errorf("read messages: %w", err)
		}
		for _, r := range rows {
			w.manifest.Counts.Messages++
			if err := line.add(r); err != nil {
				return err
			}
			after = r.Seq
		}
		if len(rows) < pageMessages {
			return line.end()
		}
	}
}

type conversationLine struct {
	to io.Writer
	// ids of messages by their seq, last that of the path's end so far.
	ids  map[int64]string
	last string
}

func (l *conversationLine) begin(r tenantdb.ArchiveConversationsRow) error {
	head, err := json.Marshal(Conversation{
		ID: r.ID, Title: r.Title, TitleByUser: r.TitleByUser, Pinned: r.Pinned, ArchivedAt: r.ArchivedAt,
		CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(), Messages: []Message{},
	})
	if err != nil {
		return fmt.Errorf("encode conversation: %w", err)
	}
	_, err = l.to.Write(head[:len(head)-len("]}")])
	return err
}

func (l *conversationLine) add(r tenantdb.ArchiveMessagesRow) error {
	m := Message{
		ID: r.ID, ParentID: l.ids[r.ParentSeq], Role: r.Role, Parts: r.Parts, Metadata: r.Metadata, Status: r.Status,
		CreatedAt: r.CreatedAt.UTC(), Shown: r.OnPath,
	}
	if r.OnPath { // only beside the path is a message told what it follows
		m.ParentID, l.last = l.last, r.ID
	}
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode message: %w", err)
	}
	if len(l.ids) > 0 {
		text = append([]byte{','}, text...)
	}
	l.ids[r.Seq] = r.ID
	_, err = l.to.Write(text)
	return err
}

func (l *conversationLine) end() error {
	_, err := io.WriteString(l.to, "]}\n")
	return err
}

func (w *writer) memories(ctx context.Context, to io.Writer) error {
	rows, err := tenantdb.New().MemoryList(ctx, w.s)
	if err != nil {
		return fmt.Errorf("list notes: %w", err)
	}
	w.manifest.Counts.Memories = int64(len(rows))
	lines := json.NewEncoder(to)
	for _, r := range rows {
		m := Memory{
			ID: r.ID, Content: r.Content, Source: "user", ConversationID: r.ConversationID, CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
		}
		if r.ByModel {
			m.Source = "model"
		}
		if err := lines.Encode(m); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) settings(ctx context.Context, to io.Writer) error {
	raw, err := publicdb.New().AccountSettings(ctx, w.s)
	if err != nil {
		return fmt.Errorf("read settings: %w", err)
	}
	encoder := json.NewEncoder(to)
	encoder.SetIndent("", "  ")
	return encoder.Encode(raw)
}

func (w *writer) usage(ctx context.Context, to io.Writer) error {
	rows, err := publicdb.New().AccountUsage(ctx, w.s)
	if err != nil {
		return fmt.Errorf("read usage: %w", err)
	}
	out := csv.NewWriter(to)
	_ = out.Write([]string{"day", "model", "keySource", "messages", "inputTokens", "cachedInputTokens", "outputTokens", "reasoningTokens", "costMicroUSD"})
	for _, r := range rows {
		record := []string{r.Day.Format(time.DateOnly), r.Model, r.KeySource}
		for _, n := range []int64{r.Messages, r.InputTokens, r.CachedInputTokens, r.OutputTokens, r.ReasoningTokens, r.CostMicrousd} {
			record = append(record, strconv.FormatInt(n, 10))
		}
		_ = out.Write(record)
	}
	out.Flush()
	return out.Error()
}

// Share is a line of shares.jsonl: a link that shows a conversation, until it expires.
type Share struct {
	// Path of the page, at the installation that the archive comes from.
	Path           string    `json:"path"`
	ConversationID string    `json:"conversationId"`
	Title          string    `json:"title"`
	Messages       int32     `json:"messages"`
	CreatedAt      time.Time `json:"createdAt"`
	ExpiresAt      time.Time `json:"expiresAt"`
}

func (w *writer) shares(ctx context.Context, to io.Writer) error {
	rows, err := publicdb.New().ShareList(ctx, w.s)
	if err != nil {
		return fmt.Errorf("read shares: %w", err)
	}
	lines := json.NewEncoder(to)
	for _, r := range rows {
		if err := lines.Encode(Share{"/s/" + r.ID, r.ConversationID, r.Title, r.Messages, r.CreatedAt.UTC(), r.ExpiresAt.UTC()}); err != nil {
			return err
		}
	}
	return nil
}

// each calls do with every attachment, in the order of their ids.
func (w *writer) each(ctx context.Context, do func(tenantdb.ArchiveAttachmentsRow) error) error {
	var after uuid.UUID
	for {
		rows, err := tenantdb.New().ArchiveAttachments(ctx, w.s, tenantdb.ArchiveAttachmentsParams{After: after, MaxRows: pageRows})
		if err != nil {
			return fmt.Errorf("list attachments: %w", err)
		}
		for _, r := range rows {
			if err := do(r); err != nil {
				return err
			}
			after = r.ID
		}
		if len(rows) < pageRows {
			return nil
		}
	}
}

// extensions of what is stored; a name of the user's is none for a file on their disk.
var extensions = map[string]string{
	"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp", "image/gif": ".gif", "application/pdf": ".pdf",
	"text/plain": ".txt", "text/markdown": ".md", "text/csv": ".csv", "application/json": ".json",
}

func pathOf(r tenantdb.ArchiveAttachmentsRow) string {
	return attachmentsFolder + r.ID.String() + extensions[r.MediaType]
}

func (w *writer) attachments(ctx context.Context) error {
	return w.each(ctx, func(r tenantdb.ArchiveAttachmentsRow) error {
		method := zip.Store // images and PDFs are compressed already
		if strings.HasPrefix(r.MediaType, "text/") || r.MediaType == "application/json" {
			method = zip.Deflate
		}
		c, err := w.create(pathOf(r), method)
		if err != nil {
			return err
		}
		for first := int32(0); first < r.Size; first += pieceBytes {
			piece, err := tenantdb.New().AttachmentRead(ctx, w.s, tenantdb.AttachmentReadParams{ID: r.ID, First: first + 1, Count: pieceBytes})
			if err != nil {
				return fmt.Errorf("read attachment: %w", err)
			}
			if _, err := c.Write(piece); err != nil {
				return fmt.Errorf("write attachment: %w", err)
			}
		}
		if c.bytes != int64(r.Size) {
			return fmt.Errorf("read attachment: %w", io.ErrUnexpectedEOF)
		}
		w.sums = append(w.sums, [sha256.Size]byte(c.sum.Sum(nil)))
		w.manifest.Counts.Attachments++
		return nil
	})
}

func (w *writer) index(ctx context.Context, to io.Writer) error {
	i := 0
	return w.each(ctx, func(r tenantdb.ArchiveAttachmentsRow) error {
		a := Attachment{
			Entry: Entry{pathOf(r), int64(r.Size), hex.EncodeToString(w.sums[i][:])},
			ID:    r.ID, MediaType: r.MediaType, Name: r.Name, CreatedAt: r.CreatedAt.UTC(),
		}
		if r.ConversationID != nil {
			a.ConversationID = *r.ConversationID
		}
		i++
		return json.NewEncoder(to).Encode(a)
	})
}

func (w *writer) dump(ctx context.Context, to io.Writer) (err error) {
	if _, err = fmt.Fprintf(to, "-- A private brain, version %d, as it was on %s. Load it into an empty database:\n--   psql -v ON_ERROR_STOP=1 -d DATABASE -f %s\n",
		w.manifest.SchemaVersion, w.manifest.TakenAt.Format(time.RFC3339), dumpName); err != nil {
		return err
	}
	w.manifest.Tables, err = w.s.Dump(ctx, to, Dumped())
	return err
}

// finish writes the manifest.
func (w *writer) finish() error {
	c, err := w.create(manifestName, zip.Deflate)
	if err != nil {
		return err
	}
	c.silent = true
	encoder := json.NewEncoder(c)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(w.manifest); err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	if err := w.zip.Close(); err != nil {
		return fmt.Errorf("end archive: %w", err)
	}
	return nil
}
