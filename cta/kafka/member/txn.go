package member

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/IBM/sarama"

	ibatch "github.com/seed-921eec07/ctalive/cta/kafka/internal/batch"
	"github.com/seed-921eec07/ctalive/cta/kafka/internal/cluster"
	"github.com/seed-921eec07/ctalive/cta/kafka/record"
	"github.com/seed-921eec07/ctalive/cta/retry"
)

const (
	// transactionTimeout is when the member and the coordinator, which checks every ten
	// seconds, give up a transaction. A hung broker blocks all commits until the cluster
	// removes it: after nine seconds and an election of the controller. A transaction
	// outlasts that, so that nothing must be restored. Dead members need no shorter time:
	// other members end their transactions (sweep.go).
	transactionTimeout = 20 * time.Second
	// A step is retried after txnPause, four times, then with growing pauses: mostly, the
	// coordinator is only finishing the previous transaction.
	txnPause = time.Millisecond
)

// txn sends transactions under a transactional id, one at a time. After an error, except
// of a stale generation, begin must follow; it ends the open transaction.
//
// Sarama's own producer is not used: it waits for seven answers per transaction, one after
// the other. It sends the first record before the rest, and the positions after the
// records. Here records and positions are sent in parallel, and three waits remain. The
// transaction is most of the delay of a count.
type txn struct {
	cl     *cluster.Cluster
	group  string
	id     string
	pid    int64
	epoch  int16
	unsure atomic.Bool // an answer was lost: its request may be handled again, late

	boxes       map[record.Partition]*ibatch.Box
	partitioner ibatch.Partitioner
	// adding is held while the coordinator adds to the transaction. It refuses a second
	// request meanwhile, as concurrent, and the retry would cost more than the wait.
	adding sync.Mutex
}

// begin takes over the id: its previous owner is fenced, and an open transaction is aborted.
func (t *txn) begin(ctx context.Context) error {
	t.pid, t.epoch, t.partitioner = -1, -1, ibatch.NewPartitioner()
	return t.renew(ctx)
}

// renew moves to the next epoch of the id, unless another owner has. Brokers then refuse
// requests of earlier epochs.
func (t *txn) renew(ctx context.Context) error {
	from, epoch := t.pid, t.epoch
	err := t.ask(ctx, t.coordinator(), cluster.Quick, func(b *sarama.Broker) error {
		resp, err := b.InitProducerID(&sarama.InitProducerIDRequest{
			Version: 4, TransactionalID: &t.id, TransactionTimeout: transactionTimeout, ProducerID: from, ProducerEpoch: epoch,
		})
		if err != nil {
			return err
		}
		if resp.Err == sarama.ErrNoError {
			t.pid, t.epoch = resp.ProducerID, resp.ProducerEpoch
		}
		return cluster.Refusal(resp.Err)
	})
	t.boxes = make(map[record.Partition]*ibatch.Box)
	t.unsure.Store(false)
	return err
}

// commit publishes out and moves the group's positions to next, as that member of the
// group, together or not at all. After ErrIllegalGeneration or ErrRebalanceInProgress
// nothing was committed, and end must follow to abort. After other errors, the
// transaction may or may not have been committed.
func (t *txn) commit(ctx context.Context, who as, instance *string, next map[*part]int64, out []record.Record) error {
	ctx, cancel := context.WithTimeout(ctx, transactionTimeout) // after which the coordinator aborts
	defer cancel()
	if t.unsure.Load() {
		// A late request of the last transaction, above all its end, must not affect the next.
		if err := t.renew(ctx); err != nil {
			return fmt.Errorf("begin anew: %w", err)
		}
	}
	published := make(chan error, 1)
	go func() { published <- t.publish(ctx, out) }()
	err := t.position(ctx, who, instance, next)
	if perr := <-published; perr != nil {
		return fmt.Errorf("publish: %w", perr)
	}
	if err != nil {
		return fmt.Errorf("add positions to transaction: %w", err)
	}
	if err := t.end(ctx, true); err != nil {
		return fmt.Errorf("commit transaction: %w", err)
	}
	return nil
}

// publish sends the transaction's records, and waits until all are written.
func (t *txn) publish(ctx context.Context, out []record.Record) error {
	var boxes []*ibatch.Box
	partitions := make(map[string][]int32)
	for i := range out {
		r := &out[i]
		n, err := t.cl.Partitions(ctx, r.Topic)
		if err != nil {
			return err
		}
		chosen, _ := t.partitioner.Choose(*r, n)
		p := record.Partition{Topic: r.Topic, Partition: chosen}
		o := t.boxes[p]
		if o == nil {
			o = &ibatch.Box{Partition: p}
			o.Own(t.pid, t.epoch)
			t.boxes[p] = o
		}
		if o.Empty() {
			boxes = append(boxes, o)
			partitions[p.Topic] = append(partitions[p.Topic], p.Partition)
		}
		o.Add(*r, 0, nil)
	}
	if len(boxes) == 0 {
		return nil
	}
	err := t.add(ctx, func(b *sarama.Broker) error {
		resp, err := b.AddPartitionsToTxn(&sarama.AddPartitionsToTxnRequest{
			Version: 3, TransactionalID: t.id, ProducerID: t.pid, ProducerEpoch: t.epoch, TopicPartitions: partitions,
		})
		if err != nil {
			return err
		}
		return worst(resp.Errors)
	})
	if err != nil {
		return err
	}
	// Send to all leaders in parallel.
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex
		faults error
	)
	view, byLeader := t.cl.View(), make(map[int32][]*ibatch.Box)
	for _, o := range boxes {
		leader := view.Leader(o.Partition)
		byLeader[leader] = append(byLeader[leader], o)
	}
	for _, boxes := range byLeader {
		wg.Go(func() {
			var err error
			for len(boxes) > 0 && err == nil {
				err = t.ask(ctx, cluster.Leader(boxes[0].Partition), ibatch.ReplicaTimeout+cluster.Quick/2, func(b *sarama.Broker) error {
					return t.produce(b, boxes)
				})
				boxes = slices.DeleteFunc(boxes, (*ibatch.Box).Empty)
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil && (faults == nil || !cluster.Passes(err)) {
				faults = err
			}
		})
	}
	wg.Wait()
	return faults
}

// produce sends the oldest batches of boxes that share the first box's leader. Written
// batches leave their boxes.
func (t *txn) produce(b *sarama.Broker, boxes []*ibatch.Box) (worst error) {
	view := t.cl.View()
	var sent []*ibatch.Box
	bytes := 0
	for _, o := range boxes {
		if !o.Empty() && bytes <= ibatch.RequestBytes && view.Leader(o.Partition) == view.Leader(boxes[0].Partition) {
			sent = append(sent, o)
			bytes += o.Oldest().Bytes
		}
	}
	if len(sent) == 0 {
		return nil
	}
	resp, err := b.Produce(ibatch.Request(t.id, sent))
	if err != nil {
		return err
	}
	for _, o := range sent {
		switch err := o.Answered(resp); {
		case err == nil:
			o.Pop(true)
		case errors.Is(err, sarama.ErrMessageSizeTooLarge) && o.Split():
		default:
			worst = fmt.Errorf("%v: %w", o.Partition, err)
		}
	}
	return worst
}

// position adds the group's positions to the transaction, with the generation and the
// member: the group's coordinator refuses a member that it no longer has (KIP-447).
func (t *txn) position(ctx context.Context, who as, instance *string, next map[*part]int64) error {
	err := t.add(ctx, func(b *sarama.Broker) error {
		resp, err := b.AddOffsetsToTxn(&sarama.AddOffsetsToTxnRequest{
			Version: 3, TransactionalID: t.id, ProducerID: t.pid, ProducerEpoch: t.epoch, GroupID: t.group,
		})
		if err != nil {
			return err
		}
		return cluster.Refusal(resp.Err)
	})
	if err != nil {
		return err
	}
	offsets := make(map[string][]*sarama.PartitionOffsetMetadata, len(next))
	for p, at := range next {
		offsets[p.Topic] = append(offsets[p.Topic], &sarama.PartitionOffsetMetadata{
			Partition: p.Partition.Partition, Offset: at, LeaderEpoch: -1, Metadata: &p.TopicID,
		})
	}
	return t.ask(ctx, cluster.Group(t.group), cluster.Quick, func(b *sarama.Broker) error {
		resp, err := b.TxnOffsetCommit(&sarama.TxnOffsetCommitRequest{
			Version: 3, TransactionalID: t.id, ProducerID: t.pid, ProducerEpoch: t.epoch,
			GroupID: t.group, GenerationID: who.generation, MemberID: who.id, GroupInstanceID: instance,
			Topics: offsets,
		})
		if err != nil {
			return err
		}
		return worst(resp.Topics)
	})
}

// end commits the transaction, or aborts it.
func (t *txn) end(ctx context.Context, commit bool) error {
	return t.ask(ctx, t.coordinator(), cluster.Quick, func(b *sarama.Broker) error {
		resp, err := b.EndTxn(&sarama.EndTxnRequest{
			Version: 3, TransactionalID: t.id, ProducerID: t.pid, ProducerEpoch: t.epoch, TransactionResult: commit,
		})
		if err != nil {
			return err
		}
		return cluster.Refusal(resp.Err)
	})
}

// add has the coordinator add partitions or positions to the transaction.
func (t *txn) add(ctx context.Context, send func(*sarama.Broker) error) error {
	t.adding.Lock()
	defer t.adding.Unlock()
	return t.ask(ctx, t.coordinator(), cluster.Quick, send)
}

func (t *txn) coordinator() cluster.To { return cluster.Transaction(t.id) }

// ask sends a request until it succeeds, is refused for good, or ctx ends. All requests of
// a transaction are idempotent: if only the answer was lost, a repetition changes nothing.
func (t *txn) ask(ctx context.Context, to cluster.To, limit time.Duration, send func(*sarama.Broker) error) error {
	for try := 1; ; try++ {
		err := t.cl.Ask(ctx, to, limit, send)
		if err == nil {
			return nil
		}
		var refused sarama.KError
		if !errors.As(err, &refused) && !errors.Is(err, cluster.ErrNoLeader) {
			t.unsure.Store(true)
		}
		if !cluster.Passes(err) || retry.Pause(ctx, min(txnPause<<min(max(try-4, 0), 7), 100*time.Millisecond)) != nil {
			return err
		}
	}
}

// worst returns a partition's error, if any; one that retries cannot mend comes first.
func worst(topics map[string][]*sarama.PartitionError) (worst error) {
	for topic, partitions := range topics {
		for _, p := range partitions {
			if err := cluster.Refusal(p.Err); err != nil && (worst == nil || !cluster.Passes(err)) {
				worst = fmt.Errorf("topic %s: %w", topic, err)
			}
		}
	}
	return worst
}
