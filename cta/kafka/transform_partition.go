package kafka

import (
	"context"

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
