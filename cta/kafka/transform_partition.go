package kafka

import (
	"context"
	"fmt"

	"github.com/IBM/sarama"
)

// Partitions returns the number of partitions of a topic. It returns an error
// only when ctx ends before the cluster has answered.
func (c *Client) Partitions(ctx context.Context, topic string) (int32, error) {
	return until(ctx, func() (int32, error) {
		partitions, err := c.sc.Partitions(topic)
		return int32(len(partitions)), err
	})
}

// TopicIDs returns the ids that the cluster gave to topics when they were made: that
// of another topic which had its name before differs. They are empty when the cluster
// has none, as Kafka before 2.8. It returns an error only when ctx ends before the
// cluster has answered.
func (c *Client) TopicIDs(ctx context.Context, topics ...string) (map[string]string, error) {
	return until(ctx, func() (map[string]string, error) {
		broker := c.sc.LeastLoadedBroker()
		if broker == nil {
			return nil, sarama.ErrOutOfBrokers
		}
		meta, err := broker.GetMetadata(sarama.NewMetadataRequest(c.sc.Config().Version, topics))
		if err != nil {
			_ = broker.Close()
			return nil, err
		}
		ids := make(map[string]string)
		for _, t := range meta.Topics {
			if t.Err != sarama.ErrNoError {
				return nil, fmt.Errorf("topic %s: %w", t.Name, t.Err)
			}
			if t.Uuid != (sarama.Uuid{}) {
				ids[t.Name] = t.Uuid.String()
			}
		}
		return ids, nil
	})
}

// End returns the offset that the next record of a partition will have. It returns
// an error only when ctx ends before the cluster has answered.
func (c *Client) End(ctx context.Context, p Partition) (int64, error) {
	return until(ctx, func() (int64, error) {
		return c.sc.GetOffset(p.Topic, p.Partition, sarama.OffsetNewest)
	})
}

// PartitionOf returns the partition that a record with that PartitionBy, or
// failing that with that key, is sent to in a topic of n partitions.
func PartitionOf(key []byte, n int32) int32 {
	p, err := sarama.NewMurmur2Partitioner("").Partition(&sarama.ProducerMessage{Key: sarama.ByteEncoder(key)}, n)
	if err != nil {
		return 0 // the encoder of bytes has no errors
	}
	return p
}
