package stream

import (
	"bytes"
	"io"
	"slices"
	"sync"
	"time"
)

// segment is a piece of a log. Bytes once written never move or change, so followers read them without copying.
type segment struct {
	buf  []byte
	next *segment
}

// A segment takes half of what its log holds before it, within these bounds, so no log wastes more than a third. Most
// replies are 1 to 8 KB.
const (
	minSegment = 512
	maxSegment = 32 << 10
)

// MemoryLog is a log that a Memory keeps: a chain of segments. Followers hold their place in it; what lies before head is
// kept only by them.
//
// Positions count the bytes that were ever appended. Compaction does not change them: the frames it leaves stand for
// everything up to the position at which it took place.
type MemoryLog struct {
	store    *Memory
	key      Key
	runID    string
	created  time.Time
	observer Observer

	mu          sync.Mutex
	first       segment // empty: where a log begins
	head        *segment
	tail        *segment
	pos         int64
	base        int64  // head stands for everything up to here; 0: nothing was compacted
	compactions uint32 // how often
	writer      uint32 // counts writers: only the last may write
	held        int64  // bytes taken from the store's bound
	ended       bool
	end         End
	released    bool
	wake        chan struct{} // closed when something changes; nil while nobody waits

	// under the store's lock
	older, newer *MemoryLog
	listed       bool
	expires      time.Time
}

// memoryWriter is one writer's hold on a log.
type memoryWriter struct {
	*MemoryLog
	number uint32
}

// RunID of the run.
func (l *MemoryLog) RunID() string { return l.runID }

// Forgotten reports that the store keeps the log no longer.
func (l *MemoryLog) Forgotten() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.released
}

// Created is when the log began in this process.
func (l *MemoryLog) Created() time.Time { return l.created }

// Observer is what the log was begun with, or nil.
func (l *MemoryLog) Observer() Observer { return l.observer }

// Ended reports whether the log has ended, and how.
func (l *MemoryLog) Ended() (End, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.end, l.ended
}

// Append implements Log.
func (w *memoryWriter) Append(frames []byte) {
	l := w.MemoryLog
	l.mu.Lock()
	if l.ended || len(frames) == 0 || w.number != l.writer {
		l.mu.Unlock()
		return
	}
	grown := l.append(frames)
	l.changed()
	if grown {
		l.store.evict()
	}
}

func (l *MemoryLog) append(frames []byte) (grown bool) {
	if cap(l.tail.buf)-len(l.tail.buf) < len(frames) {
		half := (l.pos - l.base) / 2
		if l.base > 0 {
			half += int64(len(l.head.buf)) / 2
		}
		next := &segment{buf: slices.Grow([]byte(nil), max(int(min(max(half, minSegment), maxSegment)), len(frames)))}
		l.tail.next, l.tail = next, next
		l.hold(int64(cap(next.buf)))
		grown = true
	}
	l.tail.buf = append(l.tail.buf, frames...)
	l.pos += int64(len(frames))
	return grown
}

// Compact implements Log.
func (w *memoryWriter) Compact(frames []byte) {
	l := w.MemoryLog
	l.mu.Lock()
	if l.observer != nil && !l.ended && w.number == l.writer {
		l.mu.Unlock()
		l.observer.Compacting()
		l.mu.Lock()
	}
	if l.ended || w.number != l.writer {
		l.mu.Unlock()
		return
	}
	if l.pos == 0 { // nothing to stand for
		l.append(frames)
	} else {
		l.replace(frames)
		l.base = l.pos
		l.compactions++
	}
	l.changed()
}

// replace lets the chain begin with frames. Who is in the old one gets on to what will follow.
func (l *MemoryLog) replace(frames []byte) {
	head, tail := &segment{buf: bytes.Clone(frames)}, &segment{}
	head.next, l.tail.next = tail, tail
	l.head, l.tail = head, tail
	l.hold(int64(cap(head.buf)) + logCost - l.held)
}

// Close implements Log.
func (w *memoryWriter) Close(end End) {
	w.mu.Lock()
	if w.number != w.writer {
		w.mu.Unlock()
		return
	}
	w.close(end)
}

// Close ends the log whoever writes it.
func (l *MemoryLog) Close(end End) {
	l.mu.Lock()
	l.close(end)
}

// close ends the log, and gives the lock back.
func (l *MemoryLog) close(end End) {
	if l.ended {
		l.mu.Unlock()
		return
	}
	l.ended, l.end = true, end
	l.changed()
	l.store.retire(l)
}

// changed wakes who waits, and gives the lock back.
func (l *MemoryLog) changed() {
	if l.wake != nil {
		close(l.wake)
		l.wake = nil
	}
	l.mu.Unlock()
	if l.observer != nil {
		l.observer.Changed()
	}
}

// Adopt makes a new writer the only one, and gives the frames so far. ok is false if the log ended as lost.
func (l *MemoryLog) Adopt() (writer Log, frames []byte, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended && l.end == EndLost {
		return nil, nil, false
	}
	for s := l.head; s != nil; s = s.next {
		frames = append(frames, s.buf...)
	}
	l.writer++
	return &memoryWriter{MemoryLog: l, number: l.writer}, frames, true
}

func (l *MemoryLog) hold(n int64) {
	l.held += n
	l.store.bytes.Add(n)
}

// release gives the log's bytes back to the bound.
func (l *MemoryLog) release() {
	l.mu.Lock()
	l.hold(-l.held)
	l.released = true
	l.changed()
}

// Snapshot is what a log holds from some position on.
type Snapshot struct {
	// Frames are whole frames, in slices that must not be changed.
	Frames [][]byte
	// Full: the frames stand for everything up to Pos, those before Base in compacted form and the last Pos - Base bytes
	// as they were appended. Otherwise all are as they were appended.
	Full bool
	Base int64
	// Pos is the position after the frames.
	Pos int64
	// Compactions is how often the log was compacted.
	Compactions uint32
	// Ended and End as of the log.
	Ended bool
	End   End
}

// Since returns what was appended after a position, for whoever has that and knows of some number of compactions. Where
// there were more since, or pos is negative, it returns all.
func (l *MemoryLog) Since(pos int64, compactions uint32) Snapshot {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := Snapshot{Base: l.base, Pos: l.pos, Compactions: l.compactions, Ended: l.ended, End: l.end}
	s.Full = pos < l.base || compactions != l.compactions
	at := l.base
	for seg := l.head; seg != nil; seg = seg.next {
		n := len(seg.buf)
		switch {
		case n == 0:
		case s.Full:
			s.Frames = append(s.Frames, seg.buf[:n:n])
		case l.base > 0 && seg == l.head:
		default:
			if skip := pos - at; skip < int64(n) {
				s.Frames = append(s.Frames, seg.buf[max(skip, 0):n:n])
			}
			at += int64(n)
		}
	}
	return s
}

// Tail returns the frames after a position as they were appended. ok is false if some of them were compacted.
func (l *MemoryLog) Tail(pos int64) (s Snapshot, ok bool) {
	l.mu.Lock()
	compactions := l.compactions
	l.mu.Unlock()
	s = l.Since(pos, compactions)
	return s, !s.Full
}

// Follow implements Log.
func (l *MemoryLog) Follow() Follower {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &memoryFollower{log: l, at: l.head}
}

// poll returns what comes after a follower's place, or the end, or a channel that is closed when there is more.
func (l *MemoryLog) poll(f *memoryFollower) ([]byte, <-chan struct{}, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for f.at != nil {
		if n := len(f.at.buf); n > f.off {
			frames := f.at.buf[f.off:n:n]
			f.off = n
			return frames, nil, nil
		}
		if f.at.next == nil {
			break
		}
		f.at, f.off = f.at.next, 0
	}
	if l.ended {
		if l.end == EndLost {
			return nil, nil, ErrLost
		}
		return nil, nil, io.EOF
	}
	if l.wake == nil {
		l.wake = make(chan struct{})
	}
	return nil, l.wake, nil
}
