// Package streamtest is for tests of streams. It holds a reader that judges a stream as the strictest client does and
// builds the message from it, written apart from the encoder on purpose, and the conformance suite of run logs.
package streamtest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Chunk is one decoded chunk.
type Chunk map[string]any

// Type of the chunk.
func (c Chunk) Type() string { return c.text("type") }

func (c Chunk) text(key string) string {
	s, _ := c[key].(string)
	return s
}

// ReadSSE reads an event stream to its end. done reports the terminator "data: [DONE]"; comments are counted.
func ReadSSE(r io.Reader) (chunks []Chunk, comments int, done bool, err error) {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			if errors.Is(err, io.EOF) && line == "" {
				return chunks, comments, done, nil
			}
			return chunks, comments, done, fmt.Errorf("read line after %d chunks: %w", len(chunks), err)
		}
		line = strings.TrimSuffix(line, "\n")
		blank, err := lines.ReadString('\n')
		if err != nil || blank != "\n" {
			return chunks, comments, done, fmt.Errorf("frame without its blank line: %q %q %w", line, blank, err)
		}
		if strings.HasPrefix(line, ":") {
			comments++
			continue
		}
		payload, ok := strings.CutPrefix(line, "data: ")
		if !ok || done {
			return chunks, comments, done, fmt.Errorf("unexpected line %q", line)
		}
		if payload == "[DONE]" {
			done = true
			continue
		}
		var chunk Chunk
		if err := json.Unmarshal([]byte(payload), &chunk); err != nil {
			return chunks, comments, done, fmt.Errorf("chunk %q: %w", payload, err)
		}
		chunks = append(chunks, chunk)
	}
}

// ReadMessage reads frames, with or without the terminator, and builds the message as a client would.
func ReadMessage(frames []byte) (*Message, error) {
	chunks, _, _, err := ReadSSE(strings.NewReader(string(frames)))
	if err != nil {
		return nil, err
	}
	return Build(chunks)
}
