package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	"github.com/seed-921eec07/ctalive/cta/retry"
)

// Restore passes to handle all committed records of a topic, one at a time and in
// order within a partition: those of the transactions that are open at the call, too.
// For these it waits. It returns an error when ctx ends first.
//
// A transaction whose commit has been decided shows in its topics a moment later than
// in the positions of its group. State that is to fit a position is therefore read by
// Restore; [Client.Read] would miss the last of it.
func (c *Client) Restore(ctx context.Context, topic string, handle func(Record)) error {
	ends, err := c.settle(ctx, topic)
	if err == nil {
		err = c.read(ctx, reading{
			match: Names(topic), refresh: defaultRefresh, stopAtEnd: true, ends: ends,
			begin: func(_ Partition, oldest, _ int64) (int64, time.Time) { return oldest, time.Time{} },
		}, func(_ context.Context, r Record) error {
			handle(r)
			return nil
		})
	}
	if err == nil {
		err = ctx.Err() // without an error of its own, read may have been broken off
	}
	if err != nil {
		return fmt.Errorf("kafka: restore from topic %s: %w", topic, err)
	}
	return nil
}

// settle waits until every transaction that is open on a topic at the call has ended.
// It returns where the topic's partitions end then.
func (c *Client) settle(ctx context.Context, topic string) (map[Partition]int64, error) {
	c.held.watch(topic)
	ends, err := until(ctx, func() (map[Partition]int64, error) { return c.ends(topic) })
	if err != nil {
		return nil, err
	}
	_, err = until(ctx, func() (bool, error) { return c.stable(ends) })
	return ends, err
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
func (c *Client) ends(topic string) (map[Partition]int64, error) {
	partitions, err := c.sc.Partitions(topic)
	if err != nil {
		return nil, err
	}
	ends := make(map[Partition]int64)
	for _, p := range partitions {
		end, err := c.sc.GetOffset(topic, p, sarama.OffsetNewest)
		if err != nil {
			return nil, err
		}
		ends[Partition{topic, p}] = end
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
