package streamtest

import (
	"errors"
	"io"
	"testing"

	"twobrains/internal/stream"
)

// adopt takes over run r1.
func adopt(t *testing.T, logs stream.Logs, want string) stream.Log {
	t.Helper()
	log, frames, err := logs.Adopt(t.Context(), key, "r1")
	if err != nil {
		t.Fatalf("adopt: %v", err)
	}
	if log.RunID() != "r1" || string(frames) != want {
		t.Fatalf("adopted run %q with %.200q, want %.200q", log.RunID(), frames, want)
	}
	return log
}

func adoptRunning(t *testing.T, logs stream.Logs) {
	dead := create(t, logs, key, "r1")
	dead.Append([]byte("one\n\n"))
	f := follow(t, logs, key)
	log := adopt(t, logs, "one\n\n")
	dead.Append([]byte("late\n\n"))
	dead.Compact([]byte("late\n\n"))
	dead.Close(stream.EndLost)
	log.Append([]byte("two\n\n"))
	log.Close(stream.EndComplete)
	wantAll(t, f, "one\n\ntwo\n\n", io.EOF)
	wantAll(t, follow(t, logs, key), "one\n\ntwo\n\n", io.EOF)
}

func adoptLost(t *testing.T, logs stream.Logs) {
	dead := create(t, logs, key, "r1")
	dead.Append([]byte("one\n\n"))
	f := follow(t, logs, key)
	dead.Close(stream.EndLost)
	wantAll(t, f, "one\n\n", stream.ErrLost)
	log := adopt(t, logs, "one\n\n")
	later := follow(t, logs, key)
	if later.Ended() {
		t.Fatal("an adopted log has ended")
	}
	log.Append([]byte("two\n\n"))
	log.Close(stream.EndComplete)
	wantAll(t, later, "one\n\ntwo\n\n", io.EOF)
}

func adoptWhole(t *testing.T, logs stream.Logs) {
	whole := create(t, logs, key, "r1")
	whole.Append([]byte("one\n\n"))
	whole.Close(stream.EndComplete)
	log := adopt(t, logs, "one\n\n")
	log.Append([]byte("two\n\n"))
	log.Close(stream.EndLost)
	wantAll(t, log.Follow(), "one\n\n", io.EOF)
	wantAll(t, follow(t, logs, key), "one\n\n", io.EOF)
}

func adoptOther(t *testing.T, logs stream.Logs) {
	if _, _, err := logs.Adopt(t.Context(), key, "r1"); !errors.Is(err, stream.ErrNoLog) {
		t.Fatalf("no log: %v", err)
	}
	log := create(t, logs, key, "r1")
	log.Append([]byte("one\n\n"))
	if _, _, err := logs.Adopt(t.Context(), key, "r2"); !errors.Is(err, stream.ErrNoLog) {
		t.Fatalf("the log of another run: %v", err)
	}
	log.Close(stream.EndComplete)
	wantAll(t, follow(t, logs, key), "one\n\n", io.EOF)
}

func adoptCompacted(t *testing.T, logs stream.Logs) {
	dead := create(t, logs, key, "r1")
	dead.Append([]byte("one\n\n"))
	dead.Append([]byte("two\n\n"))
	dead.Compact([]byte("1-2\n\n"))
	dead.Append([]byte("three\n\n"))
	log := adopt(t, logs, "1-2\n\nthree\n\n")
	log.Append([]byte("four\n\n"))
	log.Compact([]byte("1-4\n\n"))
	log.Append([]byte("five\n\n"))
	log.Close(stream.EndComplete)
	wantAll(t, follow(t, logs, key), "1-4\n\nfive\n\n", io.EOF)
}
