package member

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-921eec07/ctalive/internal/metric"
)

// metrics are those of one group's members in this process.
type metrics struct {
	processed, recordsCommitted    prometheus.Counter
	committed, aborted, rebalances prometheus.Counter
	latency                        prometheus.Observer
	lag                            *metric.Lag
	caught                         prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer, group string) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return metric.Counter(reg, name, help, "group").WithLabelValues(group)
	}
	return &metrics{
		processed:        counter("ctalive_stream_records_processed_total", "Records transformed. Those of an aborted transaction count again."),
		recordsCommitted: counter("ctalive_stream_records_committed_total", "Records whose outcome is committed."),
		committed:        counter("ctalive_stream_transactions_committed_total", "Transactions committed."),
		aborted:          counter("ctalive_stream_transactions_aborted_total", "Transactions that failed; their records are processed again. Of one whose end got no answer it isn't known whether it is committed."),
		rebalances:       counter("ctalive_stream_rebalances_total", "Times that this member was given partitions."),
		latency: metric.Register(reg, prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "ctalive_stream_commit_seconds",
			Help:    "Time from a batch's first record, as it is read, to its commit.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}, []string{"group"})).WithLabelValues(group),
		lag: metric.NewLag(metric.Gauge(reg, "ctalive_stream_lag_records",
			"Records of a topic in this member's partitions that are not committed yet, as it last knew; before they are read, transaction markers count as such.",
			"group", "topic").MustCurryWith(prometheus.Labels{"group": group})),
		caught: metric.Gauge(reg, "ctalive_stream_caught_up",
			"1 when this member works and all is committed that was there a moment ago, else 0.", "group").WithLabelValues(group),
	}
}
