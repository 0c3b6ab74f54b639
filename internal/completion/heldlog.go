package completion

import (
	"bytes"
	"encoding/json"

	"twobrains/internal/stream"
)

// heldLog keeps the end of a stream back until the reply is stored.
type heldLog struct {
	stream.Log
	holding bool
	frames  []byte
	end     *stream.End
}

func (l *heldLog) hold() { l.holding = true }

// Append implements stream.Log.
func (l *heldLog) Append(frames []byte) {
	if l.holding {
		l.frames = append(l.frames, frames...)
		return
	}
	l.Log.Append(frames)
}

// Compact implements stream.Log. Nothing is compacted so close to the end.
func (l *heldLog) Compact(frames []byte) {
	if !l.holding {
		l.Log.Compact(frames)
	}
}

// Close implements stream.Log.
func (l *heldLog) Close(end stream.End) {
	if l.holding {
		l.end = &end
		return
	}
	l.Log.Close(end)
}

// replaceEnd puts an error in the place of the last chunk that is held.
func (l *heldLog) replaceEnd(text string) {
	frames := bytes.SplitAfter(l.frames, []byte("\n\n"))
	kept := l.frames[:0:0]
	for _, frame := range frames {
		if !bytes.HasPrefix(frame, []byte(`data: {"type":"finish"`)) && !bytes.HasPrefix(frame, []byte(`data: {"type":"abort"`)) {
			kept = append(kept, frame...)
		}
	}
	message, _ := json.Marshal(text)
	kept = append(kept, `data: {"type":"error","errorText":`...)
	kept = append(kept, message...)
	l.frames = append(kept, "}\n\n"...)
}

func (l *heldLog) release() {
	if len(l.frames) > 0 {
		l.Log.Append(l.frames)
	}
	if l.end != nil {
		l.Log.Close(*l.end)
	}
}
