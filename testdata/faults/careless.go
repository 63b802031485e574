package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/seed-921eec07/ctalive/cta"
	"github.com/seed-921eec07/ctalive/cta/kafka"
)

// runCareless is a worker that counts at least once, as is commonly done: it
// publishes counts, and commits positions once a second. What was published and not
// committed when it is killed, is counted again; and after a pause it goes on
// publishing although its partitions are another's.
func runCareless(ctx context.Context, s *settings) error {
	client, err := kafka.Connect(ctx, kafka.Config{Brokers: []string{s.brokers}, Wait: time.Minute})
	if err != nil {
		return err
	}
	defer client.Close()
	topics := s.topics()
	if err := client.EnsureTopics(ctx, kafka.TableTopic(topics.TurnstileSummary(), 1)); err != nil {
		return err
	}
	counts := make(map[int]int64)
	c, err := kgo.NewClient(kgo.SeedBrokers(s.brokers), kgo.ConsumerGroup("careless"), kgo.DisableAutoCommit(),
		kgo.ConsumeRegex(), kgo.ConsumeTopics(".*station.turnstiles.*"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.SessionTimeout(s.session), kgo.HeartbeatInterval(s.session/6), kgo.MetadataMinAge(500*time.Millisecond), kgo.MetadataMaxAge(2*time.Second), kgo.RequestRetries(50),
		kgo.BlockRebalanceOnPoll(),
		kgo.OnPartitionsAssigned(func(ctx context.Context, _ *kgo.Client, _ map[string][]int32) {
			restored, err := lastCounts(ctx, s.brokers, nil, topics)
			if err == nil {
				counts = restored
			}
		}))
	if err != nil {
		return err
	}
	defer c.Close()
	committed := time.Now()
	for ctx.Err() == nil {
		fetches := c.PollRecords(ctx, 5000)
		changed := make(map[int]bool)
		fetches.EachRecord(func(r *kgo.Record) {
			if station, _, err := parseEntry(r.Key, r.Value); err == nil {
				counts[station]++
				changed[station] = true
			}
		})
		var out []*kgo.Record
		for station := range changed {
			value, _ := json.Marshal(map[string]int64{"STATION_ID": int64(station), "COUNT": counts[station]}) // plain numbers
			out = append(out, &kgo.Record{Topic: topics.TurnstileSummary(), Key: []byte(strconv.Itoa(station)), Value: value})
		}
		err := c.ProduceSync(ctx, out...).FirstErr()
		if err == nil && time.Since(committed) > time.Second {
			err = c.CommitUncommittedOffsets(ctx)
			committed = time.Now()
		}
		c.AllowRebalance()
		if err != nil && ctx.Err() == nil {
			fmt.Println(err)
		}
	}
	return nil
}

// lastCounts reads the last published count of each station. It shares no code
// with the library but names.
func lastCounts(ctx context.Context, broker string, dial kgo.Opt, topics cta.Topics) (map[int]int64, error) {
	counts := make(map[int]int64)
	err := readAll(ctx, broker, dial, []string{topics.TurnstileSummary()}, func(r *kgo.Record) error {
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
func readAll(ctx context.Context, broker string, dial kgo.Opt, topics []string, handle func(*kgo.Record) error) error {
	opts := []kgo.Opt{kgo.SeedBrokers(broker), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.FetchMaxWait(100 * time.Millisecond), kgo.RequestRetries(50)}
	if dial != nil {
		opts = append(opts, dial)
	}
	c, err := kgo.NewClient(opts...)
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
