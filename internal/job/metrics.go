package job

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	running *prometheus.GaugeVec
	ended   *prometheus.CounterVec
	seconds *prometheus.HistogramVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		running: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: "twobrains", Subsystem: "job", Name: "running", Help: "Jobs under way in this process, by kind.",
		}, []string{"kind"}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "twobrains", Subsystem: "job", Name: "takings_total", Help: "Takings of jobs that have ended, by kind and how: " +
				"done, failed, cancelled, retry, later, lost, handed_over.",
		}, []string{"kind", "outcome"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "twobrains", Subsystem: "job", Name: "taking_seconds", Help: "Duration of a taking of a job.",
			Buckets: prometheus.ExponentialBuckets(0.01, 4, 10),
		}, []string{"kind"}),
	}
	if r != nil {
		r.MustRegister(m.running, m.ended, m.seconds)
	}
	return m
}
