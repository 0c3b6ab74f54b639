package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// paceCollector lets garbage be collected when the heap has grown by half, not when it has doubled: most of a server's memory belongs to
// streams, which are many, live for minutes and make little garbage, so the room saved is large and the time spent small. A heap that is
// small may grow by leastGrowth all the same, since every collection has to look at the stacks of all streams: while thousands begin, it
// took a fifth of the time (docs/performance.md). GOGC in the environment decides otherwise.
func paceCollector() {
	if os.Getenv("GOGC") != "" {
		return
	}
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}}
	var pace func(struct{})
	pace = func(struct{}) {
		metrics.Read(samples)
		debug.SetGCPercent(percent(samples[0].Value.Uint64() + samples[1].Value.Uint64()))
		runtime.AddCleanup(new([1]*byte), pace, struct{}{}) // runs after the next collection
	}
	pace(struct{}{})
}

const (
	leastPercent = 50
	leastGrowth  = 96 << 20 // bytes
)

// percent is GOGC for what a collection has left alive, heap and stacks together: what the runtime takes the percentage of.
func percent(live uint64) int {
	return max(leastPercent, int(leastGrowth*100/max(live, 1<<20)))
}
