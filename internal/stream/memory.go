package stream

import (
	"context"
	"io"
	"sync"
	"time"
)

// MemoryOptions of a Memory. The zero value is good.
type MemoryOptions struct {
	// Retain is how long a log can still be opened after its end. Default one minute.
	Retain time.Duration
}

// Memory keeps run logs in this process.
type Memory struct {
	retain time.Duration

	mu     sync.Mutex
	logs   map[Key]*memoryLog
	closed bool
}

var _ Logs = (*Memory)(nil)

// NewMemory makes an empty store.
func NewMemory(o MemoryOptions) *Memory {
	if o.Retain == 0 {
		o.Retain = time.Minute
	}
	return &Memory{retain: o.Retain, logs: map[Key]*memoryLog{}}
}

// Create implements Logs; it cannot fail.
func (m *Memory) Create(_ context.Context, key Key, runID string) (Log, error) {
	first := newSegment(0)
	log := &memoryLog{store: m, key: key, runID: runID, head: first, tail: first}
	m.mu.Lock()
	old := m.logs[key]
	if !m.closed {
		m.logs[key] = log
	}
	m.mu.Unlock()
	if old != nil {
		old.Close(EndLost)
	}
	return log, nil
}

// Open implements Logs.
func (m *Memory) Open(_ context.Context, key Key) (Follower, error) {
	m.mu.Lock()
	log := m.logs[key]
	m.mu.Unlock()
	if log == nil {
		return nil, ErrNoLog
	}
	return log.Follow(), nil
}

// Drop implements Logs.
func (m *Memory) Drop(_ context.Context, key Key) error {
	m.mu.Lock()
	log := m.logs[key]
	delete(m.logs, key)
	m.mu.Unlock()
	if log != nil {
		log.Close(EndLost)
	}
	return nil
}

// Stats counts the logs kept and the bytes they hold.
func (m *Memory) Stats() (logs int, bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, log := range m.logs {
		log.mu.Lock()
		bytes += int64(log.size)
		log.mu.Unlock()
	}
	return len(m.logs), bytes
}

// Close ends all logs that have not ended as lost and forgets everything.
func (m *Memory) Close() {
	m.mu.Lock()
	logs := m.logs
	m.logs, m.closed = map[Key]*memoryLog{}, true
	m.mu.Unlock()
	for _, log := range logs {
		log.Close(EndLost)
		log.expiry.Stop()
	}
}

// forget removes the log unless another one took its place.
func (m *Memory) forget(log *memoryLog) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.logs[log.key] == log {
		delete(m.logs, log.key)
	}
}

// segment is a piece of a log. Bytes once written never move or change, so followers read them without copying.
type segment struct {
	buf  []byte
	next *segment
}

// Segments double from 1 KiB, what a short reply takes, to 32 KiB.
const (
	minSegment = 1 << 10
	maxSegment = 32 << 10
)

func newSegment(capacity int) *segment {
	return &segment{buf: make([]byte, 0, max(capacity, minSegment))}
}

// memoryLog is a chain of segments. Followers hold their place in it; what lies before head is kept only by them.
type memoryLog struct {
	store *Memory
	key   Key
	runID string

	mu     sync.Mutex
	head   *segment
	tail   *segment
	size   int
	ended  bool
	end    End
	wake   chan struct{} // closed when something changes; nil while nobody waits
	expiry *time.Timer
}

// RunID implements Log.
func (l *memoryLog) RunID() string { return l.runID }

// Append implements Log.
func (l *memoryLog) Append(frames []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended || len(frames) == 0 {
		return
	}
	if free := cap(l.tail.buf) - len(l.tail.buf); free < len(frames) {
		l.tail.next = newSegment(max(min(2*cap(l.tail.buf), maxSegment), len(frames)))
		l.tail = l.tail.next
	}
	l.tail.buf = append(l.tail.buf, frames...)
	l.size += len(frames)
	l.signal()
}

// Compact implements Log.
func (l *memoryLog) Compact(frames []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	head, tail := newSegment(len(frames)), newSegment(maxSegment)
	head.buf = append(head.buf, frames...)
	head.next, l.tail.next = tail, tail
	l.head, l.tail, l.size = head, tail, len(frames)
	l.signal()
}

// Close implements Log.
func (l *memoryLog) Close(end End) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	l.ended, l.end = true, end
	l.expiry = time.AfterFunc(l.store.retain, func() { l.store.forget(l) })
	l.signal()
}

// Follow implements Log.
func (l *memoryLog) Follow() Follower {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &memoryFollower{log: l, at: l.head}
}

func (l *memoryLog) signal() {
	if l.wake != nil {
		close(l.wake)
		l.wake = nil
	}
}

type memoryFollower struct {
	log   *memoryLog
	at    *segment
	off   int
	timer *time.Timer
}

// RunID implements Follower.
func (f *memoryFollower) RunID() string { return f.log.runID }

// Ended implements Follower.
func (f *memoryFollower) Ended() bool {
	f.log.mu.Lock()
	defer f.log.mu.Unlock()
	return f.log.ended
}

// Close implements Follower.
func (f *memoryFollower) Close() {
	f.at = &segment{}
	if f.timer != nil {
		f.timer.Stop()
	}
}

// Next implements Follower.
func (f *memoryFollower) Next(ctx context.Context, wait time.Duration) ([]byte, error) {
	var timeout <-chan time.Time
	for {
		frames, wake, err := f.poll()
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

// poll returns frames, or the end, or a channel that is closed when there is more.
func (f *memoryFollower) poll() ([]byte, <-chan struct{}, error) {
	l := f.log
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
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

func (f *memoryFollower) after(wait time.Duration) <-chan time.Time {
	if f.timer == nil {
		f.timer = time.NewTimer(wait)
	} else {
		f.timer.Reset(wait)
	}
	return f.timer.C
}
