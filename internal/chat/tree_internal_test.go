package chat

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"twobrains/internal/problem"
)

// a conversation whose first message was edited, and whose second reply was made anew:
//
//	1 ─ 2 ─ 3 ─ 4
//	          └ 5 ─ 7
//	6 ─ 8            (shown)
var branched = Tree{"c", []Node{
	{"a", "user", 1, 0, false}, {"b", "assistant", 2, 1, false}, {"c", "user", 3, 2, false}, {"d", "assistant", 4, 3, false},
	{"e", "assistant", 5, 3, false}, {"f", "user", 6, 0, true}, {"g", "user", 7, 5, false}, {"h", "assistant", 8, 6, true},
}}

func TestTree(t *testing.T) {
	t.Parallel()
	for seq, want := range map[int64]int64{0: 8, 1: 7, 2: 7, 3: 7, 4: 4, 5: 7, 6: 8, 7: 7, 8: 8} {
		require.Equal(t, want, branched.Below(seq), "below %d", seq)
	}
	for end, want := range map[int64][]int64{0: nil, 1: {1}, 4: {1, 2, 3, 4}, 7: {1, 2, 3, 5, 7}, 8: {6, 8}} {
		var path []int64
		for seq := range branched.path(end) {
			path = append(path, seq)
		}
		slices.Sort(path)
		require.Equal(t, want, path, "path to %d", end)
	}
	for seq, want := range map[int64][]int64{0: {1, 6}, 3: {4, 5}, 6: {8}, 8: nil} {
		var following []int64
		for _, n := range branched.Following(seq) {
			following = append(following, n.Seq)
		}
		require.Equal(t, want, following, "following %d", seq)
	}
	last, ok := branched.Last()
	require.True(t, ok)
	require.Equal(t, "h", last.ID)
	g, _ := branched.Find("g")
	for seq, want := range map[int64]bool{0: true, 1: true, 3: true, 4: false, 5: true, 6: false, 7: false} {
		require.Equal(t, want, branched.IsBelow(g, seq), "7 below %d", seq)
	}
	_, ok = branched.At(9)
	require.False(t, ok)
	_, ok = Tree{}.Last()
	require.False(t, ok)
}

func TestTreeIsFull(t *testing.T) {
	t.Parallel()
	full := Tree{"c", []Node{{"q", "user", 1, 0, true}}}
	for i := range MaxVersions {
		require.NoError(t, full.CheckRoom(1), "%d", i)
		full.nodes = append(full.nodes, Node{"a", "assistant", int64(i + 2), 1, false})
	}
	require.True(t, problem.HasCode(full.CheckRoom(1), problem.CodeConflict))
	require.NoError(t, full.CheckRoom(0))
}
