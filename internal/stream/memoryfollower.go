package stream

import (
	"context"
	"time"
)

// memoryFollower is a place in a MemoryLog.
type memoryFollower struct {
	log   *MemoryLog
	at    *segment
	off   int
	timer *time.Timer
}

// RunID implements Follower.
func (f *memoryFollower) RunID() string { return f.log.runID }

// Ended implements Follower.
func (f *memoryFollower) Ended() bool {
	_, ended := f.log.Ended()
	return ended
}

// Close implements Follower.
func (f *memoryFollower) Close() {
	f.at = nil
	if f.timer != nil {
		f.timer.Stop()
	}
}

// Next implements Follower.
func (f *memoryFollower) Next(ctx context.Context, wait time.Duration) ([]byte, error) {
	var timeout <-chan time.Time
	for {
		frames, wake, err := f.log.poll(f)
		if wake == nil {
			return frames, err
		}
		if timeout == nil {
			timeout = f.after(wait)
		}
		select {
		case <-wake:
		case <-timeout:
			return nil, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func (f *memoryFollower) after(wait time.Duration) <-chan time.Time {
	if f.timer == nil {
		f.timer = time.NewTimer(wait)
	} else {
		f.timer.Reset(wait)
	}
	return f.timer.C
}
