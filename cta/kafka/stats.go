package kafka

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// stats are the package's metrics. Two clients with one registerer share them.
type stats struct {
	sentRecords, sentBytes *prometheus.CounterVec // by topic
	sendErrors, retries    prometheus.Counter
	buffered               prometheus.Gauge
	readRecords, readBytes *prometheus.CounterVec // by topic
	readErrors             prometheus.Counter
}

func newStats(reg prometheus.Registerer) *stats {
	topic := []string{"topic"}
	return &stats{
		sentRecords: register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ctalive_kafka_sent_records_total", Help: "Records that the cluster acknowledged.",
		}, topic)),
		sentBytes: register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ctalive_kafka_sent_bytes_total", Help: "Bytes of keys and values that the cluster acknowledged.",
		}, topic)),
		sendErrors: register(reg, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ctalive_kafka_send_errors_total", Help: "Records that could not be delivered.",
		})),
		retries: register(reg, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ctalive_kafka_send_retries_total", Help: "Batches of records that were sent again.",
		})),
		buffered: register(reg, prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "ctalive_kafka_buffered_records", Help: "Records accepted and not yet acknowledged.",
		})),
		readRecords: register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ctalive_kafka_read_records_total", Help: "Records read without a group.",
		}, topic)),
		readBytes: register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ctalive_kafka_read_bytes_total", Help: "Bytes of keys and values read without a group.",
		}, topic)),
		readErrors: register(reg, prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ctalive_kafka_read_errors_total", Help: "Fetches that failed and were tried again.",
		})),
	}
}

// register registers m, or returns the one of its name that is there already.
// With no registerer, m counts for nobody.
func register[M prometheus.Collector](reg prometheus.Registerer, m M) M {
	if reg == nil {
		return m
	}
	err := reg.Register(m)
	var there prometheus.AlreadyRegisteredError
	if errors.As(err, &there) {
		if old, ok := there.ExistingCollector.(M); ok {
			return old
		}
	}
	return m
}
