package redislog

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"twobrains/internal/stream"
)

// keys of one run in Redis. The braces keep them together where slots matter.
type keys struct{ pointer, streams, stream string }

func (s *Store) keys(key stream.Key, runID string) keys {
	tag := "{" + key.Tenant + ":" + key.Conversation + "}"
	streams := s.o.Prefix + "runlog:" + tag + ":"
	return keys{pointer: s.o.Prefix + "run:" + tag, streams: streams, stream: streams + runID}
}

func (s *Store) writerKey(writer string) string { return s.o.Prefix + "runwriter:" + writer }

// entry of a stream: doc.go. pos is the position after what it adds; of a complete end, that of the log.
type entry struct {
	id     string
	pos    int64
	full   bool
	base   int64
	data   string
	writer string
	ended  bool
	end    stream.End
}

func entryID(epoch uint64, pos int64) string {
	return strconv.FormatUint(epoch, 10) + "-" + strconv.FormatInt(pos, 10)
}

func readEntry(m redis.XMessage) (entry, error) {
	e := entry{id: m.ID}
	text := func(field string) string {
		value, _ := m.Values[field].(string)
		return value
	}
	e.data, e.writer = text("d"), text("w")
	if how := text("e"); how != "" {
		e.ended = true
		if how == "lost" {
			e.end = stream.EndLost
			return e, nil
		}
	}
	_, pos, _ := strings.Cut(m.ID, "-")
	var err error
	if e.pos, err = strconv.ParseInt(pos, 10, 64); err != nil {
		return e, fmt.Errorf("read entry %s: %w", m.ID, err)
	}
	if e.ended {
		e.pos--
	}
	if base := text("b"); base != "" {
		e.full = true
		if e.base, err = strconv.ParseInt(base, 10, 64); err != nil {
			return e, fmt.Errorf("read entry %s: %w", m.ID, err)
		}
	}
	return e, nil
}

// news returns what the entry has for a reader at a position. ok is false if there is something missing in between.
func (e entry) news(pos int64) (data string, ok bool) {
	n := int64(len(e.data))
	switch {
	case e.pos <= pos || n == 0:
		return "", e.pos <= pos
	case e.full && pos == 0:
		return e.data, true
	}
	raw := n // what was appended as it stands here
	if e.full {
		raw = e.pos - e.base
	}
	missing := e.pos - pos
	if missing > raw || missing > n {
		return "", false
	}
	return e.data[n-missing:], true
}
