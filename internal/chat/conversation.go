package chat

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"twobrains/internal/auth"
	"twobrains/internal/problem"
	"twobrains/internal/publicdb"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
)

// Limits of conversations.
const (
	// MaxTitle is counted in characters.
	MaxTitle = 200
	// MaxPage bounds what one call lists; DefaultPage is what it lists unasked.
	MaxPage     = 100
	DefaultPage = 30
)

// Conversation as its owner sees it.
type Conversation struct {
	// ID is unique in the private brain: 1 to 64 of A-Z, a-z, 0-9, "_" and "-".
	ID string
	// Title is empty until somebody or something named it.
	Title string
	// TitleByUser: the user chose the title, so nothing overwrites it.
	TitleByUser bool
	Pinned      bool
	// Temporary: it is in no list, is not searched, and is deleted a day after its last message at the latest.
	Temporary bool
	// ArchivedAt is nil for a conversation that is not archived.
	ArchivedAt *time.Time
	CreatedAt  time.Time
	// UpdatedAt is when the last message came; naming, pinning and archiving leave it alone.
	UpdatedAt time.Time
	// Running: a reply is under way.
	Running bool
}

// ListParams select a page of conversations.
type ListParams struct {
	// Archived lists the archived conversations instead of the others.
	Archived bool
	// Cursor is NextCursor of the page before; empty for the first page.
	Cursor string
	// Limit is 1 to MaxPage; 0 means DefaultPage.
	Limit int
}

// Page is a part of a list. NextCursor is empty on the last one.
type Page[T any] struct {
	Items      []T
	NextCursor string
}

// List returns conversations, those with the newest message first and pinned ones before the rest, and no temporary ones.
func (s *Service) List(ctx context.Context, user auth.User, p ListParams) (Page[Conversation], error) {
	before, err := parsePosition(p.Cursor)
	if err != nil {
		return Page[Conversation]{}, err
	}
	limit, err := pageSize(p.Limit)
	if err != nil {
		return Page[Conversation]{}, err
	}
	var rows *tenant.Result[[]tenantdb.ConversationListRow]
	err = s.db.Tx(ctx, user, func(tx *tenant.Tx) error {
		rows = tenant.Queue(tx, func(db tenant.DBTX) ([]tenantdb.ConversationListRow, error) {
			return s.q.ConversationList(ctx, db, tenantdb.ConversationListParams{
				Archived:        p.Archived,
				BeforePinned:    before.pinned,
				BeforeUpdatedAt: before.updatedAt,
				BeforeID:        before.id,
				RowLimit:        int64(limit) + 1,
			})
		}).Proves()
		return nil
	})
	if err != nil {
		return Page[Conversation]{}, fmt.Errorf("list conversations: %w", err)
	}
	page := Page[Conversation]{Items: []Conversation{}}
	for i, row := range rows.Value() {
		if i == limit {
			last := page.Items[limit-1]
			page.NextCursor = position{pinned: last.Pinned, updatedAt: last.UpdatedAt, id: last.ID}.cursor()
			break
		}
		page.Items = append(page.Items, conversation(tenantdb.ConversationGetRow(row)))
	}
	return page, nil
}

// Get returns one conversation; CodeNotFound if there is none of that id.
func (s *Service) Get(ctx context.Context, user auth.User, id string) (Conversation, error) {
	if !ValidID(id) {
		return Conversation{}, errNoConversation()
	}
	var row *tenant.Result[tenantdb.ConversationGetRow]
	err := s.db.Tx(ctx, user, func(tx *tenant.Tx) error {
		row = s.queueGet(ctx, tx, id)
		return nil
	})
	return found(row, err)
}

// CreateParams of a conversation.
type CreateParams struct {
	// ID is chosen by the client, or made here if empty.
	ID string
	// Title may be empty.
	Title string
}

// Create makes an empty conversation. CodeConflict: the id is taken.
func (s *Service) Create(ctx context.Context, user auth.User, p CreateParams) (Conversation, error) {
	invalid := problem.New(problem.CodeInvalid, "The conversation cannot be created like this.")
	if p.ID == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return Conversation{}, fmt.Errorf("make id: %w", err)
		}
		p.ID = id.String()
	} else if !ValidID(p.ID) {
		invalid.Field("id", `must be 1 to 64 letters, digits, "_" or "-"`)
	}
	if p.Title != "" {
		checkTitle(invalid, p.Title)
	}
	if len(invalid.Fields) > 0 {
		return Conversation{}, invalid
	}
	var created *tenant.Result[string]
	var row *tenant.Result[tenantdb.ConversationGetRow]
	err := s.db.Tx(ctx, user, func(tx *tenant.Tx) error {
		created = tenant.Queue(tx, func(db tenant.DBTX) (string, error) {
			return s.q.ConversationCreate(ctx, db, tenantdb.ConversationCreateParams{
				ID: p.ID, Title: p.Title, TitleByUser: p.Title != "", Now: s.now(),
			})
		})
		row = s.queueGet(ctx, tx, p.ID)
		return nil
	})
	if err == nil && errors.Is(created.Err(), pgx.ErrNoRows) {
		return Conversation{}, problem.New(problem.CodeConflict, "There is a conversation with this id already.")
	}
	return found(row, err)
}

// Patch says what to change; nil leaves a member as it is.
type Patch struct {
	Title    *string
	Pinned   *bool
	Archived *bool
}

// Update names, pins or archives a conversation and returns it as it is then.
func (s *Service) Update(ctx context.Context, user auth.User, id string, p Patch) (Conversation, error) {
	if !ValidID(id) {
		return Conversation{}, errNoConversation()
	}
	if p.Title != nil {
		invalid := problem.New(problem.CodeInvalid, "The conversation cannot be changed like this.")
		if checkTitle(invalid, *p.Title); len(invalid.Fields) > 0 {
			return Conversation{}, invalid
		}
	}
	var row *tenant.Result[tenantdb.ConversationGetRow]
	err := s.db.Tx(ctx, user, func(tx *tenant.Tx) error {
		if p != (Patch{}) {
			tenant.Queue(tx, func(db tenant.DBTX) (int64, error) {
				return s.q.ConversationUpdate(ctx, db, tenantdb.ConversationUpdateParams{
					ID: id, Title: p.Title, Pinned: p.Pinned, Archived: p.Archived, Now: s.now(),
				})
			})
		}
		row = s.queueGet(ctx, tx, id)
		return nil
	})
	return found(row, err)
}

// Delete removes a conversation, its messages and their attachments, and what was shared of it. A reply under way is stopped first; if that cannot be done now, the
// conversation goes all the same, and the reply is thrown away when it ends.
func (s *Service) Delete(ctx context.Context, user auth.User, id string) error {
	if !ValidID(id) {
		return errNoConversation()
	}
	if _, err := s.stop(ctx, user, id); err != nil {
		s.log.WarnContext(ctx, "stop reply of a conversation to be deleted", "error", err)
	}
	var deleted *tenant.Result[int64]
	err := s.db.Tx(ctx, user, func(tx *tenant.Tx) error {
		// Locked, so that nobody indexes its messages meanwhile.
		tenant.Queue(tx, func(db tenant.DBTX) (int64, error) { return s.q.ConversationLock(ctx, db, id) })
		deleted = QueueDelete(ctx, tx, []string{id})
		return nil
	})
	if err != nil {
		return fmt.Errorf("delete conversation: %w", err)
	}
	if deleted.Value() == 0 {
		return errNoConversation()
	}
	return nil
}

// QueueDelete removes conversations, which the transaction has locked, with all that is theirs in either brain, and counts them.
func QueueDelete(ctx context.Context, tx *tenant.Tx, ids []string) *tenant.Result[int64] {
	private := tenantdb.New()
	for _, remove := range []func(context.Context, tenantdb.DBTX, []string) error{
		private.SearchDeleteConversations, private.ConversationsDeleteMessages, private.ConversationsDeleteRuns, private.ConversationsDeleteAttachments,
	} {
		tenant.QueueExec(tx, func(db tenant.DBTX) error { return remove(ctx, db, ids) })
	}
	deleted := tenant.Queue(tx, func(db tenant.DBTX) (int64, error) { return private.ConversationsDelete(ctx, db, ids) })
	tenant.QueueExec(tx, func(db tenant.DBTX) error { return publicdb.New().ShareDeleteOf(ctx, db, ids) }).Public()
	return deleted
}

func (s *Service) queueGet(ctx context.Context, tx *tenant.Tx, id string) *tenant.Result[tenantdb.ConversationGetRow] {
	return tenant.Queue(tx, func(db tenant.DBTX) (tenantdb.ConversationGetRow, error) { return s.q.ConversationGet(ctx, db, id) }).Proves()
}

func found(row *tenant.Result[tenantdb.ConversationGetRow], err error) (Conversation, error) {
	if err != nil {
		return Conversation{}, fmt.Errorf("read conversation: %w", err)
	}
	if errors.Is(row.Err(), pgx.ErrNoRows) {
		return Conversation{}, errNoConversation()
	}
	return conversation(row.Value()), nil
}

func conversation(r tenantdb.ConversationGetRow) Conversation {
	c := Conversation{
		ID: r.ID, Title: r.Title, TitleByUser: r.TitleByUser, Pinned: r.Pinned, Temporary: r.Temporary, Running: r.RunningReply != "",
		CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}
	if r.ArchivedAt != nil {
		at := r.ArchivedAt.UTC()
		c.ArchivedAt = &at
	}
	return c
}

func checkTitle(invalid *problem.Error, title string) {
	switch {
	case strings.TrimSpace(title) == "":
		invalid.Field("title", "must not be empty")
	case utf8.RuneCountInString(title) > MaxTitle:
		invalid.Field("title", fmt.Sprintf("must have at most %d characters", MaxTitle))
	case strings.ContainsFunc(title, unicode.IsControl):
		invalid.Field("title", "must be one line without control characters")
	}
}

// pageSize refuses what is out of range: a page cut without a word would look like the last one.
func pageSize(limit int) (int, error) {
	if limit == 0 {
		return DefaultPage, nil
	}
	if limit < 1 || limit > MaxPage {
		return 0, problem.New(problem.CodeInvalid, "The list cannot be given like this.").
			Field("limit", fmt.Sprintf("must be between 1 and %d", MaxPage))
	}
	return limit, nil
}

func errNoConversation() error {
	return problem.New(problem.CodeNotFound, "There is no such conversation.")
}
