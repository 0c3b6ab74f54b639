package stream_test

import (
	"errors"
	"io"
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
		if n, size := m.Stats(); n != 1 || size != 5 {
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
