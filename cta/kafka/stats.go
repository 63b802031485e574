package kafka

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-921eec07/ctalive/internal/metric"
)

// stats are the package's metrics. Two clients with one registerer share them.
type stats struct {
	sentBytes                       *prometheus.CounterVec // by topic
	sendErrors, retries, readErrors prometheus.Counter
	sendSeconds                     prometheus.Histogram
	buffered                        prometheus.Gauge
	readLag                         *prometheus.GaugeVec // by topic
}

func newStats(reg prometheus.Registerer) *stats {
	counter := func(name, help string) prometheus.Counter { return metric.Counter(reg, name, help).WithLabelValues() }
	return &stats{
		sentBytes:  metric.Counter(reg, "ctalive_kafka_sent_bytes_total", "Bytes of keys and values that the cluster acknowledged.", "topic"),
		sendErrors: counter("ctalive_kafka_send_errors_total", "Records that could not be delivered."),
		retries:    counter("ctalive_kafka_send_retries_total", "Batches of records that were sent again."),
		readErrors: counter("ctalive_kafka_read_errors_total", "Fetches that failed and were tried again."),
		sendSeconds: metric.Register(reg, prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ctalive_kafka_send_seconds", Help: "Time from a batch's first record to the batch's acknowledgement.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 18), // to two minutes, when records are given up
		})),
		buffered: metric.Gauge(reg, "ctalive_kafka_buffered_records", "Records accepted and not yet acknowledged.").WithLabelValues(),
		readLag:  metric.Gauge(reg, "ctalive_kafka_read_lag_records", "Records of a topic that readers without a group have yet to handle.", "topic"),
	}
}
