package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seed-921eec07/ctalive/cta/kafka/internal/batch"
	"github.com/seed-921eec07/ctalive/cta/retry"
)

// Restore passes to handle all committed records of partitions, one at a time and in
// order within a partition: those of the transactions that are open at the call, too.
// For these it waits. It returns an error when ctx ends first, or when a partition has
// had no leader for some time.
//
// A transaction whose commit has been decided shows in its topics a moment later than
// in the positions of its group. State that is to fit a position is therefore read by
// Restore; [Client.Read] would miss the last of it.
func (c *Client) Restore(ctx context.Context, partitions []Partition, handle func(Record)) error {
	if len(partitions) == 0 {
		return nil
	}
	// Committed records can be read up to the ends once those transactions have ended.
	match := func(topic string) bool {
		return slices.ContainsFunc(partitions, func(p Partition) bool { return p.Topic == topic })
	}
	err := c.read(ctx, reading{
		ReaderConfig: ReaderConfig{Match: match, StopAtEnd: true}, only: partitions,
	}, func(_ context.Context, r Record) error {
		handle(r)
		return nil
	})
	if err == nil {
		err = ctx.Err() // without an error of its own, read may have been broken off
	}
	if err != nil {
		return fmt.Errorf("kafka: restore: %w", err)
	}
	return nil
}

// Partitions returns all partitions of a topic, which it waits for. It returns an error
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
			c.cfg.Log.Warn("a topic is waited for", "topic", topic, "reason", c.cl.Explain(err).Text)
		}
		if retry.Pause(ctx, wait) != nil || c.ctx.Err() != nil {
			return nil, errors.Join(ctx.Err(), c.ctx.Err())
		}
	}
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
