package fetch

import (
	"strings"

	gometrics "github.com/rcrowley/go-metrics"
)

// silence works around sarama 1.61.1. Its encoder of fetch requests starts a meter for each
// topic in the process's global registry, with a goroutine that never ends. silence
// registers a no-op meter under that name first.
func silence(topic string) {
	gometrics.DefaultRegistry.GetOrRegister(
		"consumer-fetch-rate-for-topic-"+strings.ReplaceAll(topic, ".", "_"), gometrics.NilMeter{})
}
