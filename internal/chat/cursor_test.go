package chat

import (
	"math"
	"testing"
	"time"

	"twobrains/internal/problem"
)

func TestPositionCursor(t *testing.T) {
	t.Parallel()
	for _, p := range []position{
		{pinned: true, updatedAt: time.Date(2026, 11, 22, 5, 6, 7, 89000, time.UTC), id: "a-B_9"},
		{updatedAt: time.UnixMicro(0).UTC(), id: "x"},
	} {
		if got, err := parsePosition(p.cursor()); err != nil || got != p {
			t.Errorf("got %+v, %v, want %+v", got, err, p)
		}
	}
	if got, err := parsePosition(""); err != nil || got != top {
		t.Errorf("none: %+v, %v", got, err)
	}
	for _, bad := range []string{
		"!", "YQ", encodeCursor("c"), encodeCursor("c", "2", "1", "a"), encodeCursor("c", "1", "x", "a"), encodeCursor("c", "1", "-1", "a"),
		encodeCursor("c", "1", "1", "a b"), encodeCursor("c", "1", "1", ""), encodeCursor("m", "1", "1", "a"), encodeCursor("c", "1", "9223372036854775807", "a"),
	} {
		if _, err := parsePosition(bad); !problem.HasCode(err, problem.CodeBadRequest) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestSeqCursor(t *testing.T) {
	t.Parallel()
	for _, seq := range []int64{1, 42, math.MaxInt64} {
		if got, err := parseSeq(seqCursor(seq)); err != nil || got != seq {
			t.Errorf("got %d, %v, want %d", got, err, seq)
		}
	}
	if got, err := parseSeq(""); err != nil || got != math.MaxInt64 {
		t.Errorf("none: %d, %v", got, err)
	}
	for _, bad := range []string{"MQ", encodeCursor("m", "0"), encodeCursor("m", "1 2"), encodeCursor("c", "1"), encodeCursor("m", "99999999999999999999")} {
		if _, err := parseSeq(bad); !problem.HasCode(err, problem.CodeBadRequest) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
