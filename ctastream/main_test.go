package ctastream_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// A check takes a tenth of a millisecond, and some faults show in one of a hundred.
	_ = flag.Set("rapid.checks", "2000")
	goleak.VerifyTestMain(m,
		// Sarama's group consumer counts its fetches in the default registry of
		// go-metrics too, whose one goroutine a process never ends.
		goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}
