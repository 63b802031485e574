package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-921eec07/ctalive/cta/kafka/internal/batch"
	"github.com/seed-921eec07/ctalive/cta/kafka/internal/cluster"
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
	ends, err := c.ends(ctx, topic)
	if err == nil {
		// Committed records can be read up to there once those transactions have ended.
		err = c.read(ctx, reading{
			ReaderConfig: ReaderConfig{Match: Names(topic), StopAtEnd: true}.withDefaults(), ends: ends,
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

// ends returns where a topic's partitions end, those of its records among them that are
// part of a transaction still open.
func (c *Client) ends(ctx context.Context, topic string) (ends map[Partition]int64, err error) {
	err = c.until(ctx, topic, func() error {
		n, err := c.cl.Partitions(ctx, topic)
		if err != nil {
			return err
		}
		of := make(map[Partition]cluster.At)
		for i := range n {
			of[Partition{Topic: topic, Partition: i}] = cluster.Newest
		}
		ends, err = c.cl.Offsets(ctx, of, false)
		return err
	})
	return ends, err
}

// until tries f until it returns no error or ctx ends, with growing pauses. It says once
// what it waits for when that takes long.
func (c *Client) until(ctx context.Context, topic string, f func() error) error {
	begun, told := time.Now(), false
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		err := f()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil || c.ctx.Err() != nil {
			return errors.Join(ctx.Err(), c.ctx.Err())
		}
		if !told && time.Since(begun) > 10*time.Second {
			told = true
			c.cfg.Log.Warn("a topic is waited for", "topic", topic, "reason", c.cl.Explain(err).Text)
		}
		if retry.Pause(ctx, wait) != nil {
			return ctx.Err()
		}
	}
}

// Partitions returns the number of partitions of a topic. It returns an error
// only when ctx ends before the cluster has answered.
func (c *Client) Partitions(ctx context.Context, topic string) (n int32, err error) {
	err = c.until(ctx, topic, func() error {
		n, err = c.cl.Partitions(ctx, topic)
		return err
	})
	return n, err
}

var errNoTopic = errors.New("the topic doesn't exist")

// TopicIDs returns the ids that the cluster gave to topics when they were made: that
// of another topic which had its name before differs. They are empty when the cluster
// has none, as Kafka before 2.8. It returns an error only when ctx ends before the
// cluster has answered.
func (c *Client) TopicIDs(ctx context.Context, topics ...string) (map[string]string, error) {
	ids := make(map[string]string)
	return ids, c.until(ctx, fmt.Sprint(topics), func() error {
		view, err := c.cl.Refresh(ctx)
		if err != nil {
			return err
		}
		for _, name := range topics {
			t := view.Topics[name]
			if t == nil || t.Err != nil {
				return fmt.Errorf("topic %s: %w", name, errNoTopic)
			}
			if t.ID != "" {
				ids[name] = t.ID
			}
		}
		return nil
	})
}

// End returns the offset that the next record of a partition will have. It returns
// an error only when ctx ends before the cluster has answered.
func (c *Client) End(ctx context.Context, p Partition) (end int64, err error) {
	err = c.until(ctx, p.Topic, func() error {
		ends, err := c.cl.Offsets(ctx, map[Partition]cluster.At{p: cluster.Newest}, false)
		end = ends[p]
		return err
	})
	return end, err
}

// PartitionOf returns the partition that a record with that PartitionBy, or
// failing that with that key, is sent to in a topic of n partitions.
func PartitionOf(key []byte, n int32) int32 {
	if key == nil {
		key = []byte{}
	}
	p, _ := batch.NewPartitioner().Choose(Record{Key: key}, n)
	return p
}
