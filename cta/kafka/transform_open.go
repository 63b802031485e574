package kafka

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

// A broker answers the requests of one connection one after the other. So a
// transaction must not share its connection with a fetch, which waits for
// records, and neither may share one with the group, whose join waits for the
// other members. Each has a client, and with it connections, of its own.

const (
	heartbeat = 500 * time.Millisecond // how soon a member hears of a rebalance
	// minRebalance bounds from below how long members are waited for in a
	// rebalance. A member joins again within milliseconds, so no longer than a
	// silent one is: all wait for one that has died in the middle of it.
	minRebalance = 5 * time.Second

	// settleTries times settlePause bounds the wait for a transaction of a dead
	// member to end before the positions in it can be read: the transaction's own
	// time-out, and the ten seconds after which Kafka looks for such ones.
	settleTries = 80
	settlePause = 250 * time.Millisecond
)

// open connects what is not connected yet.
func (x *transform) open() error {
	if err := x.txn.renew(); err != nil {
		return err
	}
	var err error
	if x.fetch == nil {
		if x.fetch, err = x.client.dial(x.ctx, x.tune); err != nil {
			return fmt.Errorf("connect for fetches: %w", err)
		}
	}
	if x.coord == nil {
		if x.coord, err = x.client.dial(x.ctx, x.tune); err != nil {
			return fmt.Errorf("connect for the group: %w", err)
		}
	}
	if x.group == nil {
		if x.group, err = sarama.NewConsumerGroupFromClient(x.cfg.Group, x.groupClient()); err != nil {
			return fmt.Errorf("group %s: %w", x.cfg.Group, err)
		}
		x.helpers.Go(func() {
			for err := range x.group.Errors() {
				var of *sarama.ConsumerError
				if errors.As(err, &of) {
					err = of.Err // a lost connection is one reason, not one a partition
				}
				x.log.warn("group trouble", err)
			}
		})
	}
	return nil
}

// close leaves the group and ends every connection.
func (x *transform) close() {
	hang := time.AfterFunc(hangTimeout-leaveTimeout, x.cancel)
	defer hang.Stop()
	defer x.cancel()
	if x.group != nil {
		if err := x.group.Close(); err != nil {
			x.log.warn("leaving the group failed", err)
		}
		x.helpers.Wait()
	}
	x.txn.close()
	for _, c := range []sarama.Client{x.fetch, x.coord} {
		if c != nil {
			_ = c.Close()
		}
	}
}

// tune sets what the member of a group needs.
func (x *transform) tune(conf *sarama.Config) {
	g := &conf.Consumer.Group
	g.Session.Timeout = x.cfg.SessionTimeout
	g.Heartbeat.Interval = min(heartbeat, x.cfg.SessionTimeout/4)
	g.Rebalance.GroupStrategies = []sarama.BalanceStrategy{newBalance(x)}
	g.Rebalance.Timeout = max(x.cfg.SessionTimeout, minRebalance)
	g.Rebalance.Retry.Max = 20
	g.Rebalance.Retry.Backoff = 100 * time.Millisecond
	g.InstanceId = x.cfg.InstanceID
	conf.Metadata.RefreshFrequency = 10 * time.Second // in which added partitions are seen
}

func (x *transform) dialTransactions() (sarama.Client, error) { return x.client.dial(x.ctx, nil) }

// whileOpen returns a pause between attempts, none when they are in vain because
// the connections have been ended.
func (x *transform) whileOpen(d time.Duration) time.Duration {
	if x.ctx.Err() != nil {
		return 0
	}
	return d
}

// groupClient is what the consumer group sees: fetches go over one client, and
// the traffic with the group's coordinator over another.
type groupClient struct {
	sarama.Client
	coord sarama.Client
	conf  *sarama.Config
}

func (x *transform) groupClient() groupClient {
	conf := *x.fetch.Config()
	conf.Metadata.Retry.Max = settleTries
	conf.Metadata.Retry.BackoffFunc = func(int, int) time.Duration {
		x.sweepSoon()
		return x.whileOpen(settlePause)
	}
	return groupClient{x.fetch, x.coord, &conf}
}

func (c groupClient) Config() *sarama.Config { return c.conf }

func (c groupClient) Coordinator(group string) (*sarama.Broker, error) {
	return c.coord.Coordinator(group)
}

func (c groupClient) RefreshCoordinator(group string) error { return c.coord.RefreshCoordinator(group) }

// reasons logs each reason for trouble once until another comes, or a minute has
// passed.
type reasons struct {
	log *slog.Logger

	mu   sync.Mutex
	last string
	at   time.Time
}

func newReasons(log *slog.Logger, args ...any) *reasons {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &reasons{log: log.With(args...)}
}

func (r *reasons) info(msg string, args ...any) { r.log.Info(msg, args...) }

func (r *reasons) warn(msg string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if reason := msg + err.Error(); reason != r.last || time.Since(r.at) > time.Minute {
		r.last, r.at = reason, time.Now()
		r.log.Warn(msg, "err", err)
	}
}
