package completion

import (
	"context"
	"errors"
	"time"

	"twobrains/internal/chat"
	"twobrains/internal/publicdb"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
	"twobrains/internal/usage"
)

// stateSettled is raised by RunSettle when there is no running run to settle.
const stateSettled = "TB010"

var errNotStored = errors.New("reply not stored")

// settle stores the reply and accounts for it, in one round trip, and tries again while the database is away. Settling
// twice is harmless: the second finds the run ended. It is a failure where somebody else has ended it, who took this process
// for dead.
func (r *run) settle(out outcome) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), r.opts.SettleTimeout)
	defer cancel()
	now := r.now().UTC().Truncate(time.Microsecond) // as Postgres keeps it
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		err := r.settleOnce(ctx, out, now)
		if tenant.HasState(err, stateSettled) {
			err = r.settledBefore(ctx, out, now)
		}
		if err == nil {
			return nil
		}
		if errors.Is(err, errNotStored) {
			r.log.Error("reply lost: the run was settled by another process", "run", r.id)
			return errNotStored
		}
		r.metrics.settleRetries.Inc()
		r.log.Error("settling a run", "run", r.id, "error", err)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			r.log.Error("reply lost: giving up on settling", "run", r.id)
			return errNotStored
		}
	}
}

// settledBefore tells an attempt of ours whose answer was lost from somebody else's: errNotStored.
func (r *run) settledBefore(ctx context.Context, out outcome, now time.Time) error {
	var end *tenant.Result[tenantdb.RunEndRow]
	err := r.brain.Tx(ctx, func(tx *tenant.Tx) error {
		end = tenant.Queue(tx, func(db tenant.DBTX) (tenantdb.RunEndRow, error) { return r.tenants.RunEnd(ctx, db, r.id) }).Proves()
		return nil
	})
	switch {
	case err != nil:
		return err
	case isNoRows(end.Err()): // deleted, with its conversation
		return nil
	}
	if ended := end.Value(); ended.Status != out.status || ended.EndedAt == nil || !ended.EndedAt.Equal(now) {
		return errNotStored
	}
	return nil
}

func (r *run) settleOnce(ctx context.Context, out outcome, now time.Time) error {
	cost := r.model.Cost(out.usage)
	var stored *tenant.Result[int64]
	err := r.brain.Tx(ctx, func(tx *tenant.Tx) error {
		stored = nil
		if r.continues != nil { // first, so that nobody waits for the run who holds the conversation
			stored = r.replace(ctx, tx, out, now)
		}
		tenant.Queue(tx, func(db tenant.DBTX) (bool, error) {
			return r.tenants.RunSettle(ctx, db, tenantdb.RunSettleParams{
				ID: r.id, Status: out.status, FinishReason: optional(string(out.reason)), ErrorCode: optional(string(out.code)),
				InputTokens: out.usage.Input, CachedInputTokens: out.usage.CachedInput, OutputTokens: out.usage.Output,
				ReasoningTokens: out.usage.Reasoning, CostMicrousd: cost, Now: &now,
			})
		}).Proves()
		if out.produced && r.continues == nil {
			stored = r.store(ctx, tx, out, now)
		}
		if stored != nil {
			for _, f := range out.files {
				chat.QueueStore(ctx, tx, r.req.conversation, tenantdb.AttachmentStoreParams{
					ID: f.ID, MediaType: f.MediaType, Data: f.Data, Now: now, TotalBytes: r.opts.AttachmentTotal,
				})
			}
		}
		r.touch(ctx, tx, now)
		if r.charged != nil && !out.spent {
			tenant.QueueExec(tx, func(db tenant.DBTX) error { return r.public.QuotaRefund(ctx, db, *r.charged) })
		}
		if out.produced || out.usage.Input+out.usage.Output > 0 {
			messages := int64(0)
			if out.produced && r.continues == nil {
				messages = 1
			}
			tenant.QueueExec(tx, func(db tenant.DBTX) error {
				return r.public.UsageAdd(ctx, db, publicdb.UsageAddParams{
					Day: usage.Day(r.started), Model: r.model.ID, KeySource: string(r.keys.source), Messages: messages,
					InputTokens: out.usage.Input, CachedInputTokens: out.usage.CachedInput, OutputTokens: out.usage.Output,
					ReasoningTokens: out.usage.Reasoning, CostMicrousd: cost,
				})
			})
		}
		return nil
	})
	if err == nil && stored != nil && stored.Value() == 0 {
		r.forgetOrphan(ctx)
	}
	return err
}

// store appends the reply to the conversation, if that is still there.
func (r *run) store(ctx context.Context, tx *tenant.Tx, out outcome, now time.Time) *tenant.Result[int64] {
	return tenant.Queue(tx, func(db tenant.DBTX) (int64, error) {
		return r.tenants.MessageAppend(ctx, db, tenantdb.MessageAppendParams{
			ID: r.messageID, ConversationID: r.req.conversation, Role: "assistant", Parts: out.parts, Metadata: out.metadata,
			Status: out.status, Size: clampInt32(out.textSize), Now: now,
		})
	})
}

// replace stores what came to the reply that the run went on with: also where the model then failed, for its tools have run.
// A run that did not get as far as taking it up puts back what was there, unanswered.
func (r *run) replace(ctx context.Context, tx *tenant.Tx, out outcome, now time.Time) *tenant.Result[int64] {
	reply := tenantdb.RunReplyReplaceParams{
		ID: r.messageID, ConversationID: r.req.conversation, Parts: out.parts, Metadata: out.metadata,
		Status: out.status, Size: clampInt32(out.textSize), Now: now,
	}
	if c := r.continues; !c.resumed {
		reply.Parts, reply.Metadata, reply.Status, reply.Size = c.parts, c.metadata, c.status, clampInt32(c.size)
	}
	return tenant.Queue(tx, func(db tenant.DBTX) (int64, error) { return r.tenants.RunReplyReplace(ctx, db, reply) })
}

// forgetOrphan removes the trace of a run whose conversation was deleted while it ran.
func (r *run) forgetOrphan(ctx context.Context) {
	err := r.brain.Tx(ctx, func(tx *tenant.Tx) error {
		tenant.QueueExec(tx, func(db tenant.DBTX) error { return r.tenants.RunDeleteOrphan(ctx, db, r.id) })
		return nil
	})
	if err != nil {
		r.log.Warn("removing the run of a deleted conversation", "run", r.id, "error", err)
	}
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
