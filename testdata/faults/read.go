package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/seed-921eec07/ctalive/cta"
)

// lastCounts reads the last published count of each station. It shares no code
// with the library but names.
func lastCounts(ctx context.Context, opts []kgo.Opt, topics cta.Topics) (map[int]int64, error) {
	counts := make(map[int]int64)
	err := readAll(ctx, opts, []string{topics.TurnstileSummary()}, func(r *kgo.Record) error {
		p, err := parsePublished(r)
		if err != nil {
			return err
		}
		counts[p.station] = p.count
		return nil
	})
	return counts, err
}

// readAll reads the committed records that topics hold now, each partition in order.
func readAll(ctx context.Context, opts []kgo.Opt, topics []string, handle func(*kgo.Record) error) error {
	c, err := kgo.NewClient(append(slices.Clip(opts), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.FetchMaxWait(100*time.Millisecond), kgo.RequestRetries(50))...)
	if err != nil {
		return err
	}
	defer c.Close()
	ends, err := endOffsets(ctx, c, topics)
	if err != nil {
		return err
	}
	from := make(map[string]map[int32]kgo.Offset)
	for topic, partitions := range ends {
		from[topic] = make(map[int32]kgo.Offset)
		for p, end := range partitions {
			if end == 0 {
				delete(partitions, p)
				continue
			}
			from[topic][p] = kgo.NewOffset().AtStart()
		}
		if len(partitions) == 0 {
			delete(ends, topic)
		}
	}
	if len(ends) == 0 {
		return nil
	}
	c.AddConsumePartitions(from)
	for len(ends) > 0 {
		fetches := c.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("read to the end of topics: %w (%d topics left)", err, len(ends))
		}
		var failed error
		fetches.EachPartition(func(tp kgo.FetchTopicPartition) {
			for _, r := range tp.Records {
				if !r.Attrs.IsControl() {
					failed = errors.Join(failed, handle(r))
				}
				if r.Offset+1 >= ends[r.Topic][r.Partition] {
					delete(ends[r.Topic], r.Partition)
				}
			}
			if len(ends[tp.Topic]) == 0 {
				delete(ends, tp.Topic)
			}
		})
		if failed != nil {
			return failed
		}
	}
	return nil
}

// endOffsets returns the offset after the last record of each partition.
func endOffsets(ctx context.Context, c *kgo.Client, topics []string) (map[string]map[int32]int64, error) {
	meta := kmsg.NewPtrMetadataRequest()
	for _, t := range topics {
		mt := kmsg.NewMetadataRequestTopic()
		mt.Topic = kmsg.StringPtr(t)
		meta.Topics = append(meta.Topics, mt)
	}
	known, err := meta.RequestWith(ctx, c)
	if err != nil {
		return nil, err
	}
	req := kmsg.NewPtrListOffsetsRequest()
	for _, t := range known.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			if errors.Is(err, kerr.UnknownTopicOrPartition) {
				continue
			}
			return nil, err
		}
		lt := kmsg.NewListOffsetsRequestTopic()
		lt.Topic = *t.Topic
		for _, p := range t.Partitions {
			lp := kmsg.NewListOffsetsRequestTopicPartition()
			lp.Partition, lp.Timestamp, lp.CurrentLeaderEpoch = p.Partition, -1, -1
			lt.Partitions = append(lt.Partitions, lp)
		}
		req.Topics = append(req.Topics, lt)
	}
	ends := make(map[string]map[int32]int64)
	for _, shard := range c.RequestSharded(ctx, req) {
		if shard.Err != nil {
			return nil, shard.Err
		}
		for _, t := range shard.Resp.(*kmsg.ListOffsetsResponse).Topics {
			if ends[t.Topic] == nil {
				ends[t.Topic] = make(map[int32]int64)
			}
			for _, p := range t.Partitions {
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
					return nil, err
				}
				ends[t.Topic][p.Partition] = p.Offset
			}
		}
	}
	return ends, nil
}
