package chat

import (
	"context"
	"slices"

	"twobrains/internal/problem"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
)

// MaxVersions is how many messages may follow the same one: the edits of a message, or the replies to one. Each keeps what
// follows it, so it bounds what a conversation can hold beside what it shows.
const MaxVersions = 100

// Node is a message's place in the tree of its conversation.
type Node struct {
	ID, Role string
	Seq      int64
	// Parent is Seq of the message that it follows; 0 for the first of a conversation.
	Parent int64
	// OnPath: it is among the messages that are shown.
	OnPath bool
}

// Tree holds all messages of a conversation, those that edits and other replies have hidden too. A message comes after the one
// that it follows, so the order of Seq is the order of every path through it.
type Tree struct {
	conversation string
	nodes        []Node
}

// TreeRead is a tree that a transaction reads.
type TreeRead struct {
	conversation string
	rows         *tenant.Result[[]tenantdb.BranchTreeRow]
}

// QueueTree reads a conversation's tree. Who wants to change it locks the conversation before.
func QueueTree(ctx context.Context, tx *tenant.Tx, conversation string) *TreeRead {
	return &TreeRead{conversation, tenant.Queue(tx, func(db tenant.DBTX) ([]tenantdb.BranchTreeRow, error) {
		return tenantdb.New().BranchTree(ctx, db, conversation)
	}).Proves()}
}

// Tree is what was read, once its round trip is over.
func (r *TreeRead) Tree() Tree {
	t := Tree{r.conversation, make([]Node, len(r.rows.Value()))}
	var before int64
	for i, row := range r.rows.Value() {
		t.nodes[i] = Node{row.ID, row.Role, row.Seq, row.ParentSeq, row.OnPath}
		if row.OnPath { // only a message beside the path is told what it follows
			t.nodes[i].Parent, before = before, row.Seq
		}
	}
	return t
}

// Find returns the message of an id.
func (t Tree) Find(id string) (Node, bool) {
	return t.first(func(n Node) bool { return n.ID == id })
}

// At returns the message of a sequence number.
func (t Tree) At(seq int64) (Node, bool) {
	return t.first(func(n Node) bool { return n.Seq == seq })
}

func (t Tree) first(match func(Node) bool) (Node, bool) {
	if i := slices.IndexFunc(t.nodes, match); i >= 0 {
		return t.nodes[i], true
	}
	return Node{}, false
}

// Last returns the message at the end of the path.
func (t Tree) Last() (last Node, ok bool) {
	for _, n := range slices.Backward(t.nodes) {
		if n.OnPath {
			return n, true
		}
	}
	return Node{}, false
}

// Following returns the messages that follow the one of a sequence number, oldest first: the versions of one another.
func (t Tree) Following(seq int64) []Node {
	var following []Node
	for _, n := range t.nodes {
		if n.Parent == seq {
			following = append(following, n)
		}
	}
	return following
}

// CheckRoom says whether one more message may follow the one of a sequence number; CodeConflict if not.
func (t Tree) CheckRoom(seq int64) error {
	if len(t.Following(seq)) >= MaxVersions {
		return problem.Newf(problem.CodeConflict, "There are %d versions of this message already; no more can be kept.", MaxVersions)
	}
	return nil
}

// Below returns the newest of the messages that follow the one of a sequence number, however far down, or that one itself.
// It ends a path, since whatever followed it would be newer.
func (t Tree) Below(seq int64) int64 {
	below := map[int64]bool{seq: true}
	newest := seq
	for _, n := range t.nodes {
		if n.Seq > seq && below[n.Parent] {
			below[n.Seq], newest = true, n.Seq
		}
	}
	return newest
}

// IsBelow reports whether a message comes, however far down, after the one of a sequence number.
func (t Tree) IsBelow(n Node, seq int64) bool {
	for n.Parent > seq {
		above, ok := t.At(n.Parent)
		if !ok {
			return false
		}
		n = above
	}
	return n.Parent == seq
}

// QueueMove makes the path end at the message of a sequence number; 0 empties it.
func (t Tree) QueueMove(ctx context.Context, tx *tenant.Tx, end int64) {
	path := t.path(end)
	for _, onPath := range []bool{false, true} {
		move := tenantdb.BranchMoveParams{ConversationID: t.conversation, OnPath: onPath}
		for _, n := range t.nodes {
			if n.OnPath != onPath && path[n.Seq] == onPath {
				move.Seqs, move.Parents = append(move.Seqs, n.Seq), append(move.Parents, n.Parent)
			}
		}
		if move.Seqs != nil {
			tenant.QueueExec(tx, func(db tenant.DBTX) error { return tenantdb.New().BranchMove(ctx, db, move) })
		}
	}
}

func (t Tree) path(end int64) map[int64]bool {
	path := map[int64]bool{}
	for _, n := range slices.Backward(t.nodes) {
		if n.Seq == end {
			path[n.Seq], end = true, n.Parent
		}
	}
	return path
}
