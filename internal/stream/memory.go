package stream

import (
	"bytes"
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// MemoryOptions of a Memory. The zero value is good.
type MemoryOptions struct {
	// Retain is how long a log can still be opened after its end. Default one minute.
	Retain time.Duration
	// MaxBytes bounds what all logs together take. Ended logs are forgotten early from three quarters of it on; at all of it
	// Full says so, to whoever admits runs. Runs under way are never cut by it. Default 0: no bound.
	MaxBytes int64
}

// Memory keeps run logs in this process.
type Memory struct {
	o MemoryOptions
	// bytes is what the logs take: the capacity of their segments and logCost for each.
	bytes *atomic.Int64

	mu     sync.Mutex
	logs   map[Key]*MemoryLog
	closed bool
	// Ended logs in the order of their ends, which is that of their expiry.
	oldest, newest *MemoryLog
	expiry         *time.Timer
}

var _ Logs = (*Memory)(nil)

// logCost is what an empty log takes, with its place in the map.
const logCost = 400

// NewMemory makes an empty store.
func NewMemory(o MemoryOptions) *Memory {
	if o.Retain == 0 {
		o.Retain = time.Minute
	}
	return &Memory{o: o, bytes: &atomic.Int64{}, logs: map[Key]*MemoryLog{}}
}

// Within makes another store, whose logs count against the bound of this one.
func (m *Memory) Within() *Memory {
	return &Memory{o: m.o, bytes: m.bytes, logs: map[Key]*MemoryLog{}}
}

// Observer is told of what happens to a log, without a lock held.
type Observer interface {
	// Changed follows on every change.
	Changed()
	// Compacting comes before a compaction, from the log's writer.
	Compacting()
}

// Beginning describes a log to begin.
type Beginning struct {
	Key   Key
	RunID string
	// Frames are those that an adopted log begins with, nil for a new one; Pos is the position after them: MemoryLog.Since.
	Frames []byte
	Pos    int64
	// Observe, which may be nil, gives the log its observer, when it is whole and before anybody can find it.
	Observe func(*MemoryLog) Observer
	// Replaces, which may be nil, says whether the conversation's log, which is nil if there is none, may be replaced. It is
	// asked in the step in which that happens, and must not call the store.
	Replaces func(old *MemoryLog) bool
}

// Begin is Create for stores that stand on a Memory. It returns nil if Replaces says no.
func (m *Memory) Begin(b Beginning) Log {
	log := &MemoryLog{store: m, key: b.Key, runID: b.RunID, created: time.Now()}
	log.head, log.tail = &log.first, &log.first
	log.hold(logCost)
	if b.Frames != nil {
		log.replace(b.Frames)
		log.pos, log.base = b.Pos, b.Pos
	}
	if b.Observe != nil {
		log.observer = b.Observe(log)
	}
	m.mu.Lock()
	old := m.logs[b.Key]
	if b.Replaces != nil && !b.Replaces(old) {
		m.mu.Unlock()
		log.hold(-log.held)
		return nil
	}
	if !m.closed {
		m.logs[b.Key] = log
	}
	m.mu.Unlock()
	if old != nil {
		old.Close(EndLost)
		m.forget(old)
	}
	return &memoryWriter{MemoryLog: log}
}

// Create implements Logs; it cannot fail.
func (m *Memory) Create(_ context.Context, key Key, runID string) (Log, error) {
	return m.Begin(Beginning{Key: key, RunID: runID}), nil
}

// Find returns the conversation's log, nil if there is none.
func (m *Memory) Find(key Key) *MemoryLog {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.logs[key]
}

// Adopt implements Logs; it knows the logs of this process only.
func (m *Memory) Adopt(_ context.Context, key Key, runID string) (Log, []byte, error) {
	old := m.Find(key)
	if old == nil || old.runID != runID {
		return nil, nil, ErrNoLog
	}
	if log, frames, ok := old.Adopt(); ok {
		return log, frames, nil
	}
	all := old.Since(-1, 0)
	frames := bytes.Join(all.Frames, nil)
	log := m.Begin(Beginning{
		Key: key, RunID: runID, Frames: frames, Pos: all.Pos, Replaces: func(now *MemoryLog) bool { return now == nil || now == old },
	})
	if log == nil {
		return nil, nil, ErrNoLog
	}
	return log, frames, nil
}

// Open implements Logs.
func (m *Memory) Open(_ context.Context, key Key) (Follower, error) {
	log := m.Find(key)
	if log == nil {
		return nil, ErrNoLog
	}
	return log.Follow(), nil
}

// Drop implements Logs.
func (m *Memory) Drop(_ context.Context, key Key) error {
	if log := m.Find(key); log != nil {
		log.Close(EndLost)
		m.forget(log)
	}
	return nil
}

// Stats counts the logs kept and the bytes they take.
func (m *Memory) Stats() (logs int, bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.logs), m.bytes.Load()
}

// Full reports that the logs take all of MaxBytes.
func (m *Memory) Full() bool { return m.o.MaxBytes > 0 && m.bytes.Load() >= m.o.MaxBytes }

// Close ends all logs that have not ended as lost and forgets everything.
func (m *Memory) Close() {
	m.mu.Lock()
	logs := m.logs
	m.logs, m.closed = map[Key]*MemoryLog{}, true
	m.mu.Unlock()
	for _, log := range logs {
		log.Close(EndLost)
		m.forget(log)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.expiry != nil {
		m.expiry.Stop()
	}
}

// forget removes the log, unless another one took its place, and gives back its bytes.
func (m *Memory) forget(log *MemoryLog) {
	m.mu.Lock()
	m.remove(log)
	m.mu.Unlock()
	log.release()
}

func (m *Memory) remove(log *MemoryLog) {
	if m.logs[log.key] == log {
		delete(m.logs, log.key)
	}
	if !log.listed {
		return
	}
	log.listed = false
	if log.older == nil {
		m.oldest = log.newer
	} else {
		log.older.newer = log.newer
	}
	if log.newer == nil {
		m.newest = log.older
	} else {
		log.newer.older = log.older
	}
	log.older, log.newer = nil, nil
}

// retire lists a log that has ended, to be forgotten in its time.
func (m *Memory) retire(log *MemoryLog) {
	m.mu.Lock()
	kept := m.logs[log.key] == log
	if kept {
		log.listed, log.older, log.expires = true, m.newest, time.Now().Add(m.o.Retain)
		if m.newest == nil {
			m.oldest = log
			m.arm()
		} else {
			m.newest.newer = log
		}
		m.newest = log
	}
	m.mu.Unlock()
	if !kept {
		log.release()
	}
	m.evict()
}

// arm sets the timer to the next expiry.
func (m *Memory) arm() {
	if m.oldest == nil || m.closed {
		return
	}
	wait := time.Until(m.oldest.expires)
	if m.expiry == nil {
		m.expiry = time.AfterFunc(wait, m.expire)
	} else {
		m.expiry.Reset(wait)
	}
}

func (m *Memory) expire() {
	m.forgetWhile(func() bool { return !m.oldest.expires.After(time.Now()) })
	m.mu.Lock()
	defer m.mu.Unlock()
	m.arm()
}

// evict forgets ended logs, the oldest first, where room gets short.
func (m *Memory) evict() {
	enough := m.o.MaxBytes - m.o.MaxBytes/4
	if m.o.MaxBytes <= 0 || m.bytes.Load() <= enough {
		return
	}
	m.forgetWhile(func() bool { return m.bytes.Load() > enough })
}

// forgetWhile forgets the ended log that is oldest as long as one is there and the condition, asked under the lock, holds.
func (m *Memory) forgetWhile(holds func() bool) {
	for {
		m.mu.Lock()
		log := m.oldest
		if log == nil || !holds() {
			m.mu.Unlock()
			return
		}
		m.remove(log)
		m.mu.Unlock()
		log.release()
	}
}
