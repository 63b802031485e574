package kafka

import (
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
)

const (
	retryBackoff  = 50 * time.Millisecond
	maxRetryDelay = time.Second
)

// settle ends the batch under way of o, if the answer does, and says whether.
func (p *Producer) settle(o *outbox, cause error) bool {
	var kerr sarama.KError
	switch {
	case cause == nil, errors.Is(cause, sarama.ErrDuplicateSequenceNumber):
		p.finish(o, nil)
		return true
	case p.ctx.Err() != nil:
		return true // Close fails what is left
	case !errors.As(cause, &kerr):
		// The connection, or our own encoding.
		var encoding sarama.PacketEncodingError
		if errors.As(cause, &encoding) {
			p.finish(o, cause)
			return true
		}
	case kerr == sarama.ErrOutOfOrderSequenceNumber, kerr == sarama.ErrUnknownProducerID,
		kerr == sarama.ErrInvalidProducerEpoch, kerr == sarama.ErrProducerFenced, kerr == sarama.ErrInvalidProducerIDMapping:
		// The broker has lost what it knew of this producer, with acknowledged
		// records maybe. This batch is not in its log under this sequence.
		p.client.cfg.Log.Warn("broker has lost the producer's sequence; going on with a new producer id",
			"topic", o.Topic, "partition", o.Partition.Partition, "err", cause)
		p.disown(o.pid)
		o.pid = -1
	case kerr == sarama.ErrMessageSizeTooLarge:
		// The topic takes less than our batches hold (max.message.bytes).
		p.mu.Lock()
		smaller := o.split()
		p.mu.Unlock()
		if !smaller {
			p.finish(o, cause)
		}
		return !smaller
	case !retriable(kerr):
		p.finish(o, cause)
		return true
	}
	p.mu.Lock()
	b := o.queue[0]
	if kerr != sarama.ErrUnknownTopicOrPartition {
		o.lost = time.Time{}
	} else if o.lost.IsZero() {
		o.lost = time.Now()
	}
	gone := !o.lost.IsZero() && time.Since(o.lost) > unknownTopicTimeout
	if gone {
		delete(p.topics, o.Topic) // a new topic of that name is looked up anew
	}
	p.mu.Unlock()
	if gone || time.Since(b.created) > deliveryTimeout {
		p.finish(o, fmt.Errorf("given up after %v: %w", time.Since(b.created).Round(time.Second), cause))
		return true
	}
	return false
}

func retriable(kerr sarama.KError) bool {
	switch kerr {
	case sarama.ErrOutOfOrderSequenceNumber, sarama.ErrUnknownProducerID, sarama.ErrInvalidProducerEpoch,
		sarama.ErrInvalidMessage, // corrupted on the way
		sarama.ErrUnknownTopicOrPartition, sarama.ErrLeaderNotAvailable, sarama.ErrNotLeaderForPartition,
		sarama.ErrRequestTimedOut, sarama.ErrNetworkException, sarama.ErrNotEnoughReplicas,
		sarama.ErrNotEnoughReplicasAfterAppend, sarama.ErrKafkaStorageError, sarama.ErrFencedLeaderEpoch,
		sarama.ErrUnknownLeaderEpoch, sarama.ErrReplicaNotAvailable, sarama.ErrBrokerNotAvailable,
		sarama.ErrConsumerCoordinatorNotAvailable, sarama.ErrNotCoordinatorForConsumer, // of a producer id
		sarama.ErrOffsetsLoadInProgress, sarama.ErrThrottlingQuotaExceeded:
		return true
	}
	return false
}

// finish takes the batch under way off its partition: delivered when err is nil.
func (p *Producer) finish(o *outbox, err error) {
	p.mu.Lock()
	b := o.queue[0]
	p.mu.Unlock()
	n := len(b.records.Records)
	if err != nil {
		err = fmt.Errorf("kafka: deliver to %s/%d: %w", o.Topic, o.Partition.Partition, err)
		p.client.stats.sendErrors.Add(float64(n))
		p.disown(o.pid)
	} else {
		p.client.stats.sentRecords.WithLabelValues(o.Topic).Add(float64(n))
		p.client.stats.sentBytes.WithLabelValues(o.Topic).Add(float64(b.payload))
		p.client.stats.sendSeconds.Observe(time.Since(b.created).Seconds())
	}
	untold := n
	for _, done := range b.done { // before Flush is told
		if done != nil {
			done(err)
			untold--
		}
	}
	p.client.stats.buffered.Sub(float64(n))
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil && p.complaint != "" {
		p.complaint = ""
		p.client.cfg.Log.Info("sending goes on", "topic", o.Topic, "partition", o.Partition.Partition)
	}
	if err != nil && !p.losing {
		p.client.cfg.Log.Warn("records are given up; more of them are only counted", "topic", o.Topic, "partition", o.Partition.Partition, "records", n, "err", err)
	}
	p.losing = err != nil
	if err != nil && untold > 0 {
		p.untold.add(err, untold)
	}
	o.pop(err == nil)
	o.taken, o.backoff, o.lost = false, 0, time.Time{}
	p.buffered -= n
	p.bytes -= b.bytes
	if p.room != nil {
		close(p.room)
		p.room = nil
	}
	if p.idle != nil {
		close(p.idle)
		p.idle = nil
	}
	p.readyLocked(o)
}

// again finds the leaders of partitions whose batch failed for now, and lists
// them after a while.
func (p *Producer) again(boxes []*outbox, err error) {
	p.client.stats.retries.Add(float64(len(boxes)))
	topics := make(map[string]bool)
	repeated := false
	for _, o := range boxes {
		topics[o.Topic] = true
		repeated = repeated || o.backoff > 0
	}
	names := make([]string, 0, len(topics))
	for name := range topics {
		names = append(names, name)
	}
	refreshErr := p.sc.RefreshMetadata(names...)
	if repeated { // brokers close idle connections, which is nobody's trouble
		p.complain(err, refreshErr)
	}
	leaders := make([]int32, len(boxes))
	for i, o := range boxes {
		leaders[i] = -1
		if refreshErr == nil || !errors.Is(refreshErr, sarama.ErrOutOfBrokers) {
			if broker, err := p.sc.Leader(o.Topic, o.Partition.Partition); err == nil {
				leaders[i] = broker.ID()
			}
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, o := range boxes {
		o.leader = leaders[i]
		o.backoff = min(max(2*o.backoff, retryBackoff), maxRetryDelay)
		time.AfterFunc(o.backoff, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			if p.ctx.Err() == nil {
				o.taken = false
				p.readyLocked(o)
			}
		})
	}
}

// complain logs that the cluster is away, once until it is back.
func (p *Producer) complain(errs ...error) {
	if p.ctx.Err() != nil {
		return
	}
	for _, err := range errs {
		if err == nil || errors.Is(err, sarama.ErrOffsetsLoadInProgress) || errors.Is(err, sarama.ErrConsumerCoordinatorNotAvailable) {
			continue // a new cluster takes a moment to give its first producer id
		}
		text := p.client.diagnose(err).text
		p.mu.Lock()
		again := text == p.complaint
		p.complaint = text
		p.mu.Unlock()
		if !again {
			p.client.cfg.Log.Warn("sending waits for the Kafka cluster", "reason", text)
		}
		return
	}
}
