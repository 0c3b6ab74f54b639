package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// replayVerb makes this program a provider of models that replays one reply at a steady pace.
const replayVerb = "replay-provider"

// Its models: one replies in time, the other with one chunk at once.
const replayModel, instantModel = "replay", "replay-instant"

// mark begins the text of every chunk: #, the time of sending in microseconds since 1970 (16 digits), a dot, the chunk's
// number (3 digits), a blank. Who reads the chunk, on whichever side of a server, knows how long it was under way.
const (
	markDigits = 16
	markSize   = 1 + markDigits + 1 + 3 + 1
)

func appendMark(dst []byte, now time.Time, number int) []byte {
	dst = append(dst, '#')
	dst = strconv.AppendInt(dst, now.UnixMicro(), 10) // of 16 digits until the year 2286
	return append(dst, '.', byte('0'+number/100), byte('0'+number/10%10), byte('0'+number%10), ' ')
}

// readMark finds the mark in a line.
func readMark(line []byte) (sent time.Time, number int, ok bool) {
	i := bytes.IndexByte(line, '#')
	if i < 0 || len(line) < i+markSize {
		return time.Time{}, 0, false
	}
	text := line[i+1:]
	micros, err := strconv.ParseInt(string(text[:markDigits]), 10, 64)
	if err != nil {
		return time.Time{}, 0, false
	}
	number, err = strconv.Atoi(string(text[markDigits+1 : markDigits+4]))
	return time.UnixMicro(micros), number, err == nil
}

// replayConfig is what a provider gets on its standard input.
type replayConfig struct {
	Address string `json:"address"`
	// Chunks are sent one every Pause, the first at once.
	Chunks int           `json:"chunks"`
	Pause  time.Duration `json:"pause"`
}

// replay serves chat completions over HTTP/1.1 with connections kept alive. It is as cheap as it can be, since what it
// costs is taken from the server under test, on the same processors: requests are read as far as is needed to find
// their ends, and one goroutine writes all replies.
func replay(ctx context.Context, c replayConfig, ready func()) error {
	listener, err := net.Listen("tcp", c.Address)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer context.AfterFunc(ctx, func() { listener.Close() })()
	ready()
	w := newWheel(c.Pause)
	go w.turn(ctx)
	for {
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		go func() {
			defer conn.Close()
			requests := bufio.NewReaderSize(conn, 1<<10)
			for {
				instant, err := readRequest(requests)
				if err != nil {
					return
				}
				r := &reply{conn: conn, chunks: c.Chunks, ended: make(chan struct{})}
				if instant {
					r.chunks = 1
					for !r.send() {
					}
					continue
				}
				w.add(r)
				<-r.ended
			}
		}()
	}
}

// wheel is a clock with a hand that goes round once in a pause; whenever it passes a reply, that sends.
type wheel struct {
	pause time.Duration
	mu    sync.Mutex
	// slots hold the replies by where the hand meets them; at is where it is.
	slots [wheelSlots][]*reply
	at    int
}

const wheelSlots = 250

func newWheel(pause time.Duration) *wheel { return &wheel{pause: pause} }

// add sends the first chunk at once.
func (w *wheel) add(r *reply) {
	if r.send() {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.slots[w.at] = append(w.slots[w.at], r)
}

func (w *wheel) turn(ctx context.Context) {
	begin := time.Now()
	for steps := 1; ctx.Err() == nil; steps++ {
		time.Sleep(time.Until(begin.Add(time.Duration(steps) * w.pause / wheelSlots)))
		w.mu.Lock()
		w.at = steps % wheelSlots
		due := w.slots[w.at]
		w.mu.Unlock()
		// Who is added meanwhile has sent just now, and comes after those.
		kept := due[:0:0]
		for _, r := range due {
			if !r.send() {
				kept = append(kept, r)
			}
		}
		w.mu.Lock()
		w.slots[w.at] = append(kept, w.slots[w.at][len(due):]...)
		w.mu.Unlock()
	}
}

// reply is one reply under way.
type reply struct {
	conn   net.Conn
	chunks int
	sent   int
	ended  chan struct{}
	out    []byte
}

const (
	replayHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
	replayOpen = `data: {"id":"r","object":"chat.completion.chunk","created":1,"model":"replay",`
)

// send writes the next piece, which is one write and one chunk of HTTP, and tells whether it was the last. After all chunks
// comes one with the end and the usage.
func (r *reply) send() (last bool) {
	out := r.out[:0]
	if r.sent == 0 {
		out = append(out, replayHead...)
	}
	var event []byte
	if last = r.sent == r.chunks; !last {
		event = append(event, replayOpen+`"choices":[{"index":0,"delta":{"content":"`...)
		event = appendMark(event, time.Now(), r.sent)
		event = append(event, "some words of a reply\"},\"finish_reason\":null}]}\n\n"...)
	} else {
		event = append(event, replayOpen+`"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`+"\n\n"...)
		event = fmt.Appendf(event, replayOpen+`"choices":[],"usage":{"prompt_tokens":50,"completion_tokens":%d,"total_tokens":%d}}`+"\n\ndata: [DONE]\n\n",
			8*r.chunks, 50+8*r.chunks)
	}
	out = strconv.AppendInt(out, int64(len(event)), 16)
	out = append(append(append(out, "\r\n"...), event...), "\r\n"...)
	if last {
		out = append(out, "0\r\n\r\n"...)
	}
	r.sent++
	if _, err := r.conn.Write(out); err != nil {
		last = true // its connection ends with the next request, which cannot be read
	}
	if r.out = out; last {
		close(r.ended)
	}
	return last
}

// readRequest skips one request, and tells for which model it is.
func readRequest(r *bufio.Reader) (instant bool, err error) {
	length := int64(0)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return false, fmt.Errorf("read request: %w", err)
		}
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if strings.EqualFold(name, "content-length") {
			if length, err = strconv.ParseInt(strings.TrimSpace(value), 10, 64); err != nil {
				return false, fmt.Errorf("read request: %w", err)
			}
		}
		if strings.EqualFold(name, "transfer-encoding") {
			return false, errors.New("read request: it has no length")
		}
		if name == "" {
			break
		}
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(r, body); err != nil {
		return false, fmt.Errorf("read request: %w", err)
	}
	return bytes.Contains(body, []byte(instantModel)), nil
}
