package search

import (
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"twobrains/internal/chat"
	"twobrains/internal/problem"
)

// place is where a page begins: after this conversation in the list of titles, or after this message.
type place struct {
	titles       bool
	at           time.Time
	conversation string
	seq          int64
}

// newest is before every message and every title.
var newest = place{at: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)}

const maxCursor = 200

// cursor writes a place so that it is opaque to clients. It says nothing that its reader may not know.
func (p place) cursor() string {
	kind := "m"
	if p.titles {
		kind = "t"
	}
	text := strings.Join([]string{kind, strconv.FormatInt(p.at.UnixMicro(), 10), p.conversation, strconv.FormatInt(p.seq, 10)}, " ")
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

// parsePlace reads what cursor wrote; the error is CodeBadRequest. A search begins with the titles.
func parsePlace(cursor string) (place, error) {
	if cursor == "" {
		return place{titles: true, at: newest.at}, nil
	}
	refused := problem.New(problem.CodeBadRequest, "The cursor is not one that this search gave out.")
	if len(cursor) > maxCursor {
		return place{}, refused
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil {
		return place{}, refused
	}
	fields := strings.Split(string(text), " ")
	if len(fields) != 4 || fields[0] != "t" && fields[0] != "m" || !chat.ValidID(fields[2]) {
		return place{}, refused
	}
	micros, atErr := strconv.ParseInt(fields[1], 10, 64)
	seq, seqErr := strconv.ParseInt(fields[3], 10, 64)
	at := time.UnixMicro(micros).UTC()
	if atErr != nil || seqErr != nil || seq < 0 || at.Year() < -4000 || at.After(newest.at) {
		return place{}, refused
	}
	return place{titles: fields[0] == "t", at: at, conversation: fields[2], seq: seq}, nil
}
