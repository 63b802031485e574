package ctaproducer

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// sharedCounter registers a counter with r, or returns the one of that name that
// another instance has registered there. With no r it counts for nobody.
func sharedCounter(r prometheus.Registerer, name, help string, labels ...string) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	if r == nil {
		return c
	}
	if err := r.Register(c); err != nil {
		var already prometheus.AlreadyRegisteredError
		if errors.As(err, &already) {
			if same, ok := already.ExistingCollector.(*prometheus.CounterVec); ok {
				return same
			}
		}
	}
	return c
}
