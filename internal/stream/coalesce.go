package stream

import "time"

// push sends a delta of p, at once where nothing was sent during the last interval, else together with what follows
// before the interval is over.
func (a *Assembler) push(p *part, text string) {
	if text == "" {
		return
	}
	if a.pending != p {
		a.flush()
		a.pending = p
	}
	a.pendingText = append(a.pendingText, text...)
	now := time.Now()
	wait := a.o.Coalesce - now.Sub(a.flushed)
	if wait <= 0 || len(a.pendingText) >= maxPending {
		a.flushed = now
		a.flush()
		return
	}
	if a.armed {
		return
	}
	a.armed = true
	if a.timer == nil {
		a.timer = time.AfterFunc(wait, a.tick)
	} else {
		a.timer.Reset(wait)
	}
}

// tick ends an interval.
func (a *Assembler) tick() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.armed = false
	if a.ended || a.pending == nil {
		return
	}
	a.flushed = time.Now()
	a.flush()
	a.commit()
}

// flush encodes the delta that waits. Every chunk that is not a delta of the same part comes after it.
func (a *Assembler) flush() {
	if a.pending == nil {
		return
	}
	if p := a.pending; p.kind == partTool {
		a.enc.toolInputDelta(p.id, a.pendingText)
	} else {
		a.enc.blockDelta(p.kind.wire(), p.id, a.pendingText)
	}
	a.pending, a.pendingText = nil, a.pendingText[:0]
}
