package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// franz is the bare consumer by franz-go, its settings at their defaults.
func franz(ctx context.Context, s *settings) error {
	ends, err := ends(s)
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(s.brokers), kgo.ConsumeTopics(s.topic), kgo.ConsumerGroup(s.group),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.DisableAutoCommit())
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	read := 0
	for len(ends) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			return err
		}
		if read == 0 && fetches.NumRecords() > 0 {
			fmt.Println(1, time.Now().UnixNano())
		}
		read += fetches.NumRecords()
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			if n := len(p.Records); n > 0 && p.Records[n-1].Offset+1 == ends[p.Partition] {
				delete(ends, p.Partition)
			}
		})
	}
	fmt.Println(read, time.Now().UnixNano())
	time.Sleep(100 * time.Millisecond) // its memory is read meanwhile
	return nil
}

// franzEmits sends records by franz-go, its settings at their defaults.
func franzEmits(ctx context.Context, s *settings) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(s.brokers), kgo.DefaultProduceTopic(s.topic))
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.Ping(ctx); err != nil {
		return err
	}
	var failed error
	fmt.Println(0, time.Now().UnixNano())
	for i := range s.entries {
		client.Produce(ctx, &kgo.Record{Key: emittedKey(i), Value: make([]byte, emittedSize)}, func(_ *kgo.Record, err error) {
			failed = errors.Join(failed, err)
		})
	}
	if err := client.Flush(ctx); err != nil {
		return err
	}
	fmt.Println(s.entries, time.Now().UnixNano())
	return failed
}
