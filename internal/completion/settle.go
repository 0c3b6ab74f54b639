package completion

import (
	"context"
	"errors"
	"time"

	"twobrains/internal/chat"
	"twobrains/internal/llm"
	"twobrains/internal/problem"
	"twobrains/internal/publicdb"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
	"twobrains/internal/usage"
)

// stateSettled is raised by RunSettle when there is no running run to settle.
const stateSettled = "TB010"

var (
	errNotStored  = errors.New("reply not stored")
	errHandedOver = errors.New("run left to other processes")
)

// settle stores the reply and accounts for it, in one round trip, and tries again while the database is away. Settling
// twice is harmless: the second finds the run ended. Where another process has ended it, which took this one for dead, the reply
// takes the place of what was stored then. When this process stops, errHandedOver says that others have to settle the run.
func (r *run) settle(out outcome) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), r.opts.SettleTimeout)
	defer cancel()
	stop := context.AfterFunc(r.late, func() { time.AfterFunc(r.opts.HandOver, cancel) })
	defer stop()
	now := r.now().UTC().Truncate(time.Microsecond) // as Postgres keeps it
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		err := r.settleOnce(ctx, out, now)
		if tenant.HasState(err, stateSettled) {
			err = r.amend(ctx, out, now)
		}
		if err == nil {
			return nil
		}
		if errors.Is(err, errNotStored) {
			r.log.Error("reply lost: the run was settled by another process", "run", r.id)
			return errNotStored
		}
		if problem.HasCode(err, problem.CodeAccountDeleted) {
			r.log.Warn("a reply was not stored: its account is deleted", "run", r.id)
			return errNotStored
		}
		r.metrics.settleRetries.Inc()
		r.log.Error("settling a run", "run", r.id, "error", err)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
		switch {
		case ctx.Err() == nil:
		case r.late.Err() != nil:
			r.log.Warn("left a run to other processes", "run", r.id)
			return errHandedOver
		default:
			r.log.Error("reply lost: giving up on settling", "run", r.id)
			return errNotStored
		}
	}
}

// settleOnce ends the run. What ends it comes first: it locks the conversation before the run, as everybody does, and raises
// TB010 before anything else can fail.
func (r *run) settleOnce(ctx context.Context, out outcome, now time.Time) error {
	cost := r.model.Cost(out.usage)
	refunded := r.charged != nil && !out.spent
	end := tenantdb.RunSettleParams{
		ID: r.id, ConversationID: r.req.conversation, Status: out.status, FinishReason: optional(string(out.reason)),
		ErrorCode: optional(string(out.code)), InputTokens: out.usage.Input, CachedInputTokens: out.usage.CachedInput,
		OutputTokens: out.usage.Output, ReasoningTokens: out.usage.Reasoning, CostMicrousd: cost,
		UsageEstimated: out.estimated, Refunded: refunded, SettledBy: &r.opts.InstanceID, Now: &now,
	}
	var stored func() bool
	err := r.brain.Tx(ctx, func(tx *tenant.Tx) error {
		stored = nil
		replies := r.continues == nil && out.replies()
		if replies {
			stored = r.finishWith(ctx, tx, end, out)
		} else {
			tenant.Queue(tx, func(db tenant.DBTX) (bool, error) { return r.tenants.RunSettle(ctx, db, end) }).Proves()
		}
		switch {
		case r.continues != nil:
			replaced := r.replace(ctx, tx, out, now)
			stored = func() bool { return replaced.Value() > 0 }
		case !replies && r.branch.returnSeq != 0:
			r.queueReturn(ctx, tx, r.req.conversation, r.id)
		}
		if stored != nil {
			r.queueFiles(ctx, tx, out, now)
		}
		r.touch(ctx, tx, now)
		r.queueAccount(ctx, tx, out, cost, now)
		if refunded { // after the ticket, which whoever reserves more locks before the counters
			tenant.QueueExec(tx, func(db tenant.DBTX) error { return r.public.QuotaRefund(ctx, db, *r.charged) }).Public()
		}
		return nil
	})
	if err == nil && stored != nil && !stored() {
		r.forgetOrphan(ctx)
	}
	return err
}

// finishWith ends the run and appends its reply, and returns what tells whether the conversation was still there.
func (r *run) finishWith(ctx context.Context, tx *tenant.Tx, end tenantdb.RunSettleParams, out outcome) (stored func() bool) {
	finished := tenant.Queue(tx, func(db tenant.DBTX) (tenantdb.RunFinishRow, error) {
		return r.tenants.RunFinish(ctx, db, tenantdb.RunFinishParams{
			ID: end.ID, ConversationID: end.ConversationID, Status: end.Status, FinishReason: end.FinishReason, ErrorCode: end.ErrorCode,
			InputTokens: end.InputTokens, CachedInputTokens: end.CachedInputTokens, OutputTokens: end.OutputTokens,
			ReasoningTokens: end.ReasoningTokens, CostMicrousd: end.CostMicrousd, UsageEstimated: end.UsageEstimated,
			Refunded: end.Refunded, SettledBy: end.SettledBy, Now: *end.Now,
			MessageID: r.messageID, Parts: out.parts, Metadata: out.metadata, Size: clampInt32(out.textSize),
		})
	}).Proves()
	if r.branch.answers != "" {
		r.queueNumber(ctx, tx, r.req.conversation, r.messageID, r.branch.answers)
	}
	return func() bool { return finished.Value().Stored > 0 }
}

// queueAccount adds what the run has used to the day on which it began, notes how it ended, and takes its ticket away.
func (r *run) queueAccount(ctx context.Context, tx *tenant.Tx, out outcome, cost int64, now time.Time) {
	messages := int64(0)
	if out.produced && r.continues == nil {
		messages = 1
	}
	used := out.usage
	tenant.QueueExec(tx, func(db tenant.DBTX) error {
		return r.public.UsageAddOfRun(ctx, db, publicdb.UsageAddOfRunParams{
			RunID: r.id, Day: usage.Day(r.started), StartedAt: r.started, Model: r.model.ID, KeySource: string(r.keys.source), Messages: messages,
			InputTokens: used.Input, CachedInputTokens: used.CachedInput, OutputTokens: used.Output,
			ReasoningTokens: used.Reasoning, CostMicrousd: cost,
			Used: out.produced || used != (llm.Usage{}), Outcome: out.status, FirstTokenMs: r.firstToken,
			OwedTokens: float64(used.Input + used.Output - r.funds.tokens), Now: now,
		})
	}).Public()
}

func (r *run) queueFiles(ctx context.Context, tx *tenant.Tx, out outcome, now time.Time) {
	for _, f := range out.files {
		chat.QueueStore(ctx, tx, r.req.conversation, tenantdb.AttachmentStoreParams{
			ID: f.ID, MediaType: f.MediaType, Data: f.Data, Now: now, TotalBytes: r.opts.AttachmentTotal,
		})
	}
}

// replace stores what came to the reply that the run went on with: also where the model then failed, for its tools have run.
// A run that did not get as far as taking it up puts back what was there, unanswered.
func (r *run) replace(ctx context.Context, tx *tenant.Tx, out outcome, now time.Time) *tenant.Result[int64] {
	reply := tenantdb.RunReplyReplaceParams{
		ID: r.messageID, ConversationID: r.req.conversation, Parts: out.parts, Metadata: out.metadata,
		Status: out.status, Size: clampInt32(out.textSize), Now: now,
	}
	if c := r.continues; c != nil && !c.resumed {
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
