package completion

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"twobrains/internal/auth"
	"twobrains/internal/problem"
	"twobrains/internal/stream"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
)

// Follow reads the running reply of a conversation from its first chunk, whichever process makes it; where the run goes on with a stored
// reply, from the first chunk of that. Nil, without an error, says that there is none. CodeResumeUnavailable: there is one, and
// its log cannot be read here now.
func (s *Service) Follow(ctx context.Context, user auth.User, conversationID string) (stream.Follower, error) {
	key := logKey(user, conversationID)
	if r := s.local(key); r != nil {
		select {
		case <-r.opened:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if r.runLog != nil && r.continues == nil {
			return unlessEnded(r.runLog.Follow()), nil
		}
	}
	follower, err := s.opts.Logs.Open(ctx, key)
	if err != nil && !errors.Is(err, stream.ErrNoLog) && !errors.Is(err, stream.ErrUnavailable) {
		return nil, fmt.Errorf("open run log: %w", err)
	}
	running, err := s.runningIn(ctx, user, conversationID)
	if err != nil && follower != nil && !follower.Ended() { // it goes on without the database
		return follower, nil
	}
	if follower != nil && (!running.found || follower.RunID() != running.ID.String() || follower.Ended()) {
		follower.Close()
		follower = nil
	}
	if err != nil || !running.found {
		return nil, err
	}
	return s.followRemote(ctx, user, key, running, follower)
}

// followRemote follows a run that the database says is under way. follower is its log, if that could be opened.
func (s *Service) followRemote(ctx context.Context, user auth.User, key stream.Key, running runningRun, follower stream.Follower) (stream.Follower, error) {
	dead, err := s.isDead(ctx, running.ID, running.InstanceID)
	if dead || err != nil && follower == nil {
		if follower != nil {
			follower.Close()
		}
		if err != nil {
			return nil, err
		}
		return s.followDead(ctx, user, key, running)
	}
	if follower == nil {
		follower = s.awaitLog(ctx, key, running.ID)
	}
	switch {
	case follower == nil:
		return nil, problem.New(problem.CodeResumeUnavailable,
			"A reply is being produced, but it cannot be followed from here now; it will be in the conversation when it is done.").After(2 * time.Second)
	case running.continues != nil:
		return stream.Prefixed(follower, running.continues.ID, running.continues.Parts, running.continues.Metadata)
	}
	return follower, nil
}

// followDead settles the run of a dead process, and gives what its log had with the end that it has now. A reply that it went on
// with is in the conversation as a whole.
func (s *Service) followDead(ctx context.Context, user auth.User, key stream.Key, running runningRun) (stream.Follower, error) {
	if err := s.takeOver(ctx, user, running.ID, takeOver{}); err != nil || running.continues != nil {
		return nil, err
	}
	if follower, err := s.opts.Logs.Open(ctx, key); err == nil {
		if follower.RunID() == running.ID.String() {
			return follower, nil
		}
		return unlessEnded(follower), nil
	}
	return nil, nil
}

// runningRun is the run under way in a conversation, if one was found.
type runningRun struct {
	tenantdb.RunGetActiveRow
	found bool
	// continues is the stored reply that it goes on with; nil: it makes a new one.
	continues *tenantdb.RunGetContinuedRow
}

func (s *Service) runningIn(ctx context.Context, user auth.User, conversationID string) (running runningRun, err error) {
	var run *tenant.Result[tenantdb.RunGetActiveRow]
	var reply *tenant.Result[tenantdb.RunGetContinuedRow]
	err = s.opts.DB.Tx(ctx, user, func(tx *tenant.Tx) error {
		run = tenant.Queue(tx, func(db tenant.DBTX) (tenantdb.RunGetActiveRow, error) {
			return s.tenants.RunGetActive(ctx, db, conversationID)
		}).Proves()
		reply = tenant.Queue(tx, func(db tenant.DBTX) (tenantdb.RunGetContinuedRow, error) {
			return s.tenants.RunGetContinued(ctx, db, conversationID)
		}).Proves()
		return nil
	})
	if err != nil || isNoRows(run.Err()) {
		return running, err
	}
	running = runningRun{RunGetActiveRow: run.Value(), found: true}
	if continues := reply.Value(); !isNoRows(reply.Err()) && continues.ID == running.MessageID {
		running.continues = &continues
	}
	return running, nil
}

func unlessEnded(follower stream.Follower) stream.Follower {
	if !follower.Ended() {
		return follower
	}
	follower.Close()
	return nil
}

// awaitLog opens the log of a run that another process makes; nil if it does not appear.
func (s *Service) awaitLog(ctx context.Context, key stream.Key, id uuid.UUID) stream.Follower {
	ctx, cancel := context.WithTimeout(ctx, logPatience)
	defer cancel()
	for {
		follower, err := s.opts.Logs.Open(ctx, key)
		if err == nil && follower.RunID() == id.String() {
			return follower
		}
		if err == nil {
			follower.Close()
		}
		select {
		case <-time.After(logPause):
		case <-ctx.Done():
			return nil
		}
	}
}

const (
	// logPatience is how long a log is waited for that must be there: it is made a moment after its run, and takes another to get
	// to where other processes see it.
	logPatience = 1500 * time.Millisecond
	logPause    = 50 * time.Millisecond
)
