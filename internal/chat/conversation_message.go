package chat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"twobrains/internal/auth"
	"twobrains/internal/stream"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
)

// Message is a stored UIMessage.
type Message struct {
	ID string
	// Role is "user" or "assistant".
	Role string
	// Parts is a JSON array of UIMessage parts.
	Parts json.RawMessage
	// Metadata is a JSON object: what was stored (model, finishReason, usage of a reply) with createdAt and status, and
	// branch, its position among its versions and their count, where it has several.
	Metadata json.RawMessage
}

// MessagesParams select a page of messages.
type MessagesParams struct {
	// Cursor is NextCursor of the page of newer messages; empty for the newest page.
	Cursor string
	// Limit is 1 to MaxPage; 0 means DefaultPage.
	Limit int
}

// Messages returns the newest messages of the path before the cursor, in chronological order. A message that comes meanwhile
// moves nothing: pages go back from a sequence number. A reply under way is not among them until it has ended.
func (s *Service) Messages(ctx context.Context, user auth.User, conversationID string, p MessagesParams) (Page[Message], error) {
	if !ValidID(conversationID) {
		return Page[Message]{}, errNoConversation()
	}
	before, err := parseSeq(p.Cursor)
	if err != nil {
		return Page[Message]{}, err
	}
	limit, err := pageSize(p.Limit)
	if err != nil {
		return Page[Message]{}, err
	}
	var listed *listing
	err = s.db.Tx(ctx, user, func(tx *tenant.Tx) error {
		listed = s.queueList(ctx, tx, conversationID, before, limit)
		return nil
	})
	if err != nil {
		return Page[Message]{}, fmt.Errorf("list messages: %w", err)
	}
	return listed.page()
}

// listing is a page of messages that a transaction reads.
type listing struct {
	limit int
	owner *tenant.Result[tenantdb.ConversationGetRow]
	rows  *tenant.Result[[]tenantdb.MessageListRow]
}

func (s *Service) queueList(ctx context.Context, tx *tenant.Tx, conversationID string, before int64, limit int) *listing {
	return &listing{
		limit: limit,
		owner: s.queueGet(ctx, tx, conversationID),
		rows: tenant.Queue(tx, func(db tenant.DBTX) ([]tenantdb.MessageListRow, error) {
			return s.q.MessageList(ctx, db, tenantdb.MessageListParams{
				ConversationID: conversationID, BeforeSeq: before, RowLimit: int64(limit) + 1,
			})
		}).Proves(),
	}
}

func (l *listing) page() (Page[Message], error) {
	if errors.Is(l.owner.Err(), pgx.ErrNoRows) {
		return Page[Message]{}, errNoConversation()
	}
	rows := l.rows.Value()
	page := Page[Message]{Items: make([]Message, 0, min(len(rows), l.limit))}
	if len(rows) > l.limit {
		rows = rows[:l.limit]
		page.NextCursor = seqCursor(rows[l.limit-1].Seq)
	}
	underWay := l.owner.Value().RunningReply
	for _, row := range slices.Backward(rows) {
		if row.ID == underWay { // a run goes on with it: who follows that gets all of it
			continue
		}
		m, err := message(row, underWay != "")
		if err != nil {
			return Page[Message]{}, err
		}
		page.Items = append(page.Items, m)
	}
	return page, nil
}

// message makes the public form of a stored one. Where no run is under way any more, calls that a dead one was allowed to make are
// shown as what they are: lost.
func message(row tenantdb.MessageListRow, running bool) (Message, error) {
	metadata, err := publicMetadata(row)
	if err != nil {
		return Message{}, err
	}
	m := Message{ID: row.ID, Role: row.Role, Parts: row.Parts, Metadata: metadata}
	if !running {
		if m.Parts, err = stream.CloseLost(row.Parts); err != nil {
			return Message{}, fmt.Errorf("message %s: %w", row.ID, err)
		}
	}
	return m, nil
}

func publicMetadata(row tenantdb.MessageListRow) (json.RawMessage, error) {
	members := map[string]any{}
	var stored map[string]json.RawMessage
	if err := json.Unmarshal(row.Metadata, &stored); err != nil {
		return nil, fmt.Errorf("read metadata of message: %w", err)
	}
	for name, value := range stored {
		members[name] = value
	}
	if _, told := stored["createdAt"]; !told { // by the stream of a reply, when it began
		members["createdAt"] = row.CreatedAt.UTC().Format(time.RFC3339Nano)
	}
	members["status"] = row.Status
	if branch := branchOf(row); branch != nil {
		members["branch"] = branch
	}
	text, err := json.Marshal(members)
	if err != nil {
		return nil, fmt.Errorf("write metadata of message: %w", err)
	}
	return text, nil
}
