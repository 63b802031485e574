package metric_test

import (
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-921eec07/ctalive/internal/metric"
)

func counter() prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: "trains_total", Help: "Trains seen."})
}

func TestRegisterWithoutRegisterer(t *testing.T) {
	m := counter()
	if got := metric.Register(nil, m); got != m {
		t.Error("another metric than the one given")
	}
}

func TestRegisterKeepsOtherKindsApart(t *testing.T) {
	reg := prometheus.NewRegistry()
	metric.Register(reg, counter())
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: "trains_total", Help: "Trains seen."})
	if got := metric.Register(reg, gauge); got != gauge {
		t.Error("a gauge became a counter")
	}
}

func Example() {
	reg := prometheus.NewRegistry()
	one := metric.Register(reg, counter())
	two := metric.Register(reg, counter())
	one.Inc()
	two.Inc()
	families, err := reg.Gather()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(families[0].GetName(), families[0].Metric[0].Counter.GetValue())
	// Output: trains_total 2
}
