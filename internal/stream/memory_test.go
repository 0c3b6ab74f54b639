package stream_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"twobrains/internal/stream"
	"twobrains/internal/stream/streamtest"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	streamtest.RunLogs(t, func(t *testing.T) stream.Logs {
		m := stream.NewMemory(stream.MemoryOptions{})
		t.Cleanup(m.Close)
		return m
	})
}

func TestMemoryForgets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := stream.NewMemory(stream.MemoryOptions{Retain: time.Minute})
		key := stream.Key{Tenant: "u_1", Conversation: "c"}
		log, err := m.Create(t.Context(), key, "r1")
		must(t, err)
		log.Append([]byte("one\n\n"))
		time.Sleep(time.Hour)
		if n, size := m.Stats(); n != 1 || size < 5 || size > 1000 {
			t.Fatalf("%d logs, %d bytes", n, size)
		}
		log.Close(stream.EndComplete)
		time.Sleep(59 * time.Second)
		f, err := m.Open(t.Context(), key)
		must(t, err)
		time.Sleep(2 * time.Second)
		if _, err := m.Open(t.Context(), key); !errors.Is(err, stream.ErrNoLog) {
			t.Fatalf("after the time: %v", err)
		}
		if frames, err := f.Next(t.Context(), time.Second); string(frames) != "one\n\n" || err != nil {
			t.Fatalf("who had it open: %q %v", frames, err)
		}
		if _, err := f.Next(t.Context(), time.Second); !errors.Is(err, io.EOF) {
			t.Fatalf("end: %v", err)
		}
		second, err := m.Create(t.Context(), key, "r2")
		must(t, err)
		second.Close(stream.EndComplete)
		third, err := m.Create(t.Context(), key, "r3")
		must(t, err)
		time.Sleep(2 * time.Minute)
		if f, err := m.Open(t.Context(), key); err != nil || f.RunID() != "r3" {
			t.Fatalf("the expiry of r2 took r3 away: %v", err)
		}
		m.Close()
		if _, err := third.Follow().Next(t.Context(), time.Second); !errors.Is(err, stream.ErrLost) {
			t.Fatalf("after the store closed: %v", err)
		}
	})
}

func TestMemoryKeepAliveTimer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := stream.NewMemory(stream.MemoryOptions{})
		defer m.Close()
		log, err := m.Create(t.Context(), stream.Key{Conversation: "c"}, "r1")
		must(t, err)
		f := log.Follow()
		defer f.Close()
		start := time.Now()
		for range 3 {
			if frames, err := f.Next(t.Context(), 10*time.Second); frames != nil || err != nil {
				t.Fatalf("%q %v", frames, err)
			}
		}
		if waited := time.Since(start); waited != 30*time.Second {
			t.Fatalf("waited %v", waited)
		}
	})
}

// TestMemoryBound: ended logs go early when room gets short, the oldest first; runs under way never do.
func TestMemoryBound(t *testing.T) {
	t.Parallel()
	m := stream.NewMemory(stream.MemoryOptions{MaxBytes: 100_000})
	defer m.Close()
	key := func(i int) stream.Key { return stream.Key{Conversation: strconv.Itoa(i)} }
	begin := func(i int) stream.Log {
		log, err := m.Create(t.Context(), key(i), strconv.Itoa(i))
		must(t, err)
		log.Append(make([]byte, 10_000))
		return log
	}
	for i := range 6 {
		begin(i).Close(stream.EndComplete)
	}
	held, err := m.Open(t.Context(), key(0))
	must(t, err)
	running := begin(6)
	for i := 7; i < 12; i++ {
		begin(i).Close(stream.EndComplete)
	}
	if _, size := m.Stats(); size > 75_000 || m.Full() {
		t.Fatalf("%d bytes", size)
	}
	for i := range 12 {
		if _, err := m.Open(t.Context(), key(i)); (err == nil) != (i >= 5) {
			t.Errorf("log %d: %v", i, err)
		}
	}
	if frames, err := held.Next(t.Context(), time.Second); len(frames) != 10_000 || err != nil {
		t.Errorf("who had it open: %d bytes, %v", len(frames), err)
	}
	running.Append(make([]byte, 100_000))
	if n, size := m.Stats(); n != 1 || size < 100_000 || !m.Full() {
		t.Fatalf("%d logs, %d bytes", n, size)
	}
	within := m.Within()
	defer within.Close()
	_, before := m.Stats()
	_, err = within.Create(t.Context(), key(1), "r")
	must(t, err)
	if _, after := m.Stats(); after <= before {
		t.Error("what a store within takes does not count")
	}
	running.Close(stream.EndComplete)
	m.Close()
	within.Close()
	if n, size := m.Stats(); n != 0 || size != 0 {
		t.Fatalf("at the end %d logs, %d bytes", n, size)
	}
}

// TestMemoryCost: what small replies cost.
func TestMemoryCost(t *testing.T) {
	t.Parallel()
	frame := []byte(`data: {"type":"text-delta","id":"t1","delta":" a word or two"}` + "\n\n")
	for chunks, most := range map[int]int64{1: 1_000, 30: 3_500, 120: 12_500, 1000: 97_500} {
		m := stream.NewMemory(stream.MemoryOptions{})
		log, err := m.Create(t.Context(), stream.Key{Conversation: "c"}, "r1")
		must(t, err)
		for range chunks {
			log.Append(frame)
		}
		if _, size := m.Stats(); size > most {
			t.Errorf("%d chunks of %d bytes take %d", chunks, len(frame), size)
		}
		m.Close()
	}
}

// TestMemorySince: a mirror gets everything once, whole logs after compactions, and what compaction takes before it does.
func TestMemorySince(t *testing.T) {
	t.Parallel()
	m := stream.NewMemory(stream.MemoryOptions{})
	defer m.Close()
	key := stream.Key{Conversation: "c"}
	log, err := m.Create(t.Context(), key, "r1")
	must(t, err)
	kept := m.Find(key)
	since := func(pos int64, compactions uint32) string {
		s := kept.Since(pos, compactions)
		return fmt.Sprintf("%s full=%v base=%d pos=%d", bytes.Join(s.Frames, nil), s.Full, s.Base, s.Pos)
	}
	check := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	check(since(0, 0), " full=false base=0 pos=0")
	log.Append([]byte("one."))
	log.Append(bytes.Repeat([]byte("x"), 600))
	check(since(604, 0), " full=false base=0 pos=604")
	log.Append([]byte("two."))
	check(since(604, 0), "two. full=false base=0 pos=608")
	check(since(602, 0), "xxtwo. full=false base=0 pos=608")
	log.Compact([]byte("1-2."))
	log.Append([]byte("three."))
	check(since(608, 0), "1-2.three. full=true base=608 pos=614")
	check(since(607, 1), "1-2.three. full=true base=608 pos=614")
	check(since(608, 1), "three. full=false base=608 pos=614")
	check(since(611, 1), "ee. full=false base=608 pos=614")
	check(since(-1, 1), "1-2.three. full=true base=608 pos=614")
	if _, ok := kept.Tail(600); ok {
		t.Error("a tail from before the compaction")
	}
	if s, ok := kept.Tail(610); !ok || s.Pos != 614 {
		t.Error("no tail")
	}
}

func BenchmarkMemoryAppend(b *testing.B) {
	frame := []byte(`data: {"type":"text-delta","id":"t1","delta":" a word or two"}` + "\n\n")
	m := stream.NewMemory(stream.MemoryOptions{})
	defer m.Close()
	var log stream.Log
	b.ReportAllocs()
	for i := range b.N {
		if i%30 == 0 {
			log, _ = m.Create(b.Context(), stream.Key{Conversation: "c"}, "r1")
		}
		log.Append(frame)
	}
}

// TestBeginWhole: nobody sees a log before it is whole, and who asks first replaces nothing that it must not.
func TestBeginWhole(t *testing.T) {
	t.Parallel()
	m := stream.NewMemory(stream.MemoryOptions{})
	defer m.Close()
	key := stream.Key{Tenant: "u_1", Conversation: "c1"}
	var seen stream.Snapshot
	b := stream.Beginning{Key: key, RunID: "r1", Frames: []byte("one\n\n"), Pos: 100, Observe: func(log *stream.MemoryLog) stream.Observer {
		seen = log.Since(-1, 0)
		return nil
	}}
	log := m.Begin(b)
	if len(seen.Frames) != 1 || string(seen.Frames[0]) != "one\n\n" || seen.Pos != 100 {
		t.Fatalf("seen: %+v", seen)
	}
	_, before := m.Stats()
	b.RunID, b.Replaces = "r2", func(old *stream.MemoryLog) bool { return old == nil }
	if other := m.Begin(b); other != nil {
		t.Fatalf("replaced by %q", other.RunID())
	}
	if _, after := m.Stats(); after != before {
		t.Errorf("%d bytes, then %d", before, after)
	}
	log.Append([]byte("two\n\n"))
	log.Close(stream.EndComplete)
	f, err := m.Open(t.Context(), key)
	if err != nil || f.RunID() != "r1" {
		t.Fatalf("open: %v", err)
	}
}
