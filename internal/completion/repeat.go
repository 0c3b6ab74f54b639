package completion

import (
	"context"
	"errors"
	"math"

	"github.com/google/uuid"

	"twobrains/internal/chat"
	"twobrains/internal/problem"
	"twobrains/internal/stream"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
)

var (
	// errRepeated says that the message to send is stored already.
	errRepeated = errors.New("message is stored already")
	errTaken    = problem.New(problem.CodeConflict, "There is a message with this id already.")
)

// repeat answers a message that was sent before: its client got no answer then, or lost it. Nothing is stored and nothing is counted a
// second time: it gets the reply under way, or the one that there is. Without either, and without an error, a run can be made now for
// the message that is stored.
func (r *run) repeat(ctx context.Context) (stream.Follower, error) {
	var asked *tenant.Result[tenantdb.RunAskedRow]
	var run *tenant.Result[tenantdb.RunOfMessageRow]
	id := r.req.message.ID
	err := r.brain.Tx(ctx, func(tx *tenant.Tx) error {
		asked = tenant.Queue(tx, func(db tenant.DBTX) (tenantdb.RunAskedRow, error) { return r.tenants.RunAsked(ctx, db, id) }).Proves()
		run = tenant.Queue(tx, func(db tenant.DBTX) (tenantdb.RunOfMessageRow, error) {
			return r.tenants.RunOfMessage(ctx, db, tenantdb.RunOfMessageParams{ConversationID: r.req.conversation, UserMessageID: id})
		}).Proves()
		return nil
	})
	if err != nil || isNoRows(asked.Err()) { // deleted meanwhile
		return nil, err
	}
	message := asked.Value()
	content, err := contentOf(message.Parts)
	if err != nil {
		return nil, err
	}
	if message.ConversationID != r.req.conversation || message.Role != "user" || !message.OnPath || content != r.req.content {
		return nil, errTaken
	}
	if last := run.Value(); last.Status == statusRunning {
		return r.joinRemote(ctx, last.ID, last.InstanceID)
	}
	return r.repeatReply(ctx, message.Seq, run.Value())
}

// repeatReply gives the reply that follows the message, from its log or as it is stored.
func (r *run) repeatReply(ctx context.Context, seq int64, last tenantdb.RunOfMessageRow) (stream.Follower, error) {
	var reply *tenant.Result[tenantdb.RunReplyToRow]
	err := r.brain.Tx(ctx, func(tx *tenant.Tx) error {
		reply = tenant.Queue(tx, func(db tenant.DBTX) (tenantdb.RunReplyToRow, error) {
			return r.tenants.RunReplyTo(ctx, db, tenantdb.RunReplyToParams{ConversationID: r.req.conversation, Seq: seq})
		}).Proves()
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case isNoRows(reply.Err()):
		r.unanswered = true
		return nil, nil
	case reply.Value().Role != "assistant":
		return nil, problem.New(problem.CodeConflict, "The conversation has gone on after this message.")
	}
	stored := reply.Value()
	if last.MessageID == stored.ID {
		if follower := r.openRun(ctx, last.ID); follower != nil {
			return follower, nil
		}
	}
	return stream.Recorded(last.ID.String(), stored.ID, stored.Parts, stored.Metadata)
}

// answer locks the conversation for a message that is stored and has no reply, and returns the message's id. errRepeated: the
// conversation's path does not end there any more.
func (r *run) answer(ctx context.Context, tx *tenant.Tx) (userMessageID string, err error) {
	locked := tenant.Queue(tx, func(db tenant.DBTX) (int64, error) { return r.tenants.ConversationLock(ctx, db, r.req.conversation) }).Proves()
	last := tenant.Queue(tx, func(db tenant.DBTX) ([]tenantdb.MessageListRow, error) {
		return r.tenants.MessageList(ctx, db, tenantdb.MessageListParams{ConversationID: r.req.conversation, BeforeSeq: math.MaxInt64, RowLimit: 1})
	}).Proves()
	if err := tx.Flush(); err != nil {
		return "", err
	}
	if isNoRows(locked.Err()) || len(last.Value()) == 0 || last.Value()[0].ID != r.req.message.ID {
		r.unanswered = false
		return "", errRepeated
	}
	return r.req.message.ID, nil
}

// makeWay deals with the run that is in the way of this one. It is followed if the request repeats the one that began it, and settled
// if its process is dead, so that this one can try again. Otherwise the error names it.
func (r *run) makeWay(ctx context.Context, active error) (stream.Follower, error) {
	var running *tenant.Result[tenantdb.RunGetActiveRow]
	var asked *tenant.Result[tenantdb.RunAskedRow]
	err := r.brain.Tx(ctx, func(tx *tenant.Tx) error {
		running = tenant.Queue(tx, func(db tenant.DBTX) (tenantdb.RunGetActiveRow, error) {
			return r.tenants.RunGetActive(ctx, db, r.req.conversation)
		}).Proves()
		asked = tenant.Queue(tx, func(db tenant.DBTX) (tenantdb.RunAskedRow, error) {
			return r.tenants.RunAsked(ctx, db, r.req.message.ID)
		}).Proves()
		return nil
	})
	if err != nil || isNoRows(running.Err()) {
		return nil, err
	}
	found := running.Value()
	content, err := contentOf(asked.Value().Parts)
	if err == nil && found.UserMessageID == r.req.message.ID && r.req.message.ID != "" && content == r.req.content {
		return r.joinRemote(ctx, found.ID, found.InstanceID)
	}
	dead, err := r.isDead(ctx, found.ID, found.InstanceID)
	switch {
	case err != nil:
		return nil, err
	case dead:
		return nil, r.takeOver(ctx, r.user, found.ID, takeOver{})
	}
	return nil, errActive(found.ID.String()).Because(active)
}

// joinRemote follows a run that another process makes, if that lives; else it settles the run, and returns neither log nor error.
func (r *run) joinRemote(ctx context.Context, id, instance uuid.UUID) (stream.Follower, error) {
	dead, err := r.isDead(ctx, id, instance)
	switch {
	case err != nil:
		return nil, err
	case dead:
		return nil, r.takeOver(ctx, r.user, id, takeOver{})
	}
	if follower := r.awaitLog(ctx, r.key, id); follower != nil {
		return follower, nil
	}
	return nil, errActive(id.String())
}

// openRun opens the log of one run of the conversation; nil if it cannot be had.
func (r *run) openRun(ctx context.Context, id uuid.UUID) stream.Follower {
	follower, err := r.opts.Logs.Open(ctx, r.key)
	switch {
	case err != nil:
		return nil
	case follower.RunID() != id.String():
		follower.Close()
		return nil
	}
	return follower
}

// forgetRequest lets go of what was read of the request and is not needed any more, for as long as the run goes on.
func (r *run) forgetRequest() {
	message := chat.UserMessage{ID: r.req.message.ID}
	if r.mayBeNamed() {
		message.Text = r.req.message.Text
	}
	r.mu.Lock() // others look at it, to see whether they repeat it
	r.req.message = message
	r.mu.Unlock()
}
