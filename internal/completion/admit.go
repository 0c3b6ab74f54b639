package completion

import (
	"context"
	"time"

	"github.com/google/uuid"

	"twobrains/internal/problem"
	"twobrains/internal/stream"
)

// admit makes room for a run, or says why there is none. A run in its place that is stored already, and only ends its
// stream, is waited for: its reader may be faster than it. One that does the very same is joined: follower is its log.
func (s *Service) admit(ctx context.Context, r *run) (follower stream.Follower, err error) {
	for {
		running, err := s.tryAdmit(r)
		if running == nil {
			return nil, err
		}
		wait, ended := running.done, running.stored.Load()
		if !ended {
			wait = running.opened
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		// What has ended is looked up in the database: it may have brought nothing.
		if !ended && running.runLog != nil && running.req.repeats(r.req) {
			return running.runLog.Follow(), nil
		}
	}
}

// tryAdmit enters the run among those under way. If there is one that has to be waited for, it returns that.
func (s *Service) tryAdmit(r *run) (running *run, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch running := s.active[r.key]; {
	case running != nil && (running.stored.Load() || running.req.repeats(r.req)):
		return running, nil
	case s.draining:
		return nil, problem.New(problem.CodeUnavailable, "The server restarts; try again in a moment.").After(2 * time.Second)
	case running != nil:
		return nil, errActive(running.id.String())
	case len(s.active) >= s.opts.MaxRuns, s.opts.Full():
		return nil, problem.New(problem.CodeBusy, "The server has no room for another reply now; try again in a moment.").After(5 * time.Second)
	}
	s.active[r.key] = r
	s.runs.Add(1)
	return nil, nil
}

func errActive(runID string) *problem.Error {
	active := problem.New(problem.CodeRunActive, "A reply is being produced in this conversation; wait for it or stop it.")
	active.RunID = runID
	return active
}

func (s *Service) dismiss(r *run) {
	s.mu.Lock()
	delete(s.active, r.key)
	s.mu.Unlock()
	r.open(nil)
	close(r.done)
	s.runs.Done()
}

// open makes the run's log known to those who wait for it; nil: there will be none. Only the first call counts.
func (r *run) open(log stream.Log) {
	select {
	case <-r.opened:
	default:
		r.runLog = log
		close(r.opened)
	}
}

// local returns the run under way of a conversation in this process, or nil.
func (s *Service) local(key stream.Key) *run {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.active[key]
}

// byID returns the run of an id under way in this process, or nil.
func (s *Service) byID(id uuid.UUID) *run {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.active {
		if r.id == id {
			return r
		}
	}
	return nil
}
