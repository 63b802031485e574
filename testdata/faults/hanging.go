package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// endHanging ends transactions that the broker itself has forgotten to end in some
// partitions, as an operator does with kafka-transactions. Apache Kafka 4.3.1 does so
// when its partitions have no leader at the moment when it is to write there how a
// transaction ended: it logs "Couldn't find leader endpoint" and takes them for
// deleted. Then no reader of committed records, and no member of the group, gets
// beyond. It returns how many there were.
func (h *run) endHanging(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	c, err := kgo.NewClient(h.options()...)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	states := make(map[int64]string)
	for _, shard := range c.RequestSharded(ctx, kmsg.NewPtrListTransactionsRequest()) {
		if shard.Err != nil {
			return 0, shard.Err
		}
		for _, t := range shard.Resp.(*kmsg.ListTransactionsResponse).TransactionStates {
			states[t.ProducerID] = t.TransactionState
		}
	}
	topics, err := endOffsets(ctx, c, []string{h.s.topics().TurnstileSummary(), h.s.topics().DeadLetter(), "__consumer_offsets"})
	if err != nil {
		return 0, err
	}
	req := kmsg.NewPtrDescribeProducersRequest()
	for topic, partitions := range topics {
		t := kmsg.NewDescribeProducersRequestTopic()
		t.Topic = topic
		for p := range partitions {
			t.Partitions = append(t.Partitions, p)
		}
		req.Topics = append(req.Topics, t)
	}
	found := 0
	for _, shard := range c.RequestSharded(ctx, req) {
		if shard.Err != nil {
			return found, shard.Err
		}
		for _, t := range shard.Resp.(*kmsg.DescribeProducersResponse).Topics {
			for _, p := range t.Partitions {
				for _, open := range p.ActiveProducers {
					state, ok := states[open.ProducerID]
					if open.CurrentTxnStartOffset < 0 || !ok || state == "Ongoing" || state == "PrepareCommit" || state == "PrepareAbort" {
						continue
					}
					found++
					h.note("the broker left a transaction open in %s/%d that it has as %s: ended by hand (its log says %d times that it found no leader)", t.Topic, p.Partition, state, h.forgot())
					err = errors.Join(err, writeMarker(ctx, c, t.Topic, p.Partition, open, state == "CompleteCommit"))
				}
			}
		}
	}
	return found, err
}

// forgot returns how often the broker has logged that it takes partitions for deleted.
func (h *run) forgot() (n int) {
	for _, p := range h.nodes {
		n += max(p.logged("Couldn't find leader endpoint"), 0)
	}
	return n
}

// writeMarker writes how a transaction ended to a partition.
func writeMarker(ctx context.Context, c *kgo.Client, topic string, partition int32, open kmsg.DescribeProducersResponseTopicPartitionActiveProducer, committed bool) error {
	m := kmsg.NewWriteTxnMarkersRequestMarker()
	m.ProducerID, m.ProducerEpoch, m.CoordinatorEpoch = open.ProducerID, int16(open.ProducerEpoch), max(open.CoordinatorEpoch, 0)
	m.Committed = committed
	t := kmsg.NewWriteTxnMarkersRequestMarkerTopic()
	t.Topic, t.Partitions = topic, []int32{partition}
	m.Topics = append(m.Topics, t)
	req := kmsg.NewPtrWriteTxnMarkersRequest()
	req.Markers = append(req.Markers, m)
	for _, shard := range c.RequestSharded(ctx, req) { // to the partition's leader
		if shard.Err != nil {
			return shard.Err
		}
		for _, m := range shard.Resp.(*kmsg.WriteTxnMarkersResponse).Markers {
			for _, t := range m.Topics {
				for _, p := range t.Partitions {
					if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
						return fmt.Errorf("end a transaction in %s/%d: %w", topic, partition, err)
					}
				}
			}
		}
	}
	return nil
}
