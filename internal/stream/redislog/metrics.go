package redislog

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	lag    prometheus.Histogram
	errors *prometheus.CounterVec
}

func newMetrics(s *Store) *metrics {
	const namespace, subsystem = "twobrains", "runlog"
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Subsystem: subsystem, Name: name, Help: help}, value)
	}
	m := &metrics{
		lag: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Subsystem: subsystem, Name: "mirror_lag_seconds",
			Help:    "Time from a change of a run log to its being in Redis, of the oldest change in each batch.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 5},
		}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Subsystem: subsystem, Name: "redis_errors_total", Help: "Failures of Redis, by what was asked of it.",
		}, []string{"operation"}),
	}
	if s.o.Registerer != nil {
		s.o.Registerer.MustRegister(m.lag, m.errors,
			gauge("logs", "Run logs kept in this process.", func() float64 { n, _ := s.o.Memory.Stats(); return float64(n) }),
			gauge("bytes", "Bytes that run logs take in this process.", func() float64 { _, n := s.o.Memory.Stats(); return float64(n) }),
			gauge("remote_followers", "Followers of runs of other processes.", func() float64 { return float64(s.hub.followers()) }),
		)
	}
	return m
}
