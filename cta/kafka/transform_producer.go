package kafka

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"
)

const (
	// txnTries and txnPause bound what is waited for within a transaction: 3 s in all.
	// A coordinator that is only finishing the transaction before is asked again after
	// txnPause, four times; then ever more seldom.
	txnTries = 40
	txnPause = time.Millisecond
)

// txnProducer sends transactions under a transactional id, one at a time. After
// any error but those of a stale generation it is of no use: a new one ends what
// it has left open.
//
// Sarama's own producer is not used, because it takes seven waits for an answer a
// transaction, one after the other: it sends the first record before the rest, and
// the positions after the records. Here the records and the positions go side by
// side, and three waits remain. The time of a transaction is most of the delay of a
// count.
type txnProducer struct {
	client sarama.Client
	id     string
	open   func() bool // false when it's vain to try again
	pid    int64
	epoch  int16
	unsure atomic.Bool // an answer was lost: its request may be handled again, and late

	boxes        map[Partition]*outbox
	partitioners map[string]sarama.Partitioner
}

// newTxnProducer takes the id over: who had it before is fenced, and the
// transaction that may be open under it is aborted.
func newTxnProducer(client sarama.Client, id string, open func() bool) (*txnProducer, error) {
	p := &txnProducer{client: client, id: id, open: open, pid: -1, epoch: -1, partitioners: make(map[string]sarama.Partitioner)}
	if err := p.begin(); err != nil {
		return nil, err
	}
	return p, nil
}

// begin takes the next epoch of the id, if nobody else has: requests of the epochs
// before are refused from then on.
func (p *txnProducer) begin() error {
	from, epoch := p.pid, p.epoch
	err := p.ask(p.coordinator(), func(b *sarama.Broker) error {
		resp, err := b.InitProducerID(&sarama.InitProducerIDRequest{
			Version: 4, TransactionalID: &p.id, TransactionTimeout: transactionTimeout, ProducerID: from, ProducerEpoch: epoch,
		})
		if err != nil {
			return err
		}
		p.pid, p.epoch = resp.ProducerID, resp.ProducerEpoch
		return refusal(resp.Err)
	})
	p.boxes = make(map[Partition]*outbox)
	p.unsure.Store(false)
	return err
}

// abort drops what the transaction has sent.
func (p *txnProducer) abort() error { return p.end(false) }

// publish sends the transaction's records, and waits until all are written.
func (p *txnProducer) publish(out []Record) error {
	var boxes []*outbox
	partitions := make(map[string][]int32)
	for i := range out {
		o, err := p.box(&out[i])
		if err != nil {
			return fmt.Errorf("topic %s: %w", out[i].Topic, err)
		}
		if len(o.queue) == 0 {
			boxes = append(boxes, o)
			partitions[o.Topic] = append(partitions[o.Topic], o.Partition.Partition)
		}
		o.add(out[i], 0, nil)
	}
	if len(boxes) == 0 {
		return nil
	}
	err := p.ask(p.coordinator(), func(b *sarama.Broker) error {
		resp, err := b.AddPartitionsToTxn(&sarama.AddPartitionsToTxnRequest{
			Version: 3, TransactionalID: p.id, ProducerID: p.pid, ProducerEpoch: p.epoch, TopicPartitions: partitions,
		})
		if err != nil {
			return err
		}
		return worst(resp.Errors)
	})
	for err == nil && len(boxes) > 0 {
		err = p.ask(p.leader(boxes[0], partitions), func(b *sarama.Broker) error { return p.produce(b, boxes) })
		boxes = slices.DeleteFunc(boxes, func(o *outbox) bool { return len(o.queue) == 0 })
	}
	return err
}

// box returns the outbox of the partition that r belongs in.
func (p *txnProducer) box(r *Record) (*outbox, error) {
	partitions, err := p.client.Partitions(r.Topic)
	if err != nil {
		return nil, err
	}
	partitioner := p.partitioners[r.Topic]
	if partitioner == nil {
		partitioner = sarama.NewMurmur2Partitioner(r.Topic)
		p.partitioners[r.Topic] = partitioner
	}
	m := new(sarama.ProducerMessage)
	switch {
	case r.PartitionBy != nil:
		m.Key = sarama.ByteEncoder(r.PartitionBy)
	case r.Key != nil:
		m.Key = sarama.ByteEncoder(r.Key)
	}
	n, err := partitioner.Partition(m, int32(len(partitions)))
	if err != nil {
		return nil, err
	}
	tp := Partition{r.Topic, n}
	o := p.boxes[tp]
	if o == nil {
		o = &outbox{Partition: tp, pid: p.pid, epoch: p.epoch}
		p.boxes[tp] = o
	}
	return o, nil
}

// produce sends the next batches of the partitions that a broker leads. Those
// that it has written leave their outboxes.
func (p *txnProducer) produce(b *sarama.Broker, boxes []*outbox) error {
	req := &sarama.ProduceRequest{
		Version: 10, TransactionalID: &p.id, RequiredAcks: sarama.WaitForAll,
		Timeout: int32(p.client.Config().Producer.Timeout.Milliseconds()),
	}
	var sent []*outbox
	bytes := 0
	for _, o := range boxes {
		leader, err := p.client.Leader(o.Topic, o.Partition.Partition)
		if err != nil || leader.ID() != b.ID() || len(o.queue) == 0 || bytes > requestBytes {
			continue
		}
		head := o.head()
		head.records.IsTransactional = true
		req.AddBatch(o.Topic, o.Partition.Partition, head.records)
		sent = append(sent, o)
		bytes += head.bytes
	}
	resp, err := b.Produce(req)
	if err != nil {
		return err
	}
	for _, o := range sent {
		block := resp.GetBlock(o.Topic, o.Partition.Partition)
		switch {
		case block == nil:
			err = fmt.Errorf("topic %s: %w", o.Topic, sarama.ErrIncompleteResponse)
		case block.Err == sarama.ErrNoError, block.Err == sarama.ErrDuplicateSequenceNumber:
			o.pop(true)
		case block.Err == sarama.ErrMessageSizeTooLarge && o.split():
		default:
			err = fmt.Errorf("topic %s: %w", o.Topic, block.Err)
		}
	}
	return err
}

// position makes the group's positions part of the transaction.
func (p *txnProducer) position(as *sarama.ConsumerGroupMetadata, next map[Partition]int64) error {
	err := p.ask(p.coordinator(), func(b *sarama.Broker) error {
		resp, err := b.AddOffsetsToTxn(&sarama.AddOffsetsToTxnRequest{
			Version: 3, TransactionalID: p.id, ProducerID: p.pid, ProducerEpoch: p.epoch, GroupID: as.GroupID,
		})
		if err != nil {
			return err
		}
		return refusal(resp.Err)
	})
	if err != nil {
		return err
	}
	offsets := make(map[string][]*sarama.PartitionOffsetMetadata, len(next))
	for tp, offset := range next {
		offsets[tp.Topic] = append(offsets[tp.Topic], &sarama.PartitionOffsetMetadata{
			Partition: tp.Partition, Offset: offset, LeaderEpoch: -1,
		})
	}
	group := found{
		func() (*sarama.Broker, error) { return p.client.Coordinator(as.GroupID) },
		func() error { return p.client.RefreshCoordinator(as.GroupID) },
	}
	return p.ask(group, func(b *sarama.Broker) error {
		resp, err := b.TxnOffsetCommit(&sarama.TxnOffsetCommitRequest{
			Version: 3, TransactionalID: p.id, ProducerID: p.pid, ProducerEpoch: p.epoch,
			GroupID: as.GroupID, GenerationID: as.GenerationID, MemberID: as.MemberID, GroupInstanceID: as.GroupInstanceID,
			Topics: offsets,
		})
		if err != nil {
			return err
		}
		return worst(resp.Topics)
	})
}

func (p *txnProducer) end(commit bool) error {
	return p.ask(p.coordinator(), func(b *sarama.Broker) error {
		resp, err := b.EndTxn(&sarama.EndTxnRequest{
			Version: 3, TransactionalID: p.id, ProducerID: p.pid, ProducerEpoch: p.epoch, TransactionResult: commit,
		})
		if err != nil {
			return err
		}
		return refusal(resp.Err)
	})
}

// found is how the broker that serves a request is found, and found again.
type found struct {
	get   func() (*sarama.Broker, error)
	renew func() error
}

func (p *txnProducer) coordinator() found {
	return found{
		func() (*sarama.Broker, error) { return p.client.TransactionCoordinator(p.id) },
		func() error { return p.client.RefreshTransactionCoordinator(p.id) },
	}
}

func (p *txnProducer) leader(o *outbox, topics map[string][]int32) found {
	return found{
		func() (*sarama.Broker, error) { return p.client.Leader(o.Topic, o.Partition.Partition) },
		func() error {
			var names []string
			for topic := range topics {
				names = append(names, topic)
			}
			return p.client.RefreshMetadata(names...)
		},
	}
}

// ask sends a request until it succeeds, is refused for good, or has been sent
// too often. All requests of a transaction can be sent again: what was done
// already, by one whose answer was lost, is not done twice.
func (p *txnProducer) ask(at found, send func(*sarama.Broker) error) error {
	for try := 1; ; try++ {
		broker, err := at.get()
		lost := false
		if err == nil {
			err = send(broker)
			var refused sarama.KError
			lost = err != nil && !errors.As(err, &refused)
		}
		if err == nil || !passes(err) || try == txnTries || !p.open() {
			return err
		}
		if lost {
			p.unsure.Store(true)
			_ = broker.Close() // sarama opens it again for the next request
		}
		if lost || !errors.Is(err, sarama.ErrConcurrentTransactions) {
			_ = at.renew() // tried again if it fails
		}
		time.Sleep(min(txnPause<<max(try-4, 0), 100*time.Millisecond))
	}
}

// passes reports whether what a request of a transaction failed with may pass.
func passes(err error) bool {
	var kerr sarama.KError
	if !errors.As(err, &kerr) {
		return true // the connection
	}
	switch kerr {
	case sarama.ErrOutOfOrderSequenceNumber, sarama.ErrUnknownProducerID, sarama.ErrInvalidProducerEpoch:
		return false
	case sarama.ErrConcurrentTransactions, sarama.ErrUnstableOffsetCommit,
		sarama.ErrOperationNotAttempted: // for the sake of another partition, whose error counts
		return true
	}
	return retriable(kerr)
}

func refusal(kerr sarama.KError) error {
	if kerr == sarama.ErrNoError {
		return nil
	}
	return kerr
}

// worst returns the error of a partition, if any has one: of several rather one
// that does not pass.
func worst(topics map[string][]*sarama.PartitionError) (worst error) {
	for topic, partitions := range topics {
		for _, p := range partitions {
			if err := refusal(p.Err); err != nil && (worst == nil || !passes(err)) {
				worst = fmt.Errorf("topic %s: %w", topic, err)
			}
		}
	}
	return worst
}
