package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"twobrains/internal/llm"
)

// Event is one server-sent event.
type Event struct {
	// Name is that of the event line, empty where there was none: what an event is, its data must say.
	Name string
	// Data is the event's data, not empty; valid until the next event.
	Data []byte
}

// Events yields the events of the reply until it ends or its reader leaves. Comments and events without data are left
// out. A connection that breaks yields an error of kind Interrupted last; a clean end yields none, and says nothing of
// whether the reply is complete.
func (r *Reply) Events() iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for event, err := range events(r.body) {
			if err != nil {
				yield(Event{}, llm.NewError(llm.Interrupted, fmt.Errorf("read stream: %w", err)))
				return
			}
			if r.gone || !yield(event, nil) || r.gone {
				return
			}
		}
	}
}

// The buffer of a reply begins small, since most of its time a reply waits; one that a large event made grow is given up.
const (
	firstBuffer = 1 << 10
	keptBuffer  = 8 << 10
)

// events reads the format of the HTML standard, but for lines that end in a lone CR, which no provider sends. The last
// event counts without the empty line that should follow it: a JSON text says itself whether it is whole.
func events(stream io.Reader) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		lines := lines{buf: make([]byte, 0, firstBuffer)}
		var event Event
		flush := func() bool {
			due := event
			event = Event{}
			if cap(due.Data) <= keptBuffer {
				event.Data = due.Data[:0]
			}
			due.Data = bytes.TrimSpace(due.Data)
			return len(due.Data) == 0 || yield(due, nil)
		}
		for {
			n, err := stream.Read(lines.room())
			lines.took(n)
			for line, ok := lines.next(); ok; line, ok = lines.next() {
				if line = bytes.TrimRight(line, "\r\n"); len(line) > 0 {
					event.line(line)
				} else if !flush() {
					return
				}
			}
			switch {
			case errors.Is(err, io.EOF):
				if line := bytes.TrimRight(lines.rest(), "\r\n"); len(line) > 0 {
					event.line(line)
				}
				flush()
				return
			case err != nil:
				yield(Event{}, err)
				return
			}
		}
	}
}

// lines cuts what is read into lines.
type lines struct {
	buf []byte
	// from is where the next line begins, seen how far there is no end of it.
	from, seen int
}

// room is where to read more to.
func (l *lines) room() []byte {
	rest := l.rest()
	switch {
	case len(rest) == 0 && cap(l.buf) > keptBuffer:
		l.buf = make([]byte, 0, firstBuffer)
	case l.from > 0:
		l.buf = l.buf[:copy(l.buf, rest)]
	}
	l.seen, l.from = l.seen-l.from, 0
	if len(l.buf) == cap(l.buf) {
		l.buf = slices.Grow(l.buf, cap(l.buf))
	}
	return l.buf[len(l.buf):cap(l.buf)]
}

func (l *lines) took(n int) { l.buf = l.buf[:len(l.buf)+n] }

// next returns a line with its end, valid until more is read.
func (l *lines) next() (line []byte, ok bool) {
	i := bytes.IndexByte(l.buf[l.seen:], '\n')
	if i < 0 {
		l.seen = len(l.buf)
		return nil, false
	}
	end := l.seen + i + 1
	line = l.buf[l.from:end]
	l.from, l.seen = end, end
	return line, true
}

// rest is the line that has no end yet.
func (l *lines) rest() []byte { return l.buf[l.from:] }

func (e *Event) line(line []byte) {
	field, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(field) {
	case "event":
		e.Name = string(value)
	case "data":
		if len(e.Data) > 0 {
			e.Data = append(e.Data, '\n')
		}
		e.Data = append(e.Data, value...)
	}
}
