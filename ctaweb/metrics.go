package ctaweb

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-921eec07/ctalive/internal/metric"
)

// handlerMetrics are shared by the handlers of one registry, except open.
type handlerMetrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	streams  prometheus.Gauge
	dropped  *prometheus.CounterVec
	open     atomic.Int64 // streams of this handler
}

func newHandlerMetrics(reg prometheus.Registerer) *handlerMetrics {
	m := &handlerMetrics{
		requests: metric.Register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ctalive_web_requests_total", Help: "Requests served, by route and status code.",
		}, []string{"route", "code"})),
		seconds: metric.Register(reg, prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "ctalive_web_request_seconds", Help: "Time to serve a request, streams left out.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 4, 8),
		}, []string{"route"})),
		streams: metric.Register(reg, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ctalive_web_streams", Help: "Event streams open now.",
		})),
		dropped: metric.Register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ctalive_web_streams_dropped_total", Help: "Event streams refused or ended by the server, by reason.",
		}, []string{"reason"})),
	}
	for _, reason := range []string{"refused", "slow"} {
		m.dropped.WithLabelValues(reason) // present as 0 until it happens
	}
	return m
}

// consumeMetrics are shared by the consumers of one registry.
type consumeMetrics struct {
	records     *prometheus.CounterVec
	unreadable  *prometheus.CounterVec
	wrongClocks *prometheus.GaugeVec
}

func newConsumeMetrics(reg prometheus.Registerer) *consumeMetrics {
	return &consumeMetrics{
		records: metric.Register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ctalive_web_records_total", Help: "Records read into the model, by kind of topic.",
		}, []string{"kind"})),
		unreadable: metric.Register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ctalive_web_unreadable_records_total", Help: "Records skipped because they can't be read or exceed a bound, by kind of topic and reason.",
		}, []string{"kind", "reason"})),
		wrongClocks: metric.Register(reg, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "ctalive_web_wrong_clock", Help: "1 for each station whose clock is wrong; station 0 is the weather.",
		}, []string{"station", "name"})),
	}
}
