package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seed-921eec07/ctalive/cta/kafka/internal/batch"
	"github.com/seed-921eec07/ctalive/internal/retry"
)

// Restore passes all committed records of partitions to handle, one at a time and in
// order within a partition. It waits for the transactions open at the call, and includes
// their records. It returns an error when ctx ends first, or when a partition has had no
// leader for some time.
//
// After a commit is decided, the group's positions contain it a moment before its topics
// do. Use Restore for state that must match a position; [Client.Read] would miss the
// end.
func (c *Client) Restore(ctx context.Context, partitions []Partition, handle func(Record)) error {
	if len(partitions) == 0 {
		return nil
	}
	// Once those transactions have ended, all records up to the ends can be read.
	of := func(topic string) bool {
		return slices.ContainsFunc(partitions, func(p Partition) bool { return p.Topic == topic })
	}
	err := c.read(ctx, reading{ReadConfig: ReadConfig{Match: of, StopAtEnd: true}, only: partitions}, func(_ context.Context, r Record) error {
		handle(r)
		return nil
	})
	if err != nil {
		return fmt.Errorf("kafka: restore: %w", err)
	}
	return nil
}

// Partitions waits for a topic, and returns all its partitions. It returns an error
// only when ctx ends before the cluster has answered.
func (c *Client) Partitions(ctx context.Context, topic string) (all []Partition, _ error) {
	begun, told := time.Now(), false
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		n, err := c.cl.Partitions(ctx, topic)
		if err == nil {
			for i := range n {
				all = append(all, Partition{Topic: topic, Partition: i})
			}
			return all, nil
		}
		if !told && time.Since(begun) > 10*time.Second {
			told = true
			c.cfg.Log.Warn("waiting to read the partitions of a topic", "topic", topic, "reason", c.cl.Explain(err).Text)
		}
		if retry.Pause(ctx, wait) != nil || c.ctx.Err() != nil {
			return nil, errors.Join(ctx.Err(), c.ctx.Err())
		}
	}
}

// PartitionOf returns the partition, out of n, that a record's PartitionBy selects, or
// its Key without PartitionBy.
func PartitionOf(key []byte, n int32) int32 {
	if key == nil {
		key = []byte{}
	}
	p, _ := batch.NewPartitioner().Choose(&Record{Key: key}, n)
	return p
}
