package main

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"time"
)

// target is what a load goes to.
type target struct {
	address string
	// pid is of the process whose memory counts, pids are all whose processor time does; one is "server".
	pid  int
	pids map[string]func() ([]int, error)
	// middle, where there is one, is called while all streams are open.
	middle func(*measured) error
}

// measured is what a load did.
type measured struct {
	label string
	n     int
	loadResult
	stored, open int
	// rest is the memory before, peak the most that there ever was, in bytes.
	rest, peak int64
	// cpu is processor time by process over all, steady that while all streams were open, perChunk the server's for a chunk then.
	cpu, steady map[string]time.Duration
	perChunk    time.Duration
	// busy is how much of the machine's processors was used while all streams were open, by whomever.
	busy   float64
	gauges map[string]float64
}

func (m measured) perStream() float64 { return float64(m.peak-m.rest) / 1024 / float64(m.n-m.Refused) }

func (m measured) failed() (n int) {
	for _, count := range m.Errors {
		n += count
	}
	return n
}

// load sends the messages, and looks at processes before, while all streams are open, and after.
func (sb *streamBench) load(ctx context.Context, to target, c loadConfig) (measured, error) {
	n := len(c.Tokens)
	m := measured{n: n}
	var err error
	if m.rest, _, err = resident(to.pid); err != nil {
		return m, err
	}
	length := time.Duration(c.Chunks) * time.Second
	c.Address, c.Conversation, c.Patience = to.address, "c", length+time.Minute
	clients, err := startChild(ctx, loadVerb, c)
	if err != nil {
		return m, err
	}
	defer clients.stop()
	begin := time.Now()
	before, err := cpuOf(to.pids)
	if err != nil {
		return m, err
	}
	// All are open from the end of the ramp until the first ones end.
	if from, until := c.Ramp+time.Second, length-time.Second; from < until {
		if err := m.watch(to, begin.Add(from), begin.Add(until)); err != nil {
			return m, err
		}
	}
	if err := clients.result(&m.loadResult); err != nil {
		return m, err
	}
	after, err := cpuOf(to.pids)
	if err != nil {
		return m, err
	}
	m.cpu = between(before, after)
	m.cpu["clients"] = m.CPU
	if _, m.peak, err = resident(to.pid); err != nil {
		return m, err
	}
	say("   %s %s", strings.TrimSuffix(strings.TrimPrefix(c.Label, "m-"), "-"), m)
	return m, nil
}

// watch measures the time in which all streams are open.
func (m *measured) watch(to target, from, until time.Time) error {
	time.Sleep(time.Until(from))
	begin := time.Now()
	before, err := cpuOf(to.pids)
	if err != nil {
		return err
	}
	idle, err := idleTime()
	if err != nil {
		return err
	}
	if to.middle != nil {
		if err := to.middle(m); err != nil {
			return err
		}
	}
	time.Sleep(time.Until(until))
	span := time.Since(begin)
	after, err := cpuOf(to.pids)
	if err != nil {
		return err
	}
	idleAfter, err := idleTime()
	if err != nil {
		return err
	}
	m.steady = between(before, after)
	m.perChunk = time.Duration(float64(m.steady["server"]) / span.Seconds() / float64(m.n))
	m.busy = 1 - float64(idleAfter-idle)/float64(span)/float64(runtime.NumCPU())
	return nil
}

func cpuOf(pids map[string]func() ([]int, error)) (map[string]time.Duration, error) {
	used := map[string]time.Duration{}
	for name, list := range pids {
		all, err := list()
		if err != nil {
			return nil, err
		}
		if used[name], err = processCPU(all); err != nil {
			return nil, err
		}
	}
	return used, nil
}

func between(before, after map[string]time.Duration) map[string]time.Duration {
	used := map[string]time.Duration{}
	for name := range after {
		used[name] = after[name] - before[name]
	}
	return used
}

// processNames in the order of the table.
var processNames = []string{"server", "Postgres", "Redis", "provider", "clients"}

func (m measured) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%d complete, %d refused, %d errors %v; first byte %s, first word %s, delay %s of %d chunks; memory %d to %d MB, %.1f KB a stream; server %s µs a chunk, %.0f%% busy;",
		m.Complete, m.Refused, m.failed(), m.Errors, m.First, m.Word, m.Delay, m.Chunks, m.rest>>20, m.peak>>20, m.perStream(), micro(m.perChunk), m.busy*100)
	for _, name := range processNames {
		if used, ok := m.cpu[name]; ok {
			fmt.Fprintf(&text, " %s %.1f s (steady %.1f)", name, used.Seconds(), m.steady[name].Seconds())
		}
	}
	if g := m.gauges; g != nil {
		fmt.Fprintf(&text, "; %.0f goroutines, heap %.0f MB in use and %.0f MB idle, stacks %.0f MB, next GC at %.0f MB", g["go_goroutines"],
			g["go_memstats_heap_inuse_bytes"]/(1<<20), (g["go_memstats_heap_idle_bytes"]-g["go_memstats_heap_released_bytes"])/(1<<20),
			g["go_memstats_stack_inuse_bytes"]/(1<<20), g["go_memstats_next_gc_bytes"]/(1<<20))
	}
	return text.String()
}

// String has milliseconds.
func (s spread3) String() string {
	return fmt.Sprintf("%s / %s / %s ms", milli(s.P50), milli(s.P99), milli(s.Max))
}
