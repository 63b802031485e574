package kafka

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-921eec07/ctalive/cta/metric"
)

// transformMetrics are those of one group's members in this process.
type transformMetrics struct {
	processed, committed, aborted, rebalances prometheus.Counter
	latency                                   prometheus.Observer
	lagging                                   *prometheus.GaugeVec
	group                                     string

	mu     sync.Mutex
	behind map[Partition]int64
	topics map[string]int64 // sum over the partitions of each topic
}

func newTransformMetrics(reg prometheus.Registerer, group string) *transformMetrics {
	counter := func(name, help string) prometheus.Counter {
		return metric.Register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"group"})).WithLabelValues(group)
	}
	return &transformMetrics{
		processed:  counter("ctalive_stream_records_processed_total", "Records transformed."),
		committed:  counter("ctalive_stream_transactions_committed_total", "Transactions committed."),
		aborted:    counter("ctalive_stream_transactions_aborted_total", "Transactions that failed; their records are processed again."),
		rebalances: counter("ctalive_stream_rebalances_total", "Times that this member was given partitions."),
		latency: metric.Register(reg, prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "ctalive_stream_commit_seconds",
			Help:    "Time from a batch's last record to its commit.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}, []string{"group"})).WithLabelValues(group),
		lagging: metric.Register(reg, prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "ctalive_stream_lag_records",
			Help: "Records of a topic that this member has yet to read, transaction markers among them.",
		}, []string{"group", "topic"})),
		group:  group,
		behind: make(map[Partition]int64),
		topics: make(map[string]int64),
	}
}

// lag notes how many records of a partition have yet to be read.
func (m *transformMetrics) lag(p Partition, n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n = max(n, 0)
	if old := m.behind[p]; old == n {
		return
	} else {
		m.topics[p.Topic] += n - old
	}
	m.behind[p] = n
	m.lagging.WithLabelValues(m.group, p.Topic).Set(float64(m.topics[p.Topic]))
}

// forget drops a partition that another member has now.
func (m *transformMetrics) forget(p Partition) {
	m.lag(p, 0)
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.behind, p)
}
