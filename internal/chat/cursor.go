package chat

import (
	"encoding/base64"
	"math"
	"strconv"
	"strings"
	"time"

	"twobrains/internal/problem"
)

// A cursor is opaque to clients: the last row of a page, in base64url. It says nothing that its reader may not know, and
// whatever else is put into it is refused.

// position is a place in the list of conversations: the row after which the next page begins.
type position struct {
	pinned    bool
	updatedAt time.Time
	id        string
}

// top is before every conversation: timestamptz ends in the year 294276.
var top = position{pinned: true, updatedAt: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)}

func (p position) cursor() string {
	pinned := "0"
	if p.pinned {
		pinned = "1"
	}
	return encodeCursor("c", pinned, strconv.FormatInt(p.updatedAt.UnixMicro(), 10), p.id)
}

func parsePosition(cursor string) (position, error) {
	if cursor == "" {
		return top, nil
	}
	fields, ok := decodeCursor(cursor, "c", 3)
	if !ok || fields[0] != "0" && fields[0] != "1" || !ValidID(fields[2]) {
		return position{}, errCursor()
	}
	micros, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil || micros < 0 || micros > top.updatedAt.UnixMicro() {
		return position{}, errCursor()
	}
	return position{pinned: fields[0] == "1", updatedAt: time.UnixMicro(micros).UTC(), id: fields[2]}, nil
}

// newest is after every message.
const newest = math.MaxInt64

// seqCursor continues before the message with the sequence number.
func seqCursor(seq int64) string { return encodeCursor("m", strconv.FormatInt(seq, 10)) }

func parseSeq(cursor string) (int64, error) { return parseNumber(cursor, "m", newest) }

// versionCursor continues after the version with the sequence number.
func versionCursor(seq int64) string { return encodeCursor("v", strconv.FormatInt(seq, 10)) }

func parseVersion(cursor string) (int64, error) { return parseNumber(cursor, "v", 0) }

func parseNumber(cursor, kind string, start int64) (int64, error) {
	if cursor == "" {
		return start, nil
	}
	fields, ok := decodeCursor(cursor, kind, 1)
	if !ok {
		return 0, errCursor()
	}
	seq, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil || seq < 1 {
		return 0, errCursor()
	}
	return seq, nil
}

const maxCursor = 200

func encodeCursor(fields ...string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strings.Join(fields, " ")))
}

func decodeCursor(cursor, kind string, want int) (fields []string, ok bool) {
	if len(cursor) > maxCursor {
		return nil, false
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil {
		return nil, false
	}
	fields = strings.Split(string(text), " ")
	if len(fields) != want+1 || fields[0] != kind {
		return nil, false
	}
	return fields[1:], true
}

func errCursor() error {
	return problem.New(problem.CodeBadRequest, "The cursor is not one that this list gave out.")
}
