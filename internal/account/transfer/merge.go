package transfer

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"twobrains/internal/account/archive"
	"twobrains/internal/tenantdb"
)

// merge decides where the messages of one conversation go. What is there already stays as it is. What is not there is added: to the path
// that is shown, if it goes on where that ends, else beside it, as other versions.
type merge struct {
	c archive.Conversation
	// exists, lastSeq and running are of the conversation as it is here.
	exists  bool
	lastSeq int64
	running bool
	nodes   []node
	byID    map[string]int
}

// node is a message in the tree of a conversation.
type node struct {
	id          string
	seq, parent int64
	onPath      bool
	version     int16
	versions    int16
	// added is the message, unless it was there.
	added *archive.Message
}

func newMerge(c archive.Conversation) *merge { return &merge{c: c, byID: map[string]int{}} }

// there notes a message that exists, in the order of their seq.
func (m *merge) there(row tenantdb.ImportTreeRow) {
	n := node{id: row.ID, seq: row.Seq, parent: row.ParentSeq, onPath: row.OnPath, version: row.Version, versions: row.Versions}
	if n.onPath { // only beside the path is a message told what it follows
		n.parent = m.end()
	}
	m.byID[n.id] = len(m.nodes)
	m.nodes = append(m.nodes, n)
}

// end is the seq of the last message of the path; 0: there is none.
func (m *merge) end() int64 {
	for _, n := range slices.Backward(m.nodes) {
		if n.onPath {
			return n.seq
		}
	}
	return 0
}

// add places all messages that are not there; taken are ids that belong to other conversations.
func (m *merge) add(taken map[string]string, report *Report) (added int) {
	end := m.end()
	path := m.sourcePath()
	extends := m.extends(path, end)
	gone := map[string]string{} // ids that are left out, and what follows them follows instead
	for i := range m.c.Messages {
		message := &m.c.Messages[i]
		if _, ok := m.byID[message.ID]; ok {
			report.Messages.Already++
			continue
		}
		parent := message.ParentID
		if instead, ok := gone[parent]; ok {
			parent = instead
		}
		reason := archive.Reason("")
		if owner, ok := taken[message.ID]; ok && owner != m.c.ID {
			reason = archive.ReasonIDTaken
		} else if m.running {
			reason = archive.ReasonRunActive
		}
		if reason != "" {
			report.skip(reason, message.ID)
			gone[message.ID] = parent
			continue
		}
		m.lastSeq++
		n := node{id: message.ID, seq: m.lastSeq, version: 1, versions: 1, added: message, onPath: extends && path[message.ID]}
		if at, ok := m.byID[parent]; ok {
			n.parent = m.nodes[at].seq
		}
		m.byID[n.id] = len(m.nodes)
		m.nodes = append(m.nodes, n)
		added++
	}
	m.mend(end)
	m.number()
	return added
}

// sourcePath are the ids of the path that was shown where the conversation comes from.
func (m *merge) sourcePath() map[string]bool {
	parents := map[string]string{}
	end := ""
	for _, message := range m.c.Messages {
		parents[message.ID] = message.ParentID
		if message.Shown {
			end = message.ID
		}
	}
	path := map[string]bool{}
	for end != "" && !path[end] {
		path[end] = true
		end = parents[end]
	}
	return path
}

// extends reports whether a path goes on where ours ends, with nothing but messages that are not there.
func (m *merge) extends(path map[string]bool, end int64) bool {
	if end == 0 {
		return true
	}
	passed := false
	for _, message := range m.c.Messages {
		at, there := m.byID[message.ID]
		if passed && there && path[message.ID] {
			return false
		}
		if there && m.nodes[at].seq == end {
			if !path[message.ID] {
				return false
			}
			passed = true
		}
	}
	return passed
}

// mend makes the path one on which each message follows the one before: a file may say otherwise.
func (m *merge) mend(end int64) {
	for i := range m.nodes {
		n := &m.nodes[i]
		if n.added == nil || !n.onPath {
			continue
		}
		if n.parent != end {
			n.onPath = false
			continue
		}
		end = n.seq
	}
}

// number counts the messages that follow the same one.
func (m *merge) number() {
	following := map[int64][]int{}
	for i, n := range m.nodes {
		following[n.parent] = append(following[n.parent], i)
	}
	for _, group := range following {
		slices.SortFunc(group, func(a, b int) int { return cmp.Compare(m.nodes[a].seq, m.nodes[b].seq) })
		for place, i := range group {
			n := &m.nodes[i]
			n.version, n.versions = int16(min(place+1, 1<<15-1)), int16(min(len(group), 1<<15-1))
		}
	}
}

// batch collects rows for the statements that store them.
type batch struct {
	conversations tenantdb.ImportConversationsParams
	messages      tenantdb.ImportMessagesParams
	numbers       tenantdb.ImportNumbersParams
}

func (b *batch) put(m *merge, before map[string]tenantdb.ImportTreeRow, now time.Time) {
	p := &b.conversations
	created := orElse(m.c.CreatedAt, now)
	archived := time.Time{}
	if m.c.ArchivedAt != nil {
		archived = *m.c.ArchivedAt
	}
	p.Ids, p.Titles, p.TitlesByUser = append(p.Ids, m.c.ID), append(p.Titles, m.c.Title), append(p.TitlesByUser, m.c.TitleByUser)
	p.Pinned, p.Archived, p.ArchivedAt = append(p.Pinned, m.c.Pinned), append(p.Archived, m.c.ArchivedAt != nil), append(p.ArchivedAt, archived)
	p.LastSeqs, p.CreatedAt = append(p.LastSeqs, m.lastSeq), append(p.CreatedAt, created)
	p.UpdatedAt = append(p.UpdatedAt, orElse(m.c.UpdatedAt, created))
	for _, n := range m.nodes {
		if n.added == nil {
			if was := before[n.id]; was.Version != n.version || was.Versions != n.versions {
				b.numbers.Ids = append(b.numbers.Ids, n.id)
				b.numbers.Version, b.numbers.Versions = append(b.numbers.Version, n.version), append(b.numbers.Versions, n.versions)
			}
			continue
		}
		b.message(m.c.ID, n, created)
	}
}

func (b *batch) message(conversation string, n node, created time.Time) {
	p, m := &b.messages, n.added
	if n.onPath {
		n.parent = 0
	}
	p.Ids, p.ConversationIds, p.Seqs, p.Roles = append(p.Ids, n.id), append(p.ConversationIds, conversation), append(p.Seqs, n.seq), append(p.Roles, m.Role)
	p.Parts, p.Metadata = append(p.Parts, string(m.Parts)), append(p.Metadata, string(orObject(m.Metadata)))
	p.Statuses, p.Sizes = append(p.Statuses, m.Status), append(p.Sizes, int32(m.Size))
	p.CreatedAt, p.Parents = append(p.CreatedAt, orElse(m.CreatedAt, created)), append(p.Parents, n.parent)
	p.OnPath, p.Version, p.Versions = append(p.OnPath, n.onPath), append(p.Version, n.version), append(p.Versions, n.versions)
}

func orElse(at, other time.Time) time.Time {
	if at.IsZero() {
		return other
	}
	return at
}

func orObject(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage("{}")
	}
	return raw
}
