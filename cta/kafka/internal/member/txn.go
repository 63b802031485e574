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

	"github.com/seed-921eec07/ctalive/cta/kafka/internal/batch"
	"github.com/seed-921eec07/ctalive/cta/kafka/internal/cluster"
	"github.com/seed-921eec07/ctalive/cta/kafka/record"
	"github.com/seed-921eec07/ctalive/internal/retry"
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
	// slowStep is when a step that is retried is logged, with its reason.
	slowStep = 3 * time.Second
)

// txn sends transactions under a transactional id, one at a time. The first step after init
// begins one: adding partitions or positions. An error of commit says what must follow.
//
// Sarama's own producer is not used: it waits for seven answers per transaction, one after
// the other. It sends the first record before the rest, and the positions after the
// records. Here records and positions are sent in parallel, and three waits remain. The
// transaction is most of the delay of a count.
type txn struct {
	cl         *cluster.Cluster
	log        *reasons
	group      string
	id         string
	pid        int64
	epoch      int16
	answerLost atomic.Bool // an answer was lost: its request may be handled again, late

	queues      map[record.Partition]*batch.Queue
	partitioner *batch.Partitioner
	// adding is held while the coordinator adds to the transaction. It refuses a second
	// request meanwhile, as concurrent, and the retry would cost more than the wait.
	adding sync.Mutex
}

// init takes over the id: its previous owner is fenced, and an open transaction is aborted.
func (t *txn) init(ctx context.Context) error {
	t.pid, t.epoch, t.partitioner = -1, -1, batch.NewPartitioner()
	return t.bumpEpoch(ctx)
}

// bumpEpoch moves to the next epoch of the id, unless another owner has. Brokers then refuse
// requests of earlier epochs.
func (t *txn) bumpEpoch(ctx context.Context) error {
	err := t.ask(ctx, cluster.Transaction(t.id), cluster.RequestTimeout, cluster.Send((*sarama.Broker).InitProducerID, &sarama.InitProducerIDRequest{
		Version: 4, TransactionalID: &t.id, TransactionTimeout: transactionTimeout, ProducerID: t.pid, ProducerEpoch: t.epoch,
	}, func(resp *sarama.InitProducerIDResponse) error {
		if resp.Err == sarama.ErrNoError {
			t.pid, t.epoch = resp.ProducerID, resp.ProducerEpoch
		}
		return cluster.Refusal(resp.Err)
	}))
	t.queues = make(map[record.Partition]*batch.Queue)
	t.answerLost.Store(false)
	return err
}

// commit publishes out and commits the group's positions, as that member of the
// group, together or not at all. After ErrIllegalGeneration or ErrRebalanceInProgress
// nothing was committed, and end must follow to abort. After other errors the transaction
// may have been committed, and init must follow, which ends it if it is open.
func (t *txn) commit(ctx context.Context, who generation, instanceID *string, positions map[*part]int64, out []record.Record) error {
	ctx, cancel := context.WithTimeout(ctx, transactionTimeout) // after which the coordinator aborts
	defer cancel()
	if t.answerLost.Load() {
		// A late request of the last transaction, above all its end, must not affect the next.
		if err := t.bumpEpoch(ctx); err != nil {
			return fmt.Errorf("begin again: %w", err)
		}
	}
	published := make(chan error, 1)
	go func() { published <- t.publish(ctx, out) }()
	err := t.addOffsets(ctx, who, instanceID, positions)
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
	var queues []*batch.Queue
	partitions := make(map[string][]int32)
	for i := range out {
		r := &out[i]
		n, err := t.cl.Partitions(ctx, r.Topic)
		if err != nil {
			return err
		}
		chosen, _ := t.partitioner.Choose(r, n)
		p := record.Partition{Topic: r.Topic, Partition: chosen}
		q := t.queues[p]
		if q == nil {
			q = &batch.Queue{Partition: p}
			q.SetProducer(t.pid, t.epoch)
			t.queues[p] = q
		}
		if q.Empty() {
			queues = append(queues, q)
			partitions[p.Topic] = append(partitions[p.Topic], p.Partition)
		}
		q.Add(r, batch.Size(r), 0, nil)
	}
	if len(queues) == 0 {
		return nil
	}
	err := t.add(ctx, cluster.Send((*sarama.Broker).AddPartitionsToTxn, &sarama.AddPartitionsToTxnRequest{
		Version: 3, TransactionalID: t.id, ProducerID: t.pid, ProducerEpoch: t.epoch, TopicPartitions: partitions,
	}, func(resp *sarama.AddPartitionsToTxnResponse) error { return worst(resp.Errors) }))
	if err != nil {
		return err
	}
	// Send to all leaders in parallel.
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex
		faults error
	)
	view, byLeader := t.cl.View(), make(map[int32][]*batch.Queue)
	for _, q := range queues {
		byLeader[view.Leader(q.Partition)] = append(byLeader[view.Leader(q.Partition)], q)
	}
	for _, queues := range byLeader {
		wg.Go(func() {
			var err error
			for len(queues) > 0 && err == nil {
				err = t.ask(ctx, cluster.Leader(queues[0].Partition), batch.ReplicaTimeout+cluster.RequestTimeout/2, func(l *cluster.Link) error {
					return t.produce(l, queues)
				})
				queues = slices.DeleteFunc(queues, (*batch.Queue).Empty)
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil && (faults == nil || !cluster.Retriable(err)) {
				faults = err
			}
		})
	}
	wg.Wait()
	return faults
}

// produce sends the oldest batches of queues that share the first queue's leader. Written
// batches leave their queues.
func (t *txn) produce(l *cluster.Link, queues []*batch.Queue) error {
	view := t.cl.View()
	var sent []*batch.Queue
	bytes := 0
	for _, q := range queues {
		if !q.Empty() && bytes <= batch.RequestBytes && view.Leader(q.Partition) == view.Leader(queues[0].Partition) {
			sent = append(sent, q)
			bytes += q.Oldest().Bytes
		}
	}
	if len(sent) == 0 {
		return nil
	}
	return cluster.Send((*sarama.Broker).Produce, batch.Request(t.id, sent), func(resp *sarama.ProduceResponse) (worst error) {
		for _, q := range sent {
			switch err := q.ProduceError(resp); {
			case err == nil:
				q.Pop(true)
			case errors.Is(err, sarama.ErrMessageSizeTooLarge) && q.Split():
			default:
				worst = fmt.Errorf("%v: %w", q.Partition, err)
			}
		}
		return worst
	})(l)
}

// addOffsets adds the group's positions to the transaction, with the generation and the
// member: the group's coordinator refuses a member that it no longer has (KIP-447).
func (t *txn) addOffsets(ctx context.Context, who generation, instanceID *string, positions map[*part]int64) error {
	err := t.add(ctx, cluster.Send((*sarama.Broker).AddOffsetsToTxn, &sarama.AddOffsetsToTxnRequest{
		Version: 3, TransactionalID: t.id, ProducerID: t.pid, ProducerEpoch: t.epoch, GroupID: t.group,
	}, func(resp *sarama.AddOffsetsToTxnResponse) error { return cluster.Refusal(resp.Err) }))
	if err != nil {
		return err
	}
	offsets := make(map[string][]*sarama.PartitionOffsetMetadata, len(positions))
	for p, at := range positions { // with the topic's id: a new topic of that name has another
		offsets[p.Topic] = append(offsets[p.Topic], &sarama.PartitionOffsetMetadata{
			Partition: p.Partition.Partition, Offset: at, LeaderEpoch: -1, Metadata: &p.TopicID,
		})
	}
	return t.ask(ctx, cluster.Group(t.group), cluster.RequestTimeout, cluster.Send((*sarama.Broker).TxnOffsetCommit, &sarama.TxnOffsetCommitRequest{
		Version: 3, TransactionalID: t.id, ProducerID: t.pid, ProducerEpoch: t.epoch,
		GroupID: t.group, GenerationID: who.number, MemberID: who.memberID, GroupInstanceID: instanceID,
		Topics: offsets,
	}, func(resp *sarama.TxnOffsetCommitResponse) error { return worst(resp.Topics) }))
}

// end commits the transaction, or aborts it.
func (t *txn) end(ctx context.Context, commit bool) error {
	return t.ask(ctx, cluster.Transaction(t.id), cluster.RequestTimeout, cluster.Send((*sarama.Broker).EndTxn, &sarama.EndTxnRequest{
		Version: 3, TransactionalID: t.id, ProducerID: t.pid, ProducerEpoch: t.epoch, TransactionResult: commit,
	}, func(resp *sarama.EndTxnResponse) error { return cluster.Refusal(resp.Err) }))
}

// add has the coordinator add partitions or positions to the transaction.
func (t *txn) add(ctx context.Context, send func(*cluster.Link) error) error {
	t.adding.Lock()
	defer t.adding.Unlock()
	return t.ask(ctx, cluster.Transaction(t.id), cluster.RequestTimeout, send)
}

// ask sends a request until it succeeds, is refused for good, or ctx ends. All requests of
// a transaction are idempotent: if only the answer was lost, a repetition changes nothing.
func (t *txn) ask(ctx context.Context, to cluster.Target, limit time.Duration, send func(*cluster.Link) error) error {
	began := time.Now()
	for try := 1; ; try++ {
		err := t.cl.Ask(ctx, to, limit, send)
		if err == nil {
			return nil
		}
		if _, refused := errors.AsType[sarama.KError](err); !refused && !errors.Is(err, cluster.ErrNoLeader) {
			t.answerLost.Store(true)
		}
		if time.Since(began) > slowStep {
			t.log.warnOnce("a transaction waits", err)
		}
		if !cluster.Retriable(err) || retry.Pause(ctx, min(txnPause<<min(max(try-4, 0), 7), 100*time.Millisecond)) != nil {
			return err
		}
	}
}

// worst returns a partition's error, if any; one that retries cannot mend comes first.
func worst(topics map[string][]*sarama.PartitionError) (worst error) {
	for topic, partitions := range topics {
		for _, p := range partitions {
			if err := cluster.Refusal(p.Err); err != nil && (worst == nil || !cluster.Retriable(err)) {
				worst = fmt.Errorf("topic %s: %w", topic, err)
			}
		}
	}
	return worst
}
