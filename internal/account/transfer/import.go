package transfer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"twobrains/internal/account/archive"
	"twobrains/internal/attachment"
	"twobrains/internal/auth"
	"twobrains/internal/problem"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
)

// What one unit of work stores: 500 messages are some 20 ms.
const (
	batchMessages = 500
	batchBytes    = 4 << 20
)

// ImportOptions say how an archive is taken in. DB is required.
type ImportOptions struct {
	DB *tenant.DB
	// AttachmentMax bounds one attachment in bytes, AttachmentTotal all of a user; 0: no bound.
	AttachmentMax   int
	AttachmentTotal int64
	// Admit refuses, with CodeStorageFull, so many more bytes of a user; nil: there is no limit.
	Admit func(ctx context.Context, user auth.User, more int64) error
	// Progress hears how many messages have been looked at.
	Progress func(messages int64)
	// Clock is time.Now unless a test says otherwise.
	Clock func() time.Time
}

// Import takes an archive into a user's private brain. What is there already, by the ids of messages, stays as it is, so that an import
// may be repeated, and go on where another one was broken off. The report is good together with an error, too.
func Import(ctx context.Context, user auth.User, a *archive.Archive, o ImportOptions) (Report, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.AttachmentMax == 0 {
		o.AttachmentMax = 1 << 30
	}
	i := &importer{o: o, user: user, a: a, q: tenantdb.New(), report: Report{Kind: a.Kind}}
	err := i.run(ctx)
	var refused *archive.Error
	if errors.As(err, &refused) {
		i.report.Refused, err = &Refused{Code: refused.Code, Where: exampleOf(refused.Where)}, nil
	}
	i.report.sort()
	return i.report, err
}

type importer struct {
	o      ImportOptions
	user   auth.User
	a      *archive.Archive
	q      *tenantdb.Queries
	report Report

	waiting         []archive.Conversation
	messages, bytes int
	seen            int64
}

func (i *importer) run(ctx context.Context) error {
	if i.a.Manifest != nil { // before anything is taken of an archive that was changed
		if err := i.a.VerifyConversations(); err != nil {
			return err
		}
	}
	for c, err := range i.a.Conversations() {
		if err != nil {
			return errors.Join(err, i.flush(ctx))
		}
		for _, s := range c.Skipped {
			i.report.skip(s.Reason, s.ID)
		}
		if c.ID == "" || len(c.Messages) == 0 && len(c.Skipped) > 0 {
			continue
		}
		i.waiting = append(i.waiting, c)
		i.messages += len(c.Messages)
		for _, m := range c.Messages {
			i.bytes += len(m.Parts) + len(m.Metadata)
		}
		if i.messages >= batchMessages || i.bytes >= batchBytes || len(i.waiting) >= batchMessages {
			if err := i.flush(ctx); err != nil {
				return err
			}
		}
	}
	if err := i.flush(ctx); err != nil {
		return err
	}
	for _, name := range i.a.Other {
		i.report.skip(archive.ReasonNotImported, name)
	}
	if err := i.memories(ctx); err != nil {
		return err
	}
	return i.attachments(ctx)
}

// flush stores what is waiting.
func (i *importer) flush(ctx context.Context) error {
	all, bytes := i.waiting, i.bytes
	i.waiting, i.messages, i.bytes = nil, 0, 0
	if len(all) == 0 {
		return nil
	}
	if full, err := i.full(ctx, bytes); err != nil {
		return err
	} else if full {
		for _, c := range all {
			for _, m := range c.Messages {
				i.report.skip(archive.ReasonStorageFull, m.ID)
			}
		}
		return nil
	}
	err := i.store(ctx, all)
	if isData(err) { // one of them is at fault
		err = i.apart(ctx, all)
	}
	if err != nil {
		return err
	}
	for _, c := range all {
		i.seen += int64(len(c.Messages))
	}
	if i.o.Progress != nil {
		i.o.Progress(i.seen)
	}
	return ctx.Err()
}

// full reports whether a user may not store so many more bytes.
func (i *importer) full(ctx context.Context, bytes int) (bool, error) {
	if i.o.Admit == nil {
		return false, nil
	}
	err := i.o.Admit(ctx, i.user, int64(bytes))
	if problem.HasCode(err, problem.CodeStorageFull) {
		return true, nil
	}
	return false, err
}

// apart stores each conversation by itself, and says which cannot be stored.
func (i *importer) apart(ctx context.Context, all []archive.Conversation) error {
	for _, c := range all {
		err := i.store(ctx, []archive.Conversation{c})
		if err != nil && !isData(err) {
			return err
		}
		if err != nil {
			for _, m := range c.Messages {
				i.report.skip(archive.ReasonNotStorable, m.ID)
			}
		}
	}
	return nil
}

// isData reports whether the database refuses a value, rather than to work.
func isData(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && (strings.HasPrefix(pgErr.Code, "22") || strings.HasPrefix(pgErr.Code, "23") || strings.HasPrefix(pgErr.Code, "54"))
}

// storeTries: two that create the same conversation at the same time meet at a unique index.
const storeTries = 3

func (i *importer) store(ctx context.Context, all []archive.Conversation) (err error) {
	for range storeTries {
		var report Report
		err = i.o.DB.Tx(ctx, i.user, func(tx *tenant.Tx) error {
			report = i.report
			report.Skipped = cloneSkipped(i.report.Skipped)
			return i.storeIn(ctx, tx, all, &report)
		})
		if err == nil {
			i.report = report
			return nil
		}
		if !tenant.IsUnique(err) {
			break
		}
	}
	return fmt.Errorf("store conversations: %w", err)
}

func cloneSkipped(all []Skipped) []Skipped {
	clone := make([]Skipped, len(all))
	for i, s := range all {
		s.Examples = append([]string{}, s.Examples...)
		clone[i] = s
	}
	return clone
}

func (i *importer) storeIn(ctx context.Context, tx *tenant.Tx, all []archive.Conversation, report *Report) error {
	merges := map[string]*merge{}
	var order []*merge
	var conversations, messages []string
	for _, c := range all {
		if earlier, twice := merges[c.ID]; twice { // in one file: its messages are added up
			earlier.c.Messages = append(earlier.c.Messages[:len(earlier.c.Messages):len(earlier.c.Messages)], c.Messages...)
		} else {
			merges[c.ID] = newMerge(c)
			order = append(order, merges[c.ID])
			conversations = append(conversations, c.ID)
		}
		for _, m := range c.Messages {
			messages = append(messages, m.ID)
		}
	}
	slices.Sort(conversations) // two imports at the same time lock in the same order
	locked := tenant.Queue(tx, func(db tenant.DBTX) ([]tenantdb.ImportLockRow, error) { return i.q.ImportLock(ctx, db, conversations) })
	tree := tenant.Queue(tx, func(db tenant.DBTX) ([]tenantdb.ImportTreeRow, error) { return i.q.ImportTree(ctx, db, conversations) })
	known := tenant.Queue(tx, func(db tenant.DBTX) ([]tenantdb.ImportTakenRow, error) { return i.q.ImportTaken(ctx, db, messages) })
	if err := tx.Flush(); err != nil {
		return err
	}
	for _, row := range locked.Value() {
		m := merges[row.ID]
		m.exists, m.lastSeq, m.running = true, row.LastSeq, row.Running
	}
	before := map[string]tenantdb.ImportTreeRow{}
	for _, row := range tree.Value() {
		before[row.ID] = row
		merges[row.ConversationID].there(row)
	}
	taken := map[string]string{}
	for _, row := range known.Value() {
		taken[row.ID] = row.ConversationID
	}
	var rows batch
	for _, m := range order {
		added := m.add(taken, report)
		report.Messages.Taken += added
		if m.exists {
			report.Conversations.Already++
		} else {
			report.Conversations.Taken++
		}
		if added > 0 || !m.exists {
			rows.put(m, before, i.o.Clock().UTC())
		}
		for _, n := range m.nodes { // the next one of this batch must not take the same id
			taken[n.id] = m.c.ID
		}
	}
	i.queue(ctx, tx, rows)
	return nil
}

func (i *importer) queue(ctx context.Context, tx *tenant.Tx, rows batch) {
	if len(rows.conversations.Ids) > 0 {
		tenant.Queue(tx, func(db tenant.DBTX) (int64, error) { return i.q.ImportConversations(ctx, db, rows.conversations) })
	}
	if len(rows.messages.Ids) > 0 {
		tenant.Queue(tx, func(db tenant.DBTX) (int64, error) { return i.q.ImportMessages(ctx, db, rows.messages) })
	}
	if len(rows.numbers.Ids) > 0 {
		tenant.QueueExec(tx, func(db tenant.DBTX) error { return i.q.ImportNumbers(ctx, db, rows.numbers) })
	}
}

// attachments takes files whose conversation is here.
func (i *importer) attachments(ctx context.Context) error {
	var page []archive.Attachment
	for at, err := range i.a.Attachments() {
		if err != nil {
			return err
		}
		if page = append(page, at); len(page) == batchMessages {
			if err := i.files(ctx, page); err != nil {
				return err
			}
			page = page[:0]
		}
	}
	return i.files(ctx, page)
}

func (i *importer) files(ctx context.Context, page []archive.Attachment) error {
	if len(page) == 0 {
		return nil
	}
	ids := make([]uuid.UUID, len(page))
	for n, at := range page {
		ids[n] = at.ID
	}
	var found *tenant.Result[[]uuid.UUID]
	err := i.o.DB.Tx(ctx, i.user, func(tx *tenant.Tx) error {
		found = tenant.Queue(tx, func(db tenant.DBTX) ([]uuid.UUID, error) { return i.q.ImportAttachmentsThere(ctx, db, ids) }).Proves()
		return nil
	})
	if err != nil {
		return fmt.Errorf("look up attachments: %w", err)
	}
	there := map[uuid.UUID]bool{}
	for _, id := range found.Value() {
		there[id] = true
	}
	for _, at := range page {
		if there[at.ID] {
			i.report.Attachments.Already++
			continue
		}
		reason, err := i.file(ctx, at)
		if err != nil {
			return err
		}
		if reason != "" {
			i.report.skip(reason, at.ID.String())
			continue
		}
		i.report.Attachments.Taken++
	}
	return ctx.Err()
}

// file takes one; what it is, its bytes decide, as of an upload.
func (i *importer) file(ctx context.Context, at archive.Attachment) (archive.Reason, error) {
	if at.Bytes > int64(i.o.AttachmentMax) {
		return archive.ReasonStorageFull, nil
	}
	if full, err := i.full(ctx, int(at.Bytes)); err != nil || full {
		return archive.ReasonStorageFull, err
	}
	data, err := i.a.ReadAttachment(at, i.o.AttachmentMax)
	if err != nil {
		return "", err
	}
	name := at.Name
	if name != "" {
		if name, err = attachment.CleanName(at.Name); err != nil {
			return archive.ReasonUnreadable, nil //nolint:nilerr // that is what it says
		}
	}
	mediaType, err := attachment.Detect(name, "", data)
	if err != nil {
		return archive.ReasonFile, nil //nolint:nilerr // that is what it says
	}
	var stored *tenant.Result[tenantdb.ImportAttachmentRow]
	err = i.o.DB.Tx(ctx, i.user, func(tx *tenant.Tx) error {
		stored = tenant.Queue(tx, func(db tenant.DBTX) (tenantdb.ImportAttachmentRow, error) {
			return i.q.ImportAttachment(ctx, db, tenantdb.ImportAttachmentParams{
				ConversationID: at.ConversationID, ID: at.ID, MediaType: mediaType, Name: name, Data: data,
				CreatedAt: orElse(at.CreatedAt, i.o.Clock().UTC()), TotalBytes: i.o.AttachmentTotal,
			})
		})
		return nil
	})
	switch {
	case err != nil:
		return "", fmt.Errorf("store attachment: %w", err)
	case !stored.Value().Owned:
		return archive.ReasonEmpty, nil // no message refers to it
	case !stored.Value().Added:
		return archive.ReasonStorageFull, nil
	}
	return "", nil
}
