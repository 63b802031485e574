package ctaproducer

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-921eec07/ctalive/cta/metric"
)

// sharedCounter returns a counter. One without labels is there from the start, as 0:
// a rate of failures can't be told of a metric that comes with the first of them.
func sharedCounter(r prometheus.Registerer, name, help string, labels ...string) *prometheus.CounterVec {
	c := metric.Register(r, prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels))
	if len(labels) == 0 {
		c.WithLabelValues()
	}
	return c
}
