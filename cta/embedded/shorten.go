package embedded

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// shorten deletes the oldest records of topics when these are too large
// together. Each partition that grows loses the same share, so that about the same
// time is left in all. What is written once, as the rows of the stations, stays for
// those that read it later.
func (c *cleaner) shorten(ctx context.Context, topics []string) error {
	var size int64
	before := c.grown
	c.grown = make(map[string]int64)
	for _, t := range topics {
		for _, p := range c.cluster.PartitionInfos(t) {
			size += p.NumBytes
			c.grown[fmt.Sprintf("%s-%d", t, p.Partition)] = p.HighWatermark
		}
	}
	if c.atMost == 0 || size <= c.atMost {
		return nil
	}
	// A little more goes than has to, so that this isn't done every time.
	share := 1 - 0.9*float64(c.atMost)/float64(size)
	req := kmsg.NewPtrDeleteRecordsRequest()
	for _, t := range topics {
		topic := kmsg.NewDeleteRecordsRequestTopic()
		topic.Topic = t
		for _, p := range c.cluster.PartitionInfos(t) {
			if end, known := before[fmt.Sprintf("%s-%d", t, p.Partition)]; !known || end == p.HighWatermark {
				continue
			}
			part := kmsg.NewDeleteRecordsRequestTopicPartition()
			part.Partition = p.Partition
			part.Offset = p.LogStartOffset + int64(share*float64(p.LastStableOffset-p.LogStartOffset))
			topic.Partitions = append(topic.Partitions, part)
		}
		if len(topic.Partitions) > 0 {
			req.Topics = append(req.Topics, topic)
		}
	}
	if len(req.Topics) == 0 {
		return nil
	}
	resp, err := req.RequestWith(ctx, c.client)
	if err != nil {
		return err
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return fmt.Errorf("partition %d of %s: %w", p.Partition, t.Topic, err)
			}
		}
	}
	c.log.Info("embedded broker: dropped the oldest records to bound memory",
		"bytes_before", size, "bytes_kept_at_most", c.atMost)
	return nil
}
