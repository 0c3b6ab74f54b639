package streamtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"twobrains/internal/stream"
)

// Replicas are the stores of two processes that share their logs.
type Replicas struct {
	One, Two stream.Logs
	// Settle waits until each can see what the other has appended.
	Settle func(t *testing.T)
	// Kill lets the first die without a word: what it holds is gone, and what it still does reaches nobody.
	Kill func(t *testing.T)
}

// RunReplicas is the conformance suite of stores that are shared. open is called once for each case.
func RunReplicas(t *testing.T, open func(t *testing.T) Replicas) {
	cases := map[string]func(t *testing.T, r Replicas){
		"follow elsewhere":        followElsewhere,
		"open after the end":      openAfterEnd,
		"lost elsewhere":          lostElsewhere,
		"drop elsewhere":          dropElsewhere,
		"newer run elsewhere":     newerRun,
		"replaced run":            replacedRun,
		"adopt after a death":     adoptDead,
		"adopt what is lost":      adoptLostElsewhere,
		"adopt what is whole":     adoptWholeElsewhere,
		"adopt what is alive":     adoptAlive,
		"compaction elsewhere":    compactionElsewhere,
		"slow reader elsewhere":   slowElsewhere,
		"many readers elsewhere":  manyElsewhere,
		"leave and come back":     leaveAndBack,
		"not another run's frame": tenantsElsewhere,
	}
	for name, run := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, open(t))
		})
	}
}

func followElsewhere(t *testing.T, r Replicas) {
	log := create(t, r.One, key, "r1")
	log.Append([]byte("one\n\n"))
	r.Settle(t)
	f := follow(t, r.Two, key)
	if f.RunID() != "r1" || f.Ended() {
		t.Fatalf("run %q, ended %v", f.RunID(), f.Ended())
	}
	if got := readUntil(t, f, 5); string(got) != "one\n\n" {
		t.Fatalf("read %q", got)
	}
	log.Append([]byte("two\n\n"))
	if got := readUntil(t, f, 5); string(got) != "two\n\n" {
		t.Fatalf("read %q", got)
	}
	if frames, err := f.Next(t.Context(), time.Millisecond); frames != nil || err != nil {
		t.Fatalf("idle: %q %v", frames, err)
	}
	log.Append([]byte("three\n\n"))
	log.Close(stream.EndComplete)
	wantAll(t, f, "three\n\n", io.EOF)
	if !f.Ended() {
		t.Fatal("not ended")
	}
}

func openAfterEnd(t *testing.T, r Replicas) {
	log := create(t, r.One, key, "r1")
	log.Append([]byte("one\n\n"))
	log.Close(stream.EndComplete)
	r.Settle(t)
	for range 2 {
		f := follow(t, r.Two, key)
		if !f.Ended() {
			t.Fatal("not ended")
		}
		wantAll(t, f, "one\n\n", io.EOF)
		f.Close()
	}
}

func lostElsewhere(t *testing.T, r Replicas) {
	log := create(t, r.One, key, "r1")
	log.Append([]byte("one\n\n"))
	r.Settle(t)
	f := follow(t, r.Two, key)
	log.Close(stream.EndLost)
	wantAll(t, f, "one\n\n", stream.ErrLost)
}

func dropElsewhere(t *testing.T, r Replicas) {
	log := create(t, r.One, key, "r1")
	log.Append([]byte("one\n\n"))
	r.Settle(t)
	here, there := follow(t, r.One, key), follow(t, r.Two, key)
	if err := r.Two.Drop(t.Context(), key); err != nil {
		t.Fatalf("drop: %v", err)
	}
	wantAll(t, there, "one\n\n", stream.ErrLost)
	log.Append([]byte("two\n\n"))
	r.Settle(t)
	got, err := readAll(t.Context(), here)
	if !errors.Is(err, stream.ErrLost) {
		t.Fatalf("where it ran: %q %v", got, err)
	}
	r.Settle(t)
	for _, logs := range []stream.Logs{r.One, r.Two} {
		if _, err := logs.Open(t.Context(), key); !errors.Is(err, stream.ErrNoLog) {
			t.Fatalf("after the drop: %v", err)
		}
	}
}

// newerRun: an ended log of this process is not taken for the run that another process makes since.
func newerRun(t *testing.T, r Replicas) {
	first := create(t, r.One, key, "r1")
	first.Append([]byte("one\n\n"))
	first.Close(stream.EndComplete)
	r.Settle(t)
	second := create(t, r.Two, key, "r2")
	second.Append([]byte("two\n\n"))
	r.Settle(t)
	f := follow(t, r.One, key)
	if f.RunID() != "r2" || f.Ended() {
		t.Fatalf("run %q, ended %v", f.RunID(), f.Ended())
	}
	second.Close(stream.EndComplete)
	wantAll(t, f, "two\n\n", io.EOF)
}

func replacedRun(t *testing.T, r Replicas) {
	first := create(t, r.One, key, "r1")
	first.Append([]byte("one\n\n"))
	r.Settle(t)
	here, there := follow(t, r.One, key), follow(t, r.Two, key)
	second := create(t, r.Two, key, "r2")
	second.Append([]byte("two\n\n"))
	wantAll(t, there, "one\n\n", stream.ErrLost)
	r.Settle(t)
	first.Append([]byte("late\n\n")) // by this the process learns that it is no longer asked
	got, err := readAll(t.Context(), here)
	if !errors.Is(err, stream.ErrLost) {
		t.Fatalf("where the old run is: %q %v", got, err)
	}
	f := follow(t, r.One, key)
	second.Close(stream.EndComplete)
	wantAll(t, f, "two\n\n", io.EOF)
}

func adoptDead(t *testing.T, r Replicas) {
	dead := create(t, r.One, key, "r1")
	dead.Append([]byte("one\n\n"))
	dead.Append([]byte("two\n\n"))
	r.Settle(t)
	f := follow(t, r.Two, key)
	readUntil(t, f, 10)
	r.Kill(t)
	log := adopt(t, r.Two, "one\n\ntwo\n\n")
	log.Append([]byte("three\n\n"))
	log.Close(stream.EndComplete)
	wantAll(t, f, "three\n\n", io.EOF)
	wantAll(t, follow(t, r.Two, key), "one\n\ntwo\n\nthree\n\n", io.EOF)
}

func adoptLostElsewhere(t *testing.T, r Replicas) {
	log := create(t, r.One, key, "r1")
	log.Append([]byte("one\n\n"))
	log.Close(stream.EndLost)
	r.Settle(t)
	adopted := adopt(t, r.Two, "one\n\n")
	adopted.Append([]byte("two\n\n"))
	r.Settle(t)
	f := follow(t, r.One, key)
	adopted.Close(stream.EndComplete)
	wantAll(t, f, "one\n\ntwo\n\n", io.EOF)
}

func adoptWholeElsewhere(t *testing.T, r Replicas) {
	log := create(t, r.One, key, "r1")
	log.Append([]byte("one\n\n"))
	log.Close(stream.EndComplete)
	r.Settle(t)
	adopted := adopt(t, r.Two, "one\n\n")
	adopted.Append([]byte("two\n\n"))
	adopted.Close(stream.EndLost)
	r.Settle(t)
	for _, logs := range []stream.Logs{r.One, r.Two} {
		wantAll(t, follow(t, logs, key), "one\n\n", io.EOF)
	}
	if _, _, err := r.Two.Adopt(t.Context(), key, "r2"); !errors.Is(err, stream.ErrNoLog) {
		t.Fatalf("another run: %v", err)
	}
}

// adoptAlive: a process that was taken for dead cannot write any more, and its followers are sent elsewhere.
func adoptAlive(t *testing.T, r Replicas) {
	zombie := create(t, r.One, key, "r1")
	zombie.Append([]byte("one\n\n"))
	r.Settle(t)
	here := follow(t, r.One, key)
	log := adopt(t, r.Two, "one\n\n")
	zombie.Append([]byte("late\n\n"))
	got, err := readAll(t.Context(), here)
	if !errors.Is(err, stream.ErrLost) || !bytes.HasPrefix(got, []byte("one\n\n")) {
		t.Fatalf("where it was: %q %v", got, err)
	}
	zombie.Append([]byte("later\n\n"))
	zombie.Close(stream.EndComplete)
	log.Append([]byte("two\n\n"))
	r.Settle(t)
	f := follow(t, r.One, key)
	log.Close(stream.EndComplete)
	wantAll(t, f, "one\n\ntwo\n\n", io.EOF)
}

func compactionElsewhere(t *testing.T, r Replicas) {
	log := create(t, r.One, key, "r1")
	for i := range 9 {
		log.Append(fmt.Appendf(nil, "%d\n\n", i))
	}
	r.Settle(t)
	ahead, behind := follow(t, r.Two, key), follow(t, r.Two, key)
	readUntil(t, ahead, 27)
	log.Compact([]byte("0-8\n\n"))
	log.Append([]byte("9\n\n"))
	r.Settle(t)
	if got := readUntil(t, ahead, 3); string(got) != "9\n\n" {
		t.Fatalf("ahead: %q", got)
	}
	later := follow(t, r.Two, key)
	log.Append([]byte("10\n\n"))
	log.Compact([]byte("0-10\n\n"))
	log.Append([]byte("11\n\n"))
	log.Close(stream.EndComplete)
	wantAll(t, ahead, "10\n\n11\n\n", io.EOF)
	wantAll(t, later, "0-8\n\n9\n\n10\n\n11\n\n", io.EOF)
	got, err := readAll(t.Context(), behind)
	if string(got) != "0\n\n1\n\n2\n\n3\n\n4\n\n5\n\n6\n\n7\n\n8\n\n9\n\n10\n\n11\n\n" || !errors.Is(err, io.EOF) {
		t.Fatalf("behind: %q %v", got, err)
	}
	r.Settle(t)
	for _, f := range []stream.Follower{ahead, behind, later} {
		f.Close()
	}
	wantAll(t, follow(t, r.Two, key), "0-10\n\n11\n\n", io.EOF)
}

// slowElsewhere: who does not read holds up neither the writer nor other readers.
func slowElsewhere(t *testing.T, r Replicas) {
	log := create(t, r.One, key, "r1")
	log.Append([]byte("first\n\n"))
	r.Settle(t)
	slow, quick := follow(t, r.Two, key), follow(t, r.Two, key)
	frame := bytes.Repeat([]byte{'x'}, 1000)
	for range 4000 {
		log.Append(frame)
	}
	log.Close(stream.EndComplete)
	for _, f := range []stream.Follower{quick, slow} {
		got, err := readAll(t.Context(), f)
		if len(got) != 4_000_007 || !errors.Is(err, io.EOF) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
	}
}

func manyElsewhere(t *testing.T, r Replicas) {
	const runs, frames = 20, 200
	var wg sync.WaitGroup
	keyOf := func(i int) stream.Key { return stream.Key{Tenant: "u_1", Conversation: fmt.Sprint("c", i)} }
	logs := make([]stream.Log, runs)
	var want bytes.Buffer
	for i := range frames {
		fmt.Fprintf(&want, "%d\n\n", i)
	}
	for i := range logs {
		logs[i] = create(t, r.One, keyOf(i), fmt.Sprint("r", i))
	}
	r.Settle(t)
	for i := range logs {
		for range 3 {
			f := follow(t, r.Two, keyOf(i))
			wg.Go(func() {
				got, err := readAll(t.Context(), f)
				if !errors.Is(err, io.EOF) || !bytes.Equal(got, want.Bytes()) {
					t.Errorf("run %d: %d bytes, %v", i, len(got), err)
				}
			})
		}
	}
	for n := range frames {
		for _, log := range logs {
			log.Append(fmt.Appendf(nil, "%d\n\n", n))
		}
	}
	for _, log := range logs {
		log.Close(stream.EndComplete)
	}
	wg.Wait()
}

func leaveAndBack(t *testing.T, r Replicas) {
	log := create(t, r.One, key, "r1")
	log.Append([]byte("one\n\n"))
	r.Settle(t)
	for range 3 {
		f := follow(t, r.Two, key)
		readUntil(t, f, 5)
		f.Close()
		f.Close()
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Two.Open(gone, key); !errors.Is(err, context.Canceled) {
		t.Fatalf("open with an ended context: %v", err)
	}
	log.Append([]byte("two\n\n"))
	log.Close(stream.EndComplete)
	r.Settle(t)
	wantAll(t, follow(t, r.Two, key), "one\n\ntwo\n\n", io.EOF)
}

func tenantsElsewhere(t *testing.T, r Replicas) {
	mine := create(t, r.One, key, "r1")
	mine.Append([]byte("mine\n\n"))
	r.Settle(t)
	other := stream.Key{Tenant: "u_2", Conversation: key.Conversation}
	if _, err := r.Two.Open(t.Context(), other); !errors.Is(err, stream.ErrNoLog) {
		t.Fatalf("another tenant opens it: %v", err)
	}
	if _, _, err := r.Two.Adopt(t.Context(), other, "r1"); !errors.Is(err, stream.ErrNoLog) {
		t.Fatalf("another tenant adopts it: %v", err)
	}
	mine.Close(stream.EndComplete)
}
