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
