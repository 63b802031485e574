package kafka

import (
	"github.com/IBM/sarama"
	gometrics "github.com/rcrowley/go-metrics"
)

// maxMessageBytes bounds a record. Brokers refuse batches of more than 1,048,588
// bytes by default (max.message.bytes).
const maxMessageBytes = 1_000_000

// config returns sarama's settings for this cluster, every one of them chosen
// here and nowhere else. Of sarama, its connections and its requests are used: how
// brokers are found and what is tried again is decided in package cluster.
func (c *Client) config() *sarama.Config {
	conf := sarama.NewConfig()
	conf.ClientID = c.cfg.ClientID
	conf.RackID = c.cfg.Rack

	// The newest versions of every request that sarama knows; for each broker it
	// takes the newest that both sides know (ApiVersions), so older brokers do too.
	conf.Version = sarama.V3_9_0_0
	conf.ApiVersionsRequest = true

	conf.Net.MaxOpenRequests = 1 // a connection has one request at a time
	if c.cfg.TLS != nil {
		conf.Net.TLS.Enable = true
		conf.Net.TLS.Config = c.cfg.TLS.Clone()
	}
	c.cfg.SASL.apply(c.ctx, conf)

	// Sarama keeps meters for every broker and topic, with a goroutine that never
	// ends; our metrics are our own.
	conf.MetricRegistry = noMetrics{gometrics.NewRegistry()}
	return conf
}

// noMetrics is a registry in which nothing is ever measured.
type noMetrics struct{ gometrics.Registry }

// GetOrRegister returns a measure that does nothing.
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
