package kafka

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-921eec07/ctalive/cta/metric"
)

// stats are the package's metrics. Two clients with one registerer share them.
type stats struct {
	sentRecords, sentBytes *prometheus.CounterVec // by topic
	sendErrors, retries    prometheus.Counter
	sendSeconds            prometheus.Histogram
	buffered               prometheus.Gauge
	readRecords, readBytes *prometheus.CounterVec // by topic
	readErrors             prometheus.Counter
	readLag                *prometheus.GaugeVec // by topic
}

func newStats(reg prometheus.Registerer) *stats {
	topic := []string{"topic"}
	return &stats{
		sentRecords: metric.Register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ctalive_kafka_sent_records_total", Help: "Records that the cluster acknowledged.",
		}, topic)),
		sentBytes: metric.Register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ctalive_kafka_sent_bytes_total", Help: "Bytes of keys and values that the cluster acknowledged.",
		}, topic)),
		sendErrors: metric.Register(reg, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ctalive_kafka_send_errors_total", Help: "Records that could not be delivered.",
		})),
		retries: metric.Register(reg, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ctalive_kafka_send_retries_total", Help: "Batches of records that were sent again.",
		})),
		sendSeconds: metric.Register(reg, prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "ctalive_kafka_send_seconds", Help: "Time from a batch's first record to the batch's acknowledgement.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 18), // to two minutes, when records are given up
		})),
		buffered: metric.Register(reg, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ctalive_kafka_buffered_records", Help: "Records accepted and not yet acknowledged.",
		})),
		readRecords: metric.Register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ctalive_kafka_read_records_total", Help: "Records read without a group.",
		}, topic)),
		readBytes: metric.Register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ctalive_kafka_read_bytes_total", Help: "Bytes of keys and values read without a group.",
		}, topic)),
		readErrors: metric.Register(reg, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ctalive_kafka_read_errors_total", Help: "Fetches that failed and were tried again.",
		})),
		readLag: metric.Register(reg, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "ctalive_kafka_read_lag_records", Help: "Records of a topic that readers without a group have yet to handle.",
		}, topic)),
	}
}
