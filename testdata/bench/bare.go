package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
)

// bare is a consumer group that does nothing with what it reads. It prints how
// many records it had read when, and ends when it has read what was there.
func bare(ctx context.Context, s *settings) error {
	conf := sarama.NewConfig()
	conf.Version = sarama.V3_9_0_0
	conf.Consumer.Offsets.Initial = sarama.OffsetOldest
	conf.Consumer.Offsets.AutoCommit.Enable = false
	conf.Consumer.IsolationLevel = sarama.ReadCommitted
	conf.ChannelBufferSize = 4096 // a fifth more than by the default of 256
	client, err := sarama.NewClient([]string{s.brokers}, conf)
	if err != nil {
		return err
	}
	defer client.Close()
	ends, err := ends(s)
	if err != nil {
		return err
	}
	group, err := sarama.NewConsumerGroupFromClient(s.group, client)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	r := &reading{ends: ends, cancel: cancel}
	r.left.Store(int64(len(ends)))
	err = group.Consume(ctx, []string{s.topic}, r)
	if r.left.Load() > 0 {
		return errors.Join(errors.New("ended before the end of the topic"), err, group.Close())
	}
	fmt.Println(r.read.Load(), r.last.UnixNano())
	time.Sleep(100 * time.Millisecond) // its memory is read meanwhile
	return group.Close()
}

// reading is the sarama.ConsumerGroupHandler.
type reading struct {
	ends   map[int32]int64
	left   atomic.Int64 // partitions not read to their end
	read   atomic.Int64
	begun  sync.Once
	last   time.Time
	cancel context.CancelFunc
}

// Setup does nothing.
func (r *reading) Setup(sarama.ConsumerGroupSession) error { return nil }

// Cleanup does nothing.
func (r *reading) Cleanup(sarama.ConsumerGroupSession) error { return nil }

// ConsumeClaim reads one partition to its end.
func (r *reading) ConsumeClaim(_ sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	n := int64(0)
	for m := range claim.Messages() {
		if n++; n == 1 {
			r.begun.Do(func() { fmt.Println(1, time.Now().UnixNano()) })
		}
		if m.Offset+1 == r.ends[claim.Partition()] {
			r.read.Add(n)
			if r.left.Add(-1) == 0 {
				r.last = time.Now()
				r.cancel()
			}
		}
	}
	return nil
}

// ends are the ends of a topic's partitions.
func ends(s *settings) (map[int32]int64, error) {
	client, err := sarama.NewClient([]string{s.brokers}, sarama.NewConfig())
	if err != nil {
		return nil, err
	}
	defer client.Close()
	partitions, err := client.Partitions(s.topic)
	if err != nil {
		return nil, err
	}
	ends := make(map[int32]int64)
	for _, p := range partitions {
		if ends[p], err = client.GetOffset(s.topic, p, sarama.OffsetNewest); err != nil {
			return nil, err
		}
	}
	return ends, nil
}
