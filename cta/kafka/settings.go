package kafka

import (
	"context"
	"net"
	"strings"
	"time"

	"github.com/IBM/sarama"
	gometrics "github.com/rcrowley/go-metrics"
)

const (
	// maxMessageBytes bounds a record. Brokers refuse batches of more than 1,048,588
	// bytes by default (max.message.bytes).
	maxMessageBytes = 1_000_000
	dialTimeout     = 5 * time.Second
)

// config returns sarama's settings for this cluster, every one of them chosen
// here and nowhere else. A caller may change what its own work needs.
func (c *Client) config() *sarama.Config {
	conf := sarama.NewConfig()
	conf.ClientID = c.cfg.ClientID

	// The newest versions of every request that sarama knows; for each broker it
	// takes the newest that both sides know (ApiVersions), so older brokers do too.
	conf.Version = sarama.V3_9_0_0
	conf.ApiVersionsRequest = true

	conf.Net.DialTimeout = dialTimeout
	conf.Net.ReadTimeout = 30 * time.Second // longer than any wait that we ask a broker for
	conf.Net.WriteTimeout = 10 * time.Second
	conf.Net.MaxOpenRequests = 5
	c.secure(conf)

	// Each refresh is one attempt: our own loops retry, because they heed a
	// context and sarama's sleep does not. A group, which leaves retries to sarama,
	// raises Max.
	conf.Metadata.Retry.Max = 0
	conf.Metadata.Retry.Backoff = 100 * time.Millisecond
	conf.Metadata.RefreshFrequency = time.Minute // leaders that moved are noticed by failed requests, sooner
	conf.Metadata.Full = false                   // of the topics in use only
	conf.Metadata.Timeout = 15 * time.Second
	conf.Metadata.AllowAutoTopicCreation = false // a typo must not become a topic

	conf.Admin.Timeout = 15 * time.Second
	conf.Admin.Retry.Max = 5
	conf.Admin.Retry.Backoff = 100 * time.Millisecond

	// Of sarama's producer nothing is used but this: see sender and txnProducer.
	conf.Producer.Timeout = 10 * time.Second // the broker's wait for its replicas

	// Of its consumer, the membership of a group, and no records: see feed.
	conf.Consumer.IsolationLevel = sarama.ReadCommitted
	conf.Consumer.Offsets.Initial = sarama.OffsetOldest
	conf.Consumer.Offsets.AutoCommit.Enable = false // positions are committed in transactions
	conf.Consumer.Fetch.Default = 1                 // for what it asks for before it is paused
	conf.Consumer.MaxWaitTime = fetchWait
	conf.Consumer.Retry.Backoff = 250 * time.Millisecond
	conf.Consumer.Return.Errors = true

	// Sarama keeps meters for every broker and topic, with a goroutine that never
	// ends; our metrics are our own.
	conf.MetricRegistry = noMetrics{gometrics.NewRegistry()}
	return conf
}

func (c *Client) secure(conf *sarama.Config) {
	if c.cfg.TLS != nil {
		conf.Net.TLS.Enable = true
		conf.Net.TLS.Config = c.cfg.TLS.Clone()
	}
	c.cfg.SASL.apply(c.ctx, conf)
}

// dial makes a sarama client with connections of its own, which are closed when
// ctx ends: whatever waits for an answer then fails at once. tune may change the
// settings.
func (c *Client) dial(ctx context.Context, tune func(*sarama.Config)) (sarama.Client, error) {
	conf := c.config()
	if tune != nil {
		tune(conf)
	}
	conf.Net.Proxy.Enable = true // the only way to give sarama a dialer
	conf.Net.Proxy.Dialer = dialer{ctx}
	return sarama.NewClient(c.cfg.Brokers, conf)
}

// dialer opens connections that last no longer than its context.
type dialer struct{ ctx context.Context }

// Dial opens one connection.
func (d dialer) Dial(network, addr string) (net.Conn, error) {
	nd := net.Dialer{Timeout: dialTimeout}
	nc, err := nd.DialContext(d.ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: nc, forget: context.AfterFunc(d.ctx, func() { _ = nc.Close() })}, nil
}

// conn is a connection that its context no longer holds once it is closed.
type conn struct {
	net.Conn
	forget func() bool
}

// Close closes the connection.
func (c *conn) Close() error {
	c.forget()
	return c.Conn.Close()
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

// await runs f, which heeds no context, and stops waiting for it when ctx ends.
// f then goes on until its own time-out; what it returns late is dropped.
func await[T any](ctx context.Context, f func() (T, error), drop func(T)) (T, error) {
	type result struct {
		v   T
		err error
	}
	done := make(chan result, 1)
	go func() {
		v, err := f()
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		return r.v, r.err
	case <-ctx.Done():
		if drop != nil {
			go func() {
				if r := <-done; r.err == nil {
					drop(r.v)
				}
			}()
		}
		var zero T
		return zero, ctx.Err()
	}
}

// silence keeps sarama's encoder of fetch requests from starting a meter for the
// topic in the process's global registry, whatever registry it is given: there,
// the name is taken by a meter that does nothing, and needs no goroutine.
func silence(topic string) {
	gometrics.DefaultRegistry.GetOrRegister(
		"consumer-fetch-rate-for-topic-"+strings.ReplaceAll(topic, ".", "_"), gometrics.NilMeter{})
}
