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
	c.grown = make(map[partition]int64)
	for _, t := range topics {
		for _, p := range c.cluster.PartitionInfos(t) {
			size += p.NumBytes
			c.grown[partition{t, p.Partition}] = p.HighWatermark
		}
	}
	if c.atMost == 0 || size <= c.atMost {
		return nil
	}
	// A little more goes than has to, so that this isn't done every time.
	share := 1 - 0.9*float64(c.atMost)/float64(size)
	unread, err := c.unread(ctx)
	if err != nil {
		return err
	}
	lost := false
	req := kmsg.NewPtrDeleteRecordsRequest()
	for _, t := range topics {
		topic := kmsg.NewDeleteRecordsRequestTopic()
		topic.Topic = t
		for _, p := range c.cluster.PartitionInfos(t) {
			key := partition{t, p.Partition}
			if end, known := before[key]; !known || end == p.HighWatermark {
				continue
			}
			part := kmsg.NewDeleteRecordsRequestTopicPartition()
			part.Partition = p.Partition
			part.Offset = p.LogStartOffset + int64(share*float64(p.LastStableOffset-p.LogStartOffset))
			if at, behind := unread[key]; behind && at < part.Offset {
				if size <= hold*c.atMost {
					part.Offset = at
				} else {
					lost = true
				}
			}
			if part.Offset <= p.LogStartOffset {
				continue
			}
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
	if lost {
		c.log.Warn("embedded broker: dropped records that a consumer group has not read, to bound memory; the group is too slow",
			"bytes_before", size, "bytes_kept_at_most", hold*c.atMost)
		return nil
	}
	c.log.Info("embedded broker: dropped the oldest records to bound memory",
		"bytes_before", size, "bytes_kept_at_most", c.atMost)
	return nil
}

// hold is how many times the bound is kept for groups that are behind.
const hold = 4

// unread returns, by partition, the lowest position of the groups that have members: 0 where a
// member has none yet.
func (c *cleaner) unread(ctx context.Context) (map[partition]int64, error) {
	groups, err := kmsg.NewPtrListGroupsRequest().RequestWith(ctx, c.client)
	if err != nil {
		return nil, err
	}
	lowest := make(map[partition]int64)
	least := func(p partition, at int64) {
		if known, ok := lowest[p]; !ok || at < known {
			lowest[p] = at
		}
	}
	for _, g := range groups.Groups {
		info := c.cluster.GroupInfo(g.Group)
		if info == nil || len(info.Members) == 0 {
			continue
		}
		for topic, parts := range info.Commits {
			for n, commit := range parts {
				least(partition{topic, n}, commit.Offset)
			}
		}
		for _, m := range info.Members {
			for topic, parts := range m.Assignment {
				for _, n := range parts {
					if _, known := info.Commits[topic][n]; !known {
						least(partition{topic, n}, 0)
					}
				}
			}
		}
	}
	return lowest, nil
}
