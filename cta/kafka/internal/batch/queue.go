// Package batch encodes records as batches for a partition, and decodes the batches that
// a broker returns.
package batch

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/IBM/sarama"

	"github.com/seed-921eec07/ctalive/cta/kafka/record"
)

const (
	// maxBatchBytes bounds a batch; a larger record is a batch by itself.
	maxBatchBytes = 256 << 10
	// recordOverhead bounds a record's bytes besides key, value and headers.
	recordOverhead = 36
	slabRecords    = 64 // records allocated at a time

	// RequestBytes bounds the batches of a request, in bytes; the last batch may exceed it.
	RequestBytes = 4 << 20
	// ReplicaTimeout is how long a broker waits for its replicas.
	ReplicaTimeout = 5 * time.Second
)

// Queue holds the unsettled records of one partition, in order, as batches. One batch at a
// time is in flight, so a retry can't overtake another batch. It is not safe for
// concurrent use.
type Queue struct {
	record.Partition
	PID   int64 // producer id of its batches; -1 for none yet
	Epoch int16
	seq   int32    // of the next batch
	queue []*Batch // the first may be in flight
	limit int      // bytes of a batch, once the broker has refused a larger one; else 0
}

// SetProducer assigns the batches to a producer. Its sequence in the partition begins at 0.
func (q *Queue) SetProducer(pid int64, epoch int16) { q.PID, q.Epoch, q.seq = pid, epoch, 0 }

// Empty reports whether all records are settled.
func (q *Queue) Empty() bool { return len(q.queue) == 0 }

// Len returns the number of batches.
func (q *Queue) Len() int { return len(q.queue) }

// Oldest returns the batch that is in flight or next. There must be one.
func (q *Queue) Oldest() *Batch { return q.queue[0] }

// Batch is a partition's part of one request. Once sent, its records and its sequence
// number don't change.
type Batch struct {
	First   uint64 // number of its first record, among all accepted
	Created time.Time
	Bytes   int
	Payload int // bytes of keys and values
	sealed  bool
	Records *sarama.RecordBatch
	slab    []sarama.Record
	Done    []func(error) // by record; shorter when the last records have none
}

// Add appends r, the number-th record accepted, of that Size.
func (q *Queue) Add(r *record.Record, size int, number uint64, done func(error)) {
	at := r.Time
	if at.IsZero() {
		at = time.Now()
	}
	at = at.Truncate(time.Millisecond)
	var b *Batch
	if n := len(q.queue); n > 0 && !q.queue[n-1].sealed && q.queue[n-1].Bytes+size <= cmp.Or(q.limit, maxBatchBytes) {
		b = q.queue[n-1]
	} else {
		b = &Batch{First: number, Created: time.Now()}
		q.queue = append(q.queue, b)
	}
	b.append(r, at, size)
	if done != nil {
		for len(b.Done) < len(b.Records.Records)-1 {
			b.Done = append(b.Done, nil)
		}
		b.Done = append(b.Done, done)
	}
}

func (b *Batch) append(r *record.Record, at time.Time, size int) {
	if b.Records == nil {
		b.Records = &sarama.RecordBatch{Version: 2, FirstTimestamp: at, MaxTimestamp: at}
	}
	if len(b.slab) == cap(b.slab) {
		// A quiet partition's batch is small. A busy one's grows by slabs, which never
		// move, because the batch holds pointers.
		b.slab = make([]sarama.Record, 0, min(max(2*cap(b.slab), 4), slabRecords))
	}
	b.slab = append(b.slab, sarama.Record{
		Key: r.Key, Value: r.Value,
		OffsetDelta:    int64(len(b.Records.Records)),
		TimestampDelta: at.Sub(b.Records.FirstTimestamp),
	})
	rec := &b.slab[len(b.slab)-1]
	for _, h := range r.Headers {
		rec.Headers = append(rec.Headers, &sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
	}
	b.Records.LastOffsetDelta = int32(len(b.Records.Records))
	b.Records.Records = append(b.Records.Records, rec)
	if at.After(b.Records.MaxTimestamp) {
		b.Records.MaxTimestamp = at
	}
	b.Bytes += size
	b.Payload += len(r.Key) + len(r.Value)
}

// Seal closes the oldest batch to further records, and returns it.
func (q *Queue) Seal() *Batch {
	q.Oldest().sealed = true
	return q.Oldest()
}

// Request returns a request that sends the oldest batch of each queue, with its earlier
// sequence number or the partition's next. transaction is empty outside of one.
func Request(transaction string, queues []*Queue) *sarama.ProduceRequest {
	req := &sarama.ProduceRequest{
		Version:      10, // sarama's newest; older brokers get an older one
		RequiredAcks: sarama.WaitForAll, Timeout: int32(ReplicaTimeout.Milliseconds()),
	}
	if transaction != "" {
		req.TransactionalID = &transaction
	}
	for _, q := range queues {
		b := q.Seal().Records
		b.ProducerID, b.ProducerEpoch, b.FirstSequence, b.IsTransactional = q.PID, q.Epoch, q.seq, transaction != ""
		req.AddBatch(q.Topic, q.Partition.Partition, b)
	}
	return req
}

// ProduceError returns why a queue's oldest batch was not written, or nil when it was.
func (q *Queue) ProduceError(resp *sarama.ProduceResponse) error {
	switch block := resp.GetBlock(q.Topic, q.Partition.Partition); {
	case block == nil:
		return sarama.ErrIncompleteResponse
	case block.Err == sarama.ErrNoError, block.Err == sarama.ErrDuplicateSequenceNumber:
		return nil
	case block.ErrorMessage != nil:
		return fmt.Errorf("%w (%s)", block.Err, *block.ErrorMessage)
	default:
		return block.Err
	}
}

// Pop removes the oldest batch. If it was delivered, its sequence numbers are used.
// Otherwise that is unknown, and the partition needs a new producer id.
func (q *Queue) Pop(delivered bool) {
	b := q.Oldest()
	q.queue = slices.Delete(q.queue, 0, 1)
	if delivered {
		q.seq = int32((int64(q.seq) + int64(len(b.Records.Records))) & math.MaxInt32)
	} else {
		q.PID = -1
	}
}

// Split splits the oldest batch, which the broker refused as too large, in two. It reports
// whether it could.
func (q *Queue) Split() bool {
	b := q.Oldest()
	n := len(b.Records.Records)
	if n < 2 {
		return false
	}
	q.queue = slices.Replace(q.queue, 0, 1, b.part(0, n/2), b.part(n/2, n))
	q.limit = b.Bytes / 2 // to avoid later splits
	return true
}

// part returns a batch of some of b's records.
func (b *Batch) part(from, to int) *Batch {
	p := &Batch{First: b.First, Created: b.Created, sealed: true}
	for _, r := range b.Records.Records[from:to] {
		rec := decoded(r)
		p.append(&rec, b.Records.FirstTimestamp.Add(r.TimestampDelta), Size(&rec))
	}
	if from < len(b.Done) {
		p.Done = b.Done[from:min(to, len(b.Done))]
	}
	return p
}

// Size is an upper bound of a record's bytes in a batch.
func Size(r *record.Record) int {
	n := len(r.Key) + len(r.Value) + recordOverhead
	for _, h := range r.Headers {
		n += len(h.Key) + len(h.Value) + 10
	}
	return n
}
