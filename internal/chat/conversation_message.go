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
	// Metadata is a JSON object: what was stored (model, finishReason, usage of a reply) with createdAt and status.
	Metadata json.RawMessage
}

// MessagesParams select a page of messages.
type MessagesParams struct {
	// Cursor is NextCursor of the page of newer messages; empty for the newest page.
	Cursor string
	// Limit is 1 to MaxPage; 0 means DefaultPage.
	Limit int
}

// Messages returns the newest messages before the cursor, in chronological order. A message that comes meanwhile moves
// nothing: pages go back from a sequence number. A reply under way is not among them until it has ended.
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
	var owner *tenant.Result[tenantdb.ConversationGetRow]
	var result *tenant.Result[[]tenantdb.MessageListRow]
	err = s.db.Tx(ctx, user, func(tx *tenant.Tx) error {
		owner = s.queueGet(ctx, tx, conversationID)
		result = tenant.Queue(tx, func(db tenant.DBTX) ([]tenantdb.MessageListRow, error) {
			return s.q.MessageList(ctx, db, tenantdb.MessageListParams{
				ConversationID: conversationID, BeforeSeq: before, RowLimit: int64(limit) + 1,
			})
		}).Proves()
		return nil
	})
	if err != nil {
		return Page[Message]{}, fmt.Errorf("list messages: %w", err)
	}
	if errors.Is(owner.Err(), pgx.ErrNoRows) {
		return Page[Message]{}, errNoConversation()
	}
	rows := result.Value()
	page := Page[Message]{Items: make([]Message, 0, min(len(rows), limit))}
	if len(rows) > limit {
		rows = rows[:limit]
		page.NextCursor = seqCursor(rows[limit-1].Seq)
	}
	for _, row := range slices.Backward(rows) {
		metadata, err := publicMetadata(row)
		if err != nil {
			return Page[Message]{}, err
		}
		page.Items = append(page.Items, Message{ID: row.ID, Role: row.Role, Parts: row.Parts, Metadata: metadata})
	}
	return page, nil
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
	members["createdAt"] = row.CreatedAt.UTC().Format(time.RFC3339Nano)
	members["status"] = row.Status
	text, err := json.Marshal(members)
	if err != nil {
		return nil, fmt.Errorf("write metadata of message: %w", err)
	}
	return text, nil
}
