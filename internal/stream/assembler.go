package stream

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"sync"
	"time"

	"twobrains/internal/llm"
)

var (
	// ErrEnded says that the reply was finished, aborted or failed before.
	ErrEnded = errors.New("reply has ended")
	// ErrTooLarge says that the reply would exceed Options.MaxBytes. Nothing was added.
	ErrTooLarge = errors.New("reply too large")
	// ErrUnknownCall says that there is no tool call with this id that waits for a result.
	ErrUnknownCall = errors.New("unknown tool call")
	// ErrDuplicateCall says that the id was used by an earlier call of this reply.
	ErrDuplicateCall = errors.New("tool call id used twice")
)

// Options of an Assembler.
type Options struct {
	// MessageID is the stored id of the assistant message. Required.
	MessageID string
	// Metadata travels with the start chunk; nil for none.
	Metadata json.RawMessage
	// Dynamic reports tools that exist only at run time, such as those of MCP servers; clients show them as dynamic-tool.
	Dynamic func(tool string) bool
	// Coalesce is the least time between two delta chunks of one part. Default 25 ms; negative: one chunk for each event.
	Coalesce time.Duration
	// MaxBytes bounds text, reasoning, tool inputs, outputs and data together. Default 8 MiB.
	MaxBytes int
	// HoldEnd keeps the last chunk back until Release, so that the reply can be stored before its readers learn that
	// it has ended.
	HoldEnd bool
	// CompactBytes is the size from which the log is compacted. Default 1 MiB.
	CompactBytes int
}

const (
	defaultCoalesce = 25 * time.Millisecond
	defaultMaxBytes = 8 << 20
	defaultCompact  = 1 << 20
	// maxPending is how much text may wait for the coalescing interval to pass.
	maxPending = 4 << 10
)

// Assembler makes one assistant reply. What it is told becomes, in the same step, chunks in the run's log and parts of
// the message to store, so that the two always agree. It keeps the order that clients insist on whatever it is told:
// parts open before they get deltas and close before a step, an abort or an error does.
//
// All methods may be called from several goroutines.
type Assembler struct {
	log Log
	o   Options

	mu       sync.Mutex
	enc      encoder
	parts    []*part
	calls    map[string]*part
	metadata json.RawMessage
	started  bool
	inStep   bool
	ended    bool
	open     *part // the text or reasoning part that is open, if any
	next     int   // counts chunk ids
	size     int   // against MaxBytes
	files    []File
	restored bool // made by Restore: what ran when its writer died has no result to come

	last      []byte // the held chunk
	logged    int    // bytes in the log
	compactAt int

	pending     *part  // the part whose delta waits, if any
	pendingText []byte // the delta
	flushed     time.Time
	timer       *time.Timer
	armed       bool
}

// NewAssembler starts a reply that is written to log. Finish, Abort or Fail must be called in the end, and Release where
// the end is held.
func NewAssembler(log Log, o Options) *Assembler {
	if o.Dynamic == nil {
		o.Dynamic = func(string) bool { return false }
	}
	if o.Coalesce == 0 {
		o.Coalesce = defaultCoalesce
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = defaultMaxBytes
	}
	if o.CompactBytes == 0 {
		o.CompactBytes = defaultCompact
	}
	return &Assembler{log: log, o: o, calls: map[string]*part{}, compactAt: o.CompactBytes}
}

// do runs f under the lock and hands its chunks to the log.
func (a *Assembler) do(f func() error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ended {
		return ErrEnded
	}
	err := f()
	a.commit()
	return err
}

func (a *Assembler) commit() {
	if len(a.enc.buf) == 0 {
		return
	}
	a.log.Append(a.enc.buf)
	a.logged += len(a.enc.buf)
	a.enc.reset()
	if a.logged > a.compactAt && !a.ended {
		a.compact()
	}
}

// compact replaces the log by the shortest stream that leads to the same message. The bound doubles with what cannot
// be made shorter, so the work stays proportional to the reply.
func (a *Assembler) compact() {
	if a.pending != nil {
		a.flush()
		a.log.Append(a.enc.buf)
		a.enc.reset()
	}
	e := encoder{buf: make([]byte, 0, a.size+a.size/8+1024)}
	e.start(a.o.MessageID, a.metadata)
	steps := 0
	for _, p := range a.parts {
		if p.kind == partStep {
			if steps > 0 {
				e.finishStep()
			}
			steps++
		}
		p.replay(&e)
	}
	if steps > 0 && !a.inStep {
		e.finishStep()
	}
	a.log.Compact(e.buf)
	a.logged = len(e.buf)
	a.compactAt = max(a.o.CompactBytes, 2*a.logged)
}

// Start sends the start chunk. Everything else calls it where it was forgotten, except Fail: an error before the start
// leaves no assistant message on the client.
func (a *Assembler) Start() error {
	return a.do(func() error {
		return a.start()
	})
}

func (a *Assembler) start() error {
	if a.started {
		return nil
	}
	metadata, err := merge(a.metadata, a.o.Metadata)
	if err == nil {
		a.metadata = metadata
	}
	a.started = true
	a.enc.start(a.o.MessageID, a.metadata)
	return err
}

// StartStep begins a step: one call to a model. An open step is finished first.
func (a *Assembler) StartStep() error {
	return a.do(func() error {
		if err := a.start(); err != nil {
			return err
		}
		a.finishStep()
		a.startStep()
		return nil
	})
}

func (a *Assembler) startStep() {
	a.inStep = true
	a.add(&part{kind: partStep})
	a.enc.startStep()
}

// FinishStep ends the step. Calls without a result stay open for one.
func (a *Assembler) FinishStep() error {
	return a.do(func() error {
		a.finishStep()
		return nil
	})
}

func (a *Assembler) finishStep() {
	if !a.inStep {
		return
	}
	a.closeBlock()
	a.inStep = false
	a.enc.finishStep()
}

// ensureStep makes sure that content can follow.
func (a *Assembler) ensureStep() error {
	if err := a.start(); err != nil {
		return err
	}
	if !a.inStep {
		a.startStep()
	}
	return nil
}

// SetMetadata merges metadata, a JSON object, into that of the message and sends it.
func (a *Assembler) SetMetadata(metadata json.RawMessage) error {
	return a.do(func() error {
		if err := a.start(); err != nil {
			return err
		}
		clean, err := a.mergeMetadata(metadata)
		if err == nil && clean != nil {
			a.flush()
			a.enc.messageMetadata(clean)
		}
		return err
	})
}

// Finish ends a whole reply: text that is open is closed, calls whose input never arrived become errors, calls that
// wait for a result keep waiting. The metadata, a JSON object or nil, goes with it. Like Abort and Fail it ends the
// reply even where it returns an error about the metadata, which are then left out.
func (a *Assembler) Finish(reason llm.FinishReason, metadata json.RawMessage) error {
	return a.do(func() error {
		err := a.start()
		clean, mergeErr := a.mergeMetadata(metadata)
		a.closeBlock()
		a.closeCalls(a.restored)
		a.finishStep()
		a.end(func() { a.enc.finish(string(reason), clean) })
		return errors.Join(err, mergeErr)
	})
}

// Abort ends a reply that was stopped: what is there is kept, calls without a result become errors.
func (a *Assembler) Abort(metadata json.RawMessage) error {
	return a.do(func() error {
		var err error
		if a.started {
			err = a.closeBroken(metadata)
		}
		a.end(a.enc.abort)
		return err
	})
}

// Fail ends a reply with an error. The text is shown to the user.
func (a *Assembler) Fail(errorText string, metadata json.RawMessage) error {
	return a.do(func() error {
		var err error
		if a.started {
			err = a.closeBroken(metadata)
		}
		a.end(func() { a.enc.error(errorText) })
		return err
	})
}

const interruptedCall = "The call was interrupted."

func (a *Assembler) closeBroken(metadata json.RawMessage) error {
	clean, err := a.mergeMetadata(metadata)
	a.closeBlock()
	a.closeCalls(true)
	if clean != nil {
		a.enc.messageMetadata(clean)
	}
	return err
}

// end sends the last chunk, or holds it.
func (a *Assembler) end(last func()) {
	a.commit()
	a.ended = true
	if a.timer != nil {
		a.timer.Stop()
	}
	last()
	if a.o.HoldEnd {
		a.last = bytes.Clone(a.enc.buf)
		a.enc.reset()
		return
	}
	a.commit()
	a.log.Close(EndComplete)
}

// Release sends the chunk that Options.HoldEnd kept back. Where errorText is not empty it sends an error with that text
// in its place: the reply could not be stored. Without a held end, or the second time, it does nothing.
func (a *Assembler) Release(errorText string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.last == nil {
		return
	}
	a.enc.buf = append(a.enc.buf, a.last...)
	if errorText != "" {
		a.enc.reset()
		a.enc.error(errorText)
	}
	a.last = nil
	a.commit()
	a.log.Close(EndComplete)
}

// mergeMetadata merges and returns the sanitised addition.
func (a *Assembler) mergeMetadata(metadata json.RawMessage) (json.RawMessage, error) {
	if metadata == nil {
		return nil, nil
	}
	clean, err := Sanitize(metadata)
	if err != nil {
		return nil, err
	}
	merged, err := merge(a.metadata, clean)
	if err != nil {
		return nil, err
	}
	a.metadata = merged
	return clean, nil
}

func (a *Assembler) add(p *part) { a.parts = append(a.parts, p) }

func (a *Assembler) nextID(prefix string) string {
	a.next++
	return prefix + strconv.Itoa(a.next)
}

// grow accounts for n more bytes.
func (a *Assembler) grow(n int) error {
	if a.size+n > a.o.MaxBytes {
		return ErrTooLarge
	}
	a.size += n
	return nil
}
