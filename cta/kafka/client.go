package kafka

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/kafka/internal/cluster"
	"github.com/seed-921eec07/ctalive/internal/retry"
)

// Config holds the settings of a [Client]. Brokers is required.
type Config struct {
	Brokers  []string    // host:port of some brokers; they report the rest
	ClientID string      // names this program in the broker's logs and quotas. Default: "ctalive"
	TLS      *tls.Config // with the client's certificates, if brokers require them; nil: plain text
	SASL     SASL
	// Rack names this program's location, as broker.rack does for brokers. Records are
	// read from the nearest replica if the brokers select it (replica.selector.class).
	// Default: from the leader.
	Rack string
	// ReplicationFactor and MinInSyncReplicas are those of the topics that EnsureTopics
	// creates. Default: the cluster's.
	ReplicationFactor int
	MinInSyncReplicas int
	// Wait bounds how long Connect waits for a broker to answer, and EnsureTopics
	// for topics that are being created. Default: 30s.
	Wait time.Duration
	// Log receives connection trouble, retries and rebalances. Default: silent.
	Log *slog.Logger
	// Metrics receives the package's metrics. Default: none.
	Metrics prometheus.Registerer
}

func (c Config) withDefaults() Config {
	c.ClientID = cmp.Or(c.ClientID, "ctalive")
	c.Wait = cmp.Or(c.Wait, 30*time.Second)
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	return c
}

func (c Config) validate() error {
	var faults []error
	if len(c.Brokers) == 0 {
		faults = append(faults, errors.New("Brokers is empty, want host:port of at least one broker"))
	}
	for _, b := range c.Brokers {
		host, port, err := net.SplitHostPort(b)
		if _, badPort := strconv.ParseUint(port, 10, 16); err != nil || badPort != nil || host == "" || strings.ContainsAny(host, "@/ ") {
			faults = append(faults, fmt.Errorf("broker is %q, want host:port", cta.Redacted(b)))
		}
	}
	if c.Wait < 0 {
		faults = append(faults, fmt.Errorf("Wait is %v, want a positive time", c.Wait))
	}
	if c.ReplicationFactor < 0 || c.ReplicationFactor > math.MaxInt16 {
		faults = append(faults, fmt.Errorf("ReplicationFactor is %d, want 1 to %d, or 0 for the cluster's", c.ReplicationFactor, math.MaxInt16))
	}
	if c.MinInSyncReplicas < 0 || c.ReplicationFactor > 0 && c.MinInSyncReplicas > c.ReplicationFactor {
		faults = append(faults, fmt.Errorf("MinInSyncReplicas is %d, want 0 for the cluster's, or 1 to ReplicationFactor", c.MinInSyncReplicas))
	}
	return errors.Join(append(faults, c.SASL.validate()...)...)
}

// Client is a connection to one Kafka cluster, safe for concurrent use.
type Client struct {
	cfg   Config
	stats *stats
	cl    *cluster.Cluster // shared by all that the client makes

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
}

// Connect waits up to cfg.Wait for the cluster to answer. Without an answer, the error
// is a [*cta.ServiceError]. With wrong settings, the error lists all of them.
//
// A refused password or certificate fails at once. Each new reason to wait is logged
// once.
func Connect(ctx context.Context, cfg Config) (*Client, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("kafka: settings: %w", err)
	}
	c := &Client{cfg: cfg, stats: newStats(cfg.Metrics)}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.cl = cluster.New(cfg.Brokers, c.config(), cfg.SASL.token(), cfg.Log)
	ctx, cancel := context.WithTimeoutCause(ctx, cfg.Wait, fmt.Errorf("no answer within %v", cfg.Wait))
	defer cancel()
	said := ""
	_, err := c.look(ctx, func(t cluster.Trouble) {
		if t.Text != said {
			cfg.Log.Warn("waiting for the Kafka broker", "brokers", cfg.Brokers, "reason", t.Text, "hint", t.Hint, "for", cfg.Wait)
		}
		said = t.Text
	})
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// Close closes the client. Close its producers first.
func (c *Client) Close() error {
	c.cancel()
	c.cl.Close()
	return nil
}

// look asks the cluster for its topics until it answers or ctx ends. waits receives each
// reason to ask again.
func (c *Client) look(ctx context.Context, waits func(cluster.Trouble)) (*cluster.View, error) {
	last := cluster.Trouble{Err: context.DeadlineExceeded, Text: "no answer", Hint: c.cl.MuteHint()}
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		view, err := c.cl.Refresh(ctx)
		if err == nil {
			return view, nil
		}
		if ctx.Err() == nil {
			last = c.cl.Explain(err)
			if last.Permanent {
				return nil, c.serviceError(last)
			}
			waits(last)
		}
		if retry.Pause(ctx, wait) == nil {
			continue
		}
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			last.Text = fmt.Sprintf("%v: %s", context.Cause(ctx), last.Text)
		} else {
			last = cluster.Trouble{Err: ctx.Err(), Text: ctx.Err().Error(), Hint: last.Hint}
		}
		return nil, c.serviceError(last)
	}
}

func (c *Client) serviceError(t cluster.Trouble) error {
	return &cta.ServiceError{Service: "Kafka broker", Addr: strings.Join(c.cfg.Brokers, ","), Hint: t.Hint, Err: t}
}
