package redislog

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"twobrains/internal/stream"
)

var key = stream.Key{Tenant: "u_1", Conversation: "c1"}

const patience = 20 * time.Second

func begin(t *testing.T, s *Store, run string) stream.Log {
	t.Helper()
	log, err := s.Create(t.Context(), key, run)
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// open follows the log, which may take a moment to get there.
func open(t *testing.T, s *Store) stream.Follower {
	t.Helper()
	var f stream.Follower
	eventually(t, "open", func() (err error) {
		f, err = s.Open(t.Context(), key)
		return err
	})
	t.Cleanup(f.Close)
	return f
}

func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v", what, err)
		}
		<-time.After(2 * time.Millisecond)
	}
}

func read(t *testing.T, f stream.Follower, want string) {
	t.Helper()
	got := ""
	for len(got) < len(want) {
		frames, err := f.Next(t.Context(), patience)
		if err != nil || frames == nil {
			t.Fatalf("after %q of %q: %v", got, want, err)
		}
		got += string(frames)
	}
	if got != want {
		t.Fatalf("read %q, want %q", got, want)
	}
}

func ends(t *testing.T, f stream.Follower, want error) {
	t.Helper()
	if frames, err := f.Next(t.Context(), patience); !errors.Is(err, want) {
		t.Fatalf("%q %v, want %v", frames, err, want)
	}
}

// keysOf lists a test's keys in Redis.
func keysOf(t *testing.T, prefix string) []string {
	t.Helper()
	client := redis.NewClient(redisOptions(t))
	defer func() { _ = client.Close() }()
	all, err := client.Keys(t.Context(), prefix+"*").Result()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// empty makes Redis lose what a test has there.
func empty(t *testing.T, prefix string) {
	t.Helper()
	client := redis.NewClient(redisOptions(t))
	defer func() { _ = client.Close() }()
	if all := keysOf(t, prefix); len(all) > 0 {
		if err := client.Del(t.Context(), all...).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

func impatient(o *Options) { o.Patience = 100 * time.Millisecond }

// failures are the ways in which Redis can be away.
var failures = map[string]func(*link){"refused": (*link).refuse, "black-holed": (*link).stall}

// TestWriterOutage: the process that writes loses Redis and gets it back. Those who follow elsewhere wait and go on.
func TestWriterOutage(t *testing.T) {
	t.Parallel()
	for name, fail := range failures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, link := prefix(), newLink(t)
			writer, reader := newStore(t, p, link.use), newStore(t, p)
			log := begin(t, writer, "r1")
			log.Append([]byte("one\n\n"))
			f := open(t, reader)
			read(t, f, "one\n\n")
			fail(link)
			local := open(t, writer)
			started := time.Now()
			for range 1000 {
				log.Append([]byte("two\n\n"))
			}
			if took := time.Since(started); took > time.Second {
				t.Errorf("writing took %v", took)
			}
			read(t, local, "one\n\n"+strings.Repeat("two\n\n", 1000))
			link.heal()
			read(t, f, strings.Repeat("two\n\n", 1000))
			log.Append([]byte("three\n\n"))
			log.Close(stream.EndComplete)
			read(t, f, "three\n\n")
			ends(t, f, io.EOF)
			rest(t, open(t, reader), "one\n\n"+strings.Repeat("two\n\n", 1000)+"three\n\n", io.EOF)
		})
	}
}

// TestReaderOutage: followers of another process's run outlast a short outage and are cut by a long one.
func TestReaderOutage(t *testing.T) {
	t.Parallel()
	for name, fail := range failures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, link := prefix(), newLink(t)
			writer, reader := newStore(t, p), newStore(t, p, link.use)
			log := begin(t, writer, "r1")
			log.Append([]byte("one\n\n"))
			f := open(t, reader)
			read(t, f, "one\n\n")
			fail(link)
			log.Append([]byte("two\n\n"))
			link.heal()
			read(t, f, "two\n\n")
			fail(link)
			log.Append([]byte("three\n\n"))
			ends(t, f, stream.ErrLost)
			f.Close()

			started := time.Now()
			for range 10 {
				if _, err := reader.Open(t.Context(), key); !errors.Is(err, stream.ErrUnavailable) {
					t.Fatalf("open while Redis is away: %v", err)
				}
			}
			if took := time.Since(started); took > 3*time.Second {
				t.Errorf("ten calls took %v", took)
			}
			if _, _, err := reader.Adopt(t.Context(), key, "r1"); !errors.Is(err, stream.ErrUnavailable) {
				t.Errorf("adopt while Redis is away: %v", err)
			}
			if err := reader.Drop(t.Context(), key); !errors.Is(err, stream.ErrUnavailable) {
				t.Errorf("drop while Redis is away: %v", err)
			}
			link.heal()
			read(t, open(t, reader), "one\n\ntwo\n\nthree\n\n")
			log.Close(stream.EndComplete)
		})
	}
}

// TestEmptied: Redis loses everything while a run is under way: a restart without persistence.
func TestEmptied(t *testing.T) {
	t.Parallel()
	p := prefix()
	writer, reader := newStore(t, p, impatient), newStore(t, p)
	log := begin(t, writer, "r1")
	log.Append([]byte("one\n\n"))
	f := open(t, reader)
	read(t, f, "one\n\n")
	empty(t, p)
	log.Append([]byte("two\n\n"))
	read(t, f, "two\n\n")
	log.Compact([]byte("1-2\n\n"))
	log.Append([]byte("three\n\n"))
	read(t, f, "three\n\n")
	empty(t, p)
	// Nothing is appended: it is the beat that finds out.
	f.Close()
	later := open(t, reader)
	read(t, later, "1-2\n\nthree\n\n")
	log.Close(stream.EndComplete)
	ends(t, later, io.EOF)
}

// TestSilentWriter: a run whose process is dead is not followed for ever, and not opened any more, until somebody adopts it.
func TestSilentWriter(t *testing.T) {
	t.Parallel()
	p, link := prefix(), newLink(t)
	writer, reader := newStore(t, p, link.use, impatient), newStore(t, p, impatient)
	begin(t, writer, "r1").Append([]byte("one\n\n"))
	f := open(t, reader)
	read(t, f, "one\n\n")
	link.refuse()
	ends(t, f, stream.ErrLost)
	f.Close()
	if _, err := reader.Open(t.Context(), key); !errors.Is(err, stream.ErrUnavailable) {
		t.Fatalf("open: %v", err)
	}
	log, frames, err := reader.Adopt(t.Context(), key, "r1")
	if err != nil || string(frames) != "one\n\n" {
		t.Fatalf("adopt: %q %v", frames, err)
	}
	third := newStore(t, p)
	other := open(t, third)
	log.Append([]byte("two\n\n"))
	log.Close(stream.EndComplete)
	read(t, other, "one\n\ntwo\n\n")
	ends(t, other, io.EOF)
}

// TestBackToLife: a process that lost Redis, whose run was adopted and ended meanwhile, changes nothing when it is back.
func TestBackToLife(t *testing.T) {
	t.Parallel()
	p, link := prefix(), newLink(t)
	zombie, heir := newStore(t, p, link.use, impatient), newStore(t, p)
	log := begin(t, zombie, "r1")
	log.Append([]byte("one\n\n"))
	flush(t, zombie)
	link.refuse()
	log.Append([]byte("more\n\n"))
	local := open(t, zombie)
	adopted, _, err := heir.Adopt(t.Context(), key, "r1")
	if err != nil {
		t.Fatal(err)
	}
	adopted.Append([]byte("end\n\n"))
	adopted.Close(stream.EndComplete)
	flush(t, heir)
	link.heal()
	read(t, local, "one\n\nmore\n\n")
	ends(t, local, stream.ErrLost)
	log.Append([]byte("late\n\n"))
	log.Close(stream.EndComplete)
	flush(t, zombie)
	for _, s := range []*Store{heir, zombie, newStore(t, p)} {
		f := open(t, s)
		read(t, f, "one\n\nend\n\n")
		ends(t, f, io.EOF)
	}
}

// TestOlderRunAfterOutage: a run that Redis learns of late does not push aside the one that came after it.
func TestOlderRunAfterOutage(t *testing.T) {
	t.Parallel()
	p, link := prefix(), newLink(t)
	late, other := newStore(t, p, link.use), newStore(t, p)
	flush(t, late)
	link.refuse()
	old := begin(t, late, "r1")
	old.Append([]byte("one\n\n"))
	eventually(t, "the outage to be noticed", func() error {
		if late.mirror.failed.Load() == 0 {
			return errors.New("not yet")
		}
		return nil
	})
	log := begin(t, other, "r2")
	log.Append([]byte("two\n\n"))
	flush(t, other)
	link.heal()
	ends(t, drained(t, old.Follow(), "one\n\n"), stream.ErrLost)
	f := open(t, late)
	read(t, f, "two\n\n")
	log.Close(stream.EndComplete)
	ends(t, f, io.EOF)
}

func drained(t *testing.T, f stream.Follower, want string) stream.Follower {
	t.Helper()
	read(t, f, want)
	return f
}

// TestTornInRedis: a Redis that falls back to an older state leaves a gap. Nobody reads past it, and what is adopted is what
// comes before.
func TestTornInRedis(t *testing.T) {
	t.Parallel()
	p := prefix()
	writer, reader := newStore(t, p), newStore(t, p)
	log := begin(t, writer, "r1")
	flush(t, writer)
	var frames []string
	for i := range 4 {
		frames = append(frames, fmt.Sprintf("%d\n\n", i))
		log.Append([]byte(frames[i]))
		flush(t, writer)
	}
	beyond := open(t, newStore(t, p))
	read(t, beyond, strings.Join(frames, ""))
	client, name := direct(t), writer.keys(key, "r1").stream
	entries, err := client.XRange(t.Context(), name, "-", "+").Result()
	if err != nil || len(entries) != 5 {
		t.Fatalf("%v, %v", entries, err)
	}
	if err := client.XDel(t.Context(), name, entries[3].ID).Err(); err != nil {
		t.Fatal(err)
	}
	if f, err := reader.Open(t.Context(), key); !errors.Is(err, stream.ErrUnavailable) {
		t.Fatalf("open: %v %v", f, err)
	}
	adopted, got, err := reader.Adopt(t.Context(), key, "r1")
	if err != nil || string(got) != frames[0]+frames[1] {
		t.Fatalf("adopt: %q %v", got, err)
	}
	rest(t, beyond, "", stream.ErrLost)
	adopted.Append([]byte("end\n\n"))
	third := newStore(t, p)
	flush(t, reader)
	f := open(t, third)
	adopted.Close(stream.EndComplete)
	read(t, f, "0\n\n1\n\nend\n\n")
	ends(t, f, io.EOF)
}
