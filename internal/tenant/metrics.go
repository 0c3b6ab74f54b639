package tenant

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"twobrains/internal/problem"
)

type metrics struct {
	opens        *prometheus.CounterVec
	units        *prometheus.CounterVec
	unitSeconds  prometheus.Histogram
	laneWait     prometheus.Histogram
	roundTrips   prometheus.Counter
	retries      *prometheus.CounterVec
	recycled     prometheus.Counter
	provisions   *prometheus.CounterVec
	provisioning prometheus.Histogram
}

func newMetrics(r prometheus.Registerer, opened func() float64) *metrics {
	counter := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Namespace: "twobrains", Subsystem: "tenant", Name: name, Help: help}
	}
	histogram := func(name, help string, buckets []float64) prometheus.HistogramOpts {
		return prometheus.HistogramOpts{Namespace: "twobrains", Subsystem: "tenant", Name: name, Help: help, Buckets: buckets}
	}
	fast := prometheus.ExponentialBuckets(0.0001, 2, 16)
	m := &metrics{
		opens:        prometheus.NewCounterVec(counter("opens_total", "Private brains opened, by where the answer came from."), []string{"from"}),
		units:        prometheus.NewCounterVec(counter("units_total", "Units of work, by outcome."), []string{"outcome"}),
		unitSeconds:  prometheus.NewHistogram(histogram("unit_seconds", "Duration of units of work, waiting for the lane included.", fast)),
		laneWait:     prometheus.NewHistogram(histogram("lane_wait_seconds", "Time waited for a lane.", fast)),
		roundTrips:   prometheus.NewCounter(counter("round_trips_total", "Round trips of units of work to Postgres.")),
		retries:      prometheus.NewCounterVec(counter("retries_total", "Units of work run a second time, by reason."), []string{"reason"}),
		recycled:     prometheus.NewCounter(counter("lanes_recycled_total", "Connections replaced because they had met too many users.")),
		provisions:   prometheus.NewCounterVec(counter("provisions_total", "Private brains provisioned, migrated or re-sealed, by outcome."), []string{"outcome"}),
		provisioning: prometheus.NewHistogram(histogram("provision_seconds", "Duration of provisioning or migrating a private brain.", prometheus.ExponentialBuckets(0.001, 2, 14))),
	}
	if r != nil {
		r.MustRegister(m.opens, m.units, m.unitSeconds, m.laneWait, m.roundTrips, m.retries, m.recycled, m.provisions, m.provisioning,
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "twobrains", Subsystem: "tenant", Name: "opened", Help: "Private brains remembered as opened."}, opened))
	}
	return m
}

func (m *metrics) unit(err error, d time.Duration) {
	outcome := "ok"
	if err != nil {
		outcome = string(problem.From(err).Code)
	}
	m.units.WithLabelValues(outcome).Inc()
	m.unitSeconds.Observe(d.Seconds())
}
