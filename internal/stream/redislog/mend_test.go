package redislog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"twobrains/internal/stream"
)

// rest reads to the end and fails unless that is what is wanted.
func rest(t *testing.T, f stream.Follower, want string, end error) {
	t.Helper()
	got := ""
	for {
		frames, err := f.Next(t.Context(), patience)
		got += string(frames)
		if err == nil && frames != nil {
			continue
		}
		if got != want || !errors.Is(err, end) || err == nil {
			t.Fatalf("read %.200q and %v, want %.200q and %v", got, err, want, end)
		}
		return
	}
}

func direct(t *testing.T) *redis.Client {
	t.Helper()
	client := redis.NewClient(redisOptions(t))
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// loseLast makes Redis lose the last entry of run r1.
func loseLast(t *testing.T, s *Store) (id string) {
	t.Helper()
	name := s.keys(key, "r1").stream
	last, err := direct(t).XRevRangeN(t.Context(), name, "+", "-", 1).Result()
	if err != nil || len(last) != 1 {
		t.Fatalf("%v, %v", last, err)
	}
	if err := direct(t).XDel(t.Context(), name, last[0].ID).Err(); err != nil {
		t.Fatal(err)
	}
	return last[0].ID
}

// fails waits until the mirror has failed another n times.
func fails(t *testing.T, s *Store, n int64) {
	t.Helper()
	n += s.mirror.failed.Load()
	eventually(t, "failures", func() error {
		if got := s.mirror.failed.Load(); got < n {
			return fmt.Errorf("%d of %d", got, n)
		}
		return nil
	})
}

// TestFollowerAhead: Redis loses the last frames of a run and its process dies. Who has read them is not given what another
// process puts in their place.
func TestFollowerAhead(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"end\n\n", "a longer end, beyond what was lost\n\n"} {
		p, link := prefix(), newLink(t)
		writer, heir, third := newStore(t, p, link.use), newStore(t, p), newStore(t, p)
		log := begin(t, writer, "r1")
		for _, frames := range []string{"one\n\n", "two, which is lost\n\n"} {
			log.Append([]byte(frames))
			flush(t, writer)
		}
		f := open(t, third)
		read(t, f, "one\n\ntwo, which is lost\n\n")
		link.refuse()
		loseLast(t, writer)
		adopted, frames, err := heir.Adopt(t.Context(), key, "r1")
		if err != nil || string(frames) != "one\n\n" {
			t.Fatalf("adopt: %q %v", frames, err)
		}
		adopted.Append([]byte(text))
		adopted.Close(stream.EndComplete)
		rest(t, f, "", stream.ErrLost)
		f.Close()
		rest(t, open(t, third), "one\n\n"+text, io.EOF)
	}
}

// TestEndAfterGap: a complete end is none where something before it is lost.
func TestEndAfterGap(t *testing.T) {
	t.Parallel()
	p := prefix()
	writer, heir, third := newStore(t, p), newStore(t, p), newStore(t, p)
	log := begin(t, writer, "r1")
	log.Append([]byte("one\n\n"))
	f := open(t, third)
	read(t, f, "one\n\n")
	add := &redis.XAddArgs{Stream: writer.keys(key, "r1").stream, ID: entryID(firstEpoch+1, 100), Values: []any{"e", "complete"}}
	if err := direct(t).XAdd(t.Context(), add).Err(); err != nil {
		t.Fatal(err)
	}
	rest(t, f, "", stream.ErrLost)
	f.Close()
	if _, err := third.Open(t.Context(), key); !errors.Is(err, stream.ErrUnavailable) {
		t.Fatalf("open: %v", err)
	}
	adopted, frames, err := heir.Adopt(t.Context(), key, "r1")
	if err != nil || string(frames) != "one\n\n" {
		t.Fatalf("adopt: %q %v", frames, err)
	}
	adopted.Append([]byte("end\n\n"))
	adopted.Close(stream.EndComplete)
	flush(t, heir)
	rest(t, open(t, third), "one\n\nend\n\n", io.EOF)
}

// refusing lets Redis refuse what is added in batches that also end a log, while it is armed.
type refusing struct{ armed atomic.Bool }

type refusal string

func (r refusal) Error() string { return string(r) }
func (refusal) RedisError()     {}

func (*refusing) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (*refusing) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (r *refusing) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, commands []redis.Cmder) error {
		var added, others []redis.Cmder
		ends := false
		for _, c := range commands {
			if c.Name() == "xadd" {
				added = append(added, c)
			} else {
				others = append(others, c)
				ends = ends || strings.Contains(c.String(), "complete")
			}
		}
		if !ends || len(added) == 0 || !r.armed.CompareAndSwap(true, false) {
			return next(ctx, commands)
		}
		for _, c := range added {
			c.SetErr(refusal("OOM command not allowed when used memory > 'maxmemory'."))
		}
		return next(ctx, others)
	}
}

// TestRefusedFrames: Redis has no room for the last frames of a run, and a moment later room for its end.
func TestRefusedFrames(t *testing.T) {
	t.Parallel()
	var hook refusing
	for hook.armed.Store(true); hook.armed.Load(); {
		p := prefix()
		writer, reader := newStore(t, p, func(o *Options) { o.Pause = 50 * time.Millisecond }), newStore(t, p)
		writer.mirror.client.AddHook(&hook)
		log := begin(t, writer, "r1")
		log.Append([]byte("one\n\n"))
		flush(t, writer)
		log.Append([]byte("two\n\n"))
		log.Close(stream.EndComplete)
		flush(t, writer)
		rest(t, open(t, reader), "one\n\ntwo\n\n", io.EOF)
	}
}

// TestGapMended: Redis falls back to an older state, by a restart or a failover, while the process that writes lives. It
// uploads what is missing. Those who have read it already go on after it.
func TestGapMended(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*testing.T, *Store, *link){
		"after failures":     func(t *testing.T, s *Store, l *link) { t.Helper(); l.refuse(); fails(t, s, 1) },
		"another connection": func(*testing.T, *Store, *link) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, link := prefix(), newLink(t)
			writer, reader := newStore(t, p, link.use, impatient), newStore(t, p)
			log := begin(t, writer, "r1")
			for _, frames := range []string{"one\n\n", "two\n\n"} {
				log.Append([]byte(frames))
				flush(t, writer)
			}
			ahead := open(t, reader)
			read(t, ahead, "one\n\ntwo\n\n")
			change(t, writer, link)
			loseLast(t, writer)
			link.heal()
			log.Append([]byte("three\n\n"))
			flush(t, writer)
			read(t, ahead, "three\n\n")
			other := newStore(t, p)
			later := open(t, other)
			read(t, later, "one\n\ntwo\n\nthree\n\n")
			log.Close(stream.EndComplete)
			rest(t, later, "", io.EOF)
			rest(t, ahead, "", io.EOF)
			rest(t, open(t, newStore(t, p)), "one\n\ntwo\n\nthree\n\n", io.EOF)
		})
	}
}

// TestEndedRunAfterOutage: a run that was over before Redis learned of it does not push aside the one that came after it.
func TestEndedRunAfterOutage(t *testing.T) {
	t.Parallel()
	p, link := prefix(), newLink(t)
	late, other := newStore(t, p, link.use, impatient), newStore(t, p)
	flush(t, late)
	link.refuse()
	fails(t, late, 1)
	old := begin(t, late, "r1")
	old.Append([]byte("one\n\n"))
	old.Close(stream.EndComplete)
	fails(t, late, 1) // so that the next one is younger by the clock
	log := begin(t, other, "r2")
	log.Append([]byte("two\n\n"))
	flush(t, other)
	link.heal()
	flush(t, late)
	log.Append([]byte("three\n\n"))
	flush(t, other)
	f := open(t, late)
	if f.RunID() != "r2" {
		t.Fatalf("the conversation's run is %s", f.RunID())
	}
	log.Close(stream.EndComplete)
	rest(t, f, "two\n\nthree\n\n", io.EOF)
	rest(t, log.Follow(), "two\n\nthree\n\n", io.EOF)
}

// TestAdoptOlder: an older run of the conversation is adopted in the process that makes the newer one, before Redis knows of it.
func TestAdoptOlder(t *testing.T) {
	t.Parallel()
	p := prefix()
	one, two := newStore(t, p), newStore(t, p, func(o *Options) { o.Pause = 300 * time.Millisecond })
	begin(t, one, "r1").Append([]byte("one\n\n"))
	flush(t, one, two)
	live := begin(t, two, "r2")
	live.Append([]byte("two\n\n"))
	if _, frames, err := two.Adopt(t.Context(), key, "r1"); !errors.Is(err, stream.ErrNoLog) {
		t.Fatalf("adopt: %q %v", frames, err)
	}
	live.Append([]byte("three\n\n"))
	live.Close(stream.EndComplete)
	rest(t, live.Follow(), "two\n\nthree\n\n", io.EOF)
}

// TestForgottenWhileAway: a run is dropped while Redis is away. Its writer, who does not know yet, does no harm, and Redis
// learns of it later.
func TestForgottenWhileAway(t *testing.T) {
	t.Parallel()
	p, link := prefix(), newLink(t)
	s, other := newStore(t, p, link.use, impatient), newStore(t, p)
	log := begin(t, s, "r1")
	log.Append([]byte("one\n\n"))
	flush(t, s)
	link.refuse()
	fails(t, s, 1)
	if err := s.Drop(t.Context(), key); !errors.Is(err, stream.ErrUnavailable) {
		t.Fatalf("drop: %v", err)
	}
	eventually(t, "the run to be let go", func() error {
		if n := len(s.mirror.all()); n > 0 {
			return fmt.Errorf("%d runs", n)
		}
		return nil
	})
	fails(t, s, 1)
	log.Append([]byte("two\n\n"))
	log.Compact([]byte("1-2\n\n"))
	link.heal()
	flush(t, s)
	if _, err := other.Open(t.Context(), key); !errors.Is(err, stream.ErrNoLog) {
		t.Fatalf("open: %v", err)
	}
}

// TestFence: only Redis itself says that another process has taken a run over.
func TestFence(t *testing.T) {
	t.Parallel()
	for err, fenced := range map[error]bool{
		redis.ErrPoolExhausted: false,
		redis.ErrPoolTimeout:   false,
		refusal("ERR The ID specified in XADD is equal or smaller than the target stream top item"): true,
		refusal("ERR The stream has exhausted the last possible ID, unable to add more items"):      true,
		refusal("LOADING Redis is loading the dataset in memory"):                                   false,
	} {
		c := redis.NewCmd(t.Context())
		c.SetErr(fmt.Errorf("write: %w", err))
		if answer, got := answerOf(c); (answer == answerFenced) != fenced || (got == nil) != fenced {
			t.Errorf("%v: %q %v", err, answer, got)
		}
	}
	s := newStore(t, prefix(), func(o *Options) { o.Redis.MaxActiveConns = 1 })
	for _, client := range []*redis.Client{s.client, s.mirror.client, s.hub.client} {
		if n := client.Options().MaxActiveConns; n != 0 {
			t.Errorf("at most %d connections", n)
		}
	}
}

// TestBusy: that all our connections are in use does not mean that Redis is away.
func TestBusy(t *testing.T) {
	t.Parallel()
	p := prefix()
	writer, reader := newStore(t, p), newStore(t, p)
	log := begin(t, writer, "r1")
	log.Append([]byte("one\n\n"))
	flush(t, writer)
	var taken []*redis.Conn
	for range callers {
		c := reader.client.Conn()
		if err := c.Ping(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		taken = append(taken, c)
	}
	_, err := reader.Open(t.Context(), key)
	for _, c := range taken {
		_ = c.Close()
	}
	if !errors.Is(err, stream.ErrUnavailable) {
		t.Fatalf("open: %v", err)
	}
	f, err := reader.Open(t.Context(), key)
	if err != nil {
		t.Fatalf("open after that: %v", err)
	}
	defer f.Close()
	read(t, f, "one\n\n")
}

// TestTooLargeWhileAway: that a run is out of reach is told to other processes as soon as Redis is back.
func TestTooLargeWhileAway(t *testing.T) {
	t.Parallel()
	p, link := prefix(), newLink(t)
	writer, reader := newStore(t, p, link.use, impatient, func(o *Options) { o.MaxBytes = 1000 }), newStore(t, p)
	log := begin(t, writer, "r1")
	log.Append([]byte("one\n\n"))
	f := open(t, reader)
	read(t, f, "one\n\n")
	link.refuse()
	log.Append([]byte(strings.Repeat("x", 2000)))
	fails(t, writer, 3)
	link.heal()
	rest(t, f, "", stream.ErrLost)
	f.Close()
	if _, err := reader.Open(t.Context(), key); !errors.Is(err, stream.ErrUnavailable) {
		t.Fatalf("open: %v", err)
	}
	log.Close(stream.EndComplete)
}

// TestTrimmedWhileCompacting: what compactions stand for goes, however quickly they follow on one another.
func TestTrimmedWhileCompacting(t *testing.T) {
	t.Parallel()
	p := prefix()
	s := newStore(t, p, impatient)
	log := begin(t, s, "r1")
	log.Append([]byte("one\n\n"))
	flush(t, s)
	client, name := direct(t), s.keys(key, "r1").stream
	oldest := func() string {
		first, err := client.XRangeN(t.Context(), name, "-", "+", 1).Result()
		if err != nil || len(first) != 1 {
			t.Fatalf("%v, %v", first, err)
		}
		return first[0].ID
	}
	before := oldest()
	eventually(t, "something to be trimmed", func() error {
		log.Append([]byte("two\n\n"))
		flush(t, s)
		log.Compact([]byte("1-2\n\n"))
		flush(t, s)
		if now := oldest(); now == before {
			return errors.New(now)
		}
		return nil
	})
	log.Close(stream.EndComplete)
}
