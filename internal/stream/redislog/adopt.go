package redislog

import (
	"context"
	"fmt"
	"strconv"

	"twobrains/internal/stream"
)

// Adopt implements stream.Logs.
func (s *Store) Adopt(ctx context.Context, key stream.Key, runID string) (stream.Log, []byte, error) {
	local := s.o.Memory.Find(key)
	here := local != nil && local.RunID() == runID
	if here {
		if log, frames, ok := local.Adopt(); ok {
			return log, frames, nil
		}
	} else if local != nil {
		if _, ended := local.Ended(); !ended {
			return nil, nil, stream.ErrNoLog // a newer run, of which Redis may not know yet
		}
	}
	t, err := s.take(ctx, key, runID)
	if here && !t.complete && !fenced(local) { // lost here; Redis may not be asked, or lack its last frames
		if all := local.Since(-1, 0); err != nil || all.Pos > t.pos {
			t = taken{epoch: t.epoch + farEpoch, pos: all.Pos, frames: join(all.Frames), torn: true}
			err = nil
		}
	}
	if err != nil {
		return nil, nil, err
	}
	b := stream.Beginning{Key: key, RunID: runID, Frames: t.frames, Pos: t.pos}
	b.Replaces = func(now *stream.MemoryLog) bool { return now == nil || now == local }
	var log stream.Log
	if !t.complete {
		log = s.begin(b, t.epoch, !t.torn)
	} else if log = s.o.Memory.Begin(b); log != nil {
		log.Close(stream.EndComplete)
	}
	if log == nil { // a newer run began meanwhile
		return nil, nil, stream.ErrNoLog
	}
	return log, t.frames, nil
}

// taken is a log that was taken over in Redis.
type taken struct {
	epoch    uint64
	pos      int64
	frames   []byte
	complete bool
	torn     bool // Redis has not all of the frames, or lost some after them: they are to be uploaded
}

// take makes this process the writer of a run's log in Redis and reads it.
func (s *Store) take(ctx context.Context, key stream.Key, runID string) (t taken, err error) {
	k := s.keys(key, runID)
	var answer []string
	var entries []entry
	err = s.ask(ctx, adoptWait, func(ctx context.Context) error {
		pipe := s.client.Pipeline()
		taken := pipe.Eval(ctx, adopt, []string{k.pointer, k.stream}, runID, s.o.Running.Milliseconds(), s.id)
		first := pipe.XRangeN(ctx, k.stream, "-", "+", page)
		_, _ = pipe.Exec(ctx)
		var err error
		if answer, err = taken.StringSlice(); err == nil {
			entries, err = s.read(ctx, k.stream, first)
		}
		return err
	})
	if err != nil {
		return t, err
	}
	if len(answer) != 2 {
		return t, stream.ErrNoLog
	}
	last, err := strconv.ParseUint(answer[0], 10, 64)
	if err != nil {
		return t, fmt.Errorf("read epoch: %w", err)
	}
	end, err := strconv.ParseInt(answer[1], 10, 64)
	if err != nil {
		return t, fmt.Errorf("read position: %w", err)
	}
	t.frames = []byte{}
	for _, e := range entries {
		if data, ok := e.news(t.pos); ok && !e.ended {
			t.frames, t.pos = append(t.frames, data...), max(t.pos, e.pos)
		}
		t.complete = e.ended && e.end == stream.EndComplete
	}
	t.epoch, t.torn = last, t.pos != end
	if t.complete && t.torn { // something before the end is lost, so it is not the end of this
		t.complete, t.epoch = false, last+farEpoch
	}
	return t, nil
}
