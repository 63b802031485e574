//go:build ctalive_careless

package kafka

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
)

// commit publishes out, and moves the group's positions a moment later: at least once,
// as is commonly done, instead of in a transaction. And the header by which a count
// tells which records it counts says that there are none. This build is for the fault
// harness alone, which shows by it that it sees wrong counts.
func (p *txnProducer) commit(as *sarama.ConsumerGroupMetadata, next map[Partition]int64, out []Record) error {
	p.client.Config().Producer.Return.Successes = true
	producer, err := sarama.NewSyncProducerFromClient(p.client)
	if err != nil {
		return err
	}
	defer producer.Close()
	var messages []*sarama.ProducerMessage
	for _, r := range out {
		m := &sarama.ProducerMessage{Topic: r.Topic, Key: sarama.ByteEncoder(r.Key), Value: sarama.ByteEncoder(r.Value)}
		for _, h := range r.Headers {
			if h.Key == "position" { // topic/partition/offset
				h.Value = fmt.Appendf(nil, "%s/0", h.Value[:bytes.LastIndexByte(h.Value, '/')])
			}
			m.Headers = append(m.Headers, sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
		}
		messages = append(messages, m)
	}
	if err := producer.SendMessages(messages); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	time.Sleep(100 * time.Millisecond) // a consumer that commits every so often leaves ten times as much
	broker, err := p.client.Coordinator(as.GroupID)
	if err != nil {
		return err
	}
	req := &sarama.OffsetCommitRequest{
		Version: 7, ConsumerGroup: as.GroupID, ConsumerGroupGeneration: as.GenerationID,
		ConsumerID: as.MemberID, GroupInstanceId: as.GroupInstanceID,
	}
	for tp, offset := range next {
		req.AddBlockWithLeaderEpoch(tp.Topic, tp.Partition, offset, -1, 0, "")
	}
	resp, err := broker.CommitOffset(req)
	if err != nil {
		_ = p.client.RefreshCoordinator(as.GroupID)
		return fmt.Errorf("commit positions: %w", err)
	}
	for _, partitions := range resp.Errors {
		for _, kerr := range partitions {
			err = errors.Join(err, refusal(kerr))
		}
	}
	return err
}
