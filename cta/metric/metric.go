// Package metric registers the metrics of the library's parts with Prometheus.
package metric

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// Register registers m with reg and returns it, or returns the metric of that
// name and kind that another instance has registered there: the instances of a
// process then count together. With no registerer, m counts for nobody.
func Register[M prometheus.Collector](reg prometheus.Registerer, m M) M {
	if reg == nil {
		return m
	}
	var there prometheus.AlreadyRegisteredError
	if errors.As(reg.Register(m), &there) {
		if old, ok := there.ExistingCollector.(M); ok {
			return old
		}
	}
	return m
}

// Counter returns a registered counter. One without labels is there from the start, as 0:
// a rate of failures can't be told of a metric that comes with the first of them.
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

// Lag is a gauge by topic, to which several instances add what they know.
type Lag struct {
	gauge  *prometheus.GaugeVec
	behind map[string]int64 // of this instance, as the gauge has it
}

// NewLag returns a Lag of gauge, which has the label topic alone, of one goroutine.
func NewLag(gauge *prometheus.GaugeVec) *Lag { return &Lag{gauge, nil} }

// Set gives the gauge this instance's records by topic instead of its last ones.
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
