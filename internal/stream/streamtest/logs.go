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

// RunLogs is the conformance suite of run logs. open makes an empty store that keeps ended logs for at least a minute;
// it is called once for each case.
func RunLogs(t *testing.T, open func(t *testing.T) stream.Logs) {
	cases := map[string]func(t *testing.T, logs stream.Logs){
		"no log":                     noLog,
		"replay then live":           replayThenLive,
		"many followers":             manyFollowers,
		"follower waits":             followerWaits,
		"follower's context":         followerContext,
		"replay after the end":       replayAfterEnd,
		"lost":                       lost,
		"create replaces":            createReplaces,
		"drop":                       drop,
		"tenants apart":              tenantsApart,
		"compaction":                 compaction,
		"large frames":               largeFrames,
		"writer never waits":         writerNeverWaits,
		"append after the end":       appendAfterEnd,
		"frames are copied":          framesCopied,
		"concurrent readers, writer": concurrent,
		"adopt a running log":        adoptRunning,
		"adopt a lost log":           adoptLost,
		"adopt a whole log":          adoptWhole,
		"adopt another's log":        adoptOther,
		"adopt a compacted log":      adoptCompacted,
	}
	for name, run := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, open(t))
		})
	}
}

var key = stream.Key{Tenant: "u_1", Conversation: "c1"}

func create(t *testing.T, logs stream.Logs, key stream.Key, run string) stream.Log {
	t.Helper()
	log, err := logs.Create(t.Context(), key, run)
	if err != nil {
		t.Fatalf("create log: %v", err)
	}
	if log.RunID() != run {
		t.Fatalf("run id %q, want %q", log.RunID(), run)
	}
	return log
}

func follow(t *testing.T, logs stream.Logs, key stream.Key) stream.Follower {
	t.Helper()
	f, err := logs.Open(t.Context(), key)
	if err != nil {
		t.Fatalf("open log: %v", err)
	}
	t.Cleanup(f.Close)
	return f
}

const patience = 10 * time.Second

// readAll reads to the end and returns everything with the error that ended it.
func readAll(ctx context.Context, f stream.Follower) ([]byte, error) {
	var all []byte
	for {
		frames, err := f.Next(ctx, patience)
		if err != nil {
			return all, err
		}
		if frames == nil {
			return all, errors.New("nothing came")
		}
		all = append(all, frames...)
	}
}

// readUntil reads until n bytes came.
func readUntil(t *testing.T, f stream.Follower, n int) []byte {
	t.Helper()
	var all []byte
	for len(all) < n {
		frames, err := f.Next(t.Context(), patience)
		if err != nil || frames == nil {
			t.Fatalf("after %d of %d bytes: %v", len(all), n, err)
		}
		all = append(all, frames...)
	}
	return all
}

func wantAll(t *testing.T, f stream.Follower, want string, end error) {
	t.Helper()
	got, err := readAll(t.Context(), f)
	if !errors.Is(err, end) {
		t.Fatalf("ended with %v, want %v", err, end)
	}
	if string(got) != want {
		t.Fatalf("read %.200q, want %.200q", got, want)
	}
}

func noLog(t *testing.T, logs stream.Logs) {
	if _, err := logs.Open(t.Context(), key); !errors.Is(err, stream.ErrNoLog) {
		t.Fatalf("open: %v", err)
	}
	if err := logs.Drop(t.Context(), key); err != nil {
		t.Fatalf("drop: %v", err)
	}
}

func replayThenLive(t *testing.T, logs stream.Logs) {
	log := create(t, logs, key, "r1")
	log.Append([]byte("one\n\n"))
	f := follow(t, logs, key)
	if f.RunID() != "r1" || f.Ended() {
		t.Fatalf("run %q, ended %v", f.RunID(), f.Ended())
	}
	if got := readUntil(t, f, 5); string(got) != "one\n\n" {
		t.Fatalf("read %q", got)
	}
	log.Append([]byte("two\n\n"))
	log.Append([]byte("three\n\n"))
	log.Close(stream.EndComplete)
	wantAll(t, f, "two\n\nthree\n\n", io.EOF)
	if !f.Ended() {
		t.Fatal("not ended")
	}
	if _, err := f.Next(t.Context(), patience); !errors.Is(err, io.EOF) {
		t.Fatalf("after the end: %v", err)
	}
}

func manyFollowers(t *testing.T, logs stream.Logs) {
	log := create(t, logs, key, "r1")
	log.Append([]byte("one\n\n"))
	early, direct := follow(t, logs, key), log.Follow()
	defer direct.Close()
	log.Append([]byte("two\n\n"))
	late, gone := follow(t, logs, key), follow(t, logs, key)
	gone.Close()
	log.Close(stream.EndComplete)
	for _, f := range []stream.Follower{early, direct, late} {
		wantAll(t, f, "one\n\ntwo\n\n", io.EOF)
	}
}

func followerWaits(t *testing.T, logs stream.Logs) {
	log := create(t, logs, key, "r1")
	f := follow(t, logs, key)
	if frames, err := f.Next(t.Context(), time.Millisecond); frames != nil || err != nil {
		t.Fatalf("idle: %q %v", frames, err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { log.Append([]byte("one\n\n")) })
	if got := readUntil(t, f, 5); string(got) != "one\n\n" {
		t.Fatalf("read %q", got)
	}
	wg.Wait()
	log.Close(stream.EndComplete)
}

func followerContext(t *testing.T, logs stream.Logs) {
	log := create(t, logs, key, "r1")
	f := follow(t, logs, key)
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { cancel(cause) })
	if _, err := f.Next(ctx, patience); !errors.Is(err, cause) {
		t.Fatalf("ended with %v", err)
	}
	wg.Wait()
	log.Append([]byte("one\n\n"))
	log.Close(stream.EndComplete)
	wantAll(t, f, "one\n\n", io.EOF)
}

func replayAfterEnd(t *testing.T, logs stream.Logs) {
	log := create(t, logs, key, "r1")
	log.Append([]byte("one\n\n"))
	log.Close(stream.EndComplete)
	f := follow(t, logs, key)
	if !f.Ended() {
		t.Fatal("not ended")
	}
	wantAll(t, f, "one\n\n", io.EOF)
}

func lost(t *testing.T, logs stream.Logs) {
	log := create(t, logs, key, "r1")
	f := follow(t, logs, key)
	log.Append([]byte("one\n\n"))
	log.Close(stream.EndLost)
	log.Close(stream.EndComplete)
	wantAll(t, f, "one\n\n", stream.ErrLost)
}

func createReplaces(t *testing.T, logs stream.Logs) {
	first := create(t, logs, key, "r1")
	first.Append([]byte("one\n\n"))
	old := follow(t, logs, key)
	second := create(t, logs, key, "r2")
	second.Append([]byte("two\n\n"))
	first.Append([]byte("late\n\n"))
	wantAll(t, old, "one\n\n", stream.ErrLost)
	f := follow(t, logs, key)
	if f.RunID() != "r2" {
		t.Fatalf("run %q", f.RunID())
	}
	second.Close(stream.EndComplete)
	wantAll(t, f, "two\n\n", io.EOF)
}

func drop(t *testing.T, logs stream.Logs) {
	log := create(t, logs, key, "r1")
	f := follow(t, logs, key)
	if err := logs.Drop(t.Context(), key); err != nil {
		t.Fatalf("drop: %v", err)
	}
	wantAll(t, f, "", stream.ErrLost)
	log.Append([]byte("one\n\n"))
	log.Close(stream.EndComplete)
	noLog(t, logs)
}

func tenantsApart(t *testing.T, logs stream.Logs) {
	mine := create(t, logs, key, "r1")
	mine.Append([]byte("mine\n\n"))
	other := stream.Key{Tenant: "u_2", Conversation: key.Conversation}
	if _, err := logs.Open(t.Context(), other); !errors.Is(err, stream.ErrNoLog) {
		t.Fatalf("another tenant opens it: %v", err)
	}
	theirs := create(t, logs, other, "r2")
	theirs.Append([]byte("theirs\n\n"))
	for _, log := range []stream.Log{mine, theirs} {
		log.Close(stream.EndComplete)
	}
	wantAll(t, follow(t, logs, key), "mine\n\n", io.EOF)
	wantAll(t, follow(t, logs, other), "theirs\n\n", io.EOF)
}

func compaction(t *testing.T, logs stream.Logs) {
	log := create(t, logs, key, "r1")
	behind, ahead := follow(t, logs, key), follow(t, logs, key)
	for i := range 9 {
		log.Append(fmt.Appendf(nil, "%d\n\n", i))
	}
	readUntil(t, ahead, 27)
	log.Compact([]byte("0-8\n\n"))
	log.Append([]byte("9\n\n"))
	later := follow(t, logs, key)
	log.Compact([]byte("0-9\n\n"))
	log.Append([]byte("10\n\n"))
	last := follow(t, logs, key)
	log.Close(stream.EndComplete)
	wantAll(t, ahead, "9\n\n10\n\n", io.EOF)
	wantAll(t, later, "0-8\n\n9\n\n10\n\n", io.EOF)
	wantAll(t, last, "0-9\n\n10\n\n", io.EOF)
	got, err := readAll(t.Context(), behind)
	if !errors.Is(err, io.EOF) || !bytes.HasSuffix(got, []byte("10\n\n")) {
		t.Fatalf("behind: %q %v", got, err)
	}
	whole := string(got) == "0\n\n1\n\n2\n\n3\n\n4\n\n5\n\n6\n\n7\n\n8\n\n9\n\n10\n\n"
	if !whole && string(got) != "0-8\n\n9\n\n10\n\n" && string(got) != "0-9\n\n10\n\n" {
		t.Fatalf("behind: neither the old nor a compacted form: %q", got)
	}
}

func largeFrames(t *testing.T, logs stream.Logs) {
	log := create(t, logs, key, "r1")
	var want bytes.Buffer
	for _, n := range []int{0, 1, 1023, 1024, 70_000, 3, 1 << 20, 5} {
		frame := bytes.Repeat([]byte{'x'}, n)
		want.Write(frame)
		log.Append(frame)
	}
	log.Close(stream.EndComplete)
	wantAll(t, follow(t, logs, key), want.String(), io.EOF)
}

func writerNeverWaits(t *testing.T, logs stream.Logs) {
	log := create(t, logs, key, "r1")
	idle := follow(t, logs, key)
	frame := bytes.Repeat([]byte{'x'}, 1000)
	for range 4000 {
		log.Append(frame)
	}
	log.Close(stream.EndComplete)
	got, err := readAll(t.Context(), idle)
	if len(got) != 4_000_000 || !errors.Is(err, io.EOF) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
}

func appendAfterEnd(t *testing.T, logs stream.Logs) {
	log := create(t, logs, key, "r1")
	log.Append([]byte("one\n\n"))
	log.Close(stream.EndComplete)
	log.Append([]byte("two\n\n"))
	log.Compact([]byte("three\n\n"))
	wantAll(t, follow(t, logs, key), "one\n\n", io.EOF)
}

func framesCopied(t *testing.T, logs stream.Logs) {
	log := create(t, logs, key, "r1")
	frame := []byte("one\n\n")
	log.Append(frame)
	copy(frame, "xxx")
	log.Close(stream.EndComplete)
	wantAll(t, follow(t, logs, key), "one\n\n", io.EOF)
}

func concurrent(t *testing.T, logs stream.Logs) {
	log := create(t, logs, key, "r1")
	var want bytes.Buffer
	for i := range 2000 {
		fmt.Fprintf(&want, "%d\n\n", i)
	}
	var wg sync.WaitGroup
	for range 8 {
		f := follow(t, logs, key)
		wg.Go(func() {
			got, err := readAll(t.Context(), f)
			if !errors.Is(err, io.EOF) || !bytes.Equal(got, want.Bytes()) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
	for i := range 2000 {
		log.Append(fmt.Appendf(nil, "%d\n\n", i))
	}
	log.Close(stream.EndComplete)
	wg.Wait()
}
