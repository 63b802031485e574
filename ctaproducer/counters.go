package ctaproducer

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-921eec07/ctalive/cta/metric"
)

func sharedCounter(r prometheus.Registerer, name, help string, labels ...string) *prometheus.CounterVec {
	return metric.Register(r, prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels))
}
