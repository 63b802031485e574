package kafka

import (
	"github.com/IBM/sarama"
	gometrics "github.com/rcrowley/go-metrics"
)

// maxMessageBytes bounds a record. Brokers refuse batches of more than 1,048,588
// bytes by default (max.message.bytes).
const maxMessageBytes = 1_000_000

// config returns sarama's settings for this cluster; no other place sets one. Only
// sarama's connections and requests are used: package cluster finds brokers and retries.
func (c *Client) config() *sarama.Config {
	conf := sarama.NewConfig()
	conf.ClientID = c.cfg.ClientID
	conf.RackID = c.cfg.Rack

	// The newest version of every request that sarama knows. With ApiVersions, sarama
	// uses the newest that the broker knows too, so older brokers work.
	conf.Version = sarama.V3_9_0_0
	conf.ApiVersionsRequest = true

	conf.Net.MaxOpenRequests = 1 // one request at a time per connection
	if c.cfg.TLS != nil {
		conf.Net.TLS.Enable = true
		conf.Net.TLS.Config = c.cfg.TLS.Clone()
	}
	c.cfg.SASL.apply(conf)

	// Sarama keeps meters for every broker and topic, with a goroutine that never
	// ends. The package has its own metrics.
	conf.MetricRegistry = noMetrics{gometrics.NewRegistry()}
	return conf
}

// noMetrics is a registry that measures nothing.
type noMetrics struct{ gometrics.Registry }

// GetOrRegister returns a no-op metric.
func (noMetrics) GetOrRegister(_ string, metric any) any {
	switch metric.(type) {
	case func() gometrics.Meter:
		return gometrics.NilMeter{}
	case func() gometrics.Histogram:
		return gometrics.NilHistogram{}
	case func() gometrics.Counter:
		return gometrics.NilCounter{}
	}
	return metric
}
