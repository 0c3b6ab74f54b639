package completion

import (
	"context"
	"math"
	"time"

	"twobrains/internal/publicdb"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
	"twobrains/internal/usage"
)

// amend is for a run that was found ended when it was to be settled. Either an attempt of our own has succeeded, whose answer was
// lost; or another process took this one for dead and stored what the log had. Then the whole reply replaces that, and the account gets
// the difference. errNotStored: there is no place for the reply any more.
func (r *run) amend(ctx context.Context, out outcome, now time.Time) error {
	kept, replaced := false, false
	err := r.brain.Tx(ctx, func(tx *tenant.Tx) error {
		kept, replaced = false, false
		if _, err := r.tenants.ConversationLock(ctx, tx, r.req.conversation); err != nil && !isNoRows(err) {
			return err
		}
		ended, err := r.tenants.RunEnd(ctx, tx, r.id)
		switch {
		case isNoRows(err): // deleted, with its conversation
			kept = true
			return nil
		case err != nil:
			return err
		case ended.SettledBy != nil && *ended.SettledBy == r.opts.InstanceID:
			kept = ended.Status == out.status && ended.EndedAt != nil && ended.EndedAt.Equal(now)
			return nil
		case ended.Status != statusInterrupted: // the user has stopped it meanwhile
			return nil
		}
		if kept, err = r.queueWhole(ctx, tx, out, now); err != nil {
			return err
		}
		r.queueDifference(ctx, tx, ended, out, kept, now)
		replaced = kept
		return nil
	})
	if err == nil && replaced {
		r.metrics.replaced.Inc()
		r.log.Warn("stored a reply that another process had settled", "run", r.id)
	}
	if err == nil && !kept {
		return errNotStored
	}
	return err
}

// queueWhole puts the whole reply in the place of the interrupted one, or to the end of the path if nothing was stored and the
// user's message is still there. It reports whether there is a place.
func (r *run) queueWhole(ctx context.Context, tx *tenant.Tx, out outcome, now time.Time) (kept bool, err error) {
	before, err := r.tenants.MessageGet(ctx, tx, r.messageID)
	switch {
	case err == nil && before.ConversationID == r.req.conversation:
		r.replace(ctx, tx, out, now)
	case err == nil || !isNoRows(err):
		return false, err
	case !out.replies():
		return true, nil
	default:
		last, err := r.tenants.MessageList(ctx, tx, tenantdb.MessageListParams{ConversationID: r.req.conversation, BeforeSeq: math.MaxInt64, RowLimit: 1})
		if err != nil || len(last) == 0 || last[0].ID != r.userMessageID {
			return false, err
		}
		if _, err := r.tenants.RunGetActive(ctx, tx, r.req.conversation); !isNoRows(err) {
			return false, err
		}
		answers := r.branch.answers
		if answers == "" {
			answers = r.userMessageID
		}
		appended := r.queueReply(ctx, tx, tenantdb.MessageAppendParams{
			ID: r.messageID, ConversationID: r.req.conversation, Role: "assistant", Parts: out.parts, Metadata: out.metadata,
			Status: out.status, Size: clampInt32(out.textSize), Now: now,
		}, answers)
		if n, err := appended.Get(); err != nil || n == 0 {
			return false, err
		}
	}
	r.queueFiles(ctx, tx, out, now)
	return true, nil
}

// queueDifference accounts for what the other process could not know.
func (r *run) queueDifference(ctx context.Context, tx *tenant.Tx, ended tenantdb.RunEndRow, out outcome, kept bool, now time.Time) {
	cost := r.model.Cost(out.usage)
	status := statusInterrupted
	if kept {
		status = out.status
	}
	charged := ended.ChargedOn
	if charged == nil && kept && out.spent {
		charged = r.charged
	}
	tenant.Queue(tx, func(db tenant.DBTX) (int64, error) {
		return r.tenants.RunAmend(ctx, db, tenantdb.RunAmendParams{
			ID: r.id, Status: status, FinishReason: optional(string(out.reason)), ErrorCode: optional(string(out.code)),
			InputTokens: out.usage.Input, CachedInputTokens: out.usage.CachedInput, OutputTokens: out.usage.Output,
			ReasoningTokens: out.usage.Reasoning, CostMicrousd: cost, UsageEstimated: out.estimated,
			ChargedOn: charged, SettledBy: &r.opts.InstanceID, Now: &now,
		})
	})
	if charged != nil && ended.ChargedOn == nil {
		tenant.QueueExec(tx, func(db tenant.DBTX) error { return r.public.QuotaRetake(ctx, db, usage.Day(r.started)) }).Public()
	}
	messages := int64(0)
	if kept && out.produced && r.continues == nil && ended.OutputTokens == 0 { // what is produced has tokens
		messages = 1
	}
	tenant.QueueExec(tx, func(db tenant.DBTX) error {
		return r.public.UsageAmend(ctx, db, publicdb.UsageAmendParams{
			Day: usage.Day(r.started), StartedAt: r.started, Was: ended.Status, Outcome: status, Model: r.model.ID, KeySource: string(r.keys.source), Messages: messages,
			InputTokens: out.usage.Input - ended.InputTokens, CachedInputTokens: out.usage.CachedInput - ended.CachedInputTokens,
			OutputTokens: out.usage.Output - ended.OutputTokens, ReasoningTokens: out.usage.Reasoning - ended.ReasoningTokens,
			CostMicrousd: cost - ended.CostMicrousd,
		})
	}).Public()
}
