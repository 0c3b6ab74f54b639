package redislog

import (
	"fmt"
	"io"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"twobrains/internal/stream"
)

var frame = []byte(`data: {"type":"text-delta","id":"t1","delta":" a word or two"}` + "\n\n")

// cpu is what this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func beginMany(b *testing.B, logs stream.Logs, n int) []stream.Log {
	b.Helper()
	all := make([]stream.Log, n)
	for i := range all {
		log, err := logs.Create(b.Context(), stream.Key{Tenant: "u", Conversation: fmt.Sprint(i)}, "r")
		if err != nil {
			b.Fatal(err)
		}
		all[i] = log
	}
	return all
}

// BenchmarkMirror appends to 9,000 runs in turn, evenly over time as 9,000 providers with a chunk a second each would, and
// reports the processor time for one chunk. Memory alone is the baseline.
func BenchmarkMirror(b *testing.B) {
	const runs, perSecond = 9000, 9000
	measure := func(b *testing.B, logs stream.Logs, settle func()) {
		all := beginMany(b, logs, runs)
		settle()
		runtime.GC()
		b.ResetTimer()
		used, started := cpu(), time.Now()
		for i := range b.N {
			all[i%runs].Append(frame)
			if i%90 == 89 {
				time.Sleep(time.Until(started.Add(time.Duration(i) * time.Second / perSecond)))
			}
		}
		settle()
		b.ReportMetric(float64((cpu()-used).Nanoseconds())/float64(b.N), "cpu-ns/chunk")
		b.ReportMetric(100*(cpu()-used).Seconds()/time.Since(started).Seconds(), "%core")
	}
	b.Run("memory", func(b *testing.B) {
		m := stream.NewMemory(stream.MemoryOptions{})
		defer m.Close()
		measure(b, m, func() {})
	})
	b.Run("mirrored", func(b *testing.B) {
		s := newStore(b, prefix(), func(o *Options) { o.Pause = 0 })
		measure(b, s, func() { flush(b, s) })
	})
}

// BenchmarkFollowers gives chunks to 100 followers of one run: in the process that makes it, and in another.
func BenchmarkFollowers(b *testing.B) {
	const followers = 100
	measure := func(b *testing.B, writer, reader stream.Logs, settle func()) {
		log := beginMany(b, writer, 1)[0]
		settle()
		var wg sync.WaitGroup
		b.ResetTimer()
		used := cpu()
		for range followers {
			f, err := reader.Open(b.Context(), stream.Key{Tenant: "u", Conversation: "0"})
			if err != nil {
				b.Fatal(err)
			}
			wg.Go(func() {
				defer f.Close()
				for {
					if _, err := f.Next(b.Context(), time.Minute); err != nil {
						if err != io.EOF { //nolint:errorlint // as Follower promises
							b.Error(err)
						}
						return
					}
				}
			})
		}
		for range b.N {
			log.Append(frame)
			time.Sleep(time.Millisecond)
		}
		log.Close(stream.EndComplete)
		wg.Wait()
		b.ReportMetric(float64((cpu()-used).Microseconds())/float64(b.N), "cpu-us/chunk")
	}
	b.Run("here", func(b *testing.B) {
		m := stream.NewMemory(stream.MemoryOptions{})
		defer m.Close()
		measure(b, m, m, func() {})
	})
	b.Run("elsewhere", func(b *testing.B) {
		p := prefix()
		one, two := newStore(b, p, func(o *Options) { o.Pause = 0 }), newStore(b, p, func(o *Options) { o.Pause = 0 })
		measure(b, one, two, func() { flush(b, one) })
	})
}

// BenchmarkDelay is the time from an append to its arrival at a follower in another process.
func BenchmarkDelay(b *testing.B) {
	p := prefix()
	one, two := newStore(b, p, func(o *Options) { o.Pause = 0 }), newStore(b, p, func(o *Options) { o.Pause = 0 })
	log := beginMany(b, one, 1)[0]
	log.Append(frame)
	flush(b, one)
	f, err := two.Open(b.Context(), stream.Key{Tenant: "u", Conversation: "0"})
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Next(b.Context(), time.Second); err != nil {
		b.Fatal(err)
	}
	for range b.N {
		log.Append(frame)
		if frames, err := f.Next(b.Context(), time.Second); err != nil || frames == nil {
			b.Fatal(err)
		}
	}
}
