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
	"twobrains/internal/problem"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
)

// Version is one of the messages that follow the same one: the edits of a message, or the replies to one.
type Version struct {
	Message
	// Position counts from 1, oldest first.
	Position int
	// Current: it is the one that is shown.
	Current   bool
	CreatedAt time.Time
}

// SiblingsParams select a page of versions.
type SiblingsParams struct {
	// Cursor is NextCursor of the page before; empty for the first page.
	Cursor string
	// Limit is 1 to MaxPage; 0 means DefaultPage.
	Limit int
}

// Siblings returns the versions of a message, itself among them, oldest first. CodeNotFound: the conversation has no such
// message.
func (s *Service) Siblings(ctx context.Context, user auth.User, conversationID, messageID string, p SiblingsParams) (Page[Version], error) {
	if !ValidID(conversationID) || !ValidID(messageID) {
		return Page[Version]{}, errNoMessage()
	}
	after, err := parseVersion(p.Cursor)
	if err != nil {
		return Page[Version]{}, err
	}
	limit, err := pageSize(p.Limit)
	if err != nil {
		return Page[Version]{}, err
	}
	page := Page[Version]{Items: []Version{}}
	var first int
	var owner *tenant.Result[tenantdb.ConversationGetRow]
	var result *tenant.Result[[]tenantdb.BranchVersionsRow]
	err = s.db.Tx(ctx, user, func(tx *tenant.Tx) error {
		page.NextCursor = ""
		owner = s.queueGet(ctx, tx, conversationID)
		read := QueueTree(ctx, tx, conversationID)
		if err := tx.Flush(); err != nil {
			return err
		}
		tree := read.Tree()
		message, ok := tree.Find(messageID)
		if !ok {
			return errNoMessage()
		}
		versions := tree.Following(message.Parent)
		first = slices.IndexFunc(versions, func(n Node) bool { return n.Seq > after })
		if first < 0 {
			first = len(versions)
		}
		versions = versions[first:]
		if len(versions) > limit {
			versions = versions[:limit]
			page.NextCursor = versionCursor(versions[limit-1].Seq)
		}
		ids := make([]string, len(versions))
		for i, n := range versions {
			ids[i] = n.ID
		}
		result = tenant.Queue(tx, func(db tenant.DBTX) ([]tenantdb.BranchVersionsRow, error) {
			return s.q.BranchVersions(ctx, db, tenantdb.BranchVersionsParams{ConversationID: conversationID, Ids: ids})
		}).Proves()
		return nil
	})
	if err != nil {
		return Page[Version]{}, fmt.Errorf("list versions: %w", err)
	}
	for i, row := range result.Value() {
		m, err := message(tenantdb.MessageListRow{
			ID: row.ID, Role: row.Role, Parts: row.Parts, Metadata: row.Metadata, Status: row.Status, CreatedAt: row.CreatedAt,
			Version: row.Version, Versions: row.Versions,
		}, owner.Value().RunningReply != "" && row.OnPath)
		if err != nil {
			return Page[Version]{}, err
		}
		page.Items = append(page.Items, Version{Message: m, Position: first + i + 1, Current: row.OnPath, CreatedAt: row.CreatedAt.UTC()})
	}
	return page, nil
}

// Select shows another version of a message: the path then leads through it, down to the newest message below it. It returns the
// newest page of that path. CodeNotFound: the conversation has no such message. CodeRunActive: a reply is under way in it.
func (s *Service) Select(ctx context.Context, user auth.User, conversationID, messageID string, limit int) (Page[Message], error) {
	if !ValidID(conversationID) || !ValidID(messageID) {
		return Page[Message]{}, errNoMessage()
	}
	limit, err := pageSize(limit)
	if err != nil {
		return Page[Message]{}, err
	}
	var listed *listing
	err = s.db.Tx(ctx, user, func(tx *tenant.Tx) error {
		// Whoever begins a reply holds the conversation from before until it stands, so none can begin beside this.
		locked := tenant.Queue(tx, func(db tenant.DBTX) (int64, error) { return s.q.ConversationLock(ctx, db, conversationID) }).Proves()
		running := tenant.Queue(tx, func(db tenant.DBTX) (tenantdb.RunGetActiveRow, error) {
			return s.q.RunGetActive(ctx, db, conversationID)
		}).Proves()
		read := QueueTree(ctx, tx, conversationID)
		if err := tx.Flush(); err != nil {
			return err
		}
		tree := read.Tree()
		message, ok := tree.Find(messageID)
		switch {
		case !ok || errors.Is(locked.Err(), pgx.ErrNoRows):
			return errNoMessage()
		case running.Err() == nil:
			active := problem.New(problem.CodeRunActive, "A reply is being produced in this conversation; wait for it or stop it.")
			active.RunID = running.Value().ID.String()
			return active
		}
		tree.QueueMove(ctx, tx, tree.Below(message.Seq))
		listed = s.queueList(ctx, tx, conversationID, newest, limit)
		return nil
	})
	if err != nil {
		return Page[Message]{}, fmt.Errorf("select version: %w", err)
	}
	return listed.page()
}

// branchOf is what a message's metadata say of its versions; nil where it is the only one.
func branchOf(row tenantdb.MessageListRow) json.RawMessage {
	if row.Versions < 2 {
		return nil
	}
	return fmt.Appendf(nil, `{"position":%d,"count":%d}`, row.Version, row.Versions)
}

func errNoMessage() error {
	return problem.New(problem.CodeNotFound, "There is no such message in this conversation.")
}
