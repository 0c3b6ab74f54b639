package main

import (
	"fmt"
	"strings"
	"time"
)

// tell adds the lines of the table.
func (sb *streamBench) tell(greeted, small, copied, large measured) {
	n := large.n
	counts := func(m measured) string {
		return fmt.Sprintf("%d, %d, %d, %d", m.Complete, m.stored, m.Complete-m.stored+m.open, m.failed())
	}
	sb.report.add(line{
		Figure:   fmt.Sprintf("%d streams of %d chunks, one a second, begun over %s: complete, stored, lost, errors", n, sb.streams.seconds, sb.streams.ramp),
		Baseline: counts(small), Ours: counts(large), Must: fmt.Sprintf("%d, %d, 0, 0", n, n),
		Pass:    large.Complete == n && large.stored == n && large.open == 0 && large.failed() == 0,
		Details: map[string]float64{"complete": float64(large.Complete), "stored": float64(large.stored), "open": float64(large.open), "errors": float64(large.failed())},
	})
	sb.report.add(line{
		Figure: "first byte p50 / p99 / longest", Baseline: small.First.String(), Ours: large.First.String(),
		Must: "p99 <= 2 s", Pass: large.First.P99 <= 2*time.Second, Details: large.First.details("first"),
	})
	sb.report.add(line{
		Figure: "first word of the model", Baseline: small.Word.String() + "; copied: " + copied.Word.String(), Ours: large.Word.String(), Details: large.Word.details("word"),
	})
	sb.report.add(line{
		Figure: "delay of a chunk p50 / p99 / longest", Baseline: small.Delay.String() + "; copied: " + copied.Delay.String(), Ours: large.Delay.String(),
		Must: "p99 <= 500 ms", Pass: large.Delay.P99 <= 500*time.Millisecond, Details: large.Delay.details("delay"),
	})
	perStream := large.perStream()
	memory := func(m measured) string {
		return fmt.Sprintf("%d, %d MB; %.1f KB", m.rest>>20, m.peak>>20, m.perStream())
	}
	sb.report.add(line{
		Figure:   "server's memory at rest, at its peak; for a stream",
		Baseline: memory(small) + "; copied: " + memory(copied), Ours: memory(large), Ratio: fmt.Sprintf("%.2f of copying", perStream/copied.perStream()),
		Must: "<= 60 KB", Pass: perStream <= 60,
		Details: map[string]float64{
			"startBytes": float64(greeted.rest), "restBytes": float64(large.rest), "peakBytes": float64(large.peak), "kilobytes": perStream,
			"copiedKilobytes": copied.perStream(), "goroutines": large.gauges["go_goroutines"],
			"stackBytes": large.gauges["go_memstats_stack_inuse_bytes"], "heapBytes": large.gauges["go_memstats_heap_inuse_bytes"],
		},
	})
	sb.report.add(line{
		Figure:   "the same, from a server that has met nobody",
		Baseline: "–", Ours: fmt.Sprintf("%d, %d MB; %.1f KB", greeted.rest>>20, large.peak>>20, float64(large.peak-greeted.rest)/1024/float64(n)),
	})
	sb.report.add(line{
		Figure:   "server's processor time for a chunk, all streams open",
		Baseline: fmt.Sprintf("%s µs; copied: %s µs", micro(small.perChunk), micro(copied.perChunk)), Ours: micro(large.perChunk) + " µs",
		Ratio:   fmt.Sprintf("%.2f of copying", large.perChunk.Seconds()/copied.perChunk.Seconds()),
		Details: map[string]float64{"micros": float64(large.perChunk.Microseconds()), "copiedMicros": float64(copied.perChunk.Microseconds())},
	})
	details := map[string]float64{}
	for name, d := range large.cpu {
		details[name+"Seconds"], details[name+"SteadySeconds"] = d.Seconds(), large.steady[name].Seconds()
	}
	sb.report.add(line{Figure: "processor seconds", Baseline: small.used(), Ours: large.used(), Details: details})
	sb.report.add(line{
		Figure:   "processors used while all streams are open; goroutines",
		Baseline: fmt.Sprintf("%.0f %%; %.0f", 100*small.busy, small.gauges["go_goroutines"]), Ours: fmt.Sprintf("%.0f %%; %.0f", 100*large.busy, large.gauges["go_goroutines"]),
	})
	perGreeting := func(name string) float64 { return greeted.cpu[name].Seconds() * 1000 / float64(n) }
	sb.report.add(line{
		Figure: "a user's first message to this server: processor time", Baseline: "–",
		Ours:    fmt.Sprintf("%.1f ms (server %.1f, Postgres %.1f)", perGreeting("server")+perGreeting("Postgres")+perGreeting("Redis"), perGreeting("server"), perGreeting("Postgres")),
		Details: map[string]float64{"serverMillis": perGreeting("server"), "postgresMillis": perGreeting("Postgres")},
	})
}

// used lists processor time by process.
func (m measured) used() string {
	var parts []string
	for _, name := range processNames {
		if d, ok := m.cpu[name]; ok {
			parts = append(parts, fmt.Sprintf("%s %.1f", name, d.Seconds()))
		}
	}
	return strings.Join(parts, ", ")
}

func (s spread3) details(name string) map[string]float64 {
	return map[string]float64{
		name + "P50Micros": float64(s.P50.Microseconds()), name + "P99Micros": float64(s.P99.Microseconds()), name + "MaxMicros": float64(s.Max.Microseconds()),
	}
}

func (sb *streamBench) tellOverload(m measured, admitted int) {
	sb.report.add(line{
		Figure:   fmt.Sprintf("%d more than the %d admitted: complete, stored, refused, errors", streamExcess, admitted),
		Baseline: "–", Ours: fmt.Sprintf("%d, %d, %d, %d", m.Complete, m.stored, m.Refused, m.failed()),
		Must:    fmt.Sprintf("%d, %d, %d, 0", admitted, admitted, streamExcess),
		Pass:    m.Complete == admitted && m.stored == admitted && m.Refused == streamExcess && m.failed() == 0,
		Details: map[string]float64{"complete": float64(m.Complete), "refused": float64(m.Refused)},
	})
	sb.report.add(line{
		Figure: "refusal with Retry-After, p50 / p99 / longest", Baseline: "–", Ours: m.Refusal.String(),
		Must: "p99 <= 100 ms", Pass: m.Refusal.P99 <= 100*time.Millisecond, Details: m.Refusal.details("refusal"),
	})
}
