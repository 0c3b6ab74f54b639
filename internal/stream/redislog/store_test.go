package redislog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"twobrains/internal/broadcast"
	"twobrains/internal/stream"
)

// TestTooLarge: a run beyond MaxBytes goes on where it is, and is said to be out of reach elsewhere.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	p := prefix()
	writer, reader := newStore(t, p, func(o *Options) { o.MaxBytes = 1000 }), newStore(t, p)
	log := begin(t, writer, "r1")
	log.Append([]byte("one\n\n"))
	f := open(t, reader)
	read(t, f, "one\n\n")
	big := strings.Repeat("x", 2000)
	log.Append([]byte(big))
	ends(t, f, stream.ErrLost)
	f.Close()
	if _, err := reader.Open(t.Context(), key); !errors.Is(err, stream.ErrUnavailable) {
		t.Fatalf("open: %v", err)
	}
	read(t, open(t, writer), "one\n\n"+big)
	log.Close(stream.EndComplete)
}

// TestExpiry: an ended log is kept for a while, a lost one until it can be adopted, one that runs as long as it is kept up.
func TestExpiry(t *testing.T) {
	t.Parallel()
	p := prefix()
	s := newStore(t, p, impatient, func(o *Options) { o.Running, o.Retain = 400*time.Millisecond, 50*time.Millisecond })
	log := begin(t, s, "r1")
	log.Append([]byte("one\n\n"))
	other := newStore(t, p)
	f := open(t, other)
	read(t, f, "one\n\n")
	client := redis.NewClient(redisOptions(t))
	defer func() { _ = client.Close() }()
	lowest := time.Hour
	eventually(t, "its time to be prolonged", func() error {
		left := client.PTTL(t.Context(), s.keys(key, "r1").stream).Val()
		if left > lowest+20*time.Millisecond {
			return nil
		}
		lowest = min(lowest, left)
		return fmt.Errorf("%v left", left)
	})
	log.Append([]byte("two\n\n"))
	log.Close(stream.EndComplete)
	read(t, f, "two\n\n")
	ends(t, f, io.EOF)
	f.Close()
	eventually(t, "expiry", func() error {
		if _, err := other.Open(t.Context(), key); !errors.Is(err, stream.ErrNoLog) {
			return fmt.Errorf("open: %w", err)
		}
		return nil
	})
}

// TestNothingLeft: every key expires, and a store that closes leaves what others need to adopt its runs.
func TestNothingLeft(t *testing.T) {
	t.Parallel()
	p := prefix()
	s := newStore(t, p)
	log := begin(t, s, "r1")
	log.Append([]byte("one\n\n"))
	s.Close()
	log.Append([]byte("two\n\n"))
	client := redis.NewClient(redisOptions(t))
	defer func() { _ = client.Close() }()
	all := keysOf(t, p)
	if len(all) != 3 {
		t.Fatalf("keys: %v", all)
	}
	for _, k := range all {
		if ttl := client.PTTL(t.Context(), k).Val(); ttl <= 0 || ttl > 30*time.Minute {
			t.Errorf("%s expires in %v", k, ttl)
		}
	}
	_, frames, err := newStore(t, p).Adopt(t.Context(), key, "r1")
	if err != nil || string(frames) != "one\n\n" {
		t.Fatalf("adopt: %q %v", frames, err)
	}
}

// TestNoRedis: a store without Redis makes, follows and ends runs, and closes in time.
func TestNoRedis(t *testing.T) {
	t.Parallel()
	link := newLink(t)
	link.refuse()
	s := newStore(t, prefix(), link.use, func(o *Options) { o.Memory = stream.NewMemory(stream.MemoryOptions{Retain: time.Millisecond}) })
	for i := range 50 {
		log := begin(t, s, fmt.Sprint("r", i))
		f := open(t, s)
		log.Append([]byte("one\n\n"))
		log.Close(stream.EndComplete)
		read(t, f, "one\n\n")
		ends(t, f, io.EOF)
	}
	eventually(t, "what is forgotten to be let go", func() error {
		if n := len(s.mirror.all()); n > 0 {
			return fmt.Errorf("%d runs", n)
		}
		return nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("flush: %v", err)
	}
	started := time.Now()
	s.Close()
	if took := time.Since(started); took > 10*time.Second {
		t.Errorf("closing took %v", took)
	}
}

func TestSignals(t *testing.T) {
	t.Parallel()
	link := newLink(t)
	o := Options{Redis: redisOptions(t)}
	link.use(&o)
	client := redis.NewClient(o.Redis)
	defer func() { _ = client.Close() }()
	p, got := prefix(), make(chan string, 100)
	signals := NewSignals(client, p, func(id string) { got <- id })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- signals.Run(ctx) }()
	deliver := func(id string) {
		eventually(t, "signal "+id, func() error {
			if err := signals.Publish(ctx, id); err != nil {
				return err
			}
			select {
			case seen := <-got:
				if seen == id {
					return nil
				}
			case <-time.After(20 * time.Millisecond):
			}
			return errors.New("nothing came")
		})
	}
	deliver("r1")
	link.stall()
	started := time.Now()
	if err := signals.Publish(ctx, "r2"); err == nil || time.Since(started) > 2*broadcast.PublishWait {
		t.Errorf("black-holed: %v after %v", err, time.Since(started))
	}
	link.heal()
	deliver("r3")
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	alone := NewSignals(nil, p, nil)
	if err := errors.Join(alone.Publish(ctx, "r1"), alone.Run(ctx)); err != nil {
		t.Error(err)
	}
}
