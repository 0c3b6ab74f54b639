package stream

import (
	"bytes"
	"context"
	"encoding/json"
	"time"
)

// Prefixed makes of the log of a run that goes on with a stored reply the stream of the whole message, for who resumes it
// and may have nothing of the message, or lets go of what it has at the first chunk: its start, the chunks of the stored parts,
// and the log without its own start. Parts and metadata are those that are stored while the run is under way: after Answer,
// before its end. The calls that the run makes have their request for approval and wait.
//
// It owns the follower, also where it fails.
func Prefixed(follower Follower, messageID string, parts, metadata json.RawMessage) (Follower, error) {
	stored, err := readParts(parts)
	if err != nil {
		follower.Close()
		return nil, err
	}
	p := &prefixed{Follower: follower, denied: map[string]bool{}}
	for i := range stored {
		if stored[i].State == toolStates[outputDenied] {
			p.denied[stored[i].ToolCallID] = true
		}
	}
	e := encoder{buf: make([]byte, 0, len(parts)+len(parts)/4+512)}
	e.recorded(messageID, orAbsent(metadata), stored)
	p.prefix = e.buf
	return p, nil
}

type prefixed struct {
	Follower
	prefix  []byte
	started bool            // the log's first frames came
	denied  map[string]bool // calls that are denied in the prefix already
}

// Next implements Follower.
func (p *prefixed) Next(ctx context.Context, wait time.Duration) ([]byte, error) {
	if prefix := p.prefix; prefix != nil {
		p.prefix = nil
		return prefix, nil
	}
	for {
		frames, err := p.Follower.Next(ctx, wait)
		if err != nil || len(frames) == 0 {
			return frames, err
		}
		if frames = p.pass(frames); len(frames) > 0 {
			return frames, nil
		}
	}
}

// pass leaves out what the prefix has said: the start, but for its metadata, and denials.
func (p *prefixed) pass(frames []byte) []byte {
	denials := len(p.denied) > 0 && bytes.Contains(frames, []byte(`"tool-output-denied"`))
	if p.started && !denials {
		return frames
	}
	var e encoder
	for frame := range bytes.SplitAfterSeq(frames, frameEnd) {
		for c := range decode(frame) {
			switch {
			case c.Type == "start" && !p.started:
				if metadata := orAbsent(c.MessageMetadata); metadata != nil {
					e.messageMetadata(metadata)
				}
				frame = nil
			case c.Type == "tool-output-denied" && p.denied[c.ToolCallID]:
				frame = nil
			}
		}
		p.started = true
		e.buf = append(e.buf, frame...)
	}
	return e.buf
}

// Close implements Follower.
func (p *prefixed) Close() {
	p.prefix = nil
	p.Follower.Close()
}
