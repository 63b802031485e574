// Package metric registers the library's metrics with Prometheus.
package metric

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// Register registers m with reg and returns it. If another instance has registered a
// metric of that name and kind, Register returns that one: the instances of a process
// share the count. If reg is nil, m is not exported.
func Register[M prometheus.Collector](reg prometheus.Registerer, m M) M {
	if reg == nil {
		return m
	}
	if there, ok := errors.AsType[prometheus.AlreadyRegisteredError](reg.Register(m)); ok {
		if old, ok := there.ExistingCollector.(M); ok {
			return old
		}
	}
	return m
}

// Counter returns a registered counter. One without labels starts at 0: a rate of failures
// can't be computed from a metric that first appears with a failure.
func Counter(reg prometheus.Registerer, name, help string, labels ...string) *prometheus.CounterVec {
	c := Register(reg, prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels))
	if len(labels) == 0 {
		c.WithLabelValues()
	}
	return c
}

// Gauge returns a registered gauge.
func Gauge(reg prometheus.Registerer, name, help string, labels ...string) *prometheus.GaugeVec {
	return Register(reg, prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels))
}

// Lag is a gauge by topic that sums several instances.
type Lag struct {
	gauge  *prometheus.GaugeVec
	behind map[string]int64 // this instance's part of the gauge
}

// NewLag returns a Lag of gauge, whose only label is topic. One goroutine may use the Lag.
func NewLag(gauge *prometheus.GaugeVec) *Lag { return &Lag{gauge, nil} }

// Set replaces this instance's part of the gauge by behind, records by topic.
func (l *Lag) Set(behind map[string]int64) {
	for topic := range l.behind {
		if _, ok := behind[topic]; !ok {
			l.gauge.WithLabelValues(topic).Sub(float64(l.behind[topic]))
		}
	}
	for topic, n := range behind {
		l.gauge.WithLabelValues(topic).Add(float64(n - l.behind[topic]))
	}
	l.behind = behind
}
