package completion

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"twobrains/internal/auth"
	"twobrains/internal/llm"
	"twobrains/internal/problem"
	"twobrains/internal/publicdb"
	"twobrains/internal/stream"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
)

// isDead says whether a run that is under way in the database is so nowhere else: its process is dead, or is this one and does
// not know it.
func (s *Service) isDead(ctx context.Context, run, instance uuid.UUID) (dead bool, err error) {
	if instance == s.opts.InstanceID {
		return s.byID(run) == nil, nil
	}
	err = s.opts.DB.Public(ctx, func(tx *tenant.Tx) error {
		dead, err = s.public.InstanceDead(ctx, tx, publicdb.InstanceDeadParams{
			ID: instance, Me: s.opts.InstanceID, Seconds: s.opts.InstanceTimeout.Seconds(),
		})
		return err
	})
	return dead, err
}

// takeOver says how a run is settled for its process.
type takeOver struct {
	// stopped: the user has asked to stop it.
	stopped bool
	// patient: an unreachable store of logs is a reason not to do it now.
	patient bool
}

// takeOverTimeout bounds the settling of one run for its process.
const takeOverTimeout = 20 * time.Second

// takeOver settles a run whose process cannot: with the text that its log still has, its usage estimated, what was charged given back if
// there is nothing. Its log is brought to a proper end. It does nothing where the run has ended, or never was; so any number of
// processes may try. Within this one they wait for the first.
func (s *Service) takeOver(ctx context.Context, user auth.User, run uuid.UUID, how takeOver) error {
	done := s.sweeper.takeOvers.DoChan(run.String(), func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), takeOverTimeout)
		defer cancel()
		return nil, s.settleDead(ctx, user, run, how)
	})
	select {
	case result := <-done:
		return result.Err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Service) settleDead(ctx context.Context, user auth.User, id uuid.UUID, how takeOver) error {
	brain, err := s.opts.DB.Open(ctx, user)
	if err != nil {
		return err
	}
	var read *tenant.Result[tenantdb.RunGetDeadRow]
	err = brain.Tx(ctx, func(tx *tenant.Tx) error {
		read = tenant.Queue(tx, func(db tenant.DBTX) (tenantdb.RunGetDeadRow, error) { return s.tenants.RunGetDead(ctx, db, id) }).Proves()
		return nil
	})
	if err != nil {
		return err
	}
	found := read.Value()
	if isNoRows(read.Err()) || found.Status != statusRunning {
		return s.removeTicket(ctx, brain, id)
	}
	d, err := s.raise(ctx, user, brain, found, how)
	if err != nil {
		return err
	}
	return d.settle(ctx)
}

// removeTicket takes away the ticket of a run that has ended: it was left behind.
func (s *Service) removeTicket(ctx context.Context, brain *tenant.Brain, id uuid.UUID) error {
	return brain.Tx(ctx, func(tx *tenant.Tx) error {
		tenant.QueueExec(tx, func(db tenant.DBTX) error { return s.public.RunTicketRemove(ctx, db, id) }).Public()
		return nil
	})
}

// dead is a run that is settled for its process.
type dead struct {
	run   *run
	found tenantdb.RunGetDeadRow
	// log is its log and reply what that holds; nil: there is nothing.
	log   stream.Log
	reply *stream.Assembler
	out   outcome
}

// raise makes of a run's row and log what settling needs.
func (s *Service) raise(ctx context.Context, user auth.User, brain *tenant.Brain, found tenantdb.RunGetDeadRow, how takeOver) (*dead, error) {
	model, ok := s.opts.Catalog.Model(found.Model)
	if !ok { // it costs nothing then, since nobody knows what
		model.ID = found.Model
	}
	r := &run{
		Service: s, ctx: ctx, cancel: func(error) {}, user: user, brain: brain,
		req: request{conversation: found.ConversationID}, key: logKey(user, found.ConversationID),
		id: found.ID, messageID: found.MessageID, model: model, effort: llm.Effort(found.Effort), keys: &keys{source: KeySource(found.KeySource)},
		charged: found.ChargedOn, funds: funds{tokens: found.InputTokens}, started: found.StartedAt.UTC(), branch: branch{returnSeq: found.ReturnSeq},
	}
	if found.ReturnSeq != 0 { // else there is no other version of the reply
		r.branch.answers = found.UserMessageID
	}
	d := &dead{run: r, found: found, out: outcome{status: statusInterrupted, reason: llm.FinishOther, code: problem.CodeProviderInterrupted}}
	if how.stopped {
		d.out = outcome{status: statusAborted, reason: llm.FinishOther}
	}
	log, frames, err := s.opts.Logs.Adopt(ctx, r.key, found.ID.String())
	switch {
	case errors.Is(err, stream.ErrNoLog):
	case errors.Is(err, stream.ErrUnavailable) && !how.patient:
		s.log.Error("the log of a dead process's run cannot be read", "run", found.ID, "error", err)
	case err != nil:
		return nil, fmt.Errorf("adopt run log: %w", err)
	default:
		d.log = log
		d.restore(frames)
	}
	return d, nil
}

// restore reads the log. One that cannot be read is worth nothing more than none.
func (d *dead) restore(frames []byte) {
	r, found, log := d.run, d.found, d.log
	o := stream.Options{MessageID: found.MessageID, HoldEnd: true}
	var err error
	if found.Continued {
		if r.continues, err = readContinued(&tenantdb.MessageGetRow{Parts: found.Parts, Metadata: found.Metadata, Status: found.MessageStatus}); err == nil {
			d.reply, err = stream.RestoreContinued(log, o, found.Parts, found.Metadata, frames)
		}
	} else {
		d.reply, err = stream.Restore(log, o, frames)
	}
	if err != nil {
		r.log.Error("the log of a dead process's run makes no sense", "run", r.id, "error", err)
		log.Close(stream.EndLost)
		d.log, d.reply, r.continues = nil, nil, nil
		return
	}
	if r.continues != nil {
		r.continues.resumed = true
	}
	d.out.produced = d.reply.Produced()
	d.out.spent = d.out.produced
	if d.out.produced {
		d.out.estimated = true
		d.out.usage = llm.Usage{Input: max(found.InputTokens, 1), Output: int64(len(d.reply.Text()))/charsPerGuess + 1}
	}
	if !d.reply.Ended() {
		d.out.text = "The reply was interrupted."
		r.finish(d.reply, &d.out)
	}
	d.out.parts, d.out.metadata, d.out.textSize = d.reply.Parts(), withMembers(d.reply.Metadata(), r.endMetadata(d.out)), len(d.reply.Text())
	if r.continues != nil {
		d.out.textSize += r.continues.size
	}
}

// withMembers puts the members of an object over those of another, which may be absent.
func withMembers(object, over json.RawMessage) json.RawMessage {
	members := map[string]json.RawMessage{}
	if json.Unmarshal(object, &members) != nil || json.Unmarshal(over, &members) != nil {
		return over
	}
	return encode(members)
}

// settle stores what there is. Whoever holds the log ends it, also where another process was faster to settle.
func (d *dead) settle(ctx context.Context) error {
	r := d.run
	now := r.now().UTC().Truncate(time.Microsecond)
	err := r.settleOnce(ctx, d.out, now)
	settled := err == nil
	if tenant.HasState(err, stateSettled) {
		err = nil
	}
	if err != nil {
		if d.log != nil { // its readers are to try again, and so is who settles it
			d.log.Close(stream.EndLost)
		}
		return fmt.Errorf("settle run: %w", err)
	}
	if d.reply != nil {
		d.reply.Release("")
	}
	if settled {
		r.metrics.ended.WithLabelValues(d.out.status).Inc()
		r.metrics.takenOver.Inc()
		r.log.Warn("settled the run of a dead process", "run", r.id, "instance", d.found.InstanceID, "produced", d.out.produced)
	}
	return nil
}
