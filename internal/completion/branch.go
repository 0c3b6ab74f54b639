package completion

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"

	"twobrains/internal/chat"
	"twobrains/internal/problem"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
)

// branch is what a run that makes a reply anew has to know when it ends. The zero value is that of all others.
type branch struct {
	// answers is the id of the user's message whose replies are counted.
	answers string
	// returnSeq is the seq of the message where the path ends again if the run brings nothing; 0: where it ends anyway.
	returnSeq int64
}

// write stores what the request changes in the conversation and returns the id of the user's message to answer.
func (r *run) write(ctx context.Context, tx *tenant.Tx) (userMessageID string, err error) {
	r.branch, r.sent = branch{}, nil
	switch r.req.action {
	case actSend:
		r.sent = r.append(ctx, tx)
		return r.req.message.ID, nil
	case actContinue:
		return r.resume(ctx, tx)
	}
	locked := tenant.Queue(tx, func(db tenant.DBTX) (int64, error) { return r.tenants.ConversationLock(ctx, db, r.req.conversation) }).Proves()
	read := chat.QueueTree(ctx, tx, r.req.conversation)
	if err := tx.Flush(); err != nil {
		return "", err
	}
	if isNoRows(locked.Err()) {
		return "", problem.New(problem.CodeNotFound, "There is no such conversation.")
	}
	tree := read.Tree()
	target, ok := tree.Last()
	if r.req.target != "" {
		target, ok = tree.Find(r.req.target)
	}
	if !ok {
		return "", problem.New(problem.CodeNotFound, "There is no such message in this conversation.")
	}
	if r.req.action == actEdit {
		return target.ID, r.edit(ctx, tx, tree, target)
	}
	return r.regenerate(ctx, tx, tree, target)
}

func (r *run) append(ctx context.Context, tx *tenant.Tx) *tenant.Result[int64] {
	m := r.req.message
	return tenant.Queue(tx, func(db tenant.DBTX) (int64, error) {
		return r.tenants.MessageSend(ctx, db, tenantdb.MessageSendParams{
			ConversationID: r.req.conversation, Title: chat.TitleFrom(m.Text), ID: m.ID, Role: "user", Parts: m.Parts,
			Metadata: json.RawMessage("{}"), Status: "complete", Size: clampInt32(len(m.Text)), Temporary: r.req.temporary, Now: r.started,
		})
	}).Proves()
}

// edit puts another version of a message into its place on the path. It has the message's id, which clients keep; the earlier version
// gets a new one, and leaves the path with all that followed it.
func (r *run) edit(ctx context.Context, tx *tenant.Tx, tree chat.Tree, target chat.Node) error {
	if target.Role != "user" {
		return problem.New(problem.CodeInvalid, "Only your own messages can be edited.").Field("messageId", "must name a message of role user")
	}
	if err := tree.CheckRoom(target.Parent); err != nil {
		return err
	}
	tenant.QueueExec(tx, func(db tenant.DBTX) error {
		return r.tenants.BranchRename(ctx, db, tenantdb.BranchRenameParams{ID: target.ID, NewID: newMessageID(), ConversationID: r.req.conversation})
	})
	tree.QueueMove(ctx, tx, target.Parent)
	m := r.req.message
	before, _ := tree.At(target.Parent)
	r.queueReply(ctx, tx, tenantdb.MessageAppendParams{
		ConversationID: r.req.conversation, ID: target.ID, Role: "user", Parts: m.Parts, Metadata: json.RawMessage("{}"),
		Status: "complete", Size: clampInt32(len(m.Text)), Now: r.started,
	}, "")
	r.queueNumber(ctx, tx, r.req.conversation, target.ID, before.ID)
	return nil
}

// regenerate ends the path at the message of the user's that is to be answered anew: the target, or the one that it replies to.
func (r *run) regenerate(ctx context.Context, tx *tenant.Tx, tree chat.Tree, target chat.Node) (userMessageID string, err error) {
	asked, ok := target, true
	if target.Role == "assistant" {
		asked, ok = tree.At(target.Parent)
	}
	if !ok || asked.Role != "user" {
		return "", problem.New(problem.CodeConflict, "There is no message of yours to answer there.")
	}
	if err := tree.CheckRoom(asked.Seq); err != nil {
		return "", err
	}
	r.branch = branch{answers: asked.ID, returnSeq: tree.Below(asked.Seq)}
	if last, _ := tree.Last(); tree.IsBelow(last, asked.Seq) {
		r.branch.returnSeq = last.Seq
	}
	if r.branch.returnSeq == asked.Seq {
		r.branch.returnSeq = 0
	}
	tree.QueueMove(ctx, tx, asked.Seq)
	return asked.ID, nil
}

// queueReply appends a message to the path of a conversation that must exist, and so locks the conversation. Where answers is
// not empty, it may be another version of the reply to the message of that id.
func (s *Service) queueReply(ctx context.Context, tx *tenant.Tx, p tenantdb.MessageAppendParams, answers string) *tenant.Result[int64] {
	appended := tenant.Queue(tx, func(db tenant.DBTX) (int64, error) { return s.tenants.MessageAppend(ctx, db, p) })
	if answers != "" {
		s.queueNumber(ctx, tx, p.ConversationID, p.ID, answers)
	}
	return appended
}

// queueNumber counts the versions of the message at the end of the path: all follow the same one, or begin the conversation where
// follows is empty.
func (s *Service) queueNumber(ctx context.Context, tx *tenant.Tx, conversationID, id, follows string) {
	tenant.QueueExec(tx, func(db tenant.DBTX) error {
		return s.tenants.BranchNumber(ctx, db, tenantdb.BranchNumberParams{ConversationID: conversationID, ID: id, Follows: follows})
	})
}

// queueReturn is for a run that brought no reply: if it was to bring another version of one, the path leads again to where it led
// before, so that the earlier reply is not lost from view. It locks the conversation.
func (s *Service) queueReturn(ctx context.Context, tx *tenant.Tx, conversationID string, runID uuid.UUID) {
	tenant.Queue(tx, func(db tenant.DBTX) (int64, error) { return s.tenants.ConversationLock(ctx, db, conversationID) })
	tenant.QueueExec(tx, func(db tenant.DBTX) error { return s.tenants.BranchReturn(ctx, db, runID) })
}

func (r *run) writeError(err error) error {
	if tenant.IsUnique(err) {
		return problem.New(problem.CodeConflict, "There is a message with this id already.").Because(err)
	}
	return err
}
