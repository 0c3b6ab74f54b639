package completion

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	started       prometheus.Counter
	ended         *prometheus.CounterVec
	settleRetries prometheus.Counter
	takenOver     prometheus.Counter
	replaced      prometheus.Counter
	firstEvent    *prometheus.HistogramVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	opts := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: "twobrains", Subsystem: "completion", Name: name, Help: help}
	}
	m := &metrics{
		started:       prometheus.NewCounter(opts("runs_started_total", "Replies begun.")),
		ended:         prometheus.NewCounterVec(opts("runs_ended_total", "Replies ended, by status."), []string{"status"}),
		settleRetries: prometheus.NewCounter(opts("settle_retries_total", "Attempts to store a reply that failed.")),
		takenOver:     prometheus.NewCounter(opts("runs_taken_over_total", "Replies settled for a process that was dead.")),
		replaced:      prometheus.NewCounter(opts("runs_replaced_total", "Whole replies stored in the place of what another process had settled.")),
		firstEvent: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "twobrains", Subsystem: "completion", Name: "first_event_seconds",
			Help:    "Time from a request to the first that its model said, by provider.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2, 15),
		}, []string{"provider"}),
	}
	if r != nil {
		r.MustRegister(m.started, m.ended, m.settleRetries, m.takenOver, m.replaced, m.firstEvent)
	}
	return m
}
