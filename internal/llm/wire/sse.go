package wire

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"

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

// events reads the format of the HTML standard, but for lines that end in a lone CR, which no provider sends. The last
// event counts without the empty line that should follow it: a JSON text says itself whether it is whole.
func events(stream io.Reader) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		lines := bufio.NewReaderSize(stream, 16<<10)
		var event Event
		flush := func() bool {
			due := event
			event = Event{Data: event.Data[:0]}
			due.Data = bytes.TrimSpace(due.Data)
			return len(due.Data) == 0 || yield(due, nil)
		}
		var long []byte
		for {
			line, err := lines.ReadSlice('\n')
			if errors.Is(err, bufio.ErrBufferFull) {
				long = append(long, line...)
				continue
			}
			if len(long) > 0 {
				line = append(long, line...)
				long = long[:0]
			}
			if err != nil && !errors.Is(err, io.EOF) {
				yield(Event{}, err)
				return
			}
			if line = bytes.TrimRight(line, "\r\n"); len(line) > 0 {
				event.line(line)
			} else if !flush() {
				return
			}
			if err != nil {
				flush()
				return
			}
		}
	}
}

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
