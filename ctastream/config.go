package ctastream

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-921eec07/ctalive/cta"
)

// Config holds the optional settings of a worker. The zero value is ready to use.
type Config struct {
	// Topics names the system's topics. Default: the zero [cta.Topics].
	Topics cta.Topics
	// Group is the consumer group whose members share the work. Its workers are of one
	// kind and have the same topics. Default: the prefix of Topics with
	// "turnstile-summary", "stations" or "inspector".
	Group string
	// Input is the one topic to read. Default: the worker's topics by Topics.
	Input string
	// Output is the topic to write. Default: the worker's topic by Topics. An
	// [Inspector] has none.
	Output string
	// InstanceID, if set, must be unique in the group and stable over restarts. A
	// worker that returns within SessionTimeout then keeps its partitions. When a
	// worker ends, even cleanly, its partitions stay idle for that time. Default: none.
	InstanceID string
	// SessionTimeout is the silence after which a worker's partitions go to others.
	// Brokers accept 6s to 30m by default. Default: 10s.
	SessionTimeout time.Duration
	// Refresh is the time between searches for new topics. Default: 2s.
	Refresh time.Duration
	// Log receives rebalances, retries, and each reason for a dead letter once per
	// topic. Default: silent.
	Log *slog.Logger
	// Metrics receives the package's metrics. Default: none.
	Metrics prometheus.Registerer
}

func (c Config) withDefaults(kind, output string) Config {
	c.Group = cmp.Or(c.Group, c.Topics.Group(kind))
	c.Output = cmp.Or(c.Output, output)
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler)).With("worker", c.Group)
	return c
}

func (c Config) validate() error {
	faults := []error{c.Topics.Check()}
	for name, d := range map[string]time.Duration{"Refresh": c.Refresh, "SessionTimeout": c.SessionTimeout} {
		if d < 0 {
			faults = append(faults, fmt.Errorf("%s is %v, want a positive duration", name, d))
		}
	}
	if c.Input != "" && (c.Input == c.Output || c.Input == c.Topics.DeadLetter()) {
		faults = append(faults, fmt.Errorf("Input is %s, want another topic than those written to", c.Input))
	}
	if c.Output != "" && c.Output == c.Topics.DeadLetter() {
		faults = append(faults, fmt.Errorf("Output is %s, want another topic than that of dead letters", c.Output))
	}
	return errors.Join(faults...)
}
