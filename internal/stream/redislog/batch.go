package redislog

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"twobrains/internal/stream"
)

// Bounds of one pipeline: large enough that round trips cost little, small enough that each is done well within the timeout.
const (
	maxBatch      = 512
	maxBatchBytes = 512 << 10
)

// batch is the commands of one pipeline, each with what follows from its answer.
type batch struct {
	commands []redis.Cmder
	steps    []step
	bytes    int
}

type step struct {
	run  *run
	done func(answer string)
}

func (b *batch) fits() bool { return len(b.commands) < maxBatch && b.bytes < maxBatchBytes }

func (b *batch) add(r *run, size int, done func(answer string), args ...any) {
	b.commands = append(b.commands, redis.NewCmd(context.Background(), args...))
	b.steps = append(b.steps, step{r, done})
	b.bytes += size + 64
}

func (b *batch) script(r *run, size int, script string, done func(answer string), args ...any) {
	b.add(r, size, done, append([]any{"eval", script, "2", r.keys.pointer, r.keys.stream, r.id}, args...)...)
}

// plan adds what a run needs to be in Redis as it is here.
func (m *mirror) plan(b *batch, r *run) {
	if r.gone {
		return
	}
	if r.log == nil {
		b.script(r, 0, forget, func(string) {
			r.gone = true
			m.orphans--
		}, "0")
		return
	}
	if r.overflow {
		b.script(r, 0, forget, func(string) { m.retire(r) }, "1")
		return
	}
	from := r.pos.Load()
	if !r.uploaded.Load() {
		from = -1
	}
	if r.log.Forgotten() {
		m.forget(b, r)
		return
	}
	s := r.log.Since(from, r.compactions)
	size := 0
	for _, f := range s.Frames {
		size += len(f)
	}
	now := time.Now()
	switch {
	case s.Full || !r.uploaded.Load():
		if size > m.store.o.MaxBytes {
			m.overflow(b, r)
			return
		}
		if tail, pos := r.takeTail(); tail != nil {
			m.write(b, r, tail, pos)
		}
		m.upload(b, r, s, size, now)
	case r.stored+size > m.store.o.MaxBytes:
		m.overflow(b, r)
		return
	case size > 0:
		m.write(b, r, join(s.Frames), s.Pos)
	}
	switch {
	case s.Ended:
		m.finish(b, r, s)
	case r.trim != "" && now.After(r.trimAt):
		b.add(r, 0, func(string) { m.trimmed(r, now) }, "xtrim", r.keys.stream, "minid", r.trim)
	case now.Sub(r.touched) > m.store.o.Running/4:
		b.script(r, 0, touch, func(string) { r.touched = now }, m.running())
	}
}

// write adds frames that end at a position.
func (m *mirror) write(b *batch, r *run, frames []byte, pos int64) {
	b.add(r, len(frames), func(string) {
		r.pos.Store(pos)
		r.stored += len(frames)
	}, "xadd", r.keys.stream, "nomkstream", entryID(r.epoch, pos), "d", frames)
}

func (m *mirror) running() string {
	return strconv.FormatInt(m.store.o.Running.Milliseconds(), 10)
}

// fresh is how long after its beginning a run replaces any other that the pointer names: the one before it on the same
// conversation, whatever the clocks of the two processes say. Later, after an outage, or if it has ended already and there may
// be the next, the time of the beginning decides.
const fresh = 5 * time.Second

func (m *mirror) upload(b *batch, r *run, s stream.Snapshot, size int, now time.Time) {
	r.epoch++
	isFresh := "0"
	if !r.known && !s.Ended && now.Sub(r.log.Created()) < fresh {
		isFresh = "1"
	}
	again, id := r.known, entryID(r.epoch, s.Pos)
	r.known = true
	b.script(r, size, upload, func(string) {
		r.uploaded.Store(true)
		r.pos.Store(s.Pos)
		r.compactions, r.stored, r.touched = s.Compactions, size, now
		if r.full = id; again && r.trim == "" { // those who follow may have to read what comes before it yet
			r.trim, r.trimAt = id, now.Add(m.store.o.Patience)
		}
	}, strconv.FormatInt(r.log.Created().UnixMilli(), 10), isFresh, id, strconv.FormatInt(s.Base, 10),
		join(s.Frames), m.running(), m.store.id, r.keys.streams)
}

// trimmed goes on with what was uploaded since the entry that was trimmed to.
func (m *mirror) trimmed(r *run, now time.Time) {
	if r.trim == r.full {
		r.trim = ""
		return
	}
	r.trim, r.trimAt = r.full, now.Add(m.store.o.Patience)
}

func (m *mirror) finish(b *batch, r *run, s stream.Snapshot) {
	how, ttl := "complete", strconv.FormatInt(m.store.o.Retain.Milliseconds(), 10)
	if s.End == stream.EndLost { // somebody is to adopt it
		how, ttl = "lost", "0"
	}
	b.script(r, 0, finish, func(string) { m.retire(r) }, entryID(r.epoch, s.Pos+1), how, ttl)
}

// overflow gives up on a run that is too long. The pointer stays, so that it is known that there is a run.
func (m *mirror) overflow(b *batch, r *run) {
	m.store.o.Logger.Warn("run log is too large to be shared", "run", r.id)
	r.overflow = true
	m.plan(b, r)
}

// forget removes from Redis what this process keeps no longer: it was dropped or replaced, or Redis was away for long.
func (m *mirror) forget(b *batch, r *run) {
	if !r.known {
		m.retire(r)
		return
	}
	b.script(r, 0, forget, func(string) { m.retire(r) }, "0")
}

// exec sends a batch. A run of which a command failed is uploaded as a whole later on, whatever came of its others.
func (m *mirror) exec(ctx context.Context, b *batch) error {
	if len(b.commands) == 0 {
		return nil
	}
	pipe := m.client.Pipeline()
	for _, c := range b.commands {
		_ = pipe.Process(ctx, c)
	}
	_, _ = pipe.Exec(ctx)
	var failed error
	var broken *run // the commands of a run stand together
	for i, c := range b.commands {
		answer, err := answerOf(c)
		r := b.steps[i].run
		switch {
		case err != nil:
			failed = cmp.Or(failed, err)
			broken = r
			m.redo(r)
		case r.gone:
		case answer == answerGone:
			m.beaten = m.beaten.Add(-m.store.o.Patience) // look what else is gone
			broken = r
			m.redo(r)
		case answer == answerFenced || answer == answerReplaced:
			m.retire(r)
			r.fenced.Store(true)
			r.log.Close(stream.EndLost)
		case r != broken:
			b.steps[i].done(answer)
		}
	}
	if failed != nil {
		return fmt.Errorf("write run logs: %w", failed)
	}
	return nil
}

// isFence knows what XADD says to who is not the writer any more: the id is too small, or the stream is sealed. What did not
// come from Redis says nothing of the sort.
func isFence(err error) bool {
	var reply redis.Error
	if !errors.As(err, &reply) {
		return false
	}
	text := reply.Error()
	return strings.Contains(text, "equal or smaller") || strings.Contains(text, "exhausted")
}

// redo has a run uploaded as a whole.
func (m *mirror) redo(r *run) {
	m.undone = true
	r.uploaded.Store(false)
	r.Changed()
}

// answerOf reads what a command or script says. The error is one that trying again may mend.
func answerOf(c redis.Cmder) (string, error) {
	value, err := c.(*redis.Cmd).Result()
	switch {
	case errors.Is(err, redis.Nil):
		return answerGone, nil
	case err != nil && isFence(err):
		return answerFenced, nil
	case err != nil:
		return "", err
	}
	text, _ := value.(string)
	return text, nil
}

func join(frames [][]byte) []byte {
	if len(frames) == 1 {
		return frames[0]
	}
	return bytes.Join(frames, nil)
}
