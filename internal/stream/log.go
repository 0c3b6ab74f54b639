package stream

import (
	"context"
	"errors"
	"time"
)

// Key names the one run log of a conversation. Tenant is the private brain's schema: conversation ids are unique only
// within it, and a log must never be found from another one.
type Key struct {
	Tenant       string
	Conversation string
}

// End says how a log ended.
type End uint8

const (
	// EndComplete says that the stream is whole: its last chunk says how the run went.
	EndComplete End = iota
	// EndLost says that the process that wrote it went away. Followers are cut, so that their clients try again elsewhere.
	EndLost
)

var (
	// ErrNoLog says that the conversation has no run that this store knows of.
	ErrNoLog = errors.New("no run log")
	// ErrLost is what followers of a lost log get after its last frame.
	ErrLost = errors.New("run log lost")
	// ErrUnavailable says that it cannot be known now whether there is a log: what replicas share does not answer, or the
	// one that writes the log gives no sign of life.
	ErrUnavailable = errors.New("run logs unavailable")
)

// Logs is the store of run logs, one for a conversation. Memory keeps them in this process, redislog.Store shares them
// between replicas; streamtest.RunLogs is what every implementation must pass.
type Logs interface {
	// Create starts the log of a new run and waits for nothing. A log that is already there is ended as lost and replaced.
	Create(ctx context.Context, key Key, runID string) (Log, error)
	// Adopt takes over the log of a run whose writer is dead: its frames so far, and a log that goes on after them with the
	// followers it has. What the former writer still appends is dropped. A log that ended as lost is open again, one
	// that ended complete stays ended. ErrNoLog if the run's log is not kept any more, or a log of a
	// newer run has taken its place; ErrUnavailable.
	Adopt(ctx context.Context, key Key, runID string) (Log, []byte, error)
	// Open follows the conversation's log from its first frame, also for a while after it ended. ErrNoLog if there is
	// none, ErrUnavailable.
	Open(ctx context.Context, key Key) (Follower, error)
	// Drop ends the conversation's log as lost and forgets it, if there is one. ErrUnavailable: in this process only.
	Drop(ctx context.Context, key Key) error
}

// Log records the frames of one run. It has one writer; Follow may be called from anywhere. Writing never fails and
// never waits for followers: a store that cannot be reached loses the ability to resume, not the run.
type Log interface {
	RunID() string
	// Append adds one or more whole frames ("data: {…}\n\n"). The slice is copied.
	Append(frames []byte)
	// Compact replaces everything so far by frames, a shorter stream that leads to the same message. Who already
	// follows does not notice; who comes later reads these frames first.
	Compact(frames []byte)
	// Close ends the log. Only the first call counts, and Append after it does nothing.
	Close(end End)
	// Follow reads from the first frame on.
	Follow() Follower
}

// Follower reads one log. It is used by one goroutine.
type Follower interface {
	RunID() string
	// Ended reports whether the log has ended, read to its end or not.
	Ended() bool
	// Next returns the next frames, as many as are there, in a slice that must not be changed. Where there are none it
	// waits: (nil, nil) after wait, context.Cause(ctx) when ctx ends, io.EOF after the last frame of a complete log,
	// ErrLost after that of a lost one.
	Next(ctx context.Context, wait time.Duration) ([]byte, error)
	// Close lets go of the log.
	Close()
}
