package mcp

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"
)

// definition is a tool as its server describes it, made fit for providers.
type definition struct {
	// name is the server's own.
	name        string
	title       string
	description string
	schema      json.RawMessage
	readOnly    bool
	// repeatable: doing it twice does no more than doing it once, by the server's word.
	repeatable bool
}

// list is what is remembered of a server: its tools and what was wrong with them, or why it could not be used.
type list struct {
	tools   []definition
	notices []string
	failure *failure
	until   time.Time
}

func (l *list) bytes() uint32 {
	n := 256
	for _, t := range l.tools {
		n += 128 + len(t.name) + len(t.title) + len(t.description) + len(t.schema)
	}
	for _, text := range l.notices {
		n += len(text)
	}
	return uint32(n) // bounded by maxServerTools times the bounds of a tool
}

// listKey keeps users apart even where they use the same server; the version, what a server was before from what it is.
type listKey struct {
	user    uuid.UUID
	server  string
	version string
}

// lists remembers, within a bound of bytes.
type lists struct {
	entries *otter.Cache[listKey, *list]
	now     func() time.Time
}

func newLists(maxBytes uint32, now func() time.Time) *lists {
	return &lists{now: now, entries: otter.Must(&otter.Options[listKey, *list]{
		MaximumWeight: uint64(maxBytes),
		Weigher:       func(_ listKey, l *list) uint32 { return l.bytes() },
	})}
}

func (l *lists) get(key listKey) (*list, bool) {
	entry, ok := l.entries.GetIfPresent(key)
	if !ok || !l.now().Before(entry.until) {
		return nil, false
	}
	return entry, true
}

func (l *lists) put(key listKey, entry *list, ttl time.Duration) {
	entry.until = l.now().Add(ttl)
	l.entries.Set(key, entry)
}

func (l *lists) forget(key listKey) { l.entries.Invalidate(key) }
