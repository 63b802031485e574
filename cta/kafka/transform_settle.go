package kafka

import (
	"context"
	"errors"
	"time"

	"github.com/IBM/sarama"

	"github.com/seed-921eec07/ctalive/cta/retry"
)

// Settle waits until every transaction that is open on those topics at the call
// has ended, so that whoever then reads what is committed misses nothing that
// was decided before. It returns an error only when ctx ends first.
//
// A transaction whose commit has been decided shows in its topics a moment later
// than in the positions of its group. State that is to fit a position is
// therefore read after Settle.
func (c *Client) Settle(ctx context.Context, topics ...string) error {
	c.held.watch(topics...)
	ends, err := until(ctx, func() (map[Partition]int64, error) { return c.ends(topics) })
	if err != nil {
		return err
	}
	_, err = until(ctx, func() (bool, error) { return c.stable(ends) })
	return err
}

// until tries f until it gives something and no error, with growing pauses.
func until[T any](ctx context.Context, f func() (T, error)) (T, error) {
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		v, err := await(ctx, f, nil)
		if err == nil {
			return v, nil
		}
		if retry.Pause(ctx, wait) != nil {
			return v, ctx.Err()
		}
	}
}

// ends returns the offsets that the next records will have, of transactions
// still open among them.
func (c *Client) ends(topics []string) (map[Partition]int64, error) {
	ends := make(map[Partition]int64)
	for _, topic := range topics {
		partitions, err := c.sc.Partitions(topic)
		if err != nil {
			return nil, err
		}
		for _, p := range partitions {
			end, err := c.sc.GetOffset(topic, p, sarama.OffsetNewest)
			if err != nil {
				return nil, err
			}
			ends[Partition{topic, p}] = end
		}
	}
	return ends, nil
}

// stable reports, by a nil error, whether no transaction is open below ends.
func (c *Client) stable(ends map[Partition]int64) (bool, error) {
	leaders := make(map[Partition]int32, len(ends))
	for p := range ends {
		leader, err := c.sc.Leader(p.Topic, p.Partition)
		if err != nil {
			return false, err
		}
		leaders[p] = leader.ID()
	}
	// For readers of committed records the newest offset is the first that is
	// part of an open transaction.
	now, err := offsets(c.sc, leaders, func(Partition) int64 { return sarama.OffsetNewest })
	if err != nil {
		return false, err
	}
	for p, end := range ends {
		at, ok := now[p]
		if !ok {
			_ = c.sc.RefreshMetadata(p.Topic) // its leader may have moved
		}
		if !ok || at < end {
			return false, errUnstable
		}
	}
	return true, nil
}

var errUnstable = errors.New("a transaction is open")
