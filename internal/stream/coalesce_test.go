package stream_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"twobrains/internal/llm"
	"twobrains/internal/stream"
)

func TestCoalescing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, log := newAssembler(stream.Options{Coalesce: 20 * time.Millisecond})
		deltas := func() int { return strings.Count(string(log.all), "text-delta") }
		must(t, a.StartStep(), a.Apply(llm.TextDelta{Text: "one "}))
		if deltas() != 1 {
			t.Fatal("the first delta waits")
		}
		must(t, a.Apply(llm.TextDelta{Text: "two "}), a.Apply(llm.TextDelta{Text: "three "}))
		time.Sleep(19 * time.Millisecond)
		synctest.Wait()
		if deltas() != 1 {
			t.Fatal("sent before the interval is over")
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		if deltas() != 2 || !strings.HasSuffix(string(log.all), `"delta":"two three "}`+"\n\n") {
			t.Fatalf("not sent together after the interval: %s", log.all)
		}
		time.Sleep(time.Second)
		must(t, a.Apply(llm.TextDelta{Text: "late "}))
		if deltas() != 3 {
			t.Fatal("a delta after a pause waits")
		}
		must(t, a.Apply(llm.TextDelta{Text: "kept"}), a.Apply(llm.ToolCallStart{ID: "c", Name: "x"}))
		if !strings.Contains(string(log.all), `"kept"}`) {
			t.Fatal("what waits must go before the next part")
		}
		must(t, a.Apply(llm.TextDelta{Text: strings.Repeat("x", 10)}), a.Apply(llm.TextDelta{Text: strings.Repeat("y", 5000)}))
		if !strings.Contains(string(log.all), "yyyy") {
			t.Fatal("a large delta waits")
		}
		must(t, a.Apply(llm.TextDelta{Text: "end"}), a.Finish(llm.FinishStop, nil))
		agree(t, a, log)
		size := len(log.all)
		time.Sleep(time.Second)
		synctest.Wait()
		if len(log.all) != size {
			t.Fatal("something came after the end")
		}
	})
}

// TestCoalescedRate holds what coalescing is for: 200 tokens a second become at most 50 chunks.
func TestCoalescedRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, log := newAssembler(stream.Options{Coalesce: 20 * time.Millisecond})
		must(t, a.StartStep())
		for range 200 {
			must(t, a.Apply(llm.TextDelta{Text: "x"}))
			time.Sleep(5 * time.Millisecond)
		}
		must(t, a.Finish(llm.FinishStop, nil))
		if n := strings.Count(string(log.all), "text-delta"); n < 40 || n > 52 {
			t.Fatalf("%d chunks", n)
		}
		agree(t, a, log)
	})
}
