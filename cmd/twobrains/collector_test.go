package main

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCollectorIsPaced(t *testing.T) {
	t.Setenv("GOGC", "")
	before := debug.SetGCPercent(100)
	t.Cleanup(func() { debug.SetGCPercent(before) })
	paceCollector()

	func() {
		large := make([]byte, 10*leastGrowth)
		runtime.GC()
		require.Eventually(t, func() bool { return gcPercent() == leastPercent }, 10*time.Second, time.Millisecond, "of a large heap")
		runtime.KeepAlive(large)
	}()
	runtime.GC()
	require.Eventually(t, func() bool { return gcPercent() > 2*leastPercent }, 10*time.Second, time.Millisecond, "of a small heap")
}

func gcPercent() uint64 {
	sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
